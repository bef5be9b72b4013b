//! Popular items, over all of training or recently.

use crate::PopularityRanker;
use lightgcn_core::{Interactions, ItemId, reference_time};
use lightgcn_store::Artifact;
use std::sync::OnceLock;

/// The half-life of purchases in [`Popularity::recent`].
const RECENT_HALF_LIFE_DAYS: f64 = 14.0;

/// Purchases per item, and the same with recent ones counted more.
#[derive(Debug, Clone)]
pub(crate) struct Popularity {
    pub(crate) ranker: PopularityRanker,
    recent: OnceLock<Vec<(ItemId, f32)>>,
}

impl Popularity {
    pub(crate) fn new(artifact: &Artifact) -> Self {
        let counts = artifact.popularity.clone();
        Self {
            ranker: PopularityRanker::new(counts, artifact.train.n_users()),
            recent: OnceLock::new(),
        }
    }

    /// Items with their purchases, most popular first, without those that no one bought.
    pub(crate) fn overall(&self) -> impl Iterator<Item = (ItemId, f32)> + '_ {
        let counts = self.ranker.counts();
        let all = self.ranker.ranking();
        all.map(|item| (item, counts[item.index()] as f32))
            .take_while(|(_, count)| *count > 0.0)
    }

    /// Items by their purchases, each discounted by its age relative to the latest pair (see
    /// [`reference_time`]); most popular first. Empty if the log has no times.
    pub(crate) fn recent(&self, train: &Interactions) -> &[(ItemId, f32)] {
        self.recent.get_or_init(|| {
            let Some(latest) = reference_time(train.last_times().iter().copied()) else {
                return Vec::new();
            };
            let mut counts = vec![0.0f64; train.n_items()];
            for (pair, &time) in train.last_times().iter().enumerate() {
                if train.is_target(pair) {
                    // What is later counts as new.
                    let days = (latest - time).max(0) as f64 / 86_400.0;
                    let item = train.items()[pair].index();
                    counts[item] += (-days / RECENT_HALF_LIFE_DAYS).exp2();
                }
            }
            let mut order: Vec<usize> = (0..counts.len()).filter(|&n| counts[n] > 0.0).collect();
            order.sort_by(|&a, &b| counts[b].total_cmp(&counts[a]).then(a.cmp(&b)));
            let ranked = order.into_iter();
            ranked
                .map(|n| (ItemId(n as u32), counts[n] as f32))
                .collect()
        })
    }
}
