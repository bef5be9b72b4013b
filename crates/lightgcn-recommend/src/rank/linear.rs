//! Ranking by a linear model over training histories.

use crate::rank::scorer::{ScoreParts, check_scores, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, Scorer};
use lightgcn_core::{Interactions, ItemId, Train, UserId};
use lightgcn_linear::{Histories, History, LinearModel};

/// Ranks items by any model of [`lightgcn_linear`], exactly, from the training histories.
///
/// Users are scored in blocks of at most 32 MiB of scores, on all threads: the score matrix never
/// exists as a whole.
///
/// ```
/// use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
/// use lightgcn_linear::ItemKnnConfig;
/// use lightgcn_recommend::{Exclusions, LinearRanker, Ranker};
///
/// // Users 0 and 1 bought items 0 and 1; user 2 bought item 0.
/// let mut log = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
/// for (user, item) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)] {
///     log.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
/// }
/// let split = Split::new(log.build(3, 3)?, Truth::empty(3, 3), Truth::empty(3, 3))?;
///
/// let model = ItemKnnConfig::default().fit(&split.train)?;
/// let ranker = LinearRanker::new(Box::new(model), &split.train);
/// let bought = Exclusions::targets(split.train.interactions());
/// let lists = ranker.top_k(&[UserId(2)], 1, &bought);
/// assert_eq!(lists[0][0].item, ItemId(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LinearRanker {
    model: Box<dyn LinearModel>,
    histories: Histories,
}

impl LinearRanker {
    /// A ranker of the training users, whose pairs are weighted as when the model was fitted.
    ///
    /// # Panics
    /// If the model's number of items differs.
    #[must_use]
    pub fn new(model: Box<dyn LinearModel>, train: &Train) -> Self {
        Self::from_interactions(model, train.interactions())
    }

    /// A ranker over pairs known to be training pairs, as in an artifact.
    ///
    /// # Panics
    /// If the model's number of items differs.
    #[must_use]
    pub fn from_interactions(model: Box<dyn LinearModel>, pairs: &Interactions) -> Self {
        assert!(
            model.n_items() == pairs.n_items(),
            "the model {:?} knows {} items, and the pairs count {}",
            model.name(),
            model.n_items(),
            pairs.n_items()
        );
        let histories = Histories::from_interactions(pairs, model.pair_weights());
        Self { model, histories }
    }

    /// The model, to use with your own histories.
    #[must_use]
    pub fn model(&self) -> &dyn LinearModel {
        &*self.model
    }

    /// What each item of the user's history adds to the score of `item`, largest absolute value first; the
    /// parts sum to the score, up to rounding. Same cost as
    /// [`LinearModel::contributions`].
    ///
    /// # Panics
    /// If the user or the item is out of range.
    #[must_use]
    pub fn contributions(&self, user: UserId, item: ItemId) -> Vec<(ItemId, f32)> {
        let history = self.histories.of(user);
        let parts = self.model.contributions(history, item);
        let mut parts: Vec<_> = history.items().iter().copied().zip(parts).collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        parts
    }

    /// The training histories.
    #[must_use]
    pub fn histories(&self) -> &Histories {
        &self.histories
    }
}

impl Ranker for LinearRanker {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn n_users(&self) -> usize {
        self.histories.n_users()
    }

    fn n_items(&self) -> usize {
        self.histories.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        top_k_of_scores(self, users, k, excluded)
    }
}

impl Scorer for LinearRanker {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let histories: Vec<History<'_>> = users.iter().map(|&u| self.histories.of(u)).collect();
        self.model.scores_into(&histories, out);
    }

    /// The contributions; the self contribution is 0.
    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        let parts = self.contributions(user, item).into_iter();
        Some(ScoreParts {
            self_contribution: 0.0,
            contributions: parts.map(|(item, part)| (item, f64::from(part))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_shop::artifact;
    use lightgcn_core::{Split, Truth};
    use lightgcn_linear::{
        ChebyshevFilterConfig, EaseConfig, ItemKnnConfig, PairWeights, TruncatedSvdConfig,
    };

    fn split() -> Split {
        let train = artifact().train;
        let nothing = Truth::empty(train.n_users(), train.n_items());
        Split::new(train, nothing.clone(), nothing).unwrap()
    }

    fn rankers(train: &Train) -> Vec<LinearRanker> {
        let models: [Box<dyn LinearModel>; 4] = [
            Box::new(ItemKnnConfig::default().fit(train).unwrap()),
            Box::new(EaseConfig::default().fit(train).unwrap()),
            Box::new(ChebyshevFilterConfig::default().fit(train).unwrap()),
            Box::new(TruncatedSvdConfig::default().fit(train).unwrap()),
        ];
        let rankers = models.into_iter().map(|m| LinearRanker::new(m, train));
        rankers.collect()
    }

    #[test]
    fn lists_are_the_ranked_scores_of_the_histories() {
        let split = split();
        let excluded = Exclusions::targets(split.train.interactions());
        let users: Vec<UserId> = [3, 0, 4, 0].map(UserId).to_vec();
        for ranker in rankers(&split.train) {
            assert_eq!((ranker.n_users(), ranker.n_items()), (5, 6));
            let lists = ranker.top_k(&users, 4, &excluded);
            for (&user, list) in users.iter().zip(&lists) {
                let scores = ranker.model().scores(ranker.histories().of(user));
                let mut left: Vec<u32> = (0..6)
                    .filter(|&item| !excluded.contains(user, ItemId(item)))
                    .collect();
                left.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
                left.truncate(4);
                let got: Vec<f32> = list.iter().map(|r| r.score).collect();
                let expected: Vec<f32> = left.iter().map(|&i| scores[i as usize]).collect();
                assert_eq!(got, expected, "{}", ranker.name());
                assert!(list.iter().all(|r| r.score == scores[r.item.index()]));
            }
            assert_eq!(lists[1], lists[3]);
            assert!(ranker.top_k(&users, 0, &excluded).iter().all(Vec::is_empty));
            assert!(ranker.top_k(&[], 3, &excluded).is_empty());
        }
    }

    #[test]
    fn histories_count_as_the_model_was_fitted() {
        let split = split();
        let config = ItemKnnConfig {
            weights: PairWeights::Targets,
            ..Default::default()
        };
        let model = config.fit(&split.train).unwrap();
        let ranker = LinearRanker::new(Box::new(model), &split.train);
        // Ann bought the glove and only viewed the mug.
        let history = ranker.histories().of(UserId(0));
        assert_eq!(
            (history.items(), history.weights()),
            (&[ItemId(0)][..], &[1.0f32][..])
        );
    }

    #[test]
    #[should_panic(expected = "knows 6 items, and the pairs count 2")]
    fn a_model_of_other_items_panics() {
        let model = ItemKnnConfig::default().fit(&split().train).unwrap();
        let mut b = lightgcn_core::InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        b.push(UserId(0), ItemId(0), 1.0, &[1], None).unwrap();
        let _ = LinearRanker::from_interactions(Box::new(model), &b.build(1, 2).unwrap());
    }
}
