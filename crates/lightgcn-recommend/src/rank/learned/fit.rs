//! Fitting a ranking to withheld purchases.

use super::config::RankingConfig;
use super::feature::FeatureGroup;
use super::history::Clock;
use super::learning::Fitter;
use super::members::MemberKind;
use super::ranking::{LearnedRanking, RankingReport};
use super::search::Search;
use super::stacking::stack;
use super::withhold::Withhold;
use crate::{RecommendError, Scorer};
use lightgcn_core::{BehaviorWeights, Dataset, Train};
use lightgcn_linear::ItemToItem;
use std::sync::Arc;

impl RankingConfig {
    /// Learns a ranking from purchases withheld from a dataset's training part and from those of its
    /// validation part, if there is one. Features and the strength of regularization are chosen by
    /// cross-validation over users; members are fitted to all training pairs.
    ///
    /// # Errors
    /// [`RecommendError::Options`] for unusable settings, [`RecommendError::NothingToLearn`] where no
    /// purchase can be withheld whose user and item are known by the others, and
    /// [`RecommendError::Linear`] where a member cannot be fitted.
    pub fn fit(&self, dataset: &Dataset) -> Result<LearnedRanking, RecommendError> {
        self.fit_with(dataset, None)
    }

    /// [`fit`](Self::fit) with the scores of a model that was trained on the training part. As the model
    /// knows the purchases withheld from that part, its weight is learned on the validation part alone,
    /// with the score of all other features as the second input; if the model does not help there, it is
    /// left out.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`RecommendError::Shape`] if the model counts other users or items.
    pub fn fit_with(
        &self,
        dataset: &Dataset,
        model: Option<&dyn Scorer>,
    ) -> Result<LearnedRanking, RecommendError> {
        self.check()?;
        let withhold = self.withhold.unwrap_or_else(|| Withhold::of(dataset));
        let mut fitter = Fitter::new(self, dataset, withhold, model)?;
        let clock = withhold.clock(dataset.split.train.interactions());
        let (mut models, mut users) = fitter.learning_users(clock)?;
        let mut dropped = Vec::new();
        let (scales, found) = loop {
            let scales = fitter.scales(&users);
            let found = Search::new(&fitter, &users, &scales)?.run();
            let members = FeatureGroup::members(&found.groups);
            if !(1..fitter.kinds.len()).contains(&members.len()) {
                break (scales, found);
            }
            dropped.extend(found.effects.into_iter().filter(|effect| effect.dropped));
            fitter.keep(&found.groups, &mut users);
            models = pick(models, &members);
        };
        let mut found = stack(&fitter, &users, &scales, found);
        found.effects.splice(0..0, dropped);
        let (features, kept) = LearnedRanking::compact(&fitter.features, &scales, &found.weights);
        // Where no feature tells candidates apart, there is no ranking either.
        if features.is_empty() {
            return Err(RecommendError::NothingToLearn);
        }
        Ok(LearnedRanking {
            bias: found.weights.bias,
            features,
            members: kept.iter().map(|&n| fitter.kinds[n]).collect(),
            n_neighbors: self.n_neighbors,
            ease_items: self.ease_items,
            half_life_days: fitter.settings.half_life,
            now: match clock {
                Clock::At(now) => Some(now),
                _ => None,
            },
            ages_from_last_event: clock == Clock::LastEvent,
            candidates: fitter.settings.n_by_member,
            best_sellers: self.best_sellers,
            report: RankingReport {
                withheld: withhold,
                n_users: users.len(),
                l2: found.l2,
                k: self.k,
                ndcg: found.ndcg,
                groups: found.effects,
            },
            models: pick(models, &kept),
        })
    }
}

/// Those in these places, ascending.
fn pick(models: Arc<Vec<ItemToItem>>, kept: &[usize]) -> Arc<Vec<ItemToItem>> {
    let placed = Arc::unwrap_or_clone(models).into_iter().enumerate();
    let kept = placed.filter(|(n, _)| kept.contains(n));
    Arc::new(kept.map(|(_, model)| model).collect())
}

impl LearnedRanking {
    /// The same weights with members fitted to other pairs of the same items, such as all pairs once every
    /// choice is made. Ages count from the end of these pairs.
    ///
    /// # Errors
    /// [`RecommendError::Linear`] where a member cannot be fitted.
    pub fn refit(
        &self,
        train: &Train,
        behaviors: &BehaviorWeights,
    ) -> Result<Self, RecommendError> {
        let (n, ease_items) = (self.n_neighbors, self.ease_items);
        let fit = |kind: &MemberKind| kind.fit(train, behaviors, n, ease_items);
        let models: Result<Vec<ItemToItem>, RecommendError> =
            self.members.iter().map(fit).collect();
        Ok(Self {
            now: match self.report.withheld.clock(train.interactions()) {
                Clock::At(now) => Some(now),
                _ => None,
            },
            models: Arc::new(models?),
            ..self.clone()
        })
    }
}
