//! The paths along which a model attends from a user to an item.

use crate::ExplainOptions;
use crate::answer::profile::Profile;
use crate::explain::explanation::{EdgeRelation, ExplainedEdge, ExplainedPath, PathNode};
use crate::explain::paths::shared_behaviors;
use crate::shop::Shop;
use lightgcn_core::ItemId;
use lightgcn_store::{AttentionEdge, StoredAttention};
use std::collections::HashMap;

/// The maximum number of edges of a path.
const MAX_EDGES: usize = 3;

/// Searches paths by attention.
pub(crate) struct AttentionSearch<'a> {
    shop: &'a Shop,
    profile: &'a Profile,
    options: &'a ExplainOptions,
    attention: &'a StoredAttention,
    /// The nodes of the user and the item.
    user: u32,
    item: u32,
    /// The edges that lead to the item, by the nodes where they start.
    last: HashMap<u32, Vec<AttentionEdge>>,
}

/// A path by its nodes, and how much of its end it takes.
struct Way {
    weight: f64,
    /// The edge to an item of the history.
    first: AttentionEdge,
    rest: Rest,
}

/// How a path goes on from an item of the history.
enum Rest {
    /// By an edge to the item itself.
    Related(AttentionEdge),
    /// Over another node.
    Over(AttentionEdge, AttentionEdge),
    /// Over other users: all of them, and what the first item takes of them together.
    OverUsers(Vec<u32>, f64),
}

impl Rest {
    /// Decides between paths of equal weight.
    fn key(&self) -> (u32, u32, u32) {
        match self {
            Self::Related(edge) => (0, edge.relation, 0),
            Self::OverUsers(..) => (1, 0, 0),
            Self::Over(one, other) => (2, one.tail, one.relation ^ (other.relation << 16)),
        }
    }
}

impl<'a> AttentionSearch<'a> {
    /// `None` if the model has no attention, or was trained without the user or the item.
    pub(crate) fn new(
        shop: &'a Shop,
        profile: &'a Profile,
        item: ItemId,
        options: &'a ExplainOptions,
    ) -> Option<Self> {
        let artifact = &shop.model.artifact;
        let attention = artifact.attention.as_ref()?;
        let user = profile.trained?.0;
        if item.index() >= artifact.train.n_items() {
            return None;
        }
        let item = shop.model.n_users() as u32 + item.0;
        let mut last: HashMap<u32, Vec<AttentionEdge>> = HashMap::new();
        for edge in attention.edges.row(item as usize) {
            // The same edge from its other end, which sees it by the opposite relation.
            let back = attention.find(edge.tail, edge.relation ^ 1, item);
            if let Some(back) = back.filter(|back| back.weight > 0.0) {
                last.entry(edge.tail).or_default().push(back);
            }
        }
        Some(Self {
            shop,
            profile,
            options,
            attention,
            user,
            item,
            last,
        })
    }

    /// The paths to show, shortest first, then those that take most. A path of more edges than the model has layers
    /// takes nothing.
    pub(crate) fn find(&self) -> Vec<ExplainedPath> {
        let n_layers = self.shop.model.artifact.model.n_layers;
        let n_edges = MAX_EDGES.min(n_layers).min(self.options.max_hops);
        let own = self.edges_to_item(self.user).iter();
        let own = own.filter(|_| n_edges >= 1);
        let mut found: Vec<ExplainedPath> = own.map(|edge| self.own_path(edge)).collect();
        let mut starts: Vec<AttentionEdge> = self.attention.edges.row(self.user as usize).to_vec();
        let n_users = self.shop.model.n_users();
        let items = n_users..n_users + self.shop.model.artifact.train.n_items();
        starts.retain(|edge| {
            edge.weight > 0.0 && edge.tail != self.item && items.contains(&(edge.tail as usize))
        });
        starts.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.tail.cmp(&b.tail)));
        if n_edges >= 2 {
            let room = self.options.limit.saturating_sub(found.len());
            found.extend(self.strongest(&starts, room, |start| self.two_edges(start)));
        }
        if n_edges >= 3 {
            let room = self.options.limit.saturating_sub(found.len());
            found.extend(self.strongest(&starts, room, |start| self.three_edges(start)));
        }
        found
    }

    /// The strongest `room` of the ways from starts, the strongest of which comes first. A way weighs at most as much as
    /// its first edge.
    fn strongest(
        &self,
        starts: &[AttentionEdge],
        room: usize,
        ways_from: impl Fn(AttentionEdge) -> Vec<Way>,
    ) -> Vec<ExplainedPath> {
        let mut ways: Vec<Way> = Vec::new();
        for &start in starts {
            let least = ways.get(room.wrapping_sub(1)).map(|way| way.weight);
            if room == 0 || least.is_some_and(|least| least > f64::from(start.weight)) {
                break;
            }
            ways.extend(ways_from(start));
            ways.sort_by(|a, b| {
                let key = |way: &Way| (way.first.tail, way.rest.key());
                b.weight.total_cmp(&a.weight).then(key(a).cmp(&key(b)))
            });
            ways.truncate(room);
        }
        ways.iter().map(|way| self.path(way)).collect()
    }

    fn edges_to_item(&self, node: u32) -> &[AttentionEdge] {
        self.last.get(&node).map_or(&[][..], Vec::as_slice)
    }

    fn two_edges(&self, first: AttentionEdge) -> Vec<Way> {
        let edges = self.edges_to_item(first.tail).iter();
        let way = |&edge: &AttentionEdge| Way {
            weight: f64::from(first.weight) * f64::from(edge.weight),
            first,
            rest: Rest::Related(edge),
        };
        edges.map(way).collect()
    }

    fn three_edges(&self, first: AttentionEdge) -> Vec<Way> {
        let start = f64::from(first.weight);
        let n_users = self.shop.model.n_users() as u32;
        let mut ways = Vec::new();
        let (mut users, mut of_users, mut sum) = (Vec::new(), 0.0, 0.0);
        for &edge in self.attention.edges.row(first.tail as usize) {
            if edge.weight == 0.0 || edge.tail == self.user || edge.tail == self.item {
                continue;
            }
            for &last in self.edges_to_item(edge.tail) {
                let weight = f64::from(edge.weight) * f64::from(last.weight);
                if edge.tail < n_users {
                    users.push(edge.tail);
                    of_users += f64::from(edge.weight);
                    sum += weight;
                } else {
                    ways.push(Way {
                        weight: start * weight,
                        first,
                        rest: Rest::Over(edge, last),
                    });
                }
            }
        }
        if users.len() >= self.options.min_users {
            ways.push(Way {
                weight: start * sum,
                first,
                rest: Rest::OverUsers(users, of_users),
            });
        }
        ways
    }

    fn own_path(&self, edge: &AttentionEdge) -> ExplainedPath {
        attended(f64::from(edge.weight), vec![self.own_edge(edge)])
    }

    fn path(&self, way: &Way) -> ExplainedPath {
        let mut edges = vec![self.own_edge(&way.first)];
        let start = way.first.tail;
        match &way.rest {
            Rest::Related(edge) => edges.push(self.edge(start, edge)),
            Rest::Over(one, other) => {
                edges.push(self.edge(start, one));
                edges.push(self.edge(one.tail, other));
            }
            Rest::OverUsers(users, weight) => {
                let others = PathNode::OtherUsers { count: users.len() };
                let rest = way.weight / f64::from(way.first.weight) / weight;
                for (from, to, item, weight) in [
                    (self.node(start), others.clone(), start, *weight),
                    (others, self.node(self.item), self.item, rest),
                ] {
                    let item = ItemId(item - self.shop.model.n_users() as u32);
                    let least = self.options.min_users;
                    edges.push(ExplainedEdge {
                        from,
                        to,
                        behaviors: shared_behaviors(self.shop, users, item, least),
                        relation: None,
                        weight,
                    });
                }
            }
        }
        attended(way.weight, edges)
    }

    /// The edge from the user to an item of the history.
    fn own_edge(&self, edge: &AttentionEdge) -> ExplainedEdge {
        let item = ItemId(edge.tail - self.shop.model.n_users() as u32);
        let known = self.profile.get(item);
        ExplainedEdge {
            from: PathNode::User,
            to: self.node(edge.tail),
            behaviors: known.map_or_else(Vec::new, |item| self.shop.behaviors_of(item)),
            relation: None,
            weight: f64::from(edge.weight),
        }
    }

    /// An edge by a relation between items and other nodes.
    fn edge(&self, from: u32, edge: &AttentionEdge) -> ExplainedEdge {
        let graphs = &self.shop.model.artifact.model.graphs;
        let graph = graphs.get(edge.relation as usize / 2);
        let types = graph.map_or(&[][..], |graph| graph.edges.as_slice());
        let names: Vec<String> = types.iter().map(ToString::to_string).collect();
        ExplainedEdge {
            from: self.node(from),
            to: self.node(edge.tail),
            behaviors: Vec::new(),
            relation: Some(EdgeRelation {
                name: names.join(" or "),
                against: edge.relation % 2 == 1,
            }),
            weight: f64::from(edge.weight),
        }
    }

    /// An item or another node that is no user.
    fn node(&self, node: u32) -> PathNode {
        let (n_users, n_items) = (
            self.shop.model.n_users(),
            self.shop.model.artifact.train.n_items(),
        );
        let row = (node as usize).saturating_sub(n_users);
        if row < n_items {
            let item = ItemId(row as u32);
            return PathNode::Item {
                item: self.shop.items.name(item),
                details: self.shop.items.catalogue.get(item),
            };
        }
        let name = self.attention.names.get(row - n_items);
        PathNode::Entity {
            name: name.cloned().unwrap_or_default(),
        }
    }
}

fn attended(strength: f64, edges: Vec<ExplainedEdge>) -> ExplainedPath {
    ExplainedPath {
        strength,
        attention: true,
        value: None,
        share: None,
        edges,
    }
}

#[cfg(test)]
mod tests;
