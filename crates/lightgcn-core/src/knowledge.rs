//! Facts about items beyond the log and the catalogue.

use crate::{CoreError, EntityId, Vocabulary};
use std::ops::Range;

/// A fact: a head, a relation and a tail. Heads and tails are nodes: the rows of items first, then those of
/// entities, shifted by the number of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Triple {
    /// The number of the relation.
    pub relation: u32,
    /// The node that the fact is about.
    pub head: u32,
    /// The node that it is related to.
    pub tail: u32,
}

/// A knowledge graph: typed facts between the items of a dataset and entities, such as the people, genres and
/// countries of films.
///
/// ```
/// use lightgcn_core::{Knowledge, Triple, Vocabulary};
///
/// // Two items; item 0 has the genre 2 − 2 = entity 0.
/// let genres = Vocabulary::from_names(["comedy"])?;
/// let has_genre = Triple { relation: 0, head: 0, tail: 2 };
/// let knowledge = Knowledge::new(2, genres, vec!["genre".to_owned()], vec![has_genre])?;
/// assert_eq!(knowledge.triples_of(0), [has_genre]);
/// # Ok::<(), lightgcn_core::CoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Knowledge {
    n_items: usize,
    entities: Vocabulary<EntityId>,
    relations: Vec<String>,
    /// Ascending by relation, head and tail, each once.
    triples: Vec<Triple>,
}

impl Knowledge {
    /// Puts the facts about `n_items` items in order; repeated ones count once. O(n log n) for n triples.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if a triple names a node or a relation that is not there or links a node to
    /// itself, or if a relation is listed twice.
    pub fn new(
        n_items: usize,
        entities: Vocabulary<EntityId>,
        relations: Vec<String>,
        mut triples: Vec<Triple>,
    ) -> Result<Self, CoreError> {
        let n_nodes = n_items.saturating_add(entities.len());
        for (n, name) in relations.iter().enumerate() {
            if relations[..n].contains(name) {
                return Err(damaged(format!("the relation {name:?} is listed twice")));
            }
        }
        for &Triple {
            relation,
            head,
            tail,
        } in &triples
        {
            if relation as usize >= relations.len() || head.max(tail) as usize >= n_nodes {
                return Err(damaged(format!(
                    "({head}, {relation}, {tail}) does not fit {n_nodes} nodes and {} relations",
                    relations.len()
                )));
            }
            if head == tail {
                return Err(damaged(format!("node {head} is linked to itself")));
            }
        }
        triples.sort_unstable();
        triples.dedup();
        Ok(Self {
            n_items,
            entities,
            relations,
            triples,
        })
    }

    /// Whether there are no facts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.triples.is_empty()
    }

    /// How many items the facts may be about.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The entities: the nodes that are not items.
    #[must_use]
    pub fn entities(&self) -> &Vocabulary<EntityId> {
        &self.entities
    }

    /// The names of the relations.
    #[must_use]
    pub fn relations(&self) -> &[String] {
        &self.relations
    }

    /// All facts, ascending by relation, head and tail.
    #[must_use]
    pub fn triples(&self) -> &[Triple] {
        &self.triples
    }

    /// The facts of a relation, ascending by head and tail; none for a number beyond the last relation.
    #[must_use]
    pub fn triples_of(&self, relation: u32) -> &[Triple] {
        let Range { start, end } = self.range(relation);
        &self.triples[start..end]
    }

    fn range(&self, relation: u32) -> Range<usize> {
        let start = self.triples.partition_point(|t| t.relation < relation);
        start..self.triples.partition_point(|t| t.relation <= relation)
    }

    /// Checks that the facts, if there are any, are about as many items as a dataset has.
    pub(crate) fn check(&self, n_items: usize) -> Result<(), CoreError> {
        if self.is_empty() || self.n_items == n_items {
            return Ok(());
        }
        let have = self.n_items;
        Err(damaged(format!(
            "it is about {have} items, the training part has {n_items}"
        )))
    }
}

fn damaged(detail: String) -> CoreError {
    CoreError::Damaged {
        what: "knowledge graph",
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triple(head: u32, relation: u32, tail: u32) -> Triple {
        Triple {
            relation,
            head,
            tail,
        }
    }

    fn knowledge(triples: &[Triple]) -> Result<Knowledge, CoreError> {
        let entities = Vocabulary::from_names(["comedy", "Ann"]).unwrap();
        let relations = ["genre", "actor"].map(str::to_owned).to_vec();
        Knowledge::new(2, entities, relations, triples.to_vec())
    }

    #[test]
    fn facts_are_kept_in_order_and_once() {
        let [a, b, c] = [triple(1, 1, 3), triple(0, 0, 2), triple(1, 0, 2)];
        let knowledge = knowledge(&[a, c, b, a]).unwrap();
        assert_eq!(knowledge.triples(), [b, c, a]);
        assert_eq!(knowledge.triples_of(0), [b, c]);
        assert_eq!(knowledge.triples_of(1), [a]);
        assert_eq!(knowledge.triples_of(2), []);
        assert_eq!(knowledge.check(2), Ok(()));
        assert_eq!(Knowledge::default().check(7), Ok(()));
    }

    #[test]
    fn facts_about_what_is_not_there_are_errors() {
        let is_damaged = |error: CoreError| {
            let what = "knowledge graph";
            matches!(error, CoreError::Damaged { what: found, .. } if found == what)
        };
        for bad in [triple(4, 0, 0), triple(0, 2, 1), triple(3, 0, 3)] {
            assert!(is_damaged(knowledge(&[bad]).unwrap_err()), "{bad:?}");
        }
        let two = knowledge(&[triple(0, 0, 2)]).unwrap();
        assert!(is_damaged(two.check(3).unwrap_err()));
    }
}
