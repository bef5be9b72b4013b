//! The strongest paths from a user to an item, with other users in groups.

use crate::answer::profile::Profile;
use crate::explain::explanation::{ExplainedEdge, ExplainedPath, PathNode};
use crate::shop::Shop;
use crate::{BehaviorCount, ExplainOptions, Method};
use lightgcn_core::{ItemId, UserId};
use lightgcn_graph::Normalization;
use std::collections::HashMap;

/// The maximum number of items, strongest first, at which paths of five edges start.
const MAX_STARTS: usize = 20;

/// The ends of the paths.
pub(crate) struct Ends<'a> {
    shop: &'a Shop,
    profile: &'a Profile,
    item: ItemId,
    /// The first steps: item, symmetric weight, and the message times its factor, mapped to the
    /// users' space (empty if the score is not a path sum).
    starts: Vec<Start>,
    /// The last steps: users of the item, ascending.
    users: Vec<u32>,
    weights: Vec<f32>,
}

struct Start {
    item: ItemId,
    strength: f64,
    vector: Vec<f64>,
}

impl<'a> Ends<'a> {
    pub(crate) fn new(shop: &'a Shop, profile: &'a Profile, item: ItemId, method: Method) -> Self {
        let model = &shop.model;
        let symmetric = |weight, a: f64, b: f64| Normalization::Symmetric.scale(weight, a, b);
        let strengths = profile.scaled(model, symmetric);
        let factors = profile.factors(model);
        let exact = matches!(method, Method::PathSum | Method::Ensemble)
            || (method == Method::FoldIn && model.messages().are_exact());
        let vector = |item: ItemId, factor| {
            if !exact {
                return Vec::new();
            }
            let mut vector = vec![0.0; model.history_dimension()];
            let node = model.n_users() + item.index();
            let messages = model.messages();
            messages.add(&model.artifact, node, factor, &mut vector);
            match profile.trained {
                Some(_) => vector,
                None => shop.newcomers.user_map(model).apply(&vector),
            }
        };
        let starts = strengths.iter().zip(&factors);
        let starts = starts.map(|(&(item, strength), &(_, factor))| Start {
            item,
            strength,
            vector: vector(item, factor),
        });
        let (users, weights) = shop.model.graph.users_of(item);
        let mine = profile.trained.map(|user| user.0);
        let others = users
            .iter()
            .zip(weights)
            .filter(|(user, _)| Some(**user) != mine);
        let (users, weights) = others.map(|(&user, &weight)| (user, weight)).unzip();
        Self {
            shop,
            profile,
            item,
            starts: starts.collect(),
            users,
            weights,
        }
    }

    fn me(&self) -> Option<u32> {
        self.profile.trained.map(|user| user.0)
    }

    /// What the given users (positions in the last steps) add: Σ Â_iv n_v · (start's vector).
    fn value(&self, start: &Start, last: impl Iterator<Item = (usize, f64)>) -> Option<f64> {
        if start.vector.is_empty() {
            return None;
        }
        let model = &self.shop.model;
        let degree = model.graph.item_degrees()[self.item.index()];
        let mut value = 0.0;
        for (position, part) in last {
            let user = self.users[position] as usize;
            let user_degree = model.graph.user_degrees()[user];
            let weight = f64::from(self.weights[position]);
            let factor = part * model.entry(weight, degree, user_degree);
            value += factor * model.messages().dot(&model.artifact, user, &start.vector);
        }
        Some(value)
    }
}

/// A path by its items, and its strength.
struct Way {
    /// The number of the start.
    start: usize,
    /// The item between the two groups of a path of five edges.
    between: Option<u32>,
    strength: f64,
}

pub(crate) struct PathSearch<'a> {
    ends: &'a Ends<'a>,
    options: &'a ExplainOptions,
}

impl<'a> PathSearch<'a> {
    pub(crate) fn new(ends: &'a Ends<'a>, options: &'a ExplainOptions) -> Self {
        Self { ends, options }
    }

    /// The paths to show: the edge itself, then those of three edges; those of five edges only if
    /// there are none of these.
    pub(crate) fn find(&self) -> Vec<ExplainedPath> {
        let mut found: Vec<ExplainedPath> = self.one_hop().into_iter().collect();
        if self.options.max_hops >= 3 {
            let mut ways = self.three_hops();
            if self.options.max_hops >= 5 && ways.is_empty() && found.is_empty() {
                ways = self.five_hops();
            }
            ways.sort_by(|a, b| {
                let stronger = b.strength.total_cmp(&a.strength);
                stronger.then((a.start, a.between).cmp(&(b.start, b.between)))
            });
            ways.truncate(self.options.limit - found.len());
            found.extend(ways.iter().map(|way| match way.between {
                None => self.path_of_three(way),
                Some(between) => self.path_of_five(way, between),
            }));
        }
        found
    }

    fn one_hop(&self) -> Option<ExplainedPath> {
        let start = self.ends.starts.iter().find(|s| s.item == self.ends.item)?;
        Some(ExplainedPath {
            strength: start.strength,
            attention: false,
            value: None,
            share: None,
            edges: vec![self.first_edge(start)],
        })
    }

    fn symmetric(&self, user: u32, item: usize, weight: f32) -> f64 {
        let graph = &self.ends.shop.model.graph;
        Normalization::Symmetric.scale(
            f64::from(weight),
            graph.user_degrees()[user as usize],
            graph.item_degrees()[item],
        )
    }

    /// Start → all users of both → item.
    fn three_hops(&self) -> Vec<Way> {
        let ends = self.ends;
        let graph = &ends.shop.model.graph;
        let mut ways = Vec::new();
        for (n, start) in ends.starts.iter().enumerate() {
            if start.item == ends.item {
                continue;
            }
            let (users, weights) = graph.users_of(start.item);
            let (mut count, mut sum) = (0, 0.0);
            common(users, &ends.users, |a, b| {
                count += 1;
                let user = users[a];
                sum += self.symmetric(user, start.item.index(), weights[a])
                    * self.symmetric(user, ends.item.index(), ends.weights[b]);
            });
            if count >= self.options.min_users {
                ways.push(Way {
                    start: n,
                    between: None,
                    strength: start.strength * sum,
                });
            }
        }
        ways
    }

    /// Start → users of it and another item → that item → users of it and the target → the target.
    fn five_hops(&self) -> Vec<Way> {
        let ends = self.ends;
        let last = self.neighbors(ends.item);
        let mut starts: Vec<usize> = (0..ends.starts.len()).collect();
        starts.sort_by(|&a, &b| {
            let strength = |n: usize| ends.starts[n].strength;
            strength(b).total_cmp(&strength(a)).then(a.cmp(&b))
        });
        let mut ways = Vec::new();
        for &n in starts.iter().take(MAX_STARTS) {
            let start = &ends.starts[n];
            for (&between, &(strength, count)) in &self.neighbors(start.item) {
                if between == ends.item.0 || between == start.item.0 {
                    continue;
                }
                if let Some(&(end, others)) = last.get(&between)
                    && count.min(others) >= self.options.min_users
                {
                    ways.push(Way {
                        start: n,
                        between: Some(between),
                        strength: start.strength * strength * end,
                    });
                }
            }
        }
        ways
    }

    /// For each item that shares a user with `item`: the summed strength of the two edges, and the
    /// number of users.
    fn neighbors(&self, item: ItemId) -> HashMap<u32, (f64, usize)> {
        let graph = &self.ends.shop.model.graph;
        let (users, weights) = graph.users_of(item);
        let mut found: HashMap<u32, (f64, usize)> = HashMap::new();
        for (&user, &weight) in users.iter().zip(weights) {
            if Some(user) == self.ends.me() {
                continue;
            }
            let first = self.symmetric(user, item.index(), weight);
            let (items, weights) = graph.items_of(UserId(user));
            for (&other, &weight) in items.iter().zip(weights) {
                let step = first * self.symmetric(user, other as usize, weight);
                let place = found.entry(other).or_insert((0.0, 0));
                place.0 += step;
                place.1 += 1;
            }
        }
        found
    }

    fn path_of_three(&self, way: &Way) -> ExplainedPath {
        let ends = self.ends;
        let (graph, start) = (&ends.shop.model.graph, &ends.starts[way.start]);
        let (users, weights) = graph.users_of(start.item);
        let (mut group, mut last) = (Group::default(), Vec::new());
        common(users, &ends.users, |a, b| {
            group.add(users[a], weights[a], ends.weights[b]);
            last.push((b, 1.0));
        });
        let mut edges = vec![self.first_edge(start)];
        edges.extend(self.group_edges(&group, start.item, ends.item));
        ExplainedPath {
            strength: way.strength,
            attention: false,
            value: ends.value(start, last.into_iter()),
            share: None,
            edges,
        }
    }

    fn path_of_five(&self, way: &Way, between: u32) -> ExplainedPath {
        let ends = self.ends;
        let (graph, start) = (&ends.shop.model.graph, &ends.starts[way.start]);
        let (near, near_weights) = graph.users_of(start.item);
        let (middle, middle_weights) = graph.users_of(ItemId(between));
        let (mut first, mut second) = (Group::default(), Group::default());
        common(near, middle, |a, b| {
            if Some(near[a]) != ends.me() {
                first.add(near[a], near_weights[a], middle_weights[b]);
            }
        });
        let reach = self.neighbors(start.item);
        let mut last = Vec::new();
        common(middle, &ends.users, |a, b| {
            let user = middle[a];
            second.add(user, middle_weights[a], ends.weights[b]);
            if near.binary_search(&user).is_err() {
                // This path's share of all ways from the start to this user.
                let (items, weights) = graph.items_of(UserId(user));
                let ways = items
                    .iter()
                    .zip(weights)
                    .filter(|(i, _)| **i != ends.item.0);
                let ways = ways.filter_map(|(&i, &w)| {
                    let step = self.symmetric(user, i as usize, w);
                    reach.get(&i).map(|(strength, _)| (i, strength * step))
                });
                let (mut all, mut mine) = (0.0, 0.0);
                for (i, strength) in ways {
                    all += strength;
                    if i == between {
                        mine = strength;
                    }
                }
                if all > 0.0 {
                    last.push((b, mine / all));
                }
            }
        });
        let mut edges = vec![self.first_edge(start)];
        edges.extend(self.group_edges(&first, start.item, ItemId(between)));
        edges.extend(self.group_edges(&second, ItemId(between), ends.item));
        ExplainedPath {
            strength: way.strength,
            attention: false,
            value: ends.value(start, last.into_iter()),
            share: None,
            edges,
        }
    }

    fn item(&self, item: ItemId) -> PathNode {
        PathNode::Item {
            item: self.ends.shop.items.name(item),
            details: self.ends.shop.items.catalogue.get(item),
        }
    }

    fn first_edge(&self, start: &Start) -> ExplainedEdge {
        let known = self.ends.profile.get(start.item);
        ExplainedEdge {
            from: PathNode::User,
            to: self.item(start.item),
            behaviors: known.map_or_else(Vec::new, |item| self.ends.shop.behaviors_of(item)),
            relation: None,
            weight: known.map_or(0.0, |item| item.weight),
        }
    }

    /// Item → group → item.
    fn group_edges(&self, group: &Group, from: ItemId, to: ItemId) -> [ExplainedEdge; 2] {
        let others = PathNode::OtherUsers {
            count: group.users.len(),
        };
        let least = self.options.min_users;
        let edge = |from: PathNode, to: PathNode, item: ItemId, weight: f64| ExplainedEdge {
            from,
            to,
            behaviors: shared_behaviors(self.ends.shop, &group.users, item, least),
            relation: None,
            weight,
        };
        [
            edge(self.item(from), others.clone(), from, group.weights.0),
            edge(others, self.item(to), to, group.weights.1),
        ]
    }
}

/// How many of the users did what with the item, where at least `least` did.
pub(super) fn shared_behaviors(
    shop: &Shop,
    users: &[u32],
    item: ItemId,
    least: usize,
) -> Vec<BehaviorCount> {
    let train = &shop.model.artifact.train;
    let mut counts = vec![0; train.behaviors().len()];
    for &user in users {
        if let Some(pair) = train.find(UserId(user), item) {
            for (sum, &count) in counts.iter_mut().zip(train.counts_of(pair)) {
                *sum += u32::from(count > 0);
            }
        }
    }
    for count in counts.iter_mut().filter(|count| (**count as usize) < least) {
        *count = 0;
    }
    BehaviorCount::of(train.behaviors(), &counts)
}

/// Users who share two items.
#[derive(Default)]
struct Group {
    users: Vec<u32>,
    /// The summed weights of their edges with the one and the other.
    weights: (f64, f64),
}

impl Group {
    fn add(&mut self, user: u32, first: f32, second: f32) {
        self.users.push(user);
        self.weights.0 += f64::from(first);
        self.weights.1 += f64::from(second);
    }
}

/// Calls `found` with the positions of each number that is in both ascending lists, in order. O(a +
/// b), or O(a · log b) if `a` is much shorter.
fn common(a: &[u32], b: &[u32], mut found: impl FnMut(usize, usize)) {
    if a.len() * 16 < b.len() {
        for (n, x) in a.iter().enumerate() {
            if let Ok(m) = b.binary_search(x) {
                found(n, m);
            }
        }
        return;
    }
    if b.len() * 16 < a.len() {
        for (m, x) in b.iter().enumerate() {
            if let Ok(n) = a.binary_search(x) {
                found(n, m);
            }
        }
        return;
    }
    let (mut n, mut m) = (0, 0);
    while n < a.len() && m < b.len() {
        match a[n].cmp(&b[m]) {
            std::cmp::Ordering::Less => n += 1,
            std::cmp::Ordering::Greater => m += 1,
            std::cmp::Ordering::Equal => {
                found(n, m);
                n += 1;
                m += 1;
            }
        }
    }
}
