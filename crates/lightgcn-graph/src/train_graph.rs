//! The graph of typed nodes and typed edges.

use crate::sparse::{Csr, row, row_sums, transpose};
use crate::{EdgeType, GraphError, ItemAttribute, NodeCounts};
use lightgcn_core::{Catalogue, Interactions, ItemId, Knowledge, Train, UserId};
use serde::{Deserialize, Serialize};
use sprs::CsMatI;

/// How to build a graph from the training pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphOptions {
    /// Whether edges have the weights of their pairs; otherwise every edge weighs 1.
    pub edge_weights: bool,
}

impl Default for GraphOptions {
    /// Edges have the weights of their pairs.
    fn default() -> Self {
        Self { edge_weights: true }
    }
}

/// The graph that messages flow along: typed nodes and typed, undirected edges.
///
/// Nodes are users, items and other kinds, in this order; nodes without edges are included. Edges
/// are the training pairs, each with its weight and the behaviors it has; the attributes of items
/// ([`TrainGraph::with_attributes`]); and relations ([`TrainGraph::with_triples`]). Models get
/// matrices from [`TrainGraph::adjacency`]. The pairs are stored as compressed sparse rows from
/// both sides.
///
/// The targets of recommendations (purchases) are separate: samplers and evaluations get them from
/// [`Interactions::targets`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrainGraph {
    by_user: Csr,
    by_item: Csr,
    user_degrees: Vec<f64>,
    item_degrees: Vec<f64>,
    options: GraphOptions,
    nodes: NodeCounts,
    behaviors: Vec<String>,
    /// One bit for each pair and behavior, `[n_pairs][ceil(n_behaviors / 8)]` bytes.
    has_behavior: Vec<u8>,
    edges: Vec<EdgeSet>,
}

/// The edges of one attribute or relation.
#[derive(Debug, Clone, PartialEq)]
struct EdgeSet {
    edge_type: EdgeType,
    /// Pairs of nodes by their rows in the whole graph, ascending and distinct.
    edges: Vec<(u32, u32)>,
}

impl TrainGraph {
    /// The graph of a split's training part. O(nodes + pairs · behaviors).
    ///
    /// # Errors
    /// [`GraphError::Empty`] if there is no pair, [`GraphError::TooManyNodes`] if there are more
    /// than 2^32 − 2 nodes.
    pub fn new(train: &Train, options: &GraphOptions) -> Result<Self, GraphError> {
        Self::from_interactions(train.interactions(), options)
    }

    /// The graph of pairs that are known to be training pairs, as in an artifact. Use
    /// [`TrainGraph::new`] for pairs that still have to be split, so that no held-out pair can slip
    /// in.
    ///
    /// # Errors
    /// As [`TrainGraph::new`].
    pub fn from_interactions(
        pairs: &Interactions,
        options: &GraphOptions,
    ) -> Result<Self, GraphError> {
        let (n_users, n_items) = (pairs.n_users(), pairs.n_items());
        let nodes = NodeCounts::new(n_users, n_items)?;
        if pairs.n_pairs() == 0 {
            return Err(GraphError::Empty { n_users, n_items });
        }
        let by_user = CsMatI::new(
            (n_users, n_items),
            pairs.offsets().to_vec(),
            pairs.items().iter().map(|item| item.0).collect(),
            if options.edge_weights {
                pairs.weights().to_vec()
            } else {
                vec![1.0; pairs.n_pairs()]
            },
        );
        let by_item = transpose(&by_user);
        Ok(Self {
            user_degrees: row_sums(&by_user),
            item_degrees: row_sums(&by_item),
            by_user,
            by_item,
            options: *options,
            nodes,
            behaviors: pairs.behaviors().to_vec(),
            has_behavior: behavior_bits(pairs),
            edges: Vec::new(),
        })
    }

    /// Adds a node kind for each attribute that the graph does not have yet, and an edge from each
    /// item to each value that it has. O(items) each; prices need a sort.
    ///
    /// # Errors
    /// [`GraphError::CatalogueSize`] if the catalogue's number of items differs,
    /// [`GraphError::DuplicateName`] or [`GraphError::TooManyNodes`] for a node kind.
    pub fn with_attributes(
        mut self,
        catalogue: &Catalogue,
        attributes: impl IntoIterator<Item = ItemAttribute>,
    ) -> Result<Self, GraphError> {
        if catalogue.n_items() != self.n_items() {
            return Err(GraphError::CatalogueSize {
                found: catalogue.n_items(),
                wanted: self.n_items(),
            });
        }
        for attribute in attributes {
            let edge_type = EdgeType::Attribute(attribute);
            if self.find_edges(&edge_type).is_ok() {
                continue;
            }
            let columns = attribute.columns(catalogue);
            let (n_users, mut first) = (self.n_users() as u32, self.n_nodes() as u32);
            let n_values = columns.iter().map(|values| values.labels().len()).sum();
            self = self.with_kind(&attribute.to_string(), n_values)?;
            let mut edges = Vec::new();
            for values in columns {
                let n_values = values.labels().len() as u32;
                let items = values.codes().iter().zip(n_users..);
                let known = items.filter(|&(&value, _)| value < n_values);
                edges.extend(known.map(|(&value, item)| (item, first + value)));
                first += n_values;
            }
            edges.sort_unstable();
            self.edges.push(EdgeSet { edge_type, edges });
        }
        Ok(self)
    }

    /// Adds a kind of `count` nodes, such as the entities of a knowledge graph, after the existing
    /// nodes.
    ///
    /// # Errors
    /// [`GraphError::DuplicateName`] if there is such a kind already, [`GraphError::TooManyNodes`]
    /// if there are more than 2^32 − 2 nodes then.
    pub fn with_kind(mut self, kind: &str, count: usize) -> Result<Self, GraphError> {
        self.nodes = self.nodes.with(kind, count)?;
        Ok(self)
    }

    /// Adds the edges of `triples` between the nodes of two kinds, or of one. A triple is a row of
    /// the kind `head`, the number of one of the `relations`, and a row of the kind `tail`;
    /// repeated ones count once. A relation may be given again, between other kinds: its new edges
    /// are added to the existing ones. O(triples · log triples).
    ///
    /// ```
    /// # use lightgcn_core::{InteractionsBuilder, ItemId, UserId};
    /// # use lightgcn_graph::{AdjacencyRequest, EdgeType, GraphOptions, TrainGraph};
    /// # let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
    /// # pairs.push(UserId(0), ItemId(0), 1.0, &[1], None)?;
    /// # let pairs = pairs.build(1, 2)?;
    /// let graph = TrainGraph::from_interactions(&pairs, &GraphOptions::default())?
    ///     .with_kind("entity", 1)?
    ///     .with_triples(["item", "entity"], &["made_of"], &[(0, 0, 0), (1, 0, 0)])?
    ///     .with_triples(["item", "item"], &["replaces"], &[(1, 0, 0)])?;
    /// let adjacency = graph.adjacency(&AdjacencyRequest {
    ///     edges: vec![EdgeType::Relation("made_of".to_owned())],
    ///     ..AdjacencyRequest::default()
    /// })?;
    /// assert_eq!((adjacency.n_rows(), adjacency.n_entries()), (4, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::Unknown`] for an unknown kind or relation number,
    /// [`GraphError::DuplicateName`] if a relation has the name of a behavior, an attribute or
    /// `behaviors`, or is listed twice; [`GraphError::RowOutOfRange`], [`GraphError::SelfEdge`].
    pub fn with_triples(
        mut self,
        [head, tail]: [&str; 2],
        relations: &[&str],
        triples: &[(u32, u32, u32)],
    ) -> Result<Self, GraphError> {
        for (n, &name) in relations.iter().enumerate() {
            let taken = |set: &EdgeSet| set.edge_type.to_string() == name && !set.is_relation();
            let is_behavior = name == "behaviors" || self.behaviors.iter().any(|b| b == name);
            if relations[..n].contains(&name) || is_behavior || self.edges.iter().any(taken) {
                return Err(GraphError::DuplicateName {
                    name: name.to_owned(),
                });
            }
        }
        let (heads, tails) = (self.nodes.find(head)?, self.nodes.find(tail)?);
        let mut edges = vec![Vec::new(); relations.len()];
        for &(from, relation, to) in triples {
            let Some(&name) = relations.get(relation as usize) else {
                let number = relation.to_string();
                return Err(GraphError::unknown("relation", &number, relations));
            };
            for (kind, row, rows) in [(head, from, heads.len()), (tail, to, tails.len())] {
                if row as usize >= rows {
                    return Err(GraphError::RowOutOfRange {
                        relation: name.to_owned(),
                        kind: kind.to_owned(),
                        row,
                        rows,
                    });
                }
            }
            if head == tail && from == to {
                return Err(GraphError::SelfEdge {
                    relation: name.to_owned(),
                    kind: head.to_owned(),
                    row: from,
                });
            }
            let edge = (heads.start as u32 + from, tails.start as u32 + to);
            edges[relation as usize].push(edge);
        }
        for (&name, edges) in relations.iter().zip(edges) {
            self.add_edges(EdgeType::Relation(name.to_owned()), edges);
        }
        Ok(self)
    }

    /// Adds the entities of a knowledge graph as nodes of the kind [`NodeCounts::ENTITY`], and the edges
    /// of those of its relations that are named. Without a name the graph stays as it is.
    /// O(triples · log triples).
    ///
    /// # Errors
    /// [`GraphError::Unknown`] for a relation that the knowledge graph lacks,
    /// [`GraphError::KnowledgeSize`] if it is about another number of items, and as
    /// [`TrainGraph::with_triples`].
    pub fn with_knowledge<'a>(
        mut self,
        knowledge: &Knowledge,
        relations: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, GraphError> {
        for name in relations {
            let edge_type = EdgeType::Relation(name.to_owned());
            if self.find_edges(&edge_type).is_ok() {
                continue;
            }
            let known = knowledge.relations();
            let Some(number) = known.iter().position(|known| known == name) else {
                return Err(GraphError::unknown("relation", name, known));
            };
            let (found, wanted) = (knowledge.n_items(), self.n_items());
            if found != wanted {
                return Err(GraphError::KnowledgeSize { found, wanted });
            }
            if self.nodes.rows(NodeCounts::ENTITY).is_none() {
                self = self.with_kind(NodeCounts::ENTITY, knowledge.entities().len())?;
            }
            let n_items = wanted as u32;
            let place = |node: u32| match node.checked_sub(n_items) {
                Some(entity) => (NodeCounts::ENTITY, entity),
                None => (NodeCounts::ITEM, node),
            };
            let kinds = [NodeCounts::ITEM, NodeCounts::ENTITY];
            for (head, tail) in kinds.into_iter().flat_map(|h| kinds.map(|t| (h, t))) {
                let triples = knowledge.triples_of(number as u32).iter();
                let places = triples.map(|t| (place(t.head), place(t.tail)));
                let between = places.filter(|&(h, t)| h.0 == head && t.0 == tail);
                let triples: Vec<_> = between.map(|(h, t)| (h.1, 0, t.1)).collect();
                self = self.with_triples([head, tail], &[name], &triples)?;
            }
        }
        Ok(self)
    }

    fn add_edges(&mut self, edge_type: EdgeType, edges: Vec<(u32, u32)>) {
        let position = self.edges.iter().position(|set| set.edge_type == edge_type);
        let position = position.unwrap_or_else(|| {
            let edges = Vec::new();
            self.edges.push(EdgeSet { edge_type, edges });
            self.edges.len() - 1
        });
        let all = &mut self.edges[position].edges;
        all.extend(edges);
        all.sort_unstable();
        all.dedup();
    }

    /// The number of users.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.by_user.rows()
    }

    /// The number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.by_user.cols()
    }

    /// The number of nodes of all kinds.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.nodes.total()
    }

    /// The kinds of nodes, with their counts and rows.
    #[must_use]
    pub fn nodes(&self) -> &NodeCounts {
        &self.nodes
    }

    /// The names of the behaviors of the training pairs.
    #[must_use]
    pub fn behaviors(&self) -> &[String] {
        &self.behaviors
    }

    /// The added attributes and relations, in that order.
    pub fn further_edges(&self) -> impl Iterator<Item = &EdgeType> {
        self.edges.iter().map(|set| &set.edge_type)
    }

    /// The number of edges between users and items: one for each pair.
    #[must_use]
    pub fn n_edges(&self) -> usize {
        self.by_user.nnz()
    }

    /// The options the graph was built with.
    #[must_use]
    pub fn options(&self) -> &GraphOptions {
        &self.options
    }

    /// The weights, `[n_users, n_items]`, before any normalization; columns ascend within a row.
    #[must_use]
    pub fn by_user(&self) -> &CsMatI<f32, u32, u64> {
        &self.by_user
    }

    /// The weights seen from the items, `[n_items, n_users]`: the transpose of
    /// [`TrainGraph::by_user`].
    #[must_use]
    pub fn by_item(&self) -> &CsMatI<f32, u32, u64> {
        &self.by_item
    }

    /// The items of a user, ascending, and the weights of the edges.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn items_of(&self, user: UserId) -> (&[u32], &[f32]) {
        row(&self.by_user, user.index())
    }

    /// The users of an item, ascending, and the weights of the edges; empty for an item beyond the
    /// last row.
    #[must_use]
    pub fn users_of(&self, item: ItemId) -> (&[u32], &[f32]) {
        match item.index() < self.n_items() {
            true => row(&self.by_item, item.index()),
            false => (&[], &[]),
        }
    }

    /// The sum of each user's edge weights, `[n_users]`; 0 for isolated ones.
    #[must_use]
    pub fn user_degrees(&self) -> &[f64] {
        &self.user_degrees
    }

    /// The sum of each item's edge weights, `[n_items]`; 0 for isolated ones.
    #[must_use]
    pub fn item_degrees(&self) -> &[f64] {
        &self.item_degrees
    }

    /// The pairs as directed edges between the nodes of users and items, `[2, 2 · pairs]`, as PyTorch
    /// Geometric writes them: sources and targets. First all edges from users to items, by user,
    /// then item; then the same edges in the same order from items to users. O(pairs).
    #[must_use]
    pub fn edge_index(&self) -> [Vec<u32>; 2] {
        let n_users = self.n_users() as u32;
        let users = (0..n_users).flat_map(|user| {
            let degree = self.by_user.indptr().nnz_in_outer_sz(user as usize);
            std::iter::repeat_n(user, degree)
        });
        let items = self.by_user.indices().iter().map(|&item| n_users + item);
        let forward = [users.collect::<Vec<_>>(), items.collect()];
        [
            [&forward[0][..], &forward[1]].concat(),
            [&forward[1][..], &forward[0]].concat(),
        ]
    }

    /// Whether a pair has an event of a behavior.
    pub(crate) fn has_behavior(&self, pair: usize, behavior: usize) -> bool {
        let width = self.behaviors.len().div_ceil(8);
        self.has_behavior[pair * width + behavior / 8] >> (behavior % 8) & 1 == 1
    }

    /// The number of a behavior.
    pub(crate) fn find_behavior(&self, name: &str) -> Result<usize, GraphError> {
        let position = self.behaviors.iter().position(|b| b == name);
        position.ok_or_else(|| GraphError::unknown("behavior", name, &self.behaviors))
    }

    /// The edges of an attribute or relation, by the rows of nodes in the whole graph.
    pub(crate) fn find_edges(&self, edge_type: &EdgeType) -> Result<&[(u32, u32)], GraphError> {
        let found = self.edges.iter().find(|set| set.edge_type == *edge_type);
        found.map(|set| &set.edges[..]).ok_or_else(|| {
            let what = match edge_type {
                EdgeType::Attribute(_) => "attribute",
                _ => "relation",
            };
            let known = self.further_edges().map(EdgeType::to_string);
            GraphError::unknown(what, &edge_type.to_string(), known)
        })
    }
}

impl EdgeSet {
    fn is_relation(&self) -> bool {
        matches!(self.edge_type, EdgeType::Relation(_))
    }
}

/// One bit for each pair and behavior, whether the pair has an event of it.
fn behavior_bits(pairs: &Interactions) -> Vec<u8> {
    let width = pairs.behaviors().len().div_ceil(8);
    let mut bits = vec![0; pairs.n_pairs() * width];
    for (pair, bits) in bits.chunks_exact_mut(width).enumerate() {
        for (behavior, &count) in pairs.counts_of(pair).iter().enumerate() {
            bits[behavior / 8] |= u8::from(count > 0) << (behavior % 8);
        }
    }
    bits
}

#[cfg(test)]
pub(crate) mod tests;
