//! `/v1/graph`: the neighbourhood of a consumer, for the page

use super::products::Details;
use crate::Service;
use crate::config::Limits;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text};
use crate::model::{Model, consumers_of};
use crate::query::Query;
use crate::service::Shared;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use lightgcn_core::{ItemId, UserId};
use lightgcn_recommend::HistoryItem;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Products of the history, where the address does not say.
const USUAL_PRODUCTS: usize = 12;
/// Products beside each of them, where the address does not say.
const USUAL_PER_PRODUCT: usize = 6;
/// The most of either, and of recommended products.
const MOST: usize = 50;
/// Consumers of a product in whose histories neighbours are sought; those with the lowest rows.
const MOST_CONSUMERS: usize = 2_000;

/// What lies around a consumer in the graph.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Neighbourhood {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// The consumer, a product, or a group of other consumers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Node {
    /// `u0` for the consumer, `p:` and its id for a product, `c1` and so on for groups.
    id: String,
    /// Which of them it is.
    kind: NodeKind,
    /// A product's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    /// What is known of a product.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    /// How many consumers a group has.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeKind {
    /// The consumer whom the graph is around.
    #[serde(rename = "self")]
    Own,
    /// A product.
    Product,
    /// Other consumers, who all dealt with the same two products.
    Consumers,
}

/// Dealings of a consumer or a group with a product.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Edge {
    source: String,
    target: String,
    /// The weight in the training graph; of a group the sum.
    weight: f64,
    /// What the consumer did most.
    #[serde(skip_serializing_if = "Option::is_none")]
    behaviour: Option<String>,
}

/// The products that a consumer dealt with, groups of others who dealt with them too, and what else these
/// dealt with. Others are shown only in groups that are large enough to tell of nobody.
#[utoipa::path(get, path = "/v1/graph/{consumer}", tag = "page",
    params(
        ("consumer" = String, Path, description = "The consumer's id as the shop writes it."),
        ("products" = Option<usize>, Query, description = "Products of the history at most; 12 unless told."),
        ("per_product" = Option<usize>, Query, description = "Products beside each of them at most; 6 unless told."),
        ("recommended" = Option<String>, Query, description = "Products that shall be in it too, with commas between."),
    ),
    responses((status = 200, body = Versioned<Neighbourhood>), (status = 400, body = FaultBody)))]
pub(crate) async fn around(
    State(service): State<Service>,
    PathIds(consumer): PathIds<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let limits = &service.shared.config.limits;
    check_text("the consumer's id", &consumer, limits)?;
    let asked = Asked::parse(query.as_deref(), limits)?;
    service
        .ask(move |shared, model| {
            let graph = neighbourhood(shared, model, &consumer, &asked)?;
            Ok(answer(model, graph))
        })
        .await
}

struct Asked {
    products: usize,
    per_product: usize,
    recommended: Vec<String>,
}

impl Asked {
    fn parse(query: Option<&str>, limits: &Limits) -> Result<Self, Fault> {
        let mut query = Query::parse(query)?;
        let products = query.one("products")?.unwrap_or(USUAL_PRODUCTS);
        let per_product = query.one("per_product")?.unwrap_or(USUAL_PER_PRODUCT);
        let recommended: String = query.one("recommended")?.unwrap_or_default();
        query.finish()?;
        let recommended: Vec<String> = recommended
            .split(',')
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect();
        for (name, n) in [
            ("products", products),
            ("per_product", per_product),
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
            check_text("a recommended product", id, limits)?;
        }
        Ok(Self {
            products,
            per_product,
            recommended,
        })
    }
}

fn neighbourhood(
    shared: &Shared,
    model: &Model,
    consumer: &str,
    asked: &Asked,
) -> Result<Neighbourhood, Fault> {
    let shop = &model.recommender;
    let news = shared.news(model, consumer);
    let mut history = shop.history_with(consumer, &news)?;
    history.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    history.truncate(asked.products);
    let mut drawing = Drawing::new(model);
    for item in &history {
        drawing.add_own(item);
    }
    let met: Vec<ItemId> = history
        .iter()
        .filter_map(|item| shop.item(&item.product))
        .collect();
    let recommended: Vec<ItemId> = asked
        .recommended
        .iter()
        .filter_map(|id| shop.item(id))
        .collect();
    for &item in &recommended {
        drawing.product(item);
    }
    let me = shop.user(consumer);
    let least = shared.config.limits.min_consumers;
    for &near in &met {
        let others = beside(model, near, me, &met, asked.per_product, least);
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

/// The products that most consumers of `near` dealt with, without those met already.
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
    let (users, _) = consumers_of(&model.recommender, near);
    for &user in users
        .iter()
        .filter(|&&u| Some(UserId(u)) != me)
        .take(MOST_CONSUMERS)
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
    products: HashMap<ItemId, String>,
    n_groups: usize,
}

impl<'a> Drawing<'a> {
    fn new(model: &'a Model) -> Self {
        let own = Node {
            id: "u0".to_owned(),
            kind: NodeKind::Own,
            product: None,
            details: None,
            count: None,
        };
        Self {
            model,
            nodes: vec![own],
            edges: Vec::new(),
            products: HashMap::new(),
            n_groups: 0,
        }
    }

    /// The node of a product, which is added where it is not there yet.
    fn product(&mut self, item: ItemId) -> String {
        if let Some(id) = self.products.get(&item) {
            return id.clone();
        }
        let shop = &self.model.recommender;
        let name = shop.product(item).unwrap_or_default();
        let id = format!("p:{name}");
        self.nodes.push(Node {
            id: id.clone(),
            kind: NodeKind::Product,
            product: Some(name.to_owned()),
            details: Some(shop.catalogue().get(item).into()),
            count: None,
        });
        self.products.insert(item, id.clone());
        id
    }

    fn add_own(&mut self, met: &HistoryItem) {
        let Some(item) = self.model.recommender.item(&met.product) else {
            return;
        };
        let target = self.product(item);
        let most = met
            .behaviours
            .iter()
            .max_by_key(|behaviour| behaviour.count);
        self.edges.push(Edge {
            source: "u0".to_owned(),
            target,
            weight: f64::from(met.weight),
            behaviour: most.map(|behaviour| behaviour.behaviour.clone()),
        });
    }

    /// Those who dealt with both products, where they are enough.
    fn add_group(&mut self, near: ItemId, far: ItemId, me: Option<UserId>, least: usize) {
        let (a, a_weights) = consumers_of(&self.model.recommender, near);
        let (b, b_weights) = consumers_of(&self.model.recommender, far);
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
            kind: NodeKind::Consumers,
            product: None,
            details: None,
            count: Some(count),
        });
        for (item, weight) in [(near, weights.0), (far, weights.1)] {
            let product = self.product(item);
            let (source, target) = match item == near {
                true => (product, id.clone()),
                false => (id.clone(), product),
            };
            self.edges.push(Edge {
                source,
                target,
                weight,
                behaviour: None,
            });
        }
    }

    fn done(self) -> Neighbourhood {
        Neighbourhood {
            nodes: self.nodes,
            edges: self.edges,
        }
    }
}
