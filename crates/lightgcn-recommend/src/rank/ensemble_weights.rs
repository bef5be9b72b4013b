//! Chooses an ensemble's weights on validation data.

use crate::rank::ensemble::{check_members, normalized_scores};
use crate::rank::scorer::{block_size, list};
use crate::{Exclusions, Fusion, RecommendError, Scorer};
use lightgcn_core::{ItemId, Train, UserId, Validation};
use lightgcn_metrics::{Metric, RankingEvaluator};
use rayon::prelude::*;

/// The maximum number of weight combinations to try.
const MAX_COMBINATIONS: usize = 20_000;

/// Options of [`choose_weights`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightOptions {
    /// How to fuse members. Default: by score.
    pub fusion: Fusion,
    /// Weights are multiples of 1 / `steps`. Default: 20.
    pub steps: usize,
    /// The metric to maximize. Default: recall.
    pub metric: Metric,
    /// Its cutoff. Default: 20.
    pub k: usize,
}

impl Default for WeightOptions {
    fn default() -> Self {
        Self {
            fusion: Fusion::Score,
            steps: 20,
            metric: Metric::Recall,
            k: 20,
        }
    }
}

/// The result of [`choose_weights`].
#[derive(Debug, Clone, PartialEq)]
pub struct WeightChoice {
    /// The best weights, one per member; the first of equally good ones.
    pub weights: Vec<f64>,
    /// Every combination of weights and its metric, in ascending order of weights.
    pub figures: Vec<(Vec<f64>, f64)>,
}

/// Chooses the weights of an [`EnsembleRanker`](crate::EnsembleRanker) among all multiples of 1 / `steps` that sum to 1: those
/// with the highest metric on the validation part, training targets masked. Each member scores each
/// user once. O(users · items · combinations).
///
/// # Errors
/// [`RecommendError::Options`] for 0 steps or more than 20,000 combinations, [`RecommendError::ZeroK`],
/// [`RecommendError::DifferentCatalogues`], [`RecommendError::Shape`] and [`RecommendError::NoTargets`].
pub fn choose_weights(
    members: &[&dyn Scorer],
    train: &Train,
    validation: &Validation,
    options: &WeightOptions,
) -> Result<WeightChoice, RecommendError> {
    check_members(members.iter().map(|member| (*member, 1.0)))?;
    check_validation(members[0], train, validation, options.k)?;
    let combinations = combinations(members.len(), options.steps)?;
    let truth = validation.truth();
    let masks = Exclusions::targets(train.interactions());
    let n_items = truth.n_items();
    let mut evaluators = vec![RankingEvaluator::new(&[options.k], n_items)?; combinations.len()];
    let users: Vec<UserId> = truth.users().collect();
    for users in users.chunks(block_size(n_items)) {
        let mut rows = vec![vec![0.0; users.len() * n_items]; members.len()];
        for (member, rows) in members.iter().zip(&mut rows) {
            member.scores(users, rows);
        }
        let lists: Vec<Vec<Vec<ItemId>>> = users
            .par_iter()
            .enumerate()
            .map(|(n, &user)| {
                let row = |rows: &Vec<f32>| {
                    normalized_scores(&rows[n * n_items..(n + 1) * n_items], options.fusion)
                };
                let scores: Vec<Vec<f64>> = rows.iter().map(row).collect();
                lists_of(&scores, &combinations, options.k, masks.of(user))
            })
            .collect();
        for (&user, lists) in users.iter().zip(&lists) {
            for (evaluator, list) in evaluators.iter_mut().zip(lists) {
                evaluator.update(user, list, truth.items_of(user));
            }
        }
    }
    best(combinations, &evaluators, options)
}

fn check_validation(
    member: &dyn Scorer,
    train: &Train,
    validation: &Validation,
    k: usize,
) -> Result<(), RecommendError> {
    if k == 0 {
        return Err(RecommendError::ZeroK);
    }
    let (truth, pairs) = (validation.truth(), train.interactions());
    if truth.is_empty() {
        return Err(RecommendError::NoTargets { part: "validation" });
    }
    let (name, part) = (member.name().to_owned(), "the validation part".to_owned());
    let counted = [
        (name, member.n_users(), member.n_items()),
        (part, truth.n_users(), truth.n_items()),
    ];
    for (what, users, items) in counted {
        if (users, items) != (pairs.n_users(), pairs.n_items()) {
            return Err(RecommendError::Shape {
                what,
                users,
                items,
                train_users: pairs.n_users(),
                train_items: pairs.n_items(),
            });
        }
    }
    Ok(())
}

/// One list per combination of weights, from one user's normalized scores.
fn lists_of(
    scores: &[Vec<f64>],
    combinations: &[Vec<f64>],
    k: usize,
    masked: &[u32],
) -> Vec<Vec<ItemId>> {
    let n_items = scores[0].len();
    let fused = |weights: &Vec<f64>| {
        let score = |item: usize| {
            let parts = weights.iter().zip(scores);
            parts.map(|(w, scores)| w * scores[item]).sum::<f64>() as f32
        };
        let fused: Vec<f32> = (0..n_items).map(score).collect();
        let ranked = list(&fused, k, masked).into_iter();
        ranked.map(|ranked| ranked.item).collect()
    };
    combinations.iter().map(fused).collect()
}

fn best(
    combinations: Vec<Vec<f64>>,
    evaluators: &[RankingEvaluator],
    options: &WeightOptions,
) -> Result<WeightChoice, RecommendError> {
    let mut figures = Vec::with_capacity(combinations.len());
    let mut best = (f64::NEG_INFINITY, 0);
    for (weights, evaluator) in combinations.into_iter().zip(evaluators) {
        let figure = evaluator.compute()?.mean(options.metric, options.k)?;
        if figure > best.0 {
            best = (figure, figures.len());
        }
        figures.push((weights, figure));
    }
    Ok(WeightChoice {
        weights: figures[best.1].0.clone(),
        figures,
    })
}

/// All ways to split `steps` shares among `n` members, in ascending order.
fn combinations(n: usize, steps: usize) -> Result<Vec<Vec<f64>>, RecommendError> {
    let invalid = |issue: String| RecommendError::Options {
        issues: vec![issue],
    };
    if steps == 0 {
        return Err(invalid("steps is 0; use at least 1".to_owned()));
    }
    let mut found: Vec<Vec<usize>> = vec![Vec::new()];
    for member in 0..n {
        let mut next = Vec::new();
        for shares in &found {
            let left = steps - shares.iter().sum::<usize>();
            let least = if member + 1 == n { left } else { 0 };
            next.extend((least..=left).map(|share| [&shares[..], &[share]].concat()));
            if next.len() > MAX_COMBINATIONS {
                let most = format!("at most {MAX_COMBINATIONS} combinations are tried");
                return Err(invalid(format!(
                    "{steps} steps for {n} members are too many; {most}"
                )));
            }
        }
        found = next;
    }
    let share = |n: &usize| *n as f64 / steps as f64;
    Ok(found
        .iter()
        .map(|shares| shares.iter().map(share).collect())
        .collect())
}
