//! Items like an item, and the most popular ones.

use crate::rank::scorer::list;
use crate::{
    Answer, Hide, ItemFilter, RecommendError, RecommendOptions, RecommendedItem, Recommender,
    Source,
};
use lightgcn_core::ItemId;
use lightgcn_simd::scores;
use serde::{Deserialize, Serialize};

/// Which items are asked for, without a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ItemOptions {
    /// How many items at most; 10 unless told. Must not be 0.
    pub k: usize,
    /// Which items may come.
    pub filter: ItemFilter,
    /// For popular items: whether purchases count by their age. Not unless told.
    pub recent: bool,
}

impl Default for ItemOptions {
    fn default() -> Self {
        Self {
            k: 10,
            filter: ItemFilter::default(),
            recent: false,
        }
    }
}

impl ItemOptions {
    fn as_recommend(&self, chain: Vec<Source>) -> RecommendOptions {
        RecommendOptions {
            k: self.k,
            hide: Hide::Nothing,
            filter: self.filter.clone(),
            chain,
            ..RecommendOptions::default()
        }
    }
}

impl Recommender {
    /// The items that are most like `raw_item`, by the cosine of their embeddings (the score), the
    /// item itself left out. O(items · dimension).
    ///
    /// # Errors
    /// [`RecommendError::UnknownItem`]; as [`RecommendOptions::check`]; [`RecommendError::UnknownLabel`].
    pub fn similar(
        &self,
        raw_item: &str,
        options: &ItemOptions,
    ) -> Result<Vec<RecommendedItem>, RecommendError> {
        options.as_recommend(Source::CHAIN.to_vec()).check()?;
        let item = self.known_item(raw_item)?;
        let items = &self.items;
        let may = options.filter.mask(&items.names, &items.catalogue)?;
        let Some(row) = items.row(item) else {
            return Ok(Vec::new());
        };
        let mut cosines = vec![0.0; items.len()];
        scores(row, &items.table, items.dimension, &mut cosines);
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let own = norm(row);
        for (cosine, row) in cosines
            .iter_mut()
            .zip(items.table.chunks_exact(items.dimension))
        {
            let norms = own * norm(row);
            *cosine = if norms > 0.0 { *cosine / norms } else { 0.0 };
        }
        let excluded: Vec<u32> = (0..items.len() as u32)
            .filter(|&n| {
                let row = n as usize;
                let known = items.row(ItemId(n)).is_some();
                n == item.0 || !may[row] || self.unsuitable[row] || !known
            })
            .collect();
        let ranked = list(&cosines, options.k, &excluded);
        let items = ranked
            .iter()
            .zip(1..)
            .map(|(ranked, rank)| RecommendedItem {
                item: self.item_name(ranked.item),
                rank,
                score: ranked.score,
                source: Source::Model,
                reason: format!("like item {raw_item}"),
                details: items.catalogue.get(ranked.item),
            });
        Ok(items.collect())
    }

    /// What most users bought, or what they bought most of late (nothing where the log has no times).
    /// O(items).
    ///
    /// # Errors
    /// As [`RecommendOptions::check`]; [`RecommendError::UnknownLabel`].
    pub fn popular(&self, options: &ItemOptions) -> Result<Vec<RecommendedItem>, RecommendError> {
        let source = match options.recent {
            true => Source::RecentPopularity,
            false => Source::Popularity,
        };
        let Answer { items, .. } = self.recommend("", &options.as_recommend(vec![source]))?;
        Ok(items)
    }

    /// The vector of a user with these events, `[dimension]`: what ranks items for the request.
    /// None where nothing is known. O(events · dimension + dimension²).
    ///
    /// # Errors
    /// [`RecommendError::ContextEvent`] for an event that cannot be used.
    pub fn fold_in(
        &self,
        user: &str,
        events: &[crate::ContextEvent],
    ) -> Result<Option<Vec<f32>>, RecommendError> {
        let profile = self.profile(self.user(user), events)?;
        Ok(self.query(&profile).map(|query| query.vector))
    }
}
