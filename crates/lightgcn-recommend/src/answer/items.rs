//! The items that answers are made of: those of training, and new ones.

use crate::cold_start::cold_items::ColdStart;
use crate::cold_start::fold_in::Map;
use crate::cold_start::ridge::solve_ridge;
use crate::explain::messages::entry;
use crate::{RecommendError, Recommender};
use lightgcn_core::{Catalogue, ItemDetails, ItemId, Vocabulary};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use serde::{Deserialize, Serialize};

/// Where an item's embedding comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its training pairs.
    Trained,
    /// Its first events.
    Events,
    /// Its attributes.
    Content,
    /// Nowhere: it has none.
    Nothing,
}

/// An item that training does not know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Its id as the shop writes it.
    pub item: String,
    /// Its category, brand and price.
    #[serde(with = "crate::answer::response::DetailsFields", default)]
    pub details: ItemDetails,
    /// What users did with it so far.
    #[serde(default)]
    pub events: Vec<NewItemEvent>,
}

/// What a user did with a new item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItemEvent {
    /// The user's id. Events of users whom training does not know are ignored.
    pub user: String,
    /// The behavior's label in the log.
    pub behavior: String,
}

/// All items: rows of training first, then new ones.
#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) names: Vocabulary<ItemId>,
    pub(crate) catalogue: Catalogue,
    pub(crate) origins: Vec<Origin>,
    /// `[items, dimension]`
    pub(crate) table: Vec<f32>,
    pub(crate) dimension: usize,
    /// How items without events are placed; fitted when the first one comes.
    pub(crate) cold_start: Option<ColdStart>,
    /// The rows that are placed by their content where likeness counts, ascending.
    pub(crate) by_content: Vec<u32>,
}

impl Items {
    pub(crate) fn new(artifact: &Artifact, graph: &TrainGraph) -> Self {
        let dimension = artifact.embeddings.dimension();
        let first = artifact.train.n_users() * dimension;
        let mut items = Self {
            names: artifact.items.clone(),
            catalogue: artifact.catalogue.clone(),
            origins: graph
                .item_degrees()
                .iter()
                .map(|&degree| match degree > 0.0 {
                    true => Origin::Trained,
                    false => Origin::Nothing,
                })
                .collect(),
            table: artifact.embeddings.data()[first..].to_vec(),
            dimension,
            cold_start: None,
            by_content: Vec::new(),
        };
        if items.origins.contains(&Origin::Nothing) {
            items.cold_start = items.fitted_cold_start(artifact);
            for row in 0..items.origins.len() {
                if items.origins[row] == Origin::Nothing {
                    let details = items.catalogue.get(ItemId(row as u32));
                    items.place(row, items.guess(&details), Origin::Content);
                }
            }
            items.find_by_content();
        }
        items
    }

    /// How items without events are placed; none where no item has an attribute.
    fn fitted_cold_start(&self, artifact: &Artifact) -> Option<ColdStart> {
        let rows = 0..self.origins.len() as u32;
        let known: Vec<u32> = rows
            .filter(|&row| self.origins[row as usize] == Origin::Trained)
            .collect();
        ColdStart::fit(artifact, &self.catalogue, &known, &self.table)
    }

    /// Notes the rows that are placed by their content, where likeness counts.
    pub(crate) fn find_by_content(&mut self) {
        let counts = self.cold_start.as_ref();
        let counts = counts.is_some_and(ColdStart::counts_likeness);
        let rows = (0..self.origins.len() as u32).filter(|_| counts);
        self.by_content = rows
            .filter(|&row| self.origins[row as usize] == Origin::Content)
            .collect();
    }

    fn guess(&self, details: &ItemDetails) -> Option<Vec<f32>> {
        self.cold_start
            .as_ref()
            .and_then(|cold| cold.guess(details))
    }

    fn place(&mut self, row: usize, embedding: Option<Vec<f32>>, origin: Origin) {
        let to = &mut self.table[row * self.dimension..(row + 1) * self.dimension];
        match embedding {
            Some(embedding) => {
                to.copy_from_slice(&embedding);
                self.origins[row] = origin;
            }
            // What training left there is the noise that it began with.
            None => to.fill(0.0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.origins.len()
    }

    /// An item's embedding, where it has one that says something.
    pub(crate) fn row(&self, item: ItemId) -> Option<&[f32]> {
        let row = item.index();
        (self.origins[row] != Origin::Nothing)
            .then(|| &self.table[row * self.dimension..(row + 1) * self.dimension])
    }
}

impl Recommender {
    /// The same recommender with items that training does not know.
    ///
    /// An item with events of known users gets its embedding from them: one row of propagation
    /// over the frozen layers, mapped to whole items as newcomers are ([`FoldIn`](crate::FoldIn)). One
    /// without gets what its category, brand and price let expect: a ridge map from these to the
    /// embeddings of the items that training knows; and where that finds more of what users
    /// dealt with, its score also counts how much it is like the items of the user's history.
    /// Both join the model's ranking at once, marked by their source; an item with neither can only
    /// come by chance. O(items · dimension + events), and the cost of the maps, which are fitted
    /// once.
    ///
    /// # Errors
    /// [`RecommendError::NewItem`] for an id that is known already, an unknown behavior or a price
    /// that is not finite; [`RecommendError::NoContent`] if an item without events has attributes, and
    /// no item of the artifact has any.
    pub fn with_items(mut self, new: &[NewItem]) -> Result<Self, RecommendError> {
        if new.is_empty() {
            return Ok(self);
        }
        for item in new {
            self.check_new(item)?;
        }
        if self.items.cold_start.is_none() {
            self.items.cold_start = self.items.fitted_cold_start(self.artifact());
        }
        let before = self.items.len();
        let mut rows = Vec::with_capacity(new.len());
        for item in new {
            rows.push(self.embed_new(item)?);
        }
        let known = (0..before as u32).map(|row| self.items.catalogue.get(ItemId(row)));
        let details = known.chain(new.iter().map(|item| item.details.clone()));
        self.items.catalogue = Catalogue::from_details(details.collect::<Vec<_>>());
        for (item, (embedding, origin)) in new.iter().zip(rows) {
            let fault = |detail: String| RecommendError::NewItem {
                id: item.item.clone(),
                detail,
            };
            let names = &mut self.items.names;
            names
                .insert(&item.item)
                .map_err(|error| fault(error.to_string()))?;
            self.items.origins.push(Origin::Nothing);
            let dimension = self.items.dimension;
            let n = self.items.origins.len();
            self.items.table.resize(n * dimension, 0.0);
            self.items.place(n - 1, embedding, origin);
            if let Some(cold) = &mut self.items.cold_start {
                cold.push(&item.details);
            }
        }
        self.items.find_by_content();
        self.mark_unsuitable();
        Ok(self)
    }

    fn check_new(&self, item: &NewItem) -> Result<(), RecommendError> {
        let fault = |detail: String| {
            Err(RecommendError::NewItem {
                id: item.item.clone(),
                detail,
            })
        };
        if self.items.names.get(&item.item).is_some() {
            return fault("it is known already; leave it out".to_owned());
        }
        if item.details.price.is_some_and(|price| !price.is_finite()) {
            return fault("its price is no finite number".to_owned());
        }
        let unknown = |event: &&NewItemEvent| self.weights.get(&event.behavior).is_none();
        match item.events.iter().find(unknown) {
            Some(event) => fault(format!(
                "unknown behavior {:?}; the model knows {}",
                event.behavior,
                self.artifact().train.behaviors().join(", ")
            )),
            None => Ok(()),
        }
    }

    fn embed_new(&self, item: &NewItem) -> Result<(Option<Vec<f32>>, Origin), RecommendError> {
        let factors = self.users_of_new(item);
        if !factors.is_empty() {
            let mut sum = vec![0.0; self.history_dimension()];
            for (user, factor) in factors {
                self.messages().add(self.artifact(), user, factor, &mut sum);
            }
            let row = self.item_map().apply(&sum);
            let row = row.into_iter().map(|x| x as f32).collect();
            return Ok((Some(row), Origin::Events));
        }
        if self.items.cold_start.is_none() && item.details != ItemDetails::default() {
            return Err(RecommendError::NoContent);
        }
        Ok((self.items.guess(&item.details), Origin::Content))
    }

    /// The entries of Â from a new item to the users of its events.
    fn users_of_new(&self, item: &NewItem) -> Vec<(usize, f64)> {
        let n_behaviors = self.artifact().train.behaviors().len();
        let mut counts: Vec<(usize, Vec<f64>, bool)> = Vec::new();
        for event in &item.events {
            let user = self.user(&event.user);
            let (Some(user), Some(behavior)) = (user, self.weights.get(&event.behavior)) else {
                continue;
            };
            let user = user.index();
            if self.graph().user_degrees()[user] == 0.0 {
                continue;
            }
            let place = match counts.iter().position(|(known, ..)| *known == user) {
                Some(place) => place,
                None => {
                    counts.push((user, vec![0.0; n_behaviors], false));
                    counts.len() - 1
                }
            };
            counts[place].1[behavior.index()] += 1.0;
            counts[place].2 |= self.weights.is_target(behavior);
        }
        let model = &self.artifact().model;
        let weighed: Vec<(usize, f64)> = counts
            .into_iter()
            .map(|(user, counts, bought)| match model.edge_weights {
                true => (user, self.weights.combine(&counts, bought)),
                false => (user, 1.0),
            })
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let degree: f64 = weighed.iter().map(|(_, weight)| weight).sum();
        let degrees = self.graph().user_degrees();
        weighed
            .into_iter()
            .map(|(user, weight)| {
                (
                    user,
                    entry(model.normalization, weight, degree, degrees[user]),
                )
            })
            .collect()
    }

    /// The map from the sum of users' messages to items, as [`Recommender::newcomer_map`].
    fn item_map(&self) -> &Map {
        self.item_map.get_or_init(|| {
            if self.fold_in_method == crate::FoldIn::Propagated && self.messages().are_exact() {
                return Map::default();
            }
            let artifact = self.artifact();
            let (graph, model) = (self.graph(), &artifact.model);
            let n = self.history_dimension();
            let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
            for (row, &degree) in graph.item_degrees().iter().enumerate() {
                let mut sum = vec![0.0; n];
                let range = graph.by_item().indptr().outer_inds_sz(row);
                let users = &graph.by_item().indices()[range.clone()];
                for (&user, &weight) in users.iter().zip(&graph.by_item().data()[range]) {
                    let user_degree = graph.user_degrees()[user as usize];
                    let weight = f64::from(weight);
                    let factor = entry(model.normalization, weight, degree, user_degree);
                    self.messages()
                        .add(artifact, user as usize, factor, &mut sum);
                }
                if degree > 0.0 {
                    inputs.extend(sum);
                    let row = artifact.embeddings.row(artifact.train.n_users() + row);
                    outputs.extend(row.iter().map(|&x| f64::from(x)));
                }
            }
            Map::fitted(solve_ridge(
                &inputs,
                n,
                &outputs,
                self.items.dimension,
                1e-3,
            ))
        })
    }
}
