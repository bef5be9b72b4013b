//! Full-ranking evaluation against held-out targets.

use super::evaluation_options::EvaluationOptions;
use crate::{Exclusions, PopularityRanker, Ranked, Ranker, RecommendError};
use lightgcn_core::{ItemId, Split, Test, Train, Truth, UserId, Validation};
use lightgcn_metrics::{
    Interval, Metric, PairedTest, PairedTestOptions, RankingEvaluator, RankingReport,
    RankingSummary,
};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The metrics of one ranker on one truth.
///
/// Besides the metrics over all targets, it has those over *familiar* ones (the user viewed or
/// carted the item in training) and over *new* ones, each averaged over the users with at least one
/// target of that kind, on the same lists. Per-user values are kept, so that [`compare`] can pair
/// two rankers.
#[derive(Debug, Clone)]
pub struct Evaluation {
    ranker: String,
    part: &'static str,
    options: EvaluationOptions,
    overall: RankingReport,
    familiar: Option<RankingReport>,
    new: Option<RankingReport>,
    n_targets: usize,
    n_familiar: usize,
    fingerprint: u64,
}

impl Evaluation {
    /// The ranker's name.
    #[must_use]
    pub fn ranker(&self) -> &str {
        &self.ranker
    }

    /// The part evaluated on: `validation`, `test` or `truth`.
    #[must_use]
    pub fn part(&self) -> &'static str {
        self.part
    }

    /// The options used.
    #[must_use]
    pub fn options(&self) -> &EvaluationOptions {
        &self.options
    }

    /// The metrics over all targets.
    #[must_use]
    pub fn overall(&self) -> &RankingReport {
        &self.overall
    }

    /// The metrics over targets that their user had viewed or carted in training; `None` without
    /// such targets.
    #[must_use]
    pub fn familiar(&self) -> Option<&RankingReport> {
        self.familiar.as_ref()
    }

    /// The metrics over targets that are new to their user; `None` without such targets.
    #[must_use]
    pub fn new_targets(&self) -> Option<&RankingReport> {
        self.new.as_ref()
    }

    /// The number of users with at least one target, over which metrics are averaged.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.overall.n_users()
    }

    /// The number of targets.
    #[must_use]
    pub fn n_targets(&self) -> usize {
        self.n_targets
    }

    /// The number of familiar targets.
    #[must_use]
    pub fn n_familiar_targets(&self) -> usize {
        self.n_familiar
    }

    /// The mean of a metric over all targets' users, in [0, 1].
    ///
    /// # Errors
    /// [`RecommendError::Metrics`] if `k` is not one of the cutoffs.
    pub fn mean(&self, metric: Metric, k: usize) -> Result<f64, RecommendError> {
        Ok(self.overall.mean(metric, k)?)
    }

    /// The percentile bootstrap interval of that mean over users, with the seed, resamples and
    /// confidence of the options. O(resamples · users).
    ///
    /// # Errors
    /// [`RecommendError::Metrics`] if `k` is not one of the cutoffs, or the options have 0
    /// resamples.
    pub fn interval(&self, metric: Metric, k: usize) -> Result<Interval, RecommendError> {
        let options = self.options.intervals();
        Ok(self.overall.interval(metric, k, &options)?)
    }

    /// All metrics in a form to print or store: every metric at every cutoff, with intervals unless
    /// the options have 0 resamples. O(resamples · users · metrics · cutoffs).
    ///
    /// # Errors
    /// [`RecommendError::Metrics`] if the options ask for too many resamples.
    pub fn summary(&self) -> Result<EvaluationSummary, RecommendError> {
        let summary = |report: &RankingReport| match self.options.resamples {
            0 => Ok(report.summary()),
            _ => report.summary_with_intervals(&self.options.intervals()),
        };
        Ok(EvaluationSummary {
            ranker: self.ranker.clone(),
            part: self.part.to_owned(),
            n_users: self.n_users(),
            n_targets: self.n_targets,
            n_familiar_targets: self.n_familiar,
            overall: summary(&self.overall)?,
            familiar: self.familiar.as_ref().map(summary).transpose()?,
            new: self.new.as_ref().map(summary).transpose()?,
        })
    }
}

/// The metrics of an [`Evaluation`] to print or store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSummary {
    /// The ranker's name.
    pub ranker: String,
    /// The part evaluated on: `validation`, `test` or `truth`.
    pub part: String,
    /// The number of users with at least one target.
    pub n_users: usize,
    /// The number of targets.
    pub n_targets: usize,
    /// The number of targets that their user had viewed or carted in training.
    pub n_familiar_targets: usize,
    /// The metrics over all targets.
    pub overall: RankingSummary,
    /// The metrics over familiar targets; `None` without such targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub familiar: Option<RankingSummary>,
    /// The metrics over new targets; `None` without such targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<RankingSummary>,
}

/// Evaluates a ranker on any truth: all items are ranked, training targets masked, and the metrics
/// averaged over the users with at least one target.
///
/// Prefer [`evaluate_validation`] for choosing settings and [`evaluate_test`] for final results:
/// their types keep the two apart. O(users with targets · cost of a list), and memory for
/// `block_size` lists plus the hits.
///
/// # Errors
/// [`RecommendError::Options`] for invalid options, [`RecommendError::Shape`] if the ranker's or
/// the truth's number of users or items differs from the training part's,
/// [`RecommendError::NoTargets`] if the truth is empty, [`RecommendError::MaskedTarget`] if a
/// held-out target is also one of training, [`RecommendError::InvalidList`] if the ranker breaks
/// its contract.
///
/// # Panics
/// If the ranker does not give one list per user.
pub fn evaluate(
    ranker: &dyn Ranker,
    train: &Train,
    truth: &Truth,
    options: &EvaluationOptions,
) -> Result<Evaluation, RecommendError> {
    evaluate_part(ranker, train, truth, "truth", options)
}

/// Evaluates a ranker on the validation part, for choices such as early stopping.
///
/// # Errors
/// As [`evaluate`].
///
/// # Panics
/// As [`evaluate`].
pub fn evaluate_validation(
    ranker: &dyn Ranker,
    train: &Train,
    validation: &Validation,
    options: &EvaluationOptions,
) -> Result<Evaluation, RecommendError> {
    evaluate_part(ranker, train, validation.truth(), "validation", options)
}

/// Of two rankers, the one with the higher Recall at the largest K on the validation part; `other`
/// if they are equal or there is no such part.
///
/// # Errors
/// As [`evaluate`].
///
/// # Panics
/// As [`evaluate`].
pub fn better_on_validation<'r>(
    one: &'r dyn Ranker,
    other: &'r dyn Ranker,
    split: &Split,
    options: &EvaluationOptions,
) -> Result<&'r dyn Ranker, RecommendError> {
    if split.validation.truth().is_empty() {
        return Ok(other);
    }
    let k = options.ks.iter().copied().max().unwrap_or(0);
    let recall = |ranker: &dyn Ranker| {
        evaluate_validation(ranker, &split.train, &split.validation, options)?
            .mean(Metric::Recall, k)
    };
    Ok(if recall(one)? > recall(other)? {
        one
    } else {
        other
    })
}

/// Evaluates a ranker on the test part, for the final results after all settings are chosen.
///
/// # Errors
/// As [`evaluate`].
///
/// # Panics
/// As [`evaluate`].
pub fn evaluate_test(
    ranker: &dyn Ranker,
    train: &Train,
    test: &Test,
    options: &EvaluationOptions,
) -> Result<Evaluation, RecommendError> {
    evaluate_part(ranker, train, test.truth(), "test", options)
}

/// Tests whether ranker `a` beats ranker `b` significantly: a paired, two-sided sign-flip test of
/// the mean difference a − b over the users of both evaluations
/// ([`lightgcn_metrics::paired_test`]). Its interval has the confidence of `a`'s options.
///
/// # Errors
/// [`RecommendError::NotComparable`] if the two were not made on the same split and part,
/// [`RecommendError::Metrics`] if `k` is not a cutoff of both.
pub fn compare(
    a: &Evaluation,
    b: &Evaluation,
    metric: Metric,
    k: usize,
    seed: u64,
) -> Result<PairedTest, RecommendError> {
    if a.fingerprint != b.fingerprint {
        return Err(RecommendError::NotComparable {
            a: a.ranker.clone(),
            b: b.ranker.clone(),
            detail: "they were made on different targets; evaluate both on the same split and part"
                .to_owned(),
        });
    }
    let options = PairedTestOptions {
        confidence: a.options.confidence,
        seed,
        ..PairedTestOptions::default()
    };
    Ok(a.overall.compare(&b.overall, metric, k, &options)?)
}

fn evaluate_part(
    ranker: &dyn Ranker,
    train: &Train,
    truth: &Truth,
    part: &'static str,
    options: &EvaluationOptions,
) -> Result<Evaluation, RecommendError> {
    options.check()?;
    let masks = Exclusions::targets(train.interactions());
    check_inputs(ranker, train, truth, part, &masks)?;
    let n_items = truth.n_items();
    let k = options.ks.iter().copied().max().unwrap_or(0).min(n_items);
    let mut figures = Figures::new(options, train)?;
    let users: Vec<UserId> = truth.users().collect();
    for block in users.chunks(options.block_size) {
        let lists = ranker.top_k(block, k, &masks);
        assert_eq!(
            lists.len(),
            block.len(),
            "the ranker {:?} must give one list per user",
            ranker.name()
        );
        for (&user, list) in block.iter().zip(&lists) {
            let ranked = checked(ranker, user, list, k, masks.of(user))?;
            figures.update(user, &ranked, truth);
        }
    }
    let marks = users.iter().flat_map(|&user| truth.familiar_of(user));
    Ok(Evaluation {
        ranker: ranker.name().to_owned(),
        part,
        options: options.clone(),
        n_targets: truth.n_pairs(),
        n_familiar: marks.filter(|&&familiar| familiar).count(),
        fingerprint: fingerprint(&masks, truth),
        overall: figures.overall.compute()?,
        familiar: report_if_any(&figures.familiar)?,
        new: report_if_any(&figures.new)?,
    })
}

/// The three evaluators that share every list.
struct Figures {
    overall: RankingEvaluator,
    familiar: RankingEvaluator,
    new: RankingEvaluator,
}

impl Figures {
    fn new(options: &EvaluationOptions, train: &Train) -> Result<Self, RecommendError> {
        let popularity = PopularityRanker::from_interactions(train.interactions());
        let mut overall = RankingEvaluator::new(&options.ks, popularity.counts().len())?;
        // Without purchases, novelty is undefined and omitted.
        if popularity.counts().iter().any(|&count| count > 0) {
            overall = overall.with_popularity(popularity.counts())?;
        }
        Ok(Self {
            familiar: overall.clone(),
            new: overall.clone(),
            overall,
        })
    }

    fn update(&mut self, user: UserId, ranked: &[ItemId], truth: &Truth) {
        let targets = truth.items_of(user);
        self.overall.update(user, ranked, targets);
        for (evaluator, wanted) in [(&mut self.familiar, true), (&mut self.new, false)] {
            let marked = targets.iter().zip(truth.familiar_of(user));
            let kind: Vec<ItemId> = marked
                .filter(|&(_, &familiar)| familiar == wanted)
                .map(|(&item, _)| item)
                .collect();
            if !kind.is_empty() {
                evaluator.update(user, ranked, &kind);
            }
        }
    }
}

fn report_if_any(evaluator: &RankingEvaluator) -> Result<Option<RankingReport>, RecommendError> {
    let report = (evaluator.n_users() > 0).then(|| evaluator.compute());
    Ok(report.transpose()?)
}

fn check_inputs(
    ranker: &dyn Ranker,
    train: &Train,
    truth: &Truth,
    part: &'static str,
    masks: &Exclusions,
) -> Result<(), RecommendError> {
    let (train_users, train_items) = (
        train.interactions().n_users(),
        train.interactions().n_items(),
    );
    for (what, users, items) in [
        (
            format!("the ranker {:?}", ranker.name()),
            ranker.n_users(),
            ranker.n_items(),
        ),
        (format!("the {part} part"), truth.n_users(), truth.n_items()),
    ] {
        if (users, items) != (train_users, train_items) {
            return Err(RecommendError::Shape {
                what,
                users,
                items,
                train_users,
                train_items,
            });
        }
    }
    if truth.is_empty() {
        return Err(RecommendError::NoTargets { part });
    }
    match truth
        .iter()
        .find(|&(user, item)| masks.contains(user, item))
    {
        Some((user, item)) => Err(RecommendError::MaskedTarget {
            user: user.0,
            item: item.0,
        }),
        None => Ok(()),
    }
}

/// The items of a list, checked against the contract of [`Ranker`].
fn checked(
    ranker: &dyn Ranker,
    user: UserId,
    list: &[Ranked],
    k: usize,
    masked: &[u32],
) -> Result<Vec<ItemId>, RecommendError> {
    let invalid = |detail| RecommendError::InvalidList {
        ranker: ranker.name().to_owned(),
        user: user.0,
        detail,
    };
    if list.len() > k {
        return Err(invalid(format!("it holds {} items, not {k}", list.len())));
    }
    let items: Vec<ItemId> = list.iter().map(|ranked| ranked.item).collect();
    let mut sorted = items.clone();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(invalid(format!("it repeats item row {}", pair[0])));
    }
    if let Some(beyond) = sorted
        .last()
        .filter(|item| item.index() >= ranker.n_items())
    {
        return Err(invalid(format!("item row {beyond} is out of range")));
    }
    if let Some(item) = items
        .iter()
        .find(|item| masked.binary_search(&item.0).is_ok())
    {
        return Err(invalid(format!("item row {item} is excluded")));
    }
    Ok(items)
}

/// A hash of sizes, masks and targets that identifies a split within one process.
fn fingerprint(masks: &Exclusions, truth: &Truth) -> u64 {
    let mut hasher = DefaultHasher::new();
    (truth.n_users(), truth.n_items()).hash(&mut hasher);
    for user in (0..truth.n_users() as u32).map(UserId) {
        masks.of(user).hash(&mut hasher);
        truth.items_of(user).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
