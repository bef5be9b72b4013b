//! Ranking by a walk that cascades over behaviors.

use crate::rank::learned::behavior_stages;
use crate::rank::scorer::{check_scores, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::{BehaviorWeights, Interactions, ItemId, Train, UserId};
use lightgcn_linear::{CascadingRank, CascadingRankConfig};

/// Ranks by [`CascadingRank`] over a log's behaviors, from the weakest to the target: a baseline
/// without embeddings for logs with several behaviors. Behaviors without events and those without a
/// positive weight, such as removals from the cart, are ignored.
///
/// ```
/// use lightgcn_core::{BehaviorWeightsConfig, InteractionsBuilder, ItemId, Split, Truth, UserId};
/// use lightgcn_linear::CascadingRankConfig;
/// use lightgcn_recommend::{CascadingRanker, Exclusions, Ranker};
///
/// // User 0 viewed a bulb (1); others bought a lamp (0) after viewing one. A hammer (2) and a saw (3) have other users.
/// let weights = BehaviorWeightsConfig::shop_log();
/// let names: Vec<&str> = weights.behaviors.iter().map(|b| &b.name[..]).collect();
/// let mut log = InteractionsBuilder::from_names(&names, &["purchase"])?;
/// for user in 0..3 {
///     log.push(UserId(user), ItemId(1), 0.01, &[1, 0, 0, 0], None)?;
/// }
/// for (user, item) in [(1, 0), (2, 0), (3, 2), (3, 3)] {
///     log.push(UserId(user), ItemId(item), 1.0, &[1, 0, 0, 1], None)?;
/// }
/// let split = Split::new(log.build(4, 4)?, Truth::empty(4, 4), Truth::empty(4, 4))?;
///
/// let weights = weights.check()?;
/// let ranker = CascadingRanker::new(&CascadingRankConfig::default(), &split.train, &weights)?;
/// let met = Exclusions::pairs(split.train.interactions());
/// assert_eq!(ranker.top_k(&[UserId(0)], 1, &met)[0][0].item, ItemId(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CascadingRanker<'a> {
    model: CascadingRank,
    pairs: &'a Interactions,
    stages: Vec<usize>,
}

impl<'a> CascadingRanker<'a> {
    /// Fits the walk to the training part. Same cost as [`CascadingRankConfig::fit`].
    ///
    /// # Errors
    /// [`RecommendError::Linear`] where the walk cannot be fitted.
    pub fn new(
        config: &CascadingRankConfig,
        train: &'a Train,
        behaviors: &BehaviorWeights,
    ) -> Result<Self, RecommendError> {
        let stages = behavior_stages(behaviors, train.interactions());
        Ok(Self {
            model: config.fit(train, &stages)?,
            pairs: train.interactions(),
            stages,
        })
    }

    /// The items of a user, one list per stage.
    fn history(&self, user: UserId) -> Vec<Vec<ItemId>> {
        let of_stage = |&behavior: &usize| {
            let pairs = self.pairs.pairs_of(user);
            let did = pairs.filter(|&pair| self.pairs.counts_of(pair)[behavior] > 0);
            did.map(|pair| self.pairs.items()[pair]).collect()
        };
        self.stages.iter().map(of_stage).collect()
    }
}

impl Ranker for CascadingRanker<'_> {
    fn name(&self) -> &str {
        "CascadingRank"
    }

    fn n_users(&self) -> usize {
        self.pairs.n_users()
    }

    fn n_items(&self) -> usize {
        self.pairs.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        top_k_of_scores(self, users, k, excluded)
    }
}

impl Scorer for CascadingRanker<'_> {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let histories: Vec<_> = users.iter().map(|&user| self.history(user)).collect();
        self.model.scores_into(&histories, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{BehaviorWeightsConfig, InteractionsBuilder, Split, Truth};

    #[test]
    fn removals_are_no_stage_and_carts_come_after_views() {
        let weights = BehaviorWeightsConfig::shop_log();
        let names: Vec<&str> = weights.behaviors.iter().map(|b| &b.name[..]).collect();
        let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
        let all = [
            (0, 0, [1, 0, 0, 0]),
            (0, 1, [1, 1, 0, 0]),
            (0, 2, [0, 0, 1, 0]),
            (1, 1, [1, 0, 0, 1]),
        ];
        for (user, item, counts) in all {
            pairs
                .push(UserId(user), ItemId(item), 1.0, &counts, None)
                .unwrap();
        }
        let nothing = || Truth::empty(2, 3);
        let split = Split::new(pairs.build(2, 3).unwrap(), nothing(), nothing()).unwrap();
        let config = CascadingRankConfig::default();
        let ranker = CascadingRanker::new(&config, &split.train, &weights.check().unwrap());
        let ranker = ranker.unwrap();
        assert_eq!(
            ranker.history(UserId(0)),
            [vec![ItemId(0), ItemId(1)], vec![ItemId(1)], vec![]]
        );
        let list = &ranker.top_k(&[UserId(0)], 3, &Exclusions::none())[0];
        let items: Vec<u32> = list.iter().map(|ranked| ranked.item.0).collect();
        assert_eq!(items, [1, 0, 2]);
        assert_eq!(list[2].score, 0.0);
        let mut scores = [f32::NAN; 6];
        ranker.scores(&[UserId(1), UserId(0)], &mut scores);
        assert_eq!(scores[4], list[0].score);
    }
}
