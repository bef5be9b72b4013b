//! The choice of features and of the strength of regularization, by cross-validation over users.

use super::candidates::BY_OTHERS;
use super::feature::{Feature, FeatureGroup};
use super::learning::{Fitter, LearningUser};
use super::logit::{self, Choice, Choices, Columns, Sample, Weights};
use super::ranking::GroupEffect;
use super::ties::jitter;
use crate::RecommendError;
use crate::rank::scorer::standard_deviation;
use lightgcn_core::ItemId;
use lightgcn_core::random::{Random, Stream};
use lightgcn_metrics::{Hits, Metric, mean};
use rayon::prelude::*;

/// The most users that choices are made on; weights are learned from all.
const MAX_SEARCHED: usize = 8_000;
/// The parts that users are divided into.
const N_PARTS: u32 = 4;

/// One part of the users, judged by weights that were learned from all others: rows of [`Search::users`].
struct Part {
    /// Those that have a target among their candidates.
    learn: Vec<usize>,
    judged: Vec<usize>,
}

pub(super) struct Search<'s> {
    fitter: &'s Fitter<'s>,
    users: &'s [LearningUser],
    /// Of all users.
    choices: Choices,
    /// All users that have a target among their candidates.
    learn: Vec<usize>,
    parts: Vec<Part>,
    /// The features that are not 0 for all candidates.
    informative: Columns,
}

/// What was chosen.
pub(super) struct Found {
    pub(super) weights: Weights,
    /// The weights learned without each part of the users.
    pub(super) of_parts: Vec<Weights>,
    pub(super) l2: f64,
    /// The mean over users of the weights learned without them.
    pub(super) ndcg: f64,
    /// Those that were dropped and those that were not, each with what it changes.
    pub(super) effects: Vec<GroupEffect>,
    /// Those that were not dropped.
    pub(super) groups: Vec<FeatureGroup>,
}

/// The part that a user belongs to.
pub(super) fn part_of(fitter: &Fitter<'_>, user: &LearningUser) -> usize {
    let random = Random::new(fitter.config.seed, Stream::Withholding);
    random.at(4, u64::from(user.user.0)).below(N_PARTS) as usize
}

/// A candidate for the choice: the weights of each part, and their figure.
#[derive(Clone)]
struct Trial {
    columns: Columns,
    l2: f64,
    weights: Vec<Weights>,
    /// NDCG of each user, in the order of the parts.
    values: Vec<f64>,
    ndcg: f64,
}

/// Whether the mean of `one` is above that of `other`, user by user, by more than the standard error of the
/// difference: of a dozen choices, one looks better by chance.
pub(super) fn is_clearly_higher(one: &[f64], other: &[f64]) -> bool {
    let differences = one.iter().zip(other).map(|(a, b)| a - b);
    let error = standard_deviation(differences) / (one.len() as f64).sqrt();
    mean(one) - mean(other) > error
}

/// The relative gain in the figure that makes a further member worth its time and memory.
const MIN_GAIN: f64 = 1e-3;

/// Whether a group is worth nothing: without it the figure is clearly higher or everything the same, or it
/// is one of several members and adds too little.
fn is_useless(group: FeatureGroup, without: &Trial, with: &Trial, all: &[FeatureGroup]) -> bool {
    let is_member = |group: &FeatureGroup| matches!(group, FeatureGroup::Graph(_));
    let spare = is_member(&group) && all.iter().filter(|group| is_member(group)).count() > 1;
    all.len() > 1
        && (is_clearly_higher(&without.values, &with.values)
            || without.values == with.values
            || (spare && without.ndcg >= with.ndcg * (1.0 - MIN_GAIN)))
}

impl<'s> Search<'s> {
    pub(super) fn new(
        fitter: &'s Fitter<'s>,
        users: &'s [LearningUser],
        scales: &[f64],
    ) -> Result<Self, RecommendError> {
        let choices = choices(fitter, users, scales);
        let can_teach = |user: &usize| choices.users.row(*user).iter().any(|c| c.target > 0.0);
        let learn: Vec<usize> = (0..users.len()).filter(can_teach).collect();
        if learn.is_empty() {
            return Err(RecommendError::NothingToLearn);
        }
        let searched = (0..users.len()).step_by(users.len().div_ceil(MAX_SEARCHED));
        let part = |part: usize| {
            let (judged, mut learn): (Vec<usize>, Vec<usize>) = searched
                .clone()
                .partition(|&user| part_of(fitter, &users[user]) == part);
            learn.retain(can_teach);
            Part { learn, judged }
        };
        Ok(Self {
            parts: (0..N_PARTS as usize).map(part).collect(),
            informative: choices.informative(),
            fitter,
            users,
            learn,
            choices,
        })
    }

    /// Chooses l2 with all features, drops groups of features while that helps or
    /// changes nothing, and chooses l2 again.
    pub(super) fn run(&self) -> Found {
        let mut groups: Vec<FeatureGroup> =
            self.fitter.features.iter().map(|f| f.group()).collect();
        // The trained model joins afterwards, on users who have its scores.
        groups.retain(|group| *group != FeatureGroup::Model);
        groups.sort_unstable();
        groups.dedup();
        let mut best = self.best_l2(&self.columns(&groups), None);
        let mut dropped = Vec::new();
        groups.retain(|group| {
            let is_informative = self.columns(&[*group]).n_features() > 0;
            if !is_informative {
                dropped.push(self.effect(*group, best.ndcg, best.ndcg, true));
            }
            is_informative
        });
        let tried = loop {
            let tried: Vec<(FeatureGroup, Trial)> = groups
                .iter()
                .map(|group| (*group, self.without(&[*group], &groups, &best)))
                .collect();
            let Some((out, next)) = self.drop_useless(&tried, &groups, &best) else {
                break tried;
            };
            let out_of_tried = tried.iter().filter(|(group, _)| out.contains(group));
            dropped.extend(
                out_of_tried.map(|(group, trial)| self.effect(*group, best.ndcg, trial.ndcg, true)),
            );
            groups.retain(|group| !out.contains(group));
            best = next;
        };
        let again = self.best_l2(&best.columns, Some(&best));
        if again.ndcg > best.ndcg {
            best = again;
        }
        let kept = tried
            .iter()
            .map(|(group, trial)| self.effect(*group, best.ndcg, trial.ndcg, false));
        dropped.extend(kept.collect::<Vec<_>>());
        Found {
            weights: self.fit(&self.learn, &best.columns, best.l2, best.weights.first()),
            of_parts: best.weights,
            l2: best.l2,
            ndcg: best.ndcg,
            effects: dropped,
            groups,
        }
    }

    /// The same weights learned without the groups `out` of `groups`.
    fn without(&self, out: &[FeatureGroup], groups: &[FeatureGroup], best: &Trial) -> Trial {
        let rest = groups.iter().filter(|group| !out.contains(group));
        let rest: Vec<FeatureGroup> = rest.copied().collect();
        self.trial(&self.columns(&rest), best.l2, Some(best))
    }

    /// The groups to drop of those that were tried, with the figure without them: all that are useless
    /// if that is no worse than without the most useless one alone, else that one.
    fn drop_useless(
        &self,
        tried: &[(FeatureGroup, Trial)],
        groups: &[FeatureGroup],
        best: &Trial,
    ) -> Option<(Vec<FeatureGroup>, Trial)> {
        let useless = tried
            .iter()
            .filter(|(group, trial)| is_useless(*group, trial, best, groups));
        let useless: Vec<&(FeatureGroup, Trial)> = useless.collect();
        let (worst, alone) = useless
            .iter()
            .max_by(|a, b| a.1.ndcg.total_cmp(&b.1.ndcg))?;
        if (2..groups.len()).contains(&useless.len()) {
            let out: Vec<FeatureGroup> = useless.iter().map(|(group, _)| *group).collect();
            let together = self.without(&out, groups, best);
            if together.ndcg >= alone.ndcg {
                return Some((out, together));
            }
        }
        Some((vec![*worst], alone.clone()))
    }

    fn effect(&self, group: FeatureGroup, with: f64, without: f64, dropped: bool) -> GroupEffect {
        let group = match group {
            FeatureGroup::Graph(member) => self.fitter.kinds[member].name(),
            other => other.name(),
        };
        GroupEffect {
            group: group.to_owned(),
            with,
            without,
            dropped,
        }
    }

    /// The features of these groups that tell candidates apart: those of the pair for items met alone.
    fn columns(&self, groups: &[FeatureGroup]) -> Columns {
        let is_chosen = |n: &usize| groups.contains(&self.fitter.features[*n].group());
        let of = |columns: &[usize], is_other: fn(Feature) -> bool| {
            let columns = columns.iter().copied().filter(is_chosen);
            let columns = columns.filter(|n| !is_other(self.fitter.features[*n]));
            columns.collect()
        };
        Columns {
            new: of(&self.informative.new, Feature::is_of_pair),
            met: of(&self.informative.met, Feature::is_of_new_items),
        }
    }

    fn best_l2(&self, columns: &Columns, start: Option<&Trial>) -> Trial {
        let trials = self
            .fitter
            .config
            .l2
            .iter()
            .map(|&l2| self.trial(columns, l2, start));
        // Of equal ones the last, the strongest regularization of an ascending list.
        let best = trials.max_by(|a, b| a.ndcg.total_cmp(&b.ndcg));
        best.expect("a checked configuration has an l2")
    }

    /// Learns from all parts but one, and judges that one, in turn.
    fn trial(&self, columns: &Columns, l2: f64, start: Option<&Trial>) -> Trial {
        let judged: Vec<(Weights, Vec<f64>)> = self
            .parts
            .par_iter()
            .enumerate()
            .map(|(n, part)| {
                let start = start.map(|trial| &trial.weights[n]);
                let weights = self.fit(&part.learn, columns, l2, start);
                let values = self.ndcgs(part, &weights, columns);
                (weights, values)
            })
            .collect();
        let values: Vec<f64> = judged
            .iter()
            .flat_map(|(_, values)| values)
            .copied()
            .collect();
        Trial {
            columns: columns.clone(),
            l2,
            ndcg: mean(&values),
            values,
            weights: judged.into_iter().map(|(weights, _)| weights).collect(),
        }
    }

    fn fit(&self, users: &[usize], columns: &Columns, l2: f64, start: Option<&Weights>) -> Weights {
        let choices = &self.choices;
        logit::fit(Sample { choices, users }, columns, l2, start)
    }

    /// NDCG of the list of each user judged. Candidates that only members without a column name are not there, as
    /// answers have none of them.
    fn ndcgs(&self, part: &Part, weights: &Weights, columns: &Columns) -> Vec<f64> {
        let Choices { users, .. } = &self.choices;
        let sources = self.sources(columns);
        let one = |&user: &usize| {
            let of_user = &self.users[user];
            let scored = users.range(user).zip(users.row(user));
            let scores = scored.zip(&of_user.candidates.sources);
            let scores = scores.map(|((n, choice), source)| match source & sources {
                0 => f64::NEG_INFINITY,
                _ => weights.score(choice.met, self.choices.row(n)),
            });
            ndcg(of_user, scores, self.fitter.config.k)
        };
        part.judged.par_iter().map(one).collect()
    }

    /// What names candidates besides the members without a column.
    fn sources(&self, columns: &Columns) -> u8 {
        let columns = columns.met.iter().chain(&columns.new);
        columns.fold(BY_OTHERS, |bits, &n| match self.fitter.features[n] {
            Feature::Graph { member, .. } => bits | 1 << member,
            _ => bits,
        })
    }
}

/// NDCG of a user's candidates by these scores; those of −∞ are not listed.
pub(super) fn ndcg(user: &LearningUser, scores: impl Iterator<Item = f64>, k: usize) -> f64 {
    let keyed = scores.zip(&user.candidates.items);
    let mut keyed: Vec<(f64, ItemId)> = keyed
        .filter(|(score, _)| *score > f64::NEG_INFINITY)
        .map(|(score, &item)| (score + jitter(item), item))
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ranks: Vec<u32> = (1..)
        .zip(keyed.iter().take(k))
        .filter(|(_, (_, item))| user.targets.binary_search(item).is_ok())
        .map(|(rank, _)| rank)
        .collect();
    Metric::Ndcg.value(Hits::new(&ranks, user.targets.len()), k)
}

/// The candidates of users with scaled features.
fn choices(fitter: &Fitter<'_>, users: &[LearningUser], scales: &[f64]) -> Choices {
    let width = fitter.features.len();
    let mut choices = Choices::new(width);
    let n_candidates: usize = users.iter().map(|user| user.candidates.items.len()).sum();
    choices.features.reserve_exact(n_candidates * width);
    for user in users {
        let targets = user.target_weights();
        let marked = user.candidates.met.iter().zip(targets);
        choices
            .users
            .push(marked.map(|(&met, target)| Choice { met, target }));
        for row in user.candidates.rows.chunks_exact(width) {
            choices.features.extend(fitter.scaled(scales, row));
        }
    }
    choices
}
