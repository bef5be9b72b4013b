//! Estimates the cost of requests before they run.

use crate::rank::diversity::pool_size;
use crate::{ExplainRequest, Familiarity, ItemFilter, ItemOptions, RecommendRequest, Recommender};
use lightgcn_core::{ItemId, UserId};
use std::time::Duration;

/// Nanoseconds of one thread, measured on a server of 2024 and rounded up. Only their proportions
/// matter: what is too expensive on one machine is too expensive on another.
mod nanos {
    /// Planning, masking and selecting, per item of the model.
    pub(super) const ITEM: f64 = 4.0;
    /// A multiplication in an item's score.
    pub(super) const SCORE: f64 = 0.15;
    /// A multiplication in the cosine of an item and a previously chosen one.
    pub(super) const COSINE: f64 = 0.12;
    /// Looking up an item in a user's history.
    pub(super) const LOOK_UP: f64 = 20.0;
    /// Comparing a name in a filter with a label.
    pub(super) const NAME: f64 = 3.0;
    /// The features of an item and its score by a learned ranking.
    pub(super) const FEATURES: f64 = 25.0;
    /// Naming and writing an item of an answer.
    pub(super) const LISTED: f64 = 1_500.0;
    /// Reading, weighting and writing an item of the history or an event.
    pub(super) const MET: f64 = 2_000.0;
    /// A neighbor of an item on a path to another.
    pub(super) const STEP: f64 = 4.0;
    /// A neighbor of a neighbor.
    pub(super) const FAR_STEP: f64 = 25.0;
}

/// The items at which the paths of an explanation with five edges start.
const STARTS: f64 = 20.0;
/// If by chance two items share this many times the users that a path needs, such a path exists.
const LIKELY: f64 = 2.0;

/// Costs: roughly how long one thread works on a request. They are upper estimates from the sizes
/// of the request, the model and the user's history, and take negligible time: a service can reject
/// a request, or let others go first, before doing any work. O(history).
impl Recommender {
    /// The cost of [`Recommender::answer`]. In a batch, requests cost less.
    #[must_use]
    pub fn cost_of_answer(&self, request: &RecommendRequest) -> Duration {
        let shop = &self.shop;
        let options = &request.options;
        let n_items = shop.items.len() as f64;
        let dimension = shop.items.dimension as f64;
        let history = self.history_length(&request.user) + request.events.len() as f64;
        let k = options.k.min(shop.items.len());
        let pool = pool_size(k, options.diversity).min(shop.items.len());
        let mut cost = n_items * (nanos::ITEM + nanos::SCORE * dimension);
        cost += self.cost_of_filter(&options.filter);
        cost += k as f64 * nanos::LISTED + history * nanos::MET;
        if shop.ranking.is_some() {
            let scored = if options.revenue > 0.0 {
                n_items
            } else {
                pool as f64
            };
            cost += (history + scored) * nanos::FEATURES;
        }
        if shop.ensemble.is_some() || options.revenue > 0.0 {
            cost += n_items * nanos::FEATURES;
        }
        if options.diversity > 0.0 {
            cost += k as f64 * pool as f64 * dimension * nanos::COSINE;
        }
        if options.familiarity == Familiarity::Familiar || options.exploration > 0.0 {
            cost += n_items * nanos::LOOK_UP;
        }
        cost += shop.items.by_content.len() as f64 * (1.0 + history) * nanos::STEP;
        duration(cost)
    }

    /// The cost of [`Recommender::explain_request`].
    #[must_use]
    pub fn cost_of_explanation(&self, request: &ExplainRequest) -> Duration {
        let shop = &self.shop;
        let graph = &shop.model.graph;
        let users_of = |item: ItemId| graph.users_of(item).0.len() as f64;
        let target = self.item(&request.item).map_or(0.0, users_of);
        let events = request
            .events
            .iter()
            .filter_map(|event| self.item(&event.item));
        let train = &shop.model.artifact.train;
        let trained = self.user(&request.user).map(|user| train.items_of(user));
        let history = trained.unwrap_or_default().iter().copied().chain(events);
        let (mut n_met, mut steps, mut widest) = (0.0, 0.0, 0.0_f64);
        for item in history {
            let users = users_of(item);
            n_met += 1.0;
            steps += users + target;
            widest = widest.max(users);
        }
        let items = &shop.items;
        let mut cost = n_met * (nanos::MET + items.dimension as f64) + steps * nanos::STEP;
        // Paths of five edges are searched only if there are no shorter ones, which need users of
        // both items.
        let n_users = train.n_users().max(1) as f64;
        let is_far = target * widest / n_users < LIKELY * request.options.min_users as f64;
        if request.options.max_hops >= 5 && is_far {
            let starts = STARTS.min(n_met) * widest + target;
            cost += starts * self.mean_history() * nanos::FAR_STEP;
        }
        cost += request.options.limit as f64 * (target + widest) * nanos::LOOK_UP;
        if shop.ranking.is_some() || shop.ensemble.is_some() {
            cost += items.len() as f64 * (nanos::SCORE * items.dimension as f64 + nanos::ITEM);
        }
        duration(cost)
    }

    /// The cost of [`Recommender::similar`] and [`Recommender::popular`].
    #[must_use]
    pub fn cost_of_items(&self, options: &ItemOptions) -> Duration {
        let items = &self.shop.items;
        let n_items = items.len() as f64;
        // Each row once for the product and once for its norm.
        let mut cost = n_items * (nanos::ITEM + 3.0 * nanos::SCORE * items.dimension as f64);
        cost += options.k.min(items.len()) as f64 * nanos::LISTED;
        duration(cost + self.cost_of_filter(&options.filter))
    }

    /// The cost of [`Recommender::history_with`], without events.
    #[must_use]
    pub fn cost_of_history(&self, raw_user: &str) -> Duration {
        duration(self.history_length(raw_user) * nanos::MET)
    }

    /// Each name is compared with each label, and once more to report the unknown ones.
    fn cost_of_filter(&self, filter: &ItemFilter) -> f64 {
        let catalogue = &self.shop.items.catalogue;
        let n_brands = catalogue.brand().labels().len();
        let categories = [catalogue.category_id(), catalogue.category_code()];
        let n_categories: usize = categories.iter().map(|column| column.labels().len()).sum();
        let ids = filter.allow.as_ref().map_or(0, Vec::len) + filter.deny.len();
        let brands = filter.brands.len() + filter.deny_brands.len();
        let categories = filter.categories.len() + filter.deny_categories.len();
        let compared = 2 * (brands * n_brands + categories * n_categories);
        compared as f64 * nanos::NAME + ids as f64 * 5.0 * nanos::LOOK_UP
    }

    fn history_length(&self, raw_user: &str) -> f64 {
        let train = &self.shop.model.artifact.train;
        let user: Option<UserId> = self.user(raw_user);
        user.map_or(0.0, |user| train.items_of(user).len() as f64)
    }

    /// A guess of the number of items of a user, averaged over pairs: users with long histories
    /// have more pairs.
    fn mean_history(&self) -> f64 {
        let train = &self.shop.model.artifact.train;
        2.0 * train.n_pairs() as f64 / train.n_users().max(1) as f64
    }
}

fn duration(nanos: f64) -> Duration {
    Duration::from_nanos(nanos as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecommendOptions;
    use crate::answer::chain::tests::larger;

    #[test]
    fn what_takes_more_costs_more() {
        let shop = Recommender::from_artifact(larger()).unwrap();
        let of = |change: fn(&mut RecommendOptions)| {
            let mut options = RecommendOptions::default();
            change(&mut options);
            shop.cost_of_answer(&RecommendRequest::new("u1").with_options(options))
        };
        let plain = of(|_| ());
        assert!(plain > Duration::ZERO);
        for dearer in [
            of(|o| o.k = 30),
            of(|o| o.diversity = 0.1),
            of(|o| o.exploration = 0.1),
            of(|o| o.familiarity = Familiarity::Familiar),
            of(|o| o.filter.deny_brands = vec!["b".to_owned(); 100]),
            of(|o| o.filter.allow = Some(vec!["p1".to_owned(); 100])),
        ] {
            assert!(dearer > plain, "{dearer:?} {plain:?}");
        }
        // There are 60 items, whatever k is.
        let diverse = of(|o| (o.k, o.diversity) = (60, 0.5));
        assert_eq!(of(|o| (o.k, o.diversity) = (1000, 0.5)), diverse);
        assert_eq!(of(|o| (o.k, o.diversity) = (60, 1.0)), diverse);
        // A history costs, known or sent along.
        let stranger = shop.cost_of_answer(&RecommendRequest::new("nobody"));
        assert!(stranger < plain);
        let events = vec![crate::ContextEvent::new("p1", "view"); 3];
        let with_events = RecommendRequest::new("nobody").with_events(events);
        assert!(shop.cost_of_answer(&with_events) > stranger);
    }

    #[test]
    fn explanations_and_lists_of_items_have_costs() {
        let shop = Recommender::from_artifact(larger()).unwrap();
        let of = |limit: usize| {
            let mut request = ExplainRequest {
                user: "u1".to_owned(),
                item: "p3".to_owned(),
                ..ExplainRequest::default()
            };
            request.options.limit = limit;
            shop.cost_of_explanation(&request)
        };
        assert!(of(50) > of(5));
        let items = |k| {
            shop.cost_of_items(&ItemOptions {
                k,
                ..ItemOptions::default()
            })
        };
        assert!(items(20) > items(10));
        assert_eq!(items(60), items(600));
        assert!(shop.cost_of_history("u1") > shop.cost_of_history("nobody"));
    }
}
