//! Lists by the learned ranking.

use super::{Chain, Job, Plan};
use crate::Ranked;
use crate::answer::items::Origin;
use crate::cold_start::fold_in::Query;
use crate::rank::diversity::pool_size;
use crate::rank::learned::{ModelScores, RankingView, Scratch, UserHistory};
use crate::rank::merged;
use crate::rank::revenue::add_revenue;
use crate::rank::scorer::list;
use lightgcn_core::ItemId;
use lightgcn_simd::top_k;
use rayon::prelude::*;

/// What a list by the learned ranking is made from.
pub(super) struct Learning {
    history: UserHistory,
    /// Trained rows that are not listed, ascending.
    excluded: Vec<u32>,
    /// Those and the items met; empty if every item is scored.
    not_new: Vec<u32>,
    /// The model's best new items; empty if the ranking does not need the model.
    best: Vec<Ranked>,
}

impl Chain<'_> {
    /// The inputs of jobs of one plan, the model's best items of all at once.
    pub(super) fn by_learning(
        &self,
        view: &RankingView,
        plan: &Plan<'_>,
        asking: &[(usize, &Job<'_>, &Query)],
    ) -> Vec<Learning> {
        let shop = self.shop;
        let n_trained = shop.model.artifact.train.n_items();
        let prepared = asking.par_iter().map(|(_, job, _)| {
            let mut excluded = merged(&plan.blocked, &job.hidden);
            excluded.truncate(excluded.partition_point(|&row| (row as usize) < n_trained));
            let history = shop.learned_history(view, job.user, job.request.events);
            // With prices every item is scored.
            let not_new = match plan.prices {
                Some(_) => Vec::new(),
                None => view.snapshot.not_new(&history, &excluded),
            };
            Learning {
                history,
                excluded,
                not_new,
                best: Vec::new(),
            }
        });
        let mut prepared: Vec<Learning> = prepared.collect();
        if !view.needs_model() || plan.prices.is_some() {
            return prepared;
        }
        let queries = asking.iter().flat_map(|(_, _, query)| &query.vector);
        let queries: Vec<f32> = queries.copied().collect();
        let (table, dimension) = (shop.trained_table(), shop.items.dimension);
        let n = view
            .snapshot
            .n_by_member(pool_size(plan.options.k, plan.options.diversity));
        let best = top_k(&queries, table, dimension, n, |query| {
            &prepared[query].not_new
        });
        for (one, best) in prepared.iter_mut().zip(best) {
            let best = best.into_iter().map(|scored| Ranked {
                item: ItemId(scored.item),
                score: scored.score,
            });
            one.best = best.collect();
        }
        prepared
    }

    /// The list of a job by the learned ranking. `by_model` is the model's own list, which
    /// determines the places of items unknown to training.
    pub(super) fn ranked_by_learning(
        &self,
        view: &RankingView,
        (job, query): (&Job<'_>, &Query),
        (learning, by_model): (Learning, &[Ranked]),
        scratch: &mut Scratch,
    ) -> Vec<Ranked> {
        let Learning {
            history,
            excluded,
            not_new,
            best,
        } = learning;
        let options = job.plan.options;
        let shop = self.shop;
        let size = pool_size(options.k, options.diversity);
        let model = view.needs_model().then(|| ModelScores::Products {
            vector: &query.vector,
            table: shop.trained_table(),
            best,
        });
        let from = view.snapshot.viewpoint(&history, model);
        let n_trained = shop.model.artifact.train.n_items();
        let mut ranked = match &job.plan.prices {
            Some(prices) => {
                let mut row = view.row(&from);
                add_revenue(&mut row, &prices[..n_trained], options.revenue);
                list(&row, size, &excluded)
            }
            None => view.list(&from, (size, &excluded, &not_new), scratch),
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
