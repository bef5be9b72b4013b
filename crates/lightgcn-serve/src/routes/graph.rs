//! `/v1/graph`: the neighborhood of a user, for the page

use super::items::Details;
use crate::Service;
use crate::config::Limits;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text};
use crate::model::{Model, users_of};
use crate::query::Query;
use crate::service::Shared;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use lightgcn_core::{ItemId, UserId};
use lightgcn_recommend::HistoryItem;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Items of the history, where the address does not say.
const USUAL_ITEMS: usize = 12;
/// Items beside each of them, where the address does not say.
const USUAL_PER_ITEM: usize = 6;
/// The most of either, and of recommended items.
const MOST: usize = 50;
/// Users of an item in whose histories neighbors are sought; those with the lowest rows.
const MOST_USERS: usize = 2_000;

/// What lies around a user in the graph.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Neighborhood {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// The user, an item, or a group of other users.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Node {
    /// `u0` for the user, `p:` and its id for an item, `c1` and so on for groups.
    id: String,
    /// Which of them it is.
    kind: NodeKind,
    /// An item's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    /// What is known of an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    /// How many users a group has.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeKind {
    /// The user whom the graph is around.
    #[serde(rename = "self")]
    Own,
    /// An item.
    Item,
    /// Other users, who all dealt with the same two items.
    Users,
}

/// Dealings of a user or a group with an item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Edge {
    source: String,
    target: String,
    /// The weight in the training graph; of a group the sum.
    weight: f64,
    /// What the user did most.
    #[serde(skip_serializing_if = "Option::is_none")]
    behavior: Option<String>,
}

/// The items that a user dealt with, groups of others who dealt with them too, and what else these
/// dealt with. Others are shown only in groups that are large enough to tell of nobody.
#[utoipa::path(get, path = "/v1/graph/{user}", tag = "page",
    params(
        ("user" = String, Path, description = "The user's id as the shop writes it."),
        ("items" = Option<usize>, Query, description = "Items of the history at most; 12 unless told."),
        ("per_item" = Option<usize>, Query, description = "Items beside each of them at most; 6 unless told."),
        ("recommended" = Option<String>, Query, description = "Items that shall be in it too, with commas between."),
    ),
    responses((status = 200, body = Versioned<Neighborhood>), (status = 400, body = FaultBody)))]
pub(crate) async fn around(
    State(service): State<Service>,
    PathIds(user): PathIds<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let limits = &service.shared.config.limits;
    check_text("the user's id", &user, limits)?;
    let asked = Asked::parse(query.as_deref(), limits)?;
    service
        .ask(move |shared, model| {
            let graph = neighborhood(shared, model, &user, &asked)?;
            Ok(answer(model, graph))
        })
        .await
}

struct Asked {
    items: usize,
    per_item: usize,
    recommended: Vec<String>,
}

impl Asked {
    fn parse(query: Option<&str>, limits: &Limits) -> Result<Self, Fault> {
        let mut query = Query::parse(query)?;
        let items = query.one("items")?.unwrap_or(USUAL_ITEMS);
        let per_item = query.one("per_item")?.unwrap_or(USUAL_PER_ITEM);
        let recommended: String = query.one("recommended")?.unwrap_or_default();
        query.finish()?;
        let recommended: Vec<String> = recommended
            .split(',')
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect();
        for (name, n) in [
            ("items", items),
            ("per_item", per_item),
            ("recommended", recommended.len()),
        ] {
            if n > MOST {
                return Err(Fault::bad(
                    "bad_query",
                    format!("{name} asks for {n}; {MOST} are the most"),
                ));
            }
        }
        for id in &recommended {
            check_text("a recommended item", id, limits)?;
        }
        Ok(Self {
            items,
            per_item,
            recommended,
        })
    }
}

fn neighborhood(
    shared: &Shared,
    model: &Model,
    user: &str,
    asked: &Asked,
) -> Result<Neighborhood, Fault> {
    let shop = &model.recommender;
    let news = shared.news(model, user);
    let mut history = shop.history_with(user, &news)?;
    history.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    history.truncate(asked.items);
    let mut drawing = Drawing::new(model);
    for item in &history {
        drawing.add_own(item);
    }
    let met: Vec<ItemId> = history
        .iter()
        .filter_map(|item| shop.item(&item.item))
        .collect();
    let recommended: Vec<ItemId> = asked
        .recommended
        .iter()
        .filter_map(|id| shop.item(id))
        .collect();
    for &item in &recommended {
        drawing.item(item);
    }
    let me = shop.user(user);
    let least = shared.config.limits.min_users;
    for &near in &met {
        let others = beside(model, near, me, &met, asked.per_item, least);
        let wanted: BTreeSet<ItemId> = others
            .into_iter()
            .chain(recommended.iter().copied())
            .collect();
        for far in wanted {
            if !met.contains(&far) {
                drawing.add_group(near, far, me, least);
            }
        }
    }
    Ok(drawing.done())
}

/// The items that most users of `near` dealt with, without those met already.
fn beside(
    model: &Model,
    near: ItemId,
    me: Option<UserId>,
    met: &[ItemId],
    most: usize,
    least: usize,
) -> Vec<ItemId> {
    let train = &model.recommender.artifact().train;
    let mut counts: HashMap<ItemId, usize> = HashMap::new();
    let (users, _) = users_of(&model.recommender, near);
    for &user in users
        .iter()
        .filter(|&&u| Some(UserId(u)) != me)
        .take(MOST_USERS)
    {
        for &item in train.items_of(UserId(user)) {
            *counts.entry(item).or_default() += 1;
        }
    }
    let mut counts: Vec<(ItemId, usize)> = counts
        .into_iter()
        .filter(|(item, count)| *count >= least && *item != near && !met.contains(item))
        .collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts.truncate(most);
    counts.into_iter().map(|(item, _)| item).collect()
}

/// Nodes and edges in the making.
struct Drawing<'a> {
    model: &'a Model,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    items: HashMap<ItemId, String>,
    n_groups: usize,
}

impl<'a> Drawing<'a> {
    fn new(model: &'a Model) -> Self {
        let own = Node {
            id: "u0".to_owned(),
            kind: NodeKind::Own,
            item: None,
            details: None,
            count: None,
        };
        Self {
            model,
            nodes: vec![own],
            edges: Vec::new(),
            items: HashMap::new(),
            n_groups: 0,
        }
    }

    /// The node of an item, which is added where it is not there yet.
    fn item(&mut self, item: ItemId) -> String {
        if let Some(id) = self.items.get(&item) {
            return id.clone();
        }
        let shop = &self.model.recommender;
        let name = shop.item_id(item).unwrap_or_default();
        let id = format!("p:{name}");
        self.nodes.push(Node {
            id: id.clone(),
            kind: NodeKind::Item,
            item: Some(name.to_owned()),
            details: Some(shop.catalogue().get(item).into()),
            count: None,
        });
        self.items.insert(item, id.clone());
        id
    }

    fn add_own(&mut self, met: &HistoryItem) {
        let Some(item) = self.model.recommender.item(&met.item) else {
            return;
        };
        let target = self.item(item);
        let most = met.behaviors.iter().max_by_key(|behavior| behavior.count);
        self.edges.push(Edge {
            source: "u0".to_owned(),
            target,
            weight: f64::from(met.weight),
            behavior: most.map(|behavior| behavior.behavior.clone()),
        });
    }

    /// Those who dealt with both items, where they are enough.
    fn add_group(&mut self, near: ItemId, far: ItemId, me: Option<UserId>, least: usize) {
        let (a, a_weights) = users_of(&self.model.recommender, near);
        let (b, b_weights) = users_of(&self.model.recommender, far);
        let (mut count, mut weights) = (0, (0.0, 0.0));
        let mut place = 0;
        for (user, weight) in a.iter().zip(a_weights) {
            place += b[place..].partition_point(|other| other < user);
            if b.get(place) == Some(user) && Some(UserId(*user)) != me {
                count += 1;
                weights.0 += f64::from(*weight);
                weights.1 += f64::from(b_weights[place]);
            }
        }
        if count < least {
            return;
        }
        self.n_groups += 1;
        let id = format!("c{}", self.n_groups);
        self.nodes.push(Node {
            id: id.clone(),
            kind: NodeKind::Users,
            item: None,
            details: None,
            count: Some(count),
        });
        for (item, weight) in [(near, weights.0), (far, weights.1)] {
            let node = self.item(item);
            let (source, target) = match item == near {
                true => (node, id.clone()),
                false => (id.clone(), node),
            };
            self.edges.push(Edge {
                source,
                target,
                weight,
                behavior: None,
            });
        }
    }

    fn done(self) -> Neighborhood {
        Neighborhood {
            nodes: self.nodes,
            edges: self.edges,
        }
    }
}
