//! Combines a trained model with the other features, with weights learned on the validation part.

use super::feature::Feature;
use super::learning::{Fitter, LearningUser};
use super::logit::{self, Choice, Choices, Columns, Sample, Weights};
use super::ranking::GroupEffect;
use super::search::{Found, is_clearly_higher, ndcg, part_of};
use lightgcn_metrics::mean;

/// Hardly any regularization: four weights for a whole validation part.
const L2: f64 = 0.01;

/// Adds the trained model's scores to the ranking if that clearly helps on the validation part.
///
/// The model was trained with the purchases that the other features were learned from, so it can be
/// judged only on targets that are new to it. There the score of the others, with weights learned
/// without the user, is one feature, and the model's score has a weight for items met and one for
/// new ones (stacked generalization: Wolpert, Neural Networks 1992).
pub(super) fn stack(
    fitter: &Fitter<'_>,
    users: &[LearningUser],
    scales: &[f64],
    mut found: Found,
) -> Found {
    let Some(model) = fitter.features.iter().position(|f| *f == Feature::Model) else {
        return found;
    };
    let users: Vec<&LearningUser> = users.iter().filter(|user| user.with_model).collect();
    let stacking = Stacking {
        fitter,
        scales,
        model,
        of_parts: &found.of_parts,
    };
    let before = stacking.figures(&users, |_, rows| {
        rows.iter().map(|row| row[OTHERS]).collect()
    });
    let by_part: Vec<Weights> = (0..found.of_parts.len())
        .map(|part| {
            let others = users.iter().filter(|user| part_of(fitter, user) != part);
            stacking.fit(others.copied())
        })
        .collect();
    let after = stacking.figures(&users, |user, rows| {
        let weights = &by_part[part_of(fitter, user)];
        let score = |row: &[f64; 4]| weights.score(false, &row.map(|x| x as f32));
        rows.iter().map(score).collect()
    });
    let joint = stacking.fit(users.iter().copied()).new;
    let kept = is_clearly_higher(&after, &before) && joint[OTHERS] > 0.0;
    if kept {
        let weights = &mut found.weights;
        weights.bias = joint[IS_MET] + joint[OTHERS] * weights.bias;
        let others = weights.met.iter_mut().chain(&mut weights.new);
        others.for_each(|weight| *weight *= joint[OTHERS]);
        weights.met[model] = joint[MODEL_MET];
        weights.new[model] = joint[MODEL_NEW];
    }
    found.effects.push(GroupEffect {
        group: fitter.model_name(),
        with: mean(&after),
        without: mean(&before),
        dropped: !kept,
    });
    found
}

/// The features of stacking.
const OTHERS: usize = 0;
const MODEL_MET: usize = 1;
const MODEL_NEW: usize = 2;
const IS_MET: usize = 3;

struct Stacking<'s> {
    fitter: &'s Fitter<'s>,
    scales: &'s [f64],
    /// The feature of the model.
    model: usize,
    of_parts: &'s [Weights],
}

impl Stacking<'_> {
    /// For each candidate of a user, the features of stacking.
    fn rows(&self, user: &LearningUser) -> Vec<[f64; 4]> {
        let weights = &self.of_parts[part_of(self.fitter, user)];
        let width = self.fitter.features.len();
        let rows = user.candidates.rows.chunks_exact(width);
        let row = |(&met, row): (&bool, &[f32])| {
            let values: Vec<f32> = self.fitter.scaled(self.scales, row).collect();
            let own = f64::from(values[self.model]);
            let others = weights.score(met, &values);
            match met {
                true => [others, own, 0.0, 1.0],
                false => [others, 0.0, own, 0.0],
            }
        };
        user.candidates.met.iter().zip(rows).map(row).collect()
    }

    fn fit<'u>(&self, users: impl Iterator<Item = &'u LearningUser>) -> Weights {
        let mut choices = Choices::new(4);
        for user in users {
            let targets = user.target_weights();
            if targets.iter().all(|&target| target == 0.0) {
                continue;
            }
            let rows = self.rows(user);
            choices.users.push(
                targets
                    .into_iter()
                    .map(|target| Choice { met: false, target }),
            );
            choices
                .features
                .extend(rows.iter().flatten().map(|&x| x as f32));
        }
        let columns = Columns {
            met: Vec::new(),
            new: vec![OTHERS, MODEL_MET, MODEL_NEW, IS_MET],
        };
        let all: Vec<usize> = (0..choices.users.n_rows()).collect();
        let sample = Sample {
            choices: &choices,
            users: &all,
        };
        logit::fit(sample, &columns, L2, None)
    }

    /// The NDCG of each user with these scores.
    fn figures(
        &self,
        users: &[&LearningUser],
        scores: impl Fn(&LearningUser, &[[f64; 4]]) -> Vec<f64>,
    ) -> Vec<f64> {
        let k = self.fitter.config.k;
        let one = |user: &&LearningUser| {
            let scores = scores(user, &self.rows(user));
            ndcg(user, scores.into_iter(), k)
        };
        users.iter().map(one).collect()
    }
}
