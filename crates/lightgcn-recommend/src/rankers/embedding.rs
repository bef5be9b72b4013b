//! Ranking by the dot product of embeddings.

use crate::ranker::check_user;
use crate::{Exclusions, Ranked, Ranker, RecommendError};
use lightgcn_core::{ItemId, UserId};
use lightgcn_simd::{gather_rows, top_k};
use std::borrow::Cow;

/// How many consumers are scored at a time: their rows are gathered into one table.
const BLOCK: usize = 4096;

/// Ranks products by the dot product of a consumer's and a product's embedding, exactly.
///
/// The tables are borrowed or owned. Scoring, masking and selection run fused and in blocks
/// ([`lightgcn_simd::top_k`]): the score matrix never exists whole. O(users · products · dimension)
/// time, O(4096 · dimension) memory beside the answers.
///
/// ```
/// use lightgcn_core::{ItemId, UserId};
/// use lightgcn_recommend::{EmbeddingRanker, Exclusions, Ranker};
///
/// // Two consumers and three products in two dimensions.
/// let ranker = EmbeddingRanker::new(
///     "mine",
///     vec![1.0, 0.0, 0.0, 1.0],
///     vec![3.0, 1.0, 2.0, 2.0, 1.0, 3.0],
///     2,
/// )?;
/// let lists = ranker.top_k(&[UserId(1)], 2, &Exclusions::none());
/// assert_eq!(lists[0][0].item, ItemId(2));
/// assert_eq!(lists[0][1].score, 2.0);
/// # Ok::<(), lightgcn_recommend::RecommendError>(())
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddingRanker<'a> {
    name: Cow<'a, str>,
    users: Cow<'a, [f32]>,
    items: Cow<'a, [f32]>,
    dimension: usize,
}

impl<'a> EmbeddingRanker<'a> {
    /// A ranker over the tables `users` (`[n_users, dimension]`) and `items`
    /// (`[n_items, dimension]`), both row by row.
    ///
    /// # Errors
    /// [`RecommendError::EmbeddingNotFinite`] if a number is infinite or no number.
    ///
    /// # Panics
    /// If `dimension` is 0 or does not divide the length of a table.
    pub fn new(
        name: impl Into<Cow<'a, str>>,
        users: impl Into<Cow<'a, [f32]>>,
        items: impl Into<Cow<'a, [f32]>>,
        dimension: usize,
    ) -> Result<Self, RecommendError> {
        let (users, items) = (users.into(), items.into());
        assert!(dimension > 0, "embeddings need at least one dimension");
        for (kind, table) in [("consumer", &users), ("product", &items)] {
            assert!(
                table.len().is_multiple_of(dimension),
                "the {kind} table holds {} numbers, which is no multiple of dimension {dimension}",
                table.len()
            );
            if let Some(place) = table.iter().position(|x| !x.is_finite()) {
                return Err(RecommendError::EmbeddingNotFinite {
                    kind,
                    row: place / dimension,
                    column: place % dimension,
                    value: table[place],
                });
            }
        }
        Ok(Self {
            name: name.into(),
            users,
            items,
            dimension,
        })
    }

    /// A ranker over one table of all nodes, `[n_users + n_items, dimension]`, consumers first: the
    /// layout of graph models.
    ///
    /// # Errors
    /// [`RecommendError::EmbeddingNotFinite`] if a number is infinite or no number.
    ///
    /// # Panics
    /// If `dimension` is 0 or does not divide the table's length, or the table has fewer than
    /// `n_users` rows.
    pub fn from_nodes(
        name: impl Into<Cow<'a, str>>,
        nodes: impl Into<Cow<'a, [f32]>>,
        n_users: usize,
        dimension: usize,
    ) -> Result<Self, RecommendError> {
        let nodes = nodes.into();
        let middle = n_users * dimension;
        assert!(
            middle <= nodes.len(),
            "the node table holds {} numbers, fewer than {n_users} consumers of dimension {dimension}",
            nodes.len()
        );
        match nodes {
            Cow::Borrowed(nodes) => {
                let (users, items) = nodes.split_at(middle);
                Self::new(name, users, items, dimension)
            }
            Cow::Owned(mut users) => {
                let items = users.split_off(middle);
                Self::new(name, users, items, dimension)
            }
        }
    }

    /// A ranker over a node table that was validated before.
    pub(crate) fn from_checked_nodes(
        name: &'a str,
        nodes: &'a [f32],
        n_users: usize,
        dimension: usize,
    ) -> Self {
        let (users, items) = nodes.split_at(n_users * dimension);
        Self {
            name: name.into(),
            users: users.into(),
            items: items.into(),
            dimension,
        }
    }

    /// How many numbers an embedding has.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The score of one pair, with the same bits as in a list. O(dimension).
    ///
    /// # Panics
    /// If the consumer or the product is out of range.
    #[must_use]
    pub fn score(&self, user: UserId, item: ItemId) -> f32 {
        lightgcn_simd::dot(
            self.row(&self.users, user.index()),
            self.row(&self.items, item.index()),
        )
    }

    fn row<'t>(&self, table: &'t [f32], n: usize) -> &'t [f32] {
        &table[n * self.dimension..(n + 1) * self.dimension]
    }
}

impl Ranker for EmbeddingRanker<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.users.len() / self.dimension
    }

    fn n_items(&self) -> usize {
        self.items.len() / self.dimension
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let mut lists = Vec::with_capacity(users.len());
        for block in users.chunks(BLOCK) {
            block.iter().for_each(|&u| check_user(u, self.n_users()));
            let rows: Vec<u32> = block.iter().map(|user| user.0).collect();
            let mut queries = vec![0.0; block.len() * self.dimension];
            gather_rows(&self.users, self.dimension, &rows, &mut queries);
            let best = top_k(&queries, &self.items, self.dimension, k, |query| {
                excluded.of(block[query])
            });
            lists.extend(best.into_iter().map(|list| {
                let ranked = list.into_iter().map(|scored| Ranked {
                    item: ItemId(scored.item),
                    score: scored.score,
                });
                ranked.collect()
            }));
        }
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_go_to_the_lower_row_and_excluded_products_never_return() {
        let ranker =
            EmbeddingRanker::new("e", vec![1.0f32, 2.0], vec![1.0f32, 5.0, 5.0, 0.0], 1).unwrap();
        let excluded = Exclusions::from_lists([vec![], vec![ItemId(1)]]);
        let lists = ranker.top_k(&[UserId(1), UserId(0), UserId(1)], 2, &excluded);
        let items = |n: usize| lists[n].iter().map(|r| r.item.0).collect::<Vec<_>>();
        assert_eq!(items(0), [2, 0]);
        assert_eq!(items(1), [1, 2]);
        assert_eq!(lists[0], lists[2]);
        assert_eq!(ranker.top_k(&[UserId(1)], 99, &excluded)[0].len(), 3);
        assert!(ranker.top_k(&[UserId(1)], 0, &excluded)[0].is_empty());
        assert!(ranker.top_k(&[], 5, &excluded).is_empty());
    }

    #[test]
    fn one_table_of_nodes_is_the_two_tables() {
        let nodes = vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let owned = EmbeddingRanker::from_nodes("e", nodes.clone(), 1, 2).unwrap();
        let borrowed = EmbeddingRanker::from_nodes("e", &nodes[..], 1, 2).unwrap();
        assert_eq!((owned.n_users(), owned.n_items()), (1, 2));
        assert_eq!(owned.score(UserId(0), ItemId(1)), 17.0);
        let ask = |r: &EmbeddingRanker<'_>| r.top_k(&[UserId(0)], 2, &Exclusions::none());
        assert_eq!(ask(&owned), ask(&borrowed));
    }

    #[test]
    fn numbers_that_are_not_finite_are_named() {
        let error = EmbeddingRanker::new("e", vec![1.0, 1.0], vec![0.0, 0.0, 0.0, f32::NAN], 2);
        assert!(matches!(
            error,
            Err(RecommendError::EmbeddingNotFinite {
                kind: "product",
                row: 1,
                column: 1,
                ..
            })
        ));
    }

    #[test]
    #[should_panic(expected = "no multiple of dimension 2")]
    fn a_ragged_table_is_a_mistake() {
        let _ = EmbeddingRanker::new("e", vec![1.0], vec![0.0, 0.0], 2);
    }

    #[test]
    fn more_consumers_than_a_block_are_asked_in_their_order() {
        let n = 2 * BLOCK as u32 + 3;
        let users: Vec<f32> = (0..n)
            .map(|u| if u % 3 == 0 { -1.0 } else { 1.0 })
            .collect();
        let ranker = EmbeddingRanker::new("e", users, vec![1.0f32, 2.0], 1).unwrap();
        let excluded = Exclusions::from_lists((0..n).map(|u| match u % 5 {
            0 => vec![ItemId(1)],
            _ => vec![],
        }));
        let asked: Vec<UserId> = (0..n).rev().map(UserId).collect();
        let lists = ranker.top_k(&asked, 1, &excluded);
        assert_eq!(lists.len(), asked.len());
        for (user, list) in asked.iter().zip(&lists) {
            let best = u32::from(user.0 % 3 != 0 && user.0 % 5 != 0);
            assert_eq!(list[0].item, ItemId(best), "consumer {user}");
        }
    }

    proptest! {
        #[test]
        fn equals_a_full_sort(
            users in prop::collection::vec(-3i8..4, 4 * 3),
            items in prop::collection::vec(-3i8..4, 9 * 3),
            masks in prop::collection::vec(prop::collection::vec(0u32..9, 0..6), 4),
            k in 0usize..12,
        ) {
            // Whole numbers: the products are exact in any order of summation.
            let float = |v: &[i8]| v.iter().map(|&x| f32::from(x)).collect::<Vec<f32>>();
            let ranker = EmbeddingRanker::new("e", float(&users), float(&items), 3).unwrap();
            let lists = masks.iter().map(|m| m.iter().map(|&i| ItemId(i)).collect());
            let excluded = Exclusions::from_lists(lists);
            let asked: Vec<UserId> = (0..4).map(UserId).collect();
            let got = ranker.top_k(&asked, k, &excluded);
            for user in asked {
                let mut all: Vec<(i32, u32)> = (0..9u32)
                    .filter(|i| !masks[user.index()].contains(i))
                    .map(|i| {
                        let dot = (0..3).map(|d| {
                            i32::from(users[user.index() * 3 + d]) * i32::from(items[i as usize * 3 + d])
                        });
                        (-dot.sum::<i32>(), i)
                    })
                    .collect();
                all.sort_unstable();
                all.truncate(k);
                let list: Vec<(i32, u32)> =
                    got[user.index()].iter().map(|r| (-(r.score as i32), r.item.0)).collect();
                prop_assert_eq!(list, all);
            }
        }
    }
}
