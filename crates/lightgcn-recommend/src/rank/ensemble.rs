//! Several rankers as one, by their scores or by their ranks.

use crate::rank::revenue::deviation;
use crate::rank::scorer::{ScoreParts, block_size, check_scores, list, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::{ItemId, Train, UserId, Validation};
use lightgcn_metrics::{Metric, RankingEvaluator};
use lightgcn_store::Artifact;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const RANK_OFFSET: f64 = 60.0;
/// The most combinations of weights that are tried.
const MOST_COMBINATIONS: usize = 20_000;

/// How the members of an [`EnsembleRanker`] come to one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fusion {
    /// Σ weight · score / σ, σ being the standard deviation of the member's scores of all items for
    /// that user.
    #[default]
    Score,
    /// Σ weight / (60 + rank) over the places in the members' rankings of all items (reciprocal rank
    /// fusion; Cormack, Clarke and Büttcher, SIGIR 2009). It does not look at sizes of scores.
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

/// Ranks by the weighted scores or ranks of several rankers of the same items for the same users:
/// models, linear filters, or one with an eye on revenue ([`RevenueScorer`](crate::RevenueScorer)).
pub struct EnsembleRanker<'a> {
    members: Vec<Box<dyn Scorer + 'a>>,
    weights: Vec<f64>,
    fusion: Fusion,
    name: String,
}

impl std::fmt::Debug for EnsembleRanker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        f.debug_struct("EnsembleRanker")
            .field("name", name)
            .finish_non_exhaustive()
    }
}

impl<'a> EnsembleRanker<'a> {
    /// An ensemble of `members` with one weight each, which need not sum to 1.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if there is no member, not one weight a member, a weight is negative or
    /// not finite, or none is positive; [`RecommendError::DifferentCatalogues`] if the members count
    /// different users or items. (Whether ids agree, [`check_same_catalogue`] tells.)
    pub fn new(
        members: Vec<Box<dyn Scorer + 'a>>,
        weights: &[f64],
        fusion: Fusion,
    ) -> Result<Self, RecommendError> {
        let mut faults = Vec::new();
        if members.is_empty() {
            faults.push("an ensemble needs at least one member".to_owned());
        }
        if weights.len() != members.len() {
            let (n, m) = (weights.len(), members.len());
            faults.push(format!(
                "there are {n} weights for {m} members; give one each"
            ));
        }
        for weight in weights.iter().filter(|w| !(w.is_finite() && **w >= 0.0)) {
            faults.push(format!("the weight {weight} must be 0 or more, and finite"));
        }
        if !weights.iter().any(|weight| *weight > 0.0) {
            faults.push("no weight is positive".to_owned());
        }
        if !faults.is_empty() {
            return Err(RecommendError::Options { faults });
        }
        for member in &members[1..] {
            let (a, b) = (&members[0], member);
            if (a.n_users(), a.n_items()) != (b.n_users(), b.n_items()) {
                return Err(RecommendError::DifferentCatalogues {
                    first: a.name().to_owned(),
                    name: b.name().to_owned(),
                    detail: format!(
                        "they count {} and {} users, {} and {} items",
                        a.n_users(),
                        b.n_users(),
                        a.n_items(),
                        b.n_items()
                    ),
                });
            }
        }
        let names = members.iter().zip(weights);
        let names: Vec<String> = names.map(|(m, w)| format!("{w} {}", m.name())).collect();
        Ok(Self {
            name: names.join(" + "),
            weights: weights.to_vec(),
            members,
            fusion,
        })
    }

    /// The weights, one a member.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// What each member's scores are multiplied by for this user, where they are fused by score: a
    /// contribution to a member's score times its factor is one to the ensemble's. None for ranks, which
    /// are no sum of contributions. O(cost of the members' scores).
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn factors(&self, user: UserId) -> Option<Vec<f64>> {
        if self.fusion == Fusion::Rank {
            return None;
        }
        let mut row = vec![0.0; self.n_items()];
        let factors = self
            .members
            .iter()
            .zip(&self.weights)
            .map(|(member, weight)| {
                member.scores(&[user], &mut row);
                weight * inverse(&row)
            });
        Some(factors.collect())
    }
}

/// One over the standard deviation, or 0 where all scores are equal.
pub(crate) fn inverse(row: &[f32]) -> f64 {
    let sigma = deviation(row.iter().map(|&s| f64::from(s)));
    if sigma > 0.0 { 1.0 / sigma } else { 0.0 }
}

/// What one member says of each item, before its weight.
pub(crate) fn voice(row: &[f32], fusion: Fusion) -> Vec<f64> {
    match fusion {
        Fusion::Score => {
            let factor = inverse(row);
            row.iter().map(|&score| f64::from(score) * factor).collect()
        }
        Fusion::Rank => {
            let mut voices = vec![0.0; row.len()];
            for (ranked, place) in list(row, row.len(), &[]).iter().zip(1..) {
                voices[ranked.item.index()] = 1.0 / (RANK_OFFSET + f64::from(place));
            }
            voices
        }
    }
}

impl Ranker for EnsembleRanker<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.members[0].n_users()
    }

    fn n_items(&self) -> usize {
        self.members[0].n_items()
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
        for (member, &weight) in self.members.iter().zip(&self.weights) {
            member.scores(users, out);
            sums.par_chunks_exact_mut(n_items)
                .zip(out.par_chunks_exact(n_items))
                .for_each(|(sums, row)| {
                    for (sum, voice) in sums.iter_mut().zip(voice(row, self.fusion)) {
                        *sum += weight * voice;
                    }
                });
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = sum as f32;
        }
    }

    /// The members' parts times their factors, where scores are fused and every member that counts has
    /// parts.
    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        let mut sum = ScoreParts::default();
        let factors = self.factors(user)?;
        for (member, factor) in self.members.iter().zip(factors) {
            if factor != 0.0 {
                sum.add(&member.parts(user, item)?, factor);
            }
        }
        Some(sum)
    }
}

/// Whether two artifacts speak of the same users and items, row by row: what an ensemble needs.
///
/// # Errors
/// [`RecommendError::DifferentCatalogues`] with what differs.
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

/// Chooses the weights of an [`EnsembleRanker`] among all multiples of 1 / `steps` that sum to 1: those
/// with the highest `metric` at `k` on the validation part, targets of training masked; of equal ones the
/// first, in ascending order. Each member scores each user once. O(users · items ·
/// combinations).
///
/// # Errors
/// [`RecommendError::Options`] for 0 steps or more than 20,000 combinations, [`RecommendError::ZeroK`],
/// [`RecommendError::DifferentCatalogues`] and [`RecommendError::NoTargets`].
pub fn choose_weights(
    members: &[&dyn Scorer],
    fusion: Fusion,
    train: &Train,
    validation: &Validation,
    steps: usize,
    metric: Metric,
    k: usize,
) -> Result<Vec<f64>, RecommendError> {
    let boxed: Vec<Box<dyn Scorer + '_>> = members
        .iter()
        .map(|member| Box::new(*member) as Box<dyn Scorer + '_>)
        .collect();
    let ensemble = EnsembleRanker::new(boxed, &vec![1.0; members.len()], fusion)?;
    if k == 0 {
        return Err(RecommendError::ZeroK);
    }
    let truth = validation.truth();
    if truth.is_empty() {
        return Err(RecommendError::NoTargets { part: "validation" });
    }
    let pairs = train.interactions();
    if (ensemble.n_users(), ensemble.n_items()) != (pairs.n_users(), pairs.n_items()) {
        return Err(RecommendError::Shape {
            what: format!("the ensemble {:?}", ensemble.name),
            users: ensemble.n_users(),
            items: ensemble.n_items(),
            train_users: pairs.n_users(),
            train_items: pairs.n_items(),
        });
    }
    let combinations = combinations(members.len(), steps)?;
    let masks = Exclusions::targets(pairs);
    let n_items = truth.n_items();
    let mut evaluators = vec![RankingEvaluator::new(&[k], n_items)?; combinations.len()];
    let users: Vec<UserId> = truth.users().collect();
    let size = block_size(n_items);
    for users in users.chunks(size) {
        let mut rows = vec![vec![0.0; users.len() * n_items]; members.len()];
        for (member, rows) in members.iter().zip(&mut rows) {
            member.scores(users, rows);
        }
        let lists: Vec<Vec<Vec<ItemId>>> = users
            .par_iter()
            .enumerate()
            .map(|(n, &user)| {
                let range = n * n_items..(n + 1) * n_items;
                let voices: Vec<Vec<f64>> = rows
                    .iter()
                    .map(|rows| voice(&rows[range.clone()], fusion))
                    .collect();
                let fused = |weights: &Vec<f64>| {
                    let score = |item: usize| {
                        let parts = weights.iter().zip(&voices);
                        parts.map(|(w, voice)| w * voice[item]).sum::<f64>() as f32
                    };
                    let scores: Vec<f32> = (0..n_items).map(score).collect();
                    let ranked = list(&scores, k, masks.of(user)).into_iter();
                    ranked.map(|ranked| ranked.item).collect()
                };
                combinations.iter().map(fused).collect()
            })
            .collect();
        for (&user, lists) in users.iter().zip(&lists) {
            for (evaluator, list) in evaluators.iter_mut().zip(lists) {
                evaluator.update(user, list, truth.items_of(user));
            }
        }
    }
    let mut best = (f64::NEG_INFINITY, 0);
    for (n, evaluator) in evaluators.iter().enumerate() {
        let figure = evaluator.compute()?.mean(metric, k)?;
        if figure > best.0 {
            best = (figure, n);
        }
    }
    Ok(combinations[best.1].clone())
}

/// All ways to deal `steps` shares to `n` members, in ascending order.
fn combinations(n: usize, steps: usize) -> Result<Vec<Vec<f64>>, RecommendError> {
    let fault = |fault: String| RecommendError::Options {
        faults: vec![fault],
    };
    if steps == 0 {
        return Err(fault("steps is 0; use 1 or more".to_owned()));
    }
    let mut found: Vec<Vec<usize>> = vec![Vec::new()];
    for member in 0..n {
        let mut next = Vec::new();
        for shares in &found {
            let left = steps - shares.iter().sum::<usize>();
            let least = if member + 1 == n { left } else { 0 };
            next.extend((least..=left).map(|share| [&shares[..], &[share]].concat()));
            if next.len() > MOST_COMBINATIONS {
                let most = format!("at most {MOST_COMBINATIONS} combinations are tried");
                return Err(fault(format!(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::chain::tests::larger;
    use crate::{EmbeddingRanker, LinearRanker, Recommender, RevenueScorer};
    use lightgcn_core::{InteractionsBuilder, Split, Truth};
    use lightgcn_linear::ItemKnnConfig;

    fn ranker(items: &[f32]) -> Box<dyn Scorer + 'static> {
        Box::new(EmbeddingRanker::new("e", vec![1.0], items.to_vec(), 1).unwrap())
    }

    fn order(weights: &[f64], fusion: Fusion) -> Vec<u32> {
        let members = vec![ranker(&[9.0, 1.0, 0.0]), ranker(&[0.0, 200.0, 300.0])];
        let ensemble = EnsembleRanker::new(members, weights, fusion).unwrap();
        let list = &ensemble.top_k(&[UserId(0)], 3, &Exclusions::none())[0];
        list.iter().map(|r| r.item.0).collect()
    }

    #[test]
    fn by_hand() {
        assert_eq!(order(&[1.0, 0.0], Fusion::Score), [0, 1, 2]);
        assert_eq!(order(&[0.0, 2.0], Fusion::Score), [2, 1, 0]);
        // σ: 4.03 and 124.7; sums 2.23, 0.25 + 1.60, 2.41.
        assert_eq!(order(&[1.0, 1.0], Fusion::Score), [2, 0, 1]);
        // 1/61 + 1/63 beats 1/62 + 1/62, and the lower row comes first.
        assert_eq!(order(&[1.0, 1.0], Fusion::Rank), [0, 2, 1]);
        assert_eq!(order(&[1.0, 3.0], Fusion::Rank), [2, 1, 0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let build = |members, weights: &[f64]| {
            let built = EnsembleRanker::new(members, weights, Fusion::Score);
            built.unwrap_err().to_string()
        };
        assert!(build(Vec::new(), &[]).contains("at least one member"));
        let two = || vec![ranker(&[1.0, 2.0]), ranker(&[2.0, 1.0])];
        assert!(build(two(), &[1.0]).contains("1 weights for 2 members"));
        assert!(build(two(), &[1.0, f64::NAN]).contains("the weight NaN"));
        assert!(build(two(), &[0.0, 0.0]).contains("no weight is positive"));
        let different = vec![ranker(&[1.0, 2.0]), ranker(&[2.0])];
        let text = build(different, &[1.0, 1.0]);
        assert!(
            text.contains("cannot join") && text.contains("2 and 1 items"),
            "{text}"
        );
        let (a, mut b) = (larger(), larger());
        assert!(check_same_catalogue(&a, &b).is_ok());
        b.items = lightgcn_core::Vocabulary::from_names((0..60).map(|n| format!("q{n}"))).unwrap();
        assert!(matches!(
            check_same_catalogue(&a, &b),
            Err(RecommendError::DifferentCatalogues { .. })
        ));
    }

    #[test]
    fn contributions_of_members_sum_to_the_fused_score() {
        let shop = Recommender::from_artifact(larger()).unwrap();
        let train = &shop.artifact().train;
        let nothing = || Truth::empty(20, 60);
        let split = Split::new(train.clone(), nothing(), nothing()).unwrap();
        let knn = ItemKnnConfig::default().fit(&split.train).unwrap();
        let linear = LinearRanker::new(Box::new(knn), &split.train);
        let members: Vec<Box<dyn Scorer + '_>> = vec![Box::new(shop.ranker()), Box::new(&linear)];
        let fused = EnsembleRanker::new(members, &[0.4, 0.6], Fusion::Score).unwrap();
        let (user, item) = (UserId(3), ItemId(17));
        // The ranker knows no history, so its parts come from the shop.
        assert_eq!(fused.parts(user, item), None);
        let members: Vec<Box<dyn Scorer + '_>> = vec![Box::new(&shop), Box::new(&linear)];
        let fused = EnsembleRanker::new(members, &[0.4, 0.6], Fusion::Score).unwrap();
        let mut scores = vec![0.0; 60];
        fused.scores(&[user], &mut scores);
        for item in 0..55 {
            let parts = fused.parts(user, ItemId(item)).unwrap();
            let sum = parts.own_taste + parts.contributions.iter().map(|(_, v)| v).sum::<f64>();
            assert!((sum - f64::from(scores[item as usize])).abs() < 1e-4);
        }
        let members: Vec<Box<dyn Scorer + '_>> = vec![Box::new(&shop), Box::new(&linear)];
        let ranks = EnsembleRanker::new(members, &[0.4, 0.6], Fusion::Rank).unwrap();
        assert_eq!(ranks.parts(user, item), None);
    }

    #[test]
    fn weights_are_chosen_on_validation() {
        let mut pairs = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        pairs.push(UserId(0), ItemId(0), 1.0, &[1], None).unwrap();
        let truth = Truth::from_pairs(1, 3, vec![(UserId(0), ItemId(1))]).unwrap();
        let split = Split::new(pairs.build(1, 3).unwrap(), truth, Truth::empty(1, 3)).unwrap();
        let (bad, good) = (ranker(&[0.0, 0.0, 1.0]), ranker(&[0.0, 1.0, 0.0]));
        let members: [&dyn Scorer; 2] = [&*bad, &*good];
        let choose = |steps, k| {
            let (train, validation) = (&split.train, &split.validation);
            choose_weights(
                &members,
                Fusion::Score,
                train,
                validation,
                steps,
                Metric::Recall,
                k,
            )
        };
        // Half and half is a tie, which the lower row wins.
        assert_eq!(choose(10, 1).unwrap(), [0.0, 1.0]);
        assert!(matches!(choose(10, 0), Err(RecommendError::ZeroK)));
        assert!(choose(0, 1).unwrap_err().to_string().contains("steps is 0"));
        assert!(
            choose(100_000, 1)
                .unwrap_err()
                .to_string()
                .contains("too many")
        );
        let revenue = RevenueScorer::new(good, &[None, Some(1.0), Some(9.0)], 1.0).unwrap();
        let members: Vec<Box<dyn Scorer + '_>> = vec![bad, Box::new(revenue)];
        assert!(EnsembleRanker::new(members, &[1.0, 1.0], Fusion::Rank).is_ok());
    }
}
