//! Fuses several rankers into one, by their scores or by their ranks.

use crate::rank::scorer::{ScoreParts, check_scores, list, standard_deviation, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::{ItemId, UserId};
use lightgcn_store::Artifact;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const RANK_OFFSET: f64 = 60.0;

/// How to fuse the members of an [`EnsembleRanker`] into one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fusion {
    /// Σ weight · score / σ, with σ the standard deviation of the member's scores of all items for
    /// that user. A member whose scores differ only by rounding counts as 0.
    #[default]
    Score,
    /// Σ weight / (60 + rank) over the ranks in the members' rankings of all items (reciprocal rank
    /// fusion; Cormack, Clarke and Büttcher, SIGIR 2009). It ignores the size of scores.
    Rank,
}

impl std::fmt::Display for Fusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Score => "score",
            Self::Rank => "rank",
        })
    }
}

/// A member of an ensemble and its weight.
pub type Member<'a> = (Box<dyn Scorer + Send + 'a>, f64);

/// Ranks by the weighted scores or ranks of several rankers of the same items for the same users:
/// models, linear filters, or a [`RevenueScorer`](crate::RevenueScorer).
///
/// Scores of different rankers have different scales, and one ranker's scale differs from user to
/// user; dividing by the standard deviation makes them comparable. ([`choose_weights`](crate::choose_weights) finds
/// good weights on validation data.)
///
/// ```
/// use lightgcn_core::{ItemId, UserId};
/// use lightgcn_recommend::{EmbeddingRanker, EnsembleRanker, Exclusions, Fusion, Ranker};
///
/// // One user and three items: a prefers the first, b the last.
/// let a = EmbeddingRanker::new("a", vec![1.0], vec![3.0, 2.0, 0.0], 1)?;
/// let b = EmbeddingRanker::new("b", vec![1.0], vec![0.0, 200.0, 300.0], 1)?;
/// let best = |weight| {
///     let members = vec![(Box::new(&a) as _, 1.0 - weight), (Box::new(&b) as _, weight)];
///     let ensemble = EnsembleRanker::new(members, Fusion::Score)?;
///     let lists = ensemble.top_k(&[UserId(0)], 1, &Exclusions::none());
///     Ok::<_, lightgcn_recommend::RecommendError>(lists[0][0].item)
/// };
/// assert_eq!(best(0.0)?, ItemId(0));
/// assert_eq!(best(0.5)?, ItemId(1));
/// assert_eq!(best(1.0)?, ItemId(2));
/// # Ok::<(), lightgcn_recommend::RecommendError>(())
/// ```
pub struct EnsembleRanker<'a> {
    members: Vec<Member<'a>>,
    fusion: Fusion,
    name: String,
}

impl std::fmt::Debug for EnsembleRanker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnsembleRanker")
            .field("name", &self.name)
            .field("fusion", &self.fusion)
            .finish_non_exhaustive()
    }
}

impl<'a> EnsembleRanker<'a> {
    /// An ensemble of `members`, whose weights need not sum to 1.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if there is no member, a weight is negative or not finite, or
    /// none is positive; [`RecommendError::DifferentCatalogues`] if the members' numbers of users
    /// or items differ. ([`check_same_catalogue`] compares their ids.)
    pub fn new(members: Vec<Member<'a>>, fusion: Fusion) -> Result<Self, RecommendError> {
        check_members(
            members
                .iter()
                .map(|(member, weight)| (&**member as _, *weight)),
        )?;
        Ok(Self::from_checked(members, fusion))
    }

    /// The members that join `own`, whose scores the caller supplies to [`Self::fuse_with`].
    pub(crate) fn joining(
        (own, own_weight): (&dyn Scorer, f64),
        members: Vec<Member<'a>>,
        fusion: Fusion,
    ) -> Result<Self, RecommendError> {
        let others = members
            .iter()
            .map(|(member, weight)| (&**member as _, *weight));
        check_members(std::iter::once((own, own_weight)).chain(others))?;
        Ok(Self::from_checked(members, fusion))
    }

    fn from_checked(members: Vec<Member<'a>>, fusion: Fusion) -> Self {
        let names = members.iter().map(|(m, w)| format!("{w} {}", m.name()));
        Self {
            name: names.collect::<Vec<_>>().join(" + "),
            members,
            fusion,
        }
    }

    /// Each member's scores of `n_items` items for a user, with its mean for items that it does not
    /// know.
    fn rows(&self, user: UserId, n_items: usize) -> Vec<Vec<f32>> {
        let row = |(member, _): &Member<'_>| {
            let mut row = vec![0.0; member.n_items()];
            member.scores(&[user], &mut row);
            let sum: f64 = row.iter().map(|&score| f64::from(score)).sum();
            let mean = (sum / row.len().max(1) as f64) as f32;
            row.resize(n_items, mean);
            row
        };
        self.members.iter().map(row).collect()
    }

    /// Replaces the scores of a model with weight `own_weight` by the fused ones.
    pub(crate) fn fuse_with(&self, own_weight: f64, own: &mut [f32], user: UserId) {
        let rows = self.rows(user, own.len());
        self.fuse_rows(own_weight, own, &rows);
    }

    fn fuse_rows(&self, own_weight: f64, own: &mut [f32], rows: &[Vec<f32>]) {
        let mut sums = vec![0.0; own.len()];
        add_normalized(&mut sums, own_weight, own, self.fusion);
        for ((_, weight), row) in self.members.iter().zip(rows) {
            add_normalized(&mut sums, *weight, row, self.fusion);
        }
        for (score, sum) in own.iter_mut().zip(sums) {
            *score = sum as f32;
        }
    }

    /// The fused score of one item and its parts; `own` are the model's scores of all items.
    pub(crate) fn explain_with(
        &self,
        own_weight: f64,
        own: &mut [f32],
        user: UserId,
        item: ItemId,
    ) -> Fused {
        let rows = self.rows(user, own.len());
        let own_factor = own_weight * inverse_scale(own);
        let parts = self.parts_of(user, item, &rows);
        self.fuse_rows(own_weight, own, &rows);
        Fused {
            score: own[item.index()],
            parts: parts.map(|parts| (own_factor, parts)),
        }
    }

    /// The sum of the members' parts times their factors; `None` if ranks are fused, or a member's
    /// score is not a sum over the history.
    fn parts_of(&self, user: UserId, item: ItemId, rows: &[Vec<f32>]) -> Option<ScoreParts> {
        if self.fusion == Fusion::Rank {
            return None;
        }
        let mut sum = ScoreParts::default();
        for ((member, weight), row) in self.members.iter().zip(rows) {
            if item.index() >= member.n_items() {
                return None;
            }
            let factor = weight * inverse_scale(row);
            if factor != 0.0 {
                sum.add(&member.parts(user, item)?, factor);
            }
        }
        Some(sum)
    }
}

/// A fused score.
pub(crate) struct Fused {
    pub(crate) score: f32,
    /// The factor of the model's own score, and what the members add; `None` if the fused score is
    /// not such a sum.
    pub(crate) parts: Option<(f64, ScoreParts)>,
}

/// Checks that weights are valid and that all members have the same numbers of users and items.
pub(crate) fn check_members<'m>(
    members: impl Iterator<Item = (&'m dyn Scorer, f64)>,
) -> Result<(), RecommendError> {
    let members: Vec<(&dyn Scorer, f64)> = members.collect();
    let mut issues = Vec::new();
    for (_, weight) in &members {
        if !(weight.is_finite() && *weight >= 0.0) {
            issues.push(format!("the weight {weight} must be finite and 0 or more"));
        }
    }
    if members.is_empty() {
        issues.push("an ensemble needs at least one member".to_owned());
    } else if !members.iter().any(|(_, weight)| *weight > 0.0) {
        issues.push("at least one weight must be positive".to_owned());
    }
    if !issues.is_empty() {
        return Err(RecommendError::Options { issues });
    }
    let (first, _) = members[0];
    for (member, _) in &members[1..] {
        if (first.n_users(), first.n_items()) != (member.n_users(), member.n_items()) {
            return Err(RecommendError::DifferentCatalogues {
                first: first.name().to_owned(),
                name: member.name().to_owned(),
                detail: format!(
                    "they count {} and {} users, {} and {} items",
                    first.n_users(),
                    member.n_users(),
                    first.n_items(),
                    member.n_items()
                ),
            });
        }
    }
    Ok(())
}

/// One over the standard deviation, or 0 if the scores differ only by rounding.
fn inverse_scale(row: &[f32]) -> f64 {
    let scores = row.iter().map(|&s| f64::from(s));
    let mean = scores.clone().sum::<f64>() / row.len() as f64;
    let deviation = standard_deviation(scores);
    if deviation > f64::from(f32::EPSILON) * mean.abs() {
        1.0 / deviation
    } else {
        0.0
    }
}

/// One member's scores on the common scale, before its weight.
pub(crate) fn normalized_scores(row: &[f32], fusion: Fusion) -> Vec<f64> {
    match fusion {
        Fusion::Score => {
            let factor = inverse_scale(row);
            row.iter().map(|&score| f64::from(score) * factor).collect()
        }
        Fusion::Rank => {
            let mut scores = vec![0.0; row.len()];
            for (ranked, rank) in list(row, row.len(), &[]).iter().zip(1..) {
                scores[ranked.item.index()] = 1.0 / (RANK_OFFSET + f64::from(rank));
            }
            scores
        }
    }
}

fn add_normalized(sums: &mut [f64], weight: f64, row: &[f32], fusion: Fusion) {
    for (sum, score) in sums.iter_mut().zip(normalized_scores(row, fusion)) {
        *sum += weight * score;
    }
}

impl Ranker for EnsembleRanker<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.members[0].0.n_users()
    }

    fn n_items(&self) -> usize {
        self.members[0].0.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        top_k_of_scores(self, users, k, excluded)
    }
}

impl Scorer for EnsembleRanker<'_> {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let n_items = self.n_items().max(1);
        let mut sums = vec![0.0f64; out.len()];
        for (member, weight) in &self.members {
            member.scores(users, out);
            sums.par_chunks_exact_mut(n_items)
                .zip(out.par_chunks_exact(n_items))
                .for_each(|(sums, row)| add_normalized(sums, *weight, row, self.fusion));
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = sum as f32;
        }
    }

    /// The members' parts times their factors, if scores are fused and every member with a positive
    /// weight has parts.
    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        self.parts_of(user, item, &self.rows(user, self.n_items()))
    }
}

/// Checks that two artifacts have the same users and items, row by row, as required for an
/// ensemble.
///
/// # Errors
/// [`RecommendError::DifferentCatalogues`] if they differ.
pub fn check_same_catalogue(first: &Artifact, other: &Artifact) -> Result<(), RecommendError> {
    let detail = if first.items != other.items {
        let (n, m) = (first.items.len(), other.items.len());
        format!("their items differ ({n} and {m})")
    } else if first.users != other.users {
        let (n, m) = (first.users.len(), other.users.len());
        format!("their users differ ({n} and {m})")
    } else {
        return Ok(());
    };
    Err(RecommendError::DifferentCatalogues {
        first: first.model.name.clone(),
        name: other.model.name.clone(),
        detail,
    })
}

#[cfg(test)]
mod recommender_tests;
#[cfg(test)]
mod tests;
