//! The products that answers are made of: those of training, and new ones.

use crate::cold_start::ColdStart;
use crate::fold_in::Map;
use crate::messages::entry;
use crate::ridge::solve_ridge;
use crate::{RecommendError, Recommender};
use lightgcn_core::{Catalogue, ItemId, ProductDetails, Vocabulary};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use serde::{Deserialize, Serialize};

/// Where a product's embedding comes from.
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

/// A product that training does not know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Its id as the shop writes it.
    pub product: String,
    /// Its category, brand and price.
    #[serde(with = "crate::answer::DetailsFields", default)]
    pub details: ProductDetails,
    /// What consumers did with it so far.
    #[serde(default)]
    pub events: Vec<NewProductEvent>,
}

/// What a consumer did with a new product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProductEvent {
    /// The consumer's id. Events of consumers whom training does not know are ignored.
    pub consumer: String,
    /// The behaviour's label in the log.
    pub behaviour: String,
}

/// All products: rows of training first, then new ones.
#[derive(Debug)]
pub(crate) struct Products {
    pub(crate) names: Vocabulary<ItemId>,
    pub(crate) catalogue: Catalogue,
    pub(crate) origins: Vec<Origin>,
    /// `[products, dimension]`
    pub(crate) table: Vec<f32>,
    pub(crate) dimension: usize,
    /// How products without events are placed; fitted when the first one comes.
    pub(crate) cold_start: Option<ColdStart>,
    /// The rows that are placed by their content where likeness counts, ascending.
    pub(crate) by_content: Vec<u32>,
}

impl Products {
    pub(crate) fn new(artifact: &Artifact, graph: &TrainGraph) -> Self {
        let dimension = artifact.embeddings.dimension();
        let first = artifact.train.n_users() * dimension;
        let mut products = Self {
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
        if products.origins.contains(&Origin::Nothing) {
            products.cold_start = products.fitted_cold_start(artifact);
            for row in 0..products.origins.len() {
                if products.origins[row] == Origin::Nothing {
                    let details = products.catalogue.get(ItemId(row as u32));
                    products.place(row, products.guess(&details), Origin::Content);
                }
            }
            products.find_by_content();
        }
        products
    }

    /// How products without events are placed; none where no product has an attribute.
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

    fn guess(&self, details: &ProductDetails) -> Option<Vec<f32>> {
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

    /// A product's embedding, where it has one that says something.
    pub(crate) fn row(&self, item: ItemId) -> Option<&[f32]> {
        let row = item.index();
        (self.origins[row] != Origin::Nothing)
            .then(|| &self.table[row * self.dimension..(row + 1) * self.dimension])
    }
}

impl Recommender {
    /// The same recommender with products that training does not know.
    ///
    /// A product with events of known consumers gets its embedding from them: one row of propagation
    /// over the frozen layers, mapped to whole products as newcomers are ([`FoldIn`](crate::FoldIn)). One
    /// without gets what its category, brand and price let expect: a ridge map from these to the
    /// embeddings of the products that training knows; and where that finds more of what consumers
    /// dealt with, its score also counts how much it is like the products of the consumer's history.
    /// Both join the model's ranking at once, marked by their source; a product with neither can only
    /// come by chance. O(products · dimension + events), and the cost of the maps, which are fitted
    /// once.
    ///
    /// # Errors
    /// [`RecommendError::NewProduct`] for an id that is known already, an unknown behaviour or a price
    /// that is not finite; [`RecommendError::NoContent`] if a product without events has attributes, and
    /// no product of the artifact has any.
    pub fn with_products(mut self, new: &[NewProduct]) -> Result<Self, RecommendError> {
        if new.is_empty() {
            return Ok(self);
        }
        for product in new {
            self.check_new(product)?;
        }
        if self.products.cold_start.is_none() {
            self.products.cold_start = self.products.fitted_cold_start(self.artifact());
        }
        let before = self.products.len();
        let mut rows = Vec::with_capacity(new.len());
        for product in new {
            rows.push(self.embed_new(product)?);
        }
        let known = (0..before as u32).map(|row| self.products.catalogue.get(ItemId(row)));
        let details = known.chain(new.iter().map(|product| product.details.clone()));
        self.products.catalogue = Catalogue::from_details(details.collect::<Vec<_>>());
        for (product, (embedding, origin)) in new.iter().zip(rows) {
            let fault = |detail: String| RecommendError::NewProduct {
                id: product.product.clone(),
                detail,
            };
            let names = &mut self.products.names;
            names
                .insert(&product.product)
                .map_err(|error| fault(error.to_string()))?;
            self.products.origins.push(Origin::Nothing);
            let dimension = self.products.dimension;
            let n = self.products.origins.len();
            self.products.table.resize(n * dimension, 0.0);
            self.products.place(n - 1, embedding, origin);
            if let Some(cold) = &mut self.products.cold_start {
                cold.push(&product.details);
            }
        }
        self.products.find_by_content();
        self.mark_unsuitable();
        Ok(self)
    }

    fn check_new(&self, product: &NewProduct) -> Result<(), RecommendError> {
        let fault = |detail: String| {
            Err(RecommendError::NewProduct {
                id: product.product.clone(),
                detail,
            })
        };
        if self.products.names.get(&product.product).is_some() {
            return fault("it is known already; leave it out".to_owned());
        }
        if product
            .details
            .price
            .is_some_and(|price| !price.is_finite())
        {
            return fault("its price is no finite number".to_owned());
        }
        let unknown = |event: &&NewProductEvent| self.weights.get(&event.behaviour).is_none();
        match product.events.iter().find(unknown) {
            Some(event) => fault(format!(
                "unknown behaviour {:?}; the model knows {}",
                event.behaviour,
                self.artifact().train.behaviours().join(", ")
            )),
            None => Ok(()),
        }
    }

    fn embed_new(
        &self,
        product: &NewProduct,
    ) -> Result<(Option<Vec<f32>>, Origin), RecommendError> {
        let factors = self.consumers_of_new(product);
        if !factors.is_empty() {
            let mut sum = vec![0.0; self.history_dimension()];
            for (user, factor) in factors {
                self.messages().add(self.artifact(), user, factor, &mut sum);
            }
            let row = self.product_map().apply(&sum);
            let row = row.into_iter().map(|x| x as f32).collect();
            return Ok((Some(row), Origin::Events));
        }
        if self.products.cold_start.is_none() && product.details != ProductDetails::default() {
            return Err(RecommendError::NoContent);
        }
        Ok((self.products.guess(&product.details), Origin::Content))
    }

    /// The entries of Â from a new product to the consumers of its events.
    fn consumers_of_new(&self, product: &NewProduct) -> Vec<(usize, f64)> {
        let n_behaviours = self.artifact().train.behaviours().len();
        let mut counts: Vec<(usize, Vec<f64>, bool)> = Vec::new();
        for event in &product.events {
            let user = self.user(&event.consumer);
            let (Some(user), Some(behaviour)) = (user, self.weights.get(&event.behaviour)) else {
                continue;
            };
            let user = user.index();
            if self.graph().user_degrees()[user] == 0.0 {
                continue;
            }
            let place = match counts.iter().position(|(known, ..)| *known == user) {
                Some(place) => place,
                None => {
                    counts.push((user, vec![0.0; n_behaviours], false));
                    counts.len() - 1
                }
            };
            counts[place].1[behaviour.index()] += 1.0;
            counts[place].2 |= self.weights.is_target(behaviour);
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

    /// The map from the sum of consumers' messages to products, as [`Recommender::newcomer_map`].
    fn product_map(&self) -> &Map {
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
                self.products.dimension,
                1e-3,
            ))
        })
    }
}
