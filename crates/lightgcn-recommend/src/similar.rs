//! Products like a product, and the most popular ones.

use crate::scorer::list;
use crate::{
    Answer, Hide, ProductFilter, RecommendError, RecommendOptions, RecommendedItem, Recommender,
    Source,
};
use lightgcn_core::ItemId;
use lightgcn_simd::scores;
use serde::{Deserialize, Serialize};

/// Which products are asked for, without a consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProductOptions {
    /// How many products at most; 10 unless told. Must not be 0.
    pub k: usize,
    /// Which products may come.
    pub filter: ProductFilter,
    /// For popular products: whether purchases count by their age. Not unless told.
    pub recent: bool,
}

impl Default for ProductOptions {
    fn default() -> Self {
        Self {
            k: 10,
            filter: ProductFilter::default(),
            recent: false,
        }
    }
}

impl ProductOptions {
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
    /// The products that are most like `raw_product`, by the cosine of their embeddings (the score), the
    /// product itself left out. O(products · dimension).
    ///
    /// # Errors
    /// [`RecommendError::UnknownProduct`]; as [`RecommendOptions::check`]; [`RecommendError::UnknownLabel`].
    pub fn similar(
        &self,
        raw_product: &str,
        options: &ProductOptions,
    ) -> Result<Vec<RecommendedItem>, RecommendError> {
        options.as_recommend(Source::CHAIN.to_vec()).check()?;
        let item = self.known_item(raw_product)?;
        let products = &self.products;
        let may = options.filter.mask(&products.names, &products.catalogue)?;
        let Some(row) = products.row(item) else {
            return Ok(Vec::new());
        };
        let mut cosines = vec![0.0; products.len()];
        scores(row, &products.table, products.dimension, &mut cosines);
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let own = norm(row);
        for (cosine, row) in cosines
            .iter_mut()
            .zip(products.table.chunks_exact(products.dimension))
        {
            let norms = own * norm(row);
            *cosine = if norms > 0.0 { *cosine / norms } else { 0.0 };
        }
        let excluded: Vec<u32> = (0..products.len() as u32)
            .filter(|&n| {
                let row = n as usize;
                let known = products.row(ItemId(n)).is_some();
                n == item.0 || !may[row] || self.unsuitable[row] || !known
            })
            .collect();
        let ranked = list(&cosines, options.k, &excluded);
        let items = ranked
            .iter()
            .zip(1..)
            .map(|(ranked, rank)| RecommendedItem {
                product: self.product_name(ranked.item),
                rank,
                score: ranked.score,
                source: Source::Model,
                reason: format!("like product {raw_product}"),
                details: products.catalogue.get(ranked.item),
            });
        Ok(items.collect())
    }

    /// What most consumers bought, or what they bought most of late (nothing where the log has no times).
    /// O(products).
    ///
    /// # Errors
    /// As [`RecommendOptions::check`]; [`RecommendError::UnknownLabel`].
    pub fn popular(
        &self,
        options: &ProductOptions,
    ) -> Result<Vec<RecommendedItem>, RecommendError> {
        let source = match options.recent {
            true => Source::RecentPopularity,
            false => Source::Popularity,
        };
        let Answer { items, .. } = self.recommend("", &options.as_recommend(vec![source]))?;
        Ok(items)
    }

    /// The vector of a consumer with these events, `[dimension]`: what ranks products for the request.
    /// None where nothing is known. O(events · dimension + dimension²).
    ///
    /// # Errors
    /// [`RecommendError::ContextEvent`] for an event that cannot be used.
    pub fn fold_in(
        &self,
        consumer: &str,
        events: &[crate::ContextEvent],
    ) -> Result<Option<Vec<f32>>, RecommendError> {
        let profile = self.profile(self.user(consumer), events)?;
        Ok(self.query(&profile).map(|query| query.vector))
    }
}
