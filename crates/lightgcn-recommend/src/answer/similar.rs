//! Items similar to an item, and popular items.

use crate::answer::chain::Chain;
use crate::rank::scorer::list;
use crate::shop::Shop;
use crate::{Hide, ItemFilter, RecommendError, RecommendOptions, RecommendedItem, Source};
use lightgcn_core::ItemId;
use lightgcn_simd::scores;
use serde::{Deserialize, Serialize};

/// A request for items, without a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ItemOptions {
    /// The maximum number of items, at least 1. Default: 10.
    pub k: usize,
    /// Which items are eligible.
    pub filter: ItemFilter,
    /// For popular items: whether recent purchases count more. Default: false.
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

/// The items most similar to `raw_item` by the cosine of their embeddings.
pub(crate) fn similar(
    shop: &Shop,
    raw_item: &str,
    options: &ItemOptions,
) -> Result<Vec<RecommendedItem>, RecommendError> {
    options.as_recommend(Source::CHAIN.to_vec()).check()?;
    let item = shop.known_item(raw_item)?;
    let items = &shop.items;
    let eligible = shop.eligible(&options.filter).mask;
    if !items.is_placed(item) {
        return Ok(Vec::new());
    }
    let row = items.embedding(item);
    let mut cosines = vec![0.0; items.len()];
    scores(row, &items.table, items.dimension, &mut cosines);
    let lengths = items.lengths();
    let own = lengths[item.index()];
    for (cosine, length) in cosines.iter_mut().zip(lengths) {
        let lengths = own * length;
        *cosine = if lengths > 0.0 {
            *cosine / lengths
        } else {
            0.0
        };
    }
    let is_excluded = |&n: &u32| {
        let row = n as usize;
        let placed = items.is_placed(ItemId(n));
        n == item.0 || !eligible[row] || !placed
    };
    let excluded: Vec<u32> = (0..items.len() as u32).filter(is_excluded).collect();
    let ranked = list(&cosines, options.k, &excluded);
    let found = ranked
        .iter()
        .zip(1..)
        .map(|(ranked, rank)| RecommendedItem {
            item: items.name(ranked.item),
            rank,
            score: ranked.score,
            source: Source::Model,
            familiar: false,
            reason: format!("similar to item {raw_item}"),
            details: items.catalogue.get(ranked.item),
        });
    Ok(found.collect())
}

/// The most popular items, of all time or recently.
pub(crate) fn popular(
    shop: &Shop,
    options: &ItemOptions,
) -> Result<Vec<RecommendedItem>, RecommendError> {
    let source = match options.recent {
        true => Source::RecentPopularity,
        false => Source::Popularity,
    };
    let chain = Chain { shop };
    let answers = chain.recommend_many(&[""], &options.as_recommend(vec![source]))?;
    Ok(answers
        .into_iter()
        .flat_map(|answer| answer.items)
        .collect())
}
