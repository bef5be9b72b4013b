//! Lists by the learned ranking.

use super::ranking::merged;
use super::{Chain, Job};
use crate::Ranked;
use crate::answer::items::Origin;
use crate::cold_start::fold_in::Query;
use crate::rank::diversity::pool_size;
use crate::rank::learned::RankingView;
use crate::rank::revenue::add_revenue;
use crate::rank::scorer::list;
use lightgcn_core::ItemId;

impl Chain<'_> {
    /// The list of a job by the learned ranking. `by_model` is the model's own list, which
    /// determines the places of items unknown to training.
    pub(super) fn ranked_by_learning(
        &self,
        view: &RankingView,
        job: &Job<'_>,
        query: &Query,
        by_model: &[Ranked],
    ) -> Vec<Ranked> {
        let options = job.plan.options;
        let shop = self.shop;
        let size = pool_size(options.k, options.diversity);
        let history = shop.learned_history(view, job.user, job.request.events);
        let from = shop.viewpoint(view, &history, &query.vector);
        let n_trained = shop.model.artifact.train.n_items();
        let mut excluded = merged(&job.plan.blocked, &job.hidden);
        excluded.truncate(excluded.partition_point(|&row| (row as usize) < n_trained));
        let mut ranked = match &job.plan.prices {
            Some(prices) => {
                let mut row = view.row(&from);
                add_revenue(&mut row, &prices[..n_trained], options.revenue);
                list(&row, size, &excluded)
            }
            None => view.list(&from, size, &excluded),
        };
        let is_cold = |item: ItemId| shop.items.origins[item.index()] != Origin::Trained;
        for (place, cold) in by_model.iter().enumerate().filter(|(_, r)| is_cold(r.item)) {
            ranked.retain(|ranked| ranked.item != cold.item);
            let place = place.min(ranked.len());
            let score = match place {
                0 => ranked.first().map_or(cold.score, |next| next.score),
                _ => ranked[place - 1].score,
            };
            ranked.insert(
                place,
                Ranked {
                    item: cold.item,
                    score,
                },
            );
        }
        ranked.truncate(size);
        ranked
    }
}
