//! The items that answers are made of: those of training, and new ones.

use crate::answer::profile::Profile;
use crate::cold_start::cold_items::ColdStart;
use crate::cold_start::content_similarity::Shares;
use crate::cold_start::fold_in::Newcomers;
use crate::model::Model;
use crate::rank::scorer::ScoreParts;
use crate::{NewItem, Ranked, RecommendError};
use lightgcn_core::{Catalogue, ItemDetails, ItemId, Vocabulary};
use lightgcn_simd::dot;
use lightgcn_store::Artifact;
use rayon::prelude::*;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// Where an item's embedding comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its training pairs.
    Trained,
    /// Its first events.
    Events,
    /// Its attributes.
    Content,
    /// It has no embedding.
    Nothing,
}

/// All items: training rows first, then new ones. Clones share large data.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    pub(crate) names: Arc<Vocabulary<ItemId>>,
    pub(crate) catalogue: Catalogue,
    pub(crate) origins: Vec<Origin>,
    /// `[items, dimension]`
    pub(crate) table: Arc<Vec<f32>>,
    pub(crate) dimension: usize,
    /// The length of each embedding, computed when it is first needed.
    lengths: Arc<OnceLock<Vec<f32>>>,
    /// Whether an item is never shown, by row.
    pub(crate) unsuitable: Vec<bool>,
    /// The ids of these, unknown ones included.
    unsuitable_ids: HashSet<String>,
    /// How to place items without events; fitted when the first one is added.
    pub(crate) cold_start: Option<Arc<ColdStart>>,
    /// The rows placed by their content whose scores include content similarity, ascending.
    pub(crate) by_content: Vec<u32>,
}

impl Items {
    pub(crate) fn new(model: &Model) -> Self {
        let artifact = &model.artifact;
        let dimension = artifact.embeddings.dimension();
        let first = model.n_users() * dimension;
        let origin = |&degree: &f64| match degree > 0.0 {
            true => Origin::Trained,
            false => Origin::Nothing,
        };
        let origins: Vec<Origin> = model.graph.item_degrees().iter().map(origin).collect();
        let mut items = Self {
            names: Arc::new(artifact.items.clone()),
            catalogue: artifact.catalogue.clone(),
            table: Arc::new(artifact.embeddings.data()[first..].to_vec()),
            dimension,
            lengths: Arc::default(),
            unsuitable: vec![false; origins.len()],
            unsuitable_ids: HashSet::new(),
            origins,
            cold_start: None,
            by_content: Vec::new(),
        };
        if items.origins.contains(&Origin::Nothing) {
            items.cold_start = items.fitted_cold_start(artifact);
            for row in 0..items.len() {
                if items.origins[row] == Origin::Nothing {
                    let details = items.catalogue.get(ItemId(row as u32));
                    items.place(row, items.guess(&details), Origin::Content);
                }
            }
            items.find_by_content();
        }
        items
    }

    /// How to place items without events; `None` if no item has an attribute.
    fn fitted_cold_start(&self, artifact: &Artifact) -> Option<Arc<ColdStart>> {
        let rows = 0..self.origins.len() as u32;
        let known: Vec<u32> = rows
            .filter(|&row| self.origins[row as usize] == Origin::Trained)
            .collect();
        ColdStart::fit(artifact, &self.catalogue, &known, &self.table).map(Arc::new)
    }

    /// Finds the rows whose scores include content similarity.
    pub(crate) fn find_by_content(&mut self) {
        let counts = self.similarity().is_some();
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

    /// The length of each embedding, `[items]`.
    pub(crate) fn lengths(&self) -> &[f32] {
        self.lengths.get_or_init(|| {
            let rows = self.table.par_chunks_exact(self.dimension);
            rows.map(|row| dot(row, row).sqrt()).collect()
        })
    }

    fn place(&mut self, row: usize, embedding: Option<Vec<f32>>, origin: Origin) {
        self.lengths = Arc::default();
        let place = row * self.dimension..(row + 1) * self.dimension;
        let to = &mut Arc::make_mut(&mut self.table)[place];
        match embedding {
            Some(embedding) => {
                to.copy_from_slice(&embedding);
                self.origins[row] = origin;
            }
            // Without edges the row still holds its random initialization.
            None => to.fill(0.0),
        }
    }

    /// Adds items that training does not know.
    pub(crate) fn add(
        &mut self,
        model: &Model,
        newcomers: &Newcomers,
        new: &[NewItem],
    ) -> Result<(), RecommendError> {
        if new.is_empty() {
            return Ok(());
        }
        for item in new {
            if self.names.get(&item.item).is_some() {
                return Err(item.error("it is already known; remove it".to_owned()));
            }
            item.check(model)?;
        }
        if self.cold_start.is_none() {
            self.cold_start = self.fitted_cold_start(&model.artifact);
        }
        let embed = |item: &NewItem| self.embed(model, newcomers, item);
        let rows: Vec<(Option<Vec<f32>>, Origin)> =
            new.iter().map(embed).collect::<Result<_, _>>()?;
        let known = (0..self.len() as u32).map(|row| self.catalogue.get(ItemId(row)));
        let details = known.chain(new.iter().map(|item| item.details.clone()));
        self.catalogue = Catalogue::from_details(details.collect::<Vec<_>>());
        for (item, (embedding, origin)) in new.iter().zip(rows) {
            let inserted = Arc::make_mut(&mut self.names).insert(&item.item);
            inserted.map_err(|error| item.error(error.to_string()))?;
            self.origins.push(Origin::Nothing);
            let length = self.len() * self.dimension;
            Arc::make_mut(&mut self.table).resize(length, 0.0);
            self.place(self.len() - 1, embedding, origin);
            if let Some(cold) = &mut self.cold_start {
                Arc::make_mut(cold).push(&item.details);
            }
        }
        self.find_by_content();
        self.mark_unsuitable();
        Ok(())
    }

    fn embed(
        &self,
        model: &Model,
        newcomers: &Newcomers,
        item: &NewItem,
    ) -> Result<(Option<Vec<f32>>, Origin), RecommendError> {
        if let Some(row) = item.fold_in(model, newcomers) {
            return Ok((Some(row), Origin::Events));
        }
        if self.cold_start.is_none() && item.has_content() {
            return Err(RecommendError::NoContent);
        }
        Ok((self.guess(&item.details), Origin::Content))
    }

    /// Never shows items with these ids, whether they are known yet or not.
    pub(crate) fn hide(&mut self, ids: impl Iterator<Item = String>) {
        self.unsuitable_ids.extend(ids);
        self.mark_unsuitable();
    }

    fn mark_unsuitable(&mut self) {
        let names = self.names.iter();
        let marks = names.map(|name| self.unsuitable_ids.contains(name));
        self.unsuitable = marks.collect();
    }

    pub(crate) fn len(&self) -> usize {
        self.origins.len()
    }

    /// The shop's id of an item; a checked artifact names every one.
    pub(crate) fn name(&self, item: ItemId) -> String {
        self.names.name(item).unwrap_or_default().to_owned()
    }

    /// An item's embedding; zeros if it has none.
    pub(crate) fn embedding(&self, item: ItemId) -> &[f32] {
        &self.table[item.index() * self.dimension..][..self.dimension]
    }

    /// Whether the item has an embedding.
    pub(crate) fn is_placed(&self, item: ItemId) -> bool {
        self.origins[item.index()] != Origin::Nothing
    }

    /// The label of the finest category known of an item.
    pub(crate) fn category(&self, item: ItemId) -> Option<&str> {
        let code = self.catalogue.category_code().get(item);
        code.or_else(|| self.catalogue.category_id().get(item))
    }

    /// The weighted mean of the profile's embeddings, for users with only new items.
    pub(crate) fn mean_of(&self, profile: &Profile) -> Option<Vec<f32>> {
        let mut sum = vec![0.0; self.dimension];
        let mut total = 0.0;
        for (item, weight) in profile.weighted().filter(|(item, _)| self.is_placed(*item)) {
            for (sum, &x) in sum.iter_mut().zip(self.embedding(item)) {
                *sum += weight * f64::from(x);
            }
            total += weight;
        }
        (total > 0.0).then(|| sum.iter().map(|x| (x / total) as f32).collect())
    }

    /// The cold start, if content similarity has a weight.
    fn similarity(&self) -> Option<&ColdStart> {
        let cold = self.cold_start.as_deref();
        cold.filter(|cold| cold.weight() > 0.0)
    }

    /// A history by kind of item; `None` if content similarity has no weight.
    fn shares(&self, history: impl FnOnce() -> Vec<(ItemId, f64)>) -> Option<(&ColdStart, Shares)> {
        let cold = self.similarity()?;
        Some((cold, cold.kinds().shares(history().into_iter())))
    }

    /// Adds content similarity with the history to the scores of items without events, `scores` being
    /// those of all items by row.
    pub(crate) fn add_similarity(
        &self,
        history: impl FnOnce() -> Vec<(ItemId, f64)>,
        scores: &mut [f32],
    ) {
        if let Some((cold, shares)) = self.shares(history) {
            let mut similarity = cold.kinds().similarity_to(&shares);
            for &row in &self.by_content {
                scores[row as usize] += (cold.weight() * similarity.of(ItemId(row))) as f32;
            }
        }
    }

    /// Merges the items without events in `rows` into a ranked list.
    pub(crate) fn with_cold_items(
        &self,
        mut list: Vec<Ranked>,
        vector: &[f32],
        history: impl FnOnce() -> Vec<(ItemId, f64)>,
        rows: impl Iterator<Item = u32>,
    ) -> Vec<Ranked> {
        let Some((cold, shares)) = self.shares(history) else {
            return list;
        };
        let mut similarity = cold.kinds().similarity_to(&shares);
        list.extend(rows.map(ItemId).map(|item| {
            let similarity = cold.weight() * similarity.of(item);
            Ranked {
                item,
                score: dot(vector, self.embedding(item)) + similarity as f32,
            }
        }));
        list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        list
    }

    /// What content similarity adds to an item's score, for each item of the history.
    pub(crate) fn similarity_parts(&self, profile: &Profile, item: ItemId) -> ScoreParts {
        let of_content = self.origins[item.index()] == Origin::Content;
        let cold = self.similarity().filter(|_| of_content);
        let Some((cold, kind)) = cold.and_then(|cold| Some((cold, cold.kinds().of(item)?))) else {
            return ScoreParts::default();
        };
        let total: f64 = profile.weighted().map(|(_, weight)| weight).sum();
        let part = |(other, weight): (ItemId, f64)| {
            let kinds = cold.kinds();
            let similarity = kinds.similarity(kinds.of(other)?, kind);
            Some((other, cold.weight() * weight / total * similarity))
        };
        ScoreParts {
            self_contribution: 0.0,
            contributions: profile.weighted().filter_map(part).collect(),
        }
    }
}
