//! `/v1/graph`: the neighborhood of a user, for the page

use super::items::Details;
use crate::answer::Versioned;
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::check_text;
use crate::extract::{Path, Query};
use crate::models::{Model, users_of};
use crate::service::{Service, Shared};
use crate::work::Cost;
use axum::extract::State;
use axum::response::Response;
use lightgcn_core::{ItemId, UserId};
use lightgcn_recommend::HistoryItem;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// The maximum number of items of each kind in a request.
const MAX_ITEMS: usize = 50;
/// The maximum number of users of an item whose histories are searched for neighbors: the first
/// rows.
const MAX_USERS: usize = 2_000;

/// How much of the neighborhood to return.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct GraphQuery {
    /// The maximum number of items from the history. Default: 12.
    #[param(required = false)]
    items: usize,
    /// The maximum number of additional items for each of them. Default: 6.
    #[param(required = false)]
    per_item: usize,
    /// Additional items to include, separated by commas.
    #[param(required = false)]
    recommended: String,
}

impl Default for GraphQuery {
    fn default() -> Self {
        Self {
            items: 12,
            per_item: 6,
            recommended: String::new(),
        }
    }
}

impl GraphQuery {
    fn recommended(&self) -> impl Iterator<Item = &str> {
        self.recommended.split(',').filter(|id| !id.is_empty())
    }

    fn cost(&self, model: &Model) -> Cost {
        let far = self.per_item + self.recommended().count();
        Cost::of_graph(model, self.items, far, MAX_USERS)
    }

    fn check(&self) -> Result<(), ApiError> {
        for (name, n) in [
            ("items", self.items),
            ("per_item", self.per_item),
            ("recommended", self.recommended().count()),
        ] {
            if n > MAX_ITEMS {
                let message = format!("{name} is {n}; at most {MAX_ITEMS} are allowed");
                return Err(ApiError::bad("bad_query", message));
            }
        }
        self.recommended()
            .try_for_each(|id| check_text("recommended item", id))
    }
}

/// The graph around a user.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Neighborhood {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// The user, an item, or a group of other users.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Node {
    /// `self` for the user, `item:` and its id for an item, `users:1` and so on for groups.
    id: String,
    /// What the node represents.
    kind: NodeKind,
    /// The id of an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    /// The item's metadata from the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    /// The size of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

impl Node {
    fn new(id: String, kind: NodeKind) -> Self {
        Self {
            id,
            kind,
            item: None,
            details: None,
            count: None,
        }
    }
}

/// What a node represents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeKind {
    /// The user at the center.
    #[serde(rename = "self")]
    Own,
    /// An item.
    Item,
    /// Other users, all of whom share the same two items.
    Users,
}

/// An edge between a user or a group and an item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Edge {
    source: String,
    target: String,
    /// The weight in the training graph; for a group, the sum of its users' weights.
    weight: f64,
    /// What the user did most often.
    #[serde(skip_serializing_if = "Option::is_none")]
    behavior: Option<String>,
}

/// Returns a user's items, groups of other users who share them, and the other items of these groups. Other users
/// appear only in groups that are large enough not to reveal anyone.
#[utoipa::path(get, path = "/v1/graph/{user}", operation_id = "graph_around_user", tag = "page",
    params(("user" = String, Path, description = "The user's id in the log."), GraphQuery),
    responses((status = 200, body = Versioned<Neighborhood>), (status = 400, body = ErrorBody)))]
pub(crate) async fn around(
    State(service): State<Service>,
    Path(user): Path<String>,
    Query(query): Query<GraphQuery>,
) -> Result<Response, ApiError> {
    check_text("user", &user)?;
    query.check()?;
    service
        .ask(
            (user, query),
            |model, (_, query)| query.cost(model),
            |shared, model, (user, query)| neighborhood(shared, model, &user, &query),
        )
        .await
}

fn neighborhood(
    shared: &Shared,
    model: &Model,
    user: &str,
    query: &GraphQuery,
) -> Result<Neighborhood, ApiError> {
    let recommender = &model.recommender;
    let recent = shared.recent_events(model, user);
    let mut history = recommender.history_with(user, &recent)?;
    history.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    history.truncate(query.items);
    let own: Vec<ItemId> = history
        .iter()
        .filter_map(|item| recommender.item(&item.item))
        .collect();
    let recommended: Vec<ItemId> = query
        .recommended()
        .filter_map(|id| recommender.item(id))
        .collect();
    let around = Around {
        model,
        user: recommender.user(user),
        own: &own,
        min_users: shared.config.limits.min_users,
    };
    let mut drawing = Drawing::new(around);
    for item in &history {
        drawing.add_own(item);
    }
    for &item in &recommended {
        drawing.item(item);
    }
    for &near in &own {
        let others = around.neighbors(near, query.per_item);
        let wanted: BTreeSet<ItemId> = others
            .into_iter()
            .chain(recommended.iter().copied())
            .collect();
        for far in wanted {
            if !own.contains(&far) {
                drawing.add_group(near, far);
            }
        }
    }
    Ok(drawing.graph)
}

/// The user at the center, and who may be shown around them.
#[derive(Clone, Copy)]
struct Around<'a> {
    model: &'a Model,
    /// The user's row; `None` if the model does not know the user.
    user: Option<UserId>,
    own: &'a [ItemId],
    /// The minimum size of a group.
    min_users: usize,
}

impl Around<'_> {
    /// The `limit` items that most users of `near` share, without the user's own.
    fn neighbors(&self, near: ItemId, limit: usize) -> Vec<ItemId> {
        let recommender = &self.model.recommender;
        let train = &recommender.artifact().train;
        let (users, _) = users_of(recommender, near);
        let others = users.iter().map(|&user| UserId(user));
        let mut counts: HashMap<ItemId, usize> = HashMap::new();
        for user in others.filter(|&u| Some(u) != self.user).take(MAX_USERS) {
            for &item in train.items_of(user) {
                *counts.entry(item).or_default() += 1;
            }
        }
        let mut counts: Vec<(ItemId, usize)> = counts
            .into_iter()
            .filter(|(item, n)| *n >= self.min_users && *item != near && !self.own.contains(item))
            .collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        counts.truncate(limit);
        counts.into_iter().map(|(item, _)| item).collect()
    }

    /// How many other users share both items, and the sums of their weights at either.
    fn sharing(&self, near: ItemId, far: ItemId) -> (usize, f64, f64) {
        let (a, a_weights) = users_of(&self.model.recommender, near);
        let (b, b_weights) = users_of(&self.model.recommender, far);
        let (mut count, mut near_sum, mut far_sum) = (0, 0.0, 0.0);
        let mut place = 0;
        // Both rows ascend.
        for (user, weight) in a.iter().zip(a_weights) {
            place += b[place..].partition_point(|other| other < user);
            if b.get(place) == Some(user) && Some(UserId(*user)) != self.user {
                count += 1;
                near_sum += f64::from(*weight);
                far_sum += f64::from(b_weights[place]);
            }
        }
        (count, near_sum, far_sum)
    }
}

/// A neighborhood under construction.
struct Drawing<'a> {
    around: Around<'a>,
    graph: Neighborhood,
    items: HashMap<ItemId, String>,
    n_groups: usize,
}

/// The id of the node at the center.
const CENTER: &str = "self";

impl<'a> Drawing<'a> {
    fn new(around: Around<'a>) -> Self {
        Self {
            around,
            graph: Neighborhood {
                nodes: vec![Node::new(CENTER.to_owned(), NodeKind::Own)],
                edges: Vec::new(),
            },
            items: HashMap::new(),
            n_groups: 0,
        }
    }

    /// The node of an item, added if missing.
    fn item(&mut self, item: ItemId) -> String {
        if let Some(id) = self.items.get(&item) {
            return id.clone();
        }
        let recommender = &self.around.model.recommender;
        let name = recommender.item_id(item).unwrap_or_default();
        let id = format!("item:{name}");
        self.graph.nodes.push(Node {
            item: Some(name.to_owned()),
            details: Some(recommender.catalogue().get(item).into()),
            ..Node::new(id.clone(), NodeKind::Item)
        });
        self.items.insert(item, id.clone());
        id
    }

    fn add_own(&mut self, own: &HistoryItem) {
        let Some(item) = self.around.model.recommender.item(&own.item) else {
            return;
        };
        let target = self.item(item);
        let main = own.behaviors.iter().max_by_key(|behavior| behavior.count);
        self.graph.edges.push(Edge {
            source: CENTER.to_owned(),
            target,
            weight: f64::from(own.weight),
            behavior: main.map(|behavior| behavior.behavior.clone()),
        });
    }

    /// The other users who share both items, if there are enough.
    fn add_group(&mut self, near: ItemId, far: ItemId) {
        let (count, near_weight, far_weight) = self.around.sharing(near, far);
        if count < self.around.min_users {
            return;
        }
        self.n_groups += 1;
        let id = format!("users:{}", self.n_groups);
        self.graph.nodes.push(Node {
            count: Some(count),
            ..Node::new(id.clone(), NodeKind::Users)
        });
        let (near, far) = (self.item(near), self.item(far));
        let edge = |source, target, weight| Edge {
            source,
            target,
            weight,
            behavior: None,
        };
        self.graph.edges.push(edge(near, id.clone(), near_weight));
        self.graph.edges.push(edge(id, far, far_weight));
    }
}
