//! Two rankers as one: the sum of their scores, each on a common scale.

use crate::rank::scorer::{block_size, check_scores, list, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::{ItemId, Train, UserId, Validation};
use lightgcn_metrics::{Metric, RankingEvaluator};
use rayon::prelude::*;

/// Ranks by (1 − weight) · a + weight · b, each divided by its standard deviation over all items
/// for that user.
///
/// Scores of different rankers live on different scales, and one ranker's scale differs from
/// user to user; the standard deviation puts them on one. (A mean need not be subtracted: it
/// moves all items of a user alike.) A ranker that gives a user one score for all items
/// says nothing, and counts as 0 there.
///
/// ```
/// use lightgcn_core::{ItemId, UserId};
/// use lightgcn_recommend::{BlendRanker, EmbeddingRanker, Exclusions, Ranker};
///
/// // One user and three items, of which a prefers the first and b the last.
/// let a = EmbeddingRanker::new("a", vec![1.0], vec![3.0, 2.0, 0.0], 1)?;
/// let b = EmbeddingRanker::new("b", vec![1.0], vec![0.0, 200.0, 300.0], 1)?;
/// let best = |weight| {
///     let blend = BlendRanker::new(&a, &b, weight)?;
///     let lists = blend.top_k(&[UserId(0)], 1, &Exclusions::none());
///     Ok::<_, lightgcn_recommend::RecommendError>(lists[0][0].item)
/// };
/// assert_eq!(best(0.0)?, ItemId(0));
/// assert_eq!(best(0.5)?, ItemId(1));
/// assert_eq!(best(1.0)?, ItemId(2));
/// # Ok::<(), lightgcn_recommend::RecommendError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BlendRanker<A, B> {
    a: A,
    b: B,
    weight: f64,
    name: String,
}

impl<A: Scorer, B: Scorer> BlendRanker<A, B> {
    /// A blend of `a` and `b` (owned or borrowed) with `weight` in [0, 1] on `b`.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if the weight lies outside [0, 1].
    ///
    /// # Panics
    /// If the two count different users or items.
    pub fn new(a: A, b: B, weight: f64) -> Result<Self, RecommendError> {
        check_weights(&[weight])?;
        assert!(
            (a.n_users(), a.n_items()) == (b.n_users(), b.n_items()),
            "{:?} ranks {} items for {} users, and {:?} ranks {} for {}",
            a.name(),
            a.n_items(),
            a.n_users(),
            b.name(),
            b.n_items(),
            b.n_users()
        );
        let name = format!("{} + {} (weight {weight})", a.name(), b.name());
        Ok(Self { a, b, weight, name })
    }

    /// The weight on the second ranker, in [0, 1].
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight
    }
}

impl<A: Scorer, B: Scorer> Ranker for BlendRanker<A, B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.a.n_users()
    }

    fn n_items(&self) -> usize {
        self.a.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        top_k_of_scores(self, users, k, excluded)
    }
}

impl<A: Scorer, B: Scorer> Scorer for BlendRanker<A, B> {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let n_items = self.n_items().max(1);
        let mut second = vec![0.0; out.len()];
        self.a.scores(users, out);
        self.b.scores(users, &mut second);
        out.par_chunks_exact_mut(n_items)
            .zip(second.par_chunks_exact(n_items))
            .for_each(|(a, b)| {
                let factors = Factors::new(a, b, self.weight);
                for (a, &b) in a.iter_mut().zip(b) {
                    *a = factors.blend(*a, b);
                }
            });
    }
}

/// What each ranker's scores of one user are multiplied by.
#[derive(Clone, Copy)]
struct Factors(f32, f32);

impl Factors {
    fn new(a: &[f32], b: &[f32], weight: f64) -> Self {
        Self::from_scales(inverse_deviation(a), inverse_deviation(b), weight)
    }

    fn from_scales(a: f64, b: f64, weight: f64) -> Self {
        Self(((1.0 - weight) * a) as f32, (weight * b) as f32)
    }

    fn blend(self, a: f32, b: f32) -> f32 {
        self.0 * a + self.1 * b
    }
}

/// One over the standard deviation, or 0 where all scores are equal. The sums run in the order of the
/// items.
fn inverse_deviation(scores: &[f32]) -> f64 {
    let n = scores.len() as f64;
    let mean = scores.iter().map(|&s| f64::from(s)).sum::<f64>() / n;
    let squares = scores.iter().map(|&s| (f64::from(s) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / n).sqrt();
    // Below the rounding of single precision, differences are noise.
    let noise = f64::from(f32::EPSILON) * mean.abs();
    if deviation > noise {
        1.0 / deviation
    } else {
        0.0
    }
}

/// What [`choose_weight`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct BlendChoice {
    /// The candidate with the highest value; of equal ones the first.
    pub weight: f64,
    /// Each candidate and its value, in the order given.
    pub figures: Vec<(f64, f64)>,
}

/// Chooses the weight of a [`BlendRanker`] of `a` and `b` among `candidates`: the one with the
/// highest `metric` at `k`, averaged over the users with a validation target, targets of training
/// masked.
///
/// Each ranker scores each user once, whatever the number of candidates. O(users · (cost of
/// two rows of scores + items · candidates)); memory for two blocks of at most 32 MiB.
///
/// # Errors
/// [`RecommendError::Options`] if there is no candidate, one lies outside [0, 1], or `k` is 0;
/// [`RecommendError::Shape`] if a ranker or the validation part counts other users or items
/// than the training part; [`RecommendError::NoTargets`] if the validation part is empty.
pub fn choose_weight(
    a: &dyn Scorer,
    b: &dyn Scorer,
    train: &Train,
    validation: &Validation,
    candidates: &[f64],
    metric: Metric,
    k: usize,
) -> Result<BlendChoice, RecommendError> {
    check_weights(candidates)?;
    if k == 0 {
        return Err(RecommendError::ZeroK);
    }
    let truth = validation.truth();
    for (what, users, items) in [
        (
            format!("the ranker {:?}", a.name()),
            a.n_users(),
            a.n_items(),
        ),
        (
            format!("the ranker {:?}", b.name()),
            b.n_users(),
            b.n_items(),
        ),
        (
            "the validation part".to_owned(),
            truth.n_users(),
            truth.n_items(),
        ),
    ] {
        check_shape(train, what, users, items)?;
    }
    if truth.is_empty() {
        return Err(RecommendError::NoTargets { part: "validation" });
    }
    let masks = Exclusions::targets(train.interactions());
    let n_items = truth.n_items();
    let users: Vec<UserId> = truth.users().collect();
    let empty = RankingEvaluator::new(&[k], n_items)?;
    let mut evaluators = vec![empty; candidates.len()];
    let size = block_size(n_items);
    let (mut first, mut second) = (vec![0.0; size * n_items], vec![0.0; size * n_items]);
    for users in users.chunks(size) {
        let first = &mut first[..users.len() * n_items];
        let second = &mut second[..users.len() * n_items];
        a.scores(users, first);
        b.scores(users, second);
        let rows = first
            .par_chunks_exact(n_items)
            .zip(second.par_chunks_exact(n_items));
        let lists: Vec<Vec<Vec<ItemId>>> = rows
            .zip(users)
            .map(|((a, b), &user)| lists_of(a, b, candidates, k, masks.of(user)))
            .collect();
        for (&user, lists) in users.iter().zip(&lists) {
            for (evaluator, list) in evaluators.iter_mut().zip(lists) {
                evaluator.update(user, list, truth.items_of(user));
            }
        }
    }
    best(candidates, &evaluators, metric, k)
}

/// One list per candidate weight from two rows of scores.
fn lists_of(a: &[f32], b: &[f32], weights: &[f64], k: usize, masked: &[u32]) -> Vec<Vec<ItemId>> {
    let scales = (inverse_deviation(a), inverse_deviation(b));
    let mut blended = vec![0.0; a.len()];
    let mut list_of = |&weight: &f64| {
        let factors = Factors::from_scales(scales.0, scales.1, weight);
        for (to, (&a, &b)) in blended.iter_mut().zip(a.iter().zip(b)) {
            *to = factors.blend(a, b);
        }
        let ranked = list(&blended, k, masked);
        ranked.into_iter().map(|ranked| ranked.item).collect()
    };
    weights.iter().map(&mut list_of).collect()
}

fn best(
    candidates: &[f64],
    evaluators: &[RankingEvaluator],
    metric: Metric,
    k: usize,
) -> Result<BlendChoice, RecommendError> {
    let mut figures = Vec::with_capacity(candidates.len());
    for (&weight, evaluator) in candidates.iter().zip(evaluators) {
        figures.push((weight, evaluator.compute()?.mean(metric, k)?));
    }
    let mut choice = figures[0];
    for &figure in &figures[1..] {
        if figure.1 > choice.1 {
            choice = figure;
        }
    }
    Ok(BlendChoice {
        weight: choice.0,
        figures,
    })
}

fn check_weights(weights: &[f64]) -> Result<(), RecommendError> {
    let mut faults = Vec::new();
    if weights.is_empty() {
        faults.push("no candidate weight is given; name at least one".to_owned());
    }
    for weight in weights.iter().filter(|w| !(0.0..=1.0).contains(*w)) {
        faults.push(format!("the weight {weight} must lie between 0 and 1"));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(RecommendError::Options { faults }),
    }
}

fn check_shape(
    train: &Train,
    what: String,
    users: usize,
    items: usize,
) -> Result<(), RecommendError> {
    let pairs = train.interactions();
    if (users, items) == (pairs.n_users(), pairs.n_items()) {
        return Ok(());
    }
    Err(RecommendError::Shape {
        what,
        users,
        items,
        train_users: pairs.n_users(),
        train_items: pairs.n_items(),
    })
}

#[cfg(test)]
mod tests;
