//! Builds the adjacency matrix of a request.

use crate::sparse::{Csr, co_occurrence, compress, row};
use crate::{
    Adjacency, AdjacencyRequest, AdjacencyShape, EdgeType, EdgeWeights, GraphError, TrainGraph,
};
use std::collections::BTreeMap;
use std::ops::Range;

impl TrainGraph {
    /// The adjacency matrix that `request` describes. O(nodes + edges), with co-occurrence
    /// O(Σ over the shared nodes of degree²) besides.
    ///
    /// # Errors
    /// As [`AdjacencyRequest::check`]; [`GraphError::Unknown`] if it names a behavior, attribute,
    /// relation or node kind that the graph lacks; [`GraphError::MissingWeight`] if a selected type
    /// has no weight; [`GraphError::NoEdges`] if the selection has no edges in that shape.
    pub fn adjacency(&self, request: &AdjacencyRequest) -> Result<Adjacency, GraphError> {
        request.check()?;
        let selection = Selection::new(self, request)?;
        let all = 0..self.n_nodes();
        let (weights, undirected) = match &request.shape {
            AdjacencyShape::Square => (selection.block(&all, &all), true),
            AdjacencyShape::Directed => (selection.directed(), false),
            AdjacencyShape::Rectangular { rows, columns } => {
                let undirected = rows == columns;
                let (rows, columns) = (self.nodes().find(rows)?, self.nodes().find(columns)?);
                (selection.block(&rows, &columns), undirected)
            }
            AdjacencyShape::CoOccurrence {
                of,
                through,
                neighbors,
            } => {
                let (rows, columns) = (self.nodes().find(of)?, self.nodes().find(through)?);
                let block = selection.block(&rows, &columns);
                (co_occurrence(&block, *neighbors), true)
            }
        };
        if weights.nnz() == 0 {
            return Err(GraphError::NoEdges);
        }
        Ok(Adjacency::new(weights, request.normalization, undirected))
    }

    /// The rows and columns of some users and of all other nodes of the square matrix that `request`
    /// describes, with the edges of these users only: as scaled as in the whole matrix, so that the
    /// parts of all users add up to it. A part without an edge is no error. O(nodes + edges) time, and
    /// memory for the part.
    ///
    /// # Errors
    /// As [`adjacency`](Self::adjacency).
    ///
    /// # Panics
    /// If the request is not [plain](AdjacencyRequest::is_plain), or a user is out of range.
    pub fn adjacency_of_users(
        &self,
        request: &AdjacencyRequest,
        users: Range<usize>,
    ) -> Result<Adjacency, GraphError> {
        request.check()?;
        assert!(
            request.is_plain() && users.end <= self.n_users(),
            "users {users:?} of {} in {request:?}",
            self.n_users()
        );
        let selection = Selection::new(self, request)?;
        let mut degrees = vec![0.0; self.n_nodes()];
        selection.visit(&mut |user, item, weight| {
            degrees[user as usize] += f64::from(weight);
            degrees[item as usize] += f64::from(weight);
        });
        degrees.drain(users.end..self.n_users());
        degrees.drain(..users.start);
        let n_others = (self.n_users() - users.len()) as u32;
        let weights = compress((degrees.len(), degrees.len()), |emit| {
            selection.visit(&mut |user, item, weight| {
                if users.contains(&(user as usize)) {
                    let (user, item) = (user - users.start as u32, item - n_others);
                    emit(user, item, weight);
                    emit(item, user, weight);
                }
            });
        });
        let degrees = [&degrees[..]; 2];
        let normalization = request.normalization;
        Ok(Adjacency::scaled(weights, normalization, true, degrees))
    }
}

/// The edges that a request selects, with their weights.
struct Selection<'a> {
    graph: &'a TrainGraph,
    pairs: Option<Pairs>,
    /// Attributes and relations: edges and the weight of each.
    sets: Vec<(&'a [(u32, u32)], f32)>,
}

/// Which training pairs are selected, and their weights.
struct Pairs {
    /// `None` if every pair is selected, whatever its counts.
    any_of: Option<Vec<usize>>,
    weight: PairWeight,
}

enum PairWeight {
    OfGraph,
    One,
    /// The weight of each behavior.
    Sum(Vec<(usize, f32)>),
}

impl<'a> Selection<'a> {
    fn new(graph: &'a TrainGraph, request: &AdjacencyRequest) -> Result<Self, GraphError> {
        let mut behaviors = Vec::new();
        let mut sets = Vec::new();
        let mut per_type = match &request.weights {
            EdgeWeights::PerType(weights) => Some(weights.clone()),
            _ => None,
        };
        for edge in &request.edges {
            match edge {
                EdgeType::Behaviors => behaviors.extend(0..graph.behaviors().len()),
                EdgeType::Behavior(name) => behaviors.push(graph.find_behavior(name)?),
                EdgeType::Attribute(_) | EdgeType::Relation(_) => {
                    let weight = take(&mut per_type, &edge.to_string())?.unwrap_or(1.0);
                    sets.push((graph.find_edges(edge)?, weight));
                }
            }
        }
        behaviors.sort_unstable();
        behaviors.dedup();
        let mut summed = Vec::new();
        for &behavior in &behaviors {
            let weight = take(&mut per_type, &graph.behaviors()[behavior])?;
            summed.extend(weight.map(|weight| (behavior, weight)));
        }
        if let Some((name, _)) = per_type.and_then(|rest| rest.into_iter().next()) {
            return Err(GraphError::UnusedWeight { name });
        }
        let weight = match request.weights {
            EdgeWeights::Pair => PairWeight::OfGraph,
            EdgeWeights::One => PairWeight::One,
            EdgeWeights::PerType(_) => PairWeight::Sum(summed),
        };
        let every = request.edges.contains(&EdgeType::Behaviors);
        let pairs = (!behaviors.is_empty()).then_some(Pairs {
            any_of: (!every).then_some(behaviors),
            weight,
        });
        Ok(Self { graph, pairs, sets })
    }

    /// The weights between the nodes `rows` and the nodes `columns`, every edge in both directions.
    fn block(&self, rows: &Range<usize>, columns: &Range<usize>) -> Csr {
        compress((rows.len(), columns.len()), |emit| {
            let mut place = |from: u32, to: u32, weight: f32| {
                let (from, to) = (from as usize, to as usize);
                if rows.contains(&from) && columns.contains(&to) {
                    let (row, column) = (from - rows.start, to - columns.start);
                    emit(row as u32, column as u32, weight);
                }
            };
            self.visit(&mut |a, b, weight| {
                place(a, b, weight);
                place(b, a, weight);
            });
        })
    }

    /// The weights between all nodes, every edge in its own direction.
    fn directed(&self) -> Csr {
        let n_nodes = self.graph.n_nodes();
        compress((n_nodes, n_nodes), |emit| self.visit(emit))
    }

    /// Visits every selected edge once, in its own direction. Pairs come by user, then item, so the rows of both have
    /// ascending columns.
    fn visit(&self, emit: &mut dyn FnMut(u32, u32, f32)) {
        if let Some(pairs) = &self.pairs {
            let n_users = self.graph.n_users() as u32;
            let mut pair = 0;
            for user in 0..n_users {
                let (items, weights) = row(self.graph.by_user(), user as usize);
                for (&item, &weight) in items.iter().zip(weights) {
                    if let Some(weight) = pairs.weight(self.graph, pair, weight) {
                        emit(user, n_users + item, weight);
                    }
                    pair += 1;
                }
            }
        }
        for (edges, weight) in &self.sets {
            for &(a, b) in *edges {
                emit(a, b, *weight);
            }
        }
    }
}

impl Pairs {
    /// The weight of the pair, or `None` if it is not selected.
    fn weight(&self, graph: &TrainGraph, pair: usize, own: f32) -> Option<f32> {
        let has = |behavior: usize| graph.has_behavior(pair, behavior);
        let selected = self.any_of.as_ref();
        if selected.is_some_and(|behaviors| !behaviors.iter().any(|&b| has(b))) {
            return None;
        }
        match &self.weight {
            PairWeight::OfGraph => Some(own),
            PairWeight::One => Some(1.0),
            PairWeight::Sum(weights) => {
                let chosen = weights.iter().filter(|(behavior, _)| has(*behavior));
                Some(chosen.map(|(_, weight)| weight).sum()).filter(|&sum| sum > 0.0)
            }
        }
    }
}

/// Takes the weight of a type out of the map, if there is a map.
fn take(
    per_type: &mut Option<BTreeMap<String, f32>>,
    name: &str,
) -> Result<Option<f32>, GraphError> {
    let Some(weights) = per_type else {
        return Ok(None);
    };
    match weights.remove(name) {
        Some(weight) => Ok(Some(weight)),
        None => Err(GraphError::MissingWeight {
            name: name.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
