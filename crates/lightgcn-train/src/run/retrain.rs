//! Compares a retrained model with the previous one.

use super::previous::PreviousRanker;
use crate::TrainError;
use lightgcn_core::{Dataset, ItemId, NodeId, Truth, UserId, Vocabulary};
use lightgcn_metrics::Metric;
use lightgcn_recommend::{
    EmbeddingRanker, Evaluation, EvaluationOptions, LearnedRanker, Ranker, evaluate,
};
use lightgcn_store::Artifact;
use serde::{Deserialize, Serialize};

/// The cutoff of the compared metrics.
const K: usize = 20;

/// How far a metric may fall, relative to the earlier model's: 0.01 is one percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Margin(f64);

impl Margin {
    /// A margin of at least 0 and below 1.
    ///
    /// # Errors
    /// [`TrainError::Config`] for any other number.
    pub fn new(margin: f64) -> Result<Self, TrainError> {
        if (0.0..1.0).contains(&margin) {
            return Ok(Self(margin));
        }
        Err(TrainError::config(format!(
            "the margin is {margin}; it must be at least 0 and below 1"
        )))
    }

    /// The lowest acceptable metric after `previous`.
    #[must_use]
    pub fn least(self, previous: f64) -> f64 {
        previous * (1.0 - self.0)
    }

    /// The margin as a number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

impl Default for Margin {
    /// One percent.
    fn default() -> Self {
        Self(0.01)
    }
}

/// The metrics of one model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RetrainFigures {
    /// Whether the model answers by a learned ranking, which is then what was evaluated; else by its embeddings.
    pub learned_ranking: bool,
    /// Recall at 20, in [0, 1].
    #[serde(rename = "recall@20")]
    pub recall: f64,
    /// NDCG at 20, in [0, 1].
    #[serde(rename = "ndcg@20")]
    pub ndcg: f64,
}

/// The metrics of two models on the same users and targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrainReport {
    /// The earlier model.
    pub previous: RetrainFigures,
    /// The new one.
    pub retrained: RetrainFigures,
    /// Number of users: those of the validation part that the earlier model knows.
    pub n_users: usize,
    /// Number of their targets.
    pub n_targets: usize,
    /// Targets left out because the earlier model does not know the user.
    pub left_out_unknown_user: usize,
    /// Targets left out because the earlier model was trained on them.
    pub left_out_trained_on: usize,
}

impl RetrainFigures {
    fn of(artifact: &Artifact, evaluation: &Evaluation) -> Result<Self, TrainError> {
        Ok(Self {
            learned_ranking: artifact.ranking.is_some(),
            recall: evaluation.mean(Metric::Recall, K)?,
            ndcg: evaluation.mean(Metric::Ndcg, K)?,
        })
    }
}

impl RetrainReport {
    /// A message for each metric that fell by more than the margin; empty if the new model may be
    /// published.
    #[must_use]
    pub fn issues(&self, margin: Margin) -> Vec<String> {
        let (old, new) = (&self.previous, &self.retrained);
        [
            ("recall@20", old.recall, new.recall),
            ("ndcg@20", old.ndcg, new.ndcg),
        ]
        .into_iter()
        .filter(|&(_, old, new)| new < margin.least(old))
        .map(|(name, old, new)| {
            let least = margin.least(old);
            format!("{name} fell from {old:.4} to {new:.4}, below {least:.4}")
        })
        .collect()
    }
}

/// The data to compare an earlier model and one retrained from it on: the targets in the validation
/// part of the new dataset that the earlier model was not trained on, of users that it knows.
#[derive(Debug)]
pub struct Retraining<'a> {
    previous: &'a Artifact,
    dataset: &'a Dataset,
    truth: Truth,
    unknown: usize,
    trained_on: usize,
}

impl<'a> Retraining<'a> {
    /// Checks, before training, that the two can be compared.
    ///
    /// # Errors
    /// [`TrainError::OtherIds`] if the dataset has fewer than half of the users or of the items of
    /// the earlier model: the format of the ids may have changed. Not checked if `allow_other_ids`.
    /// [`TrainError::NotComparable`] if no target is left.
    pub fn new(
        previous: &'a Artifact,
        dataset: &'a Dataset,
        allow_other_ids: bool,
    ) -> Result<Self, TrainError> {
        if !allow_other_ids {
            check_ids("users", &previous.users, &dataset.users)?;
            check_ids("items", &previous.items, &dataset.items)?;
        }
        let (truth, unknown, trained_on) = common_truth(previous, dataset)?;
        Ok(Self {
            previous,
            dataset,
            truth,
            unknown,
            trained_on,
        })
    }

    /// Evaluates what both models would answer, by full ranking over all items: the lists of the learned ranking
    /// where an artifact has one, else those of its embeddings.
    ///
    /// Items that the earlier model does not know are never recommended by it, as in production. The new model's best
    /// epoch was chosen on the same data, and the weights of its ranking learned from them too, which favors it
    /// slightly.
    ///
    /// # Errors
    /// [`TrainError::Recommend`] if the retrained model does not fit the dataset, or a ranking is not sound.
    pub fn compare(&self, retrained: &Artifact) -> Result<RetrainReport, TrainError> {
        let new = self.evaluate(&*answers(retrained)?)?;
        let previous = answers(self.previous)?;
        let names = (self.previous, self.dataset);
        let old = self.evaluate(&PreviousRanker::new(&*previous, names))?;
        Ok(RetrainReport {
            n_users: new.n_users(),
            n_targets: new.n_targets(),
            previous: RetrainFigures::of(self.previous, &old)?,
            retrained: RetrainFigures::of(retrained, &new)?,
            left_out_unknown_user: self.unknown,
            left_out_trained_on: self.trained_on,
        })
    }

    fn evaluate(&self, ranker: &dyn Ranker) -> Result<Evaluation, TrainError> {
        let options = EvaluationOptions {
            ks: vec![K],
            resamples: 0,
            ..EvaluationOptions::default()
        };
        Ok(evaluate(
            ranker,
            &self.dataset.split.train,
            &self.truth,
            &options,
        )?)
    }
}

/// Checks that the dataset has at least half of the earlier model's ids.
fn check_ids<K: NodeId>(
    what: &'static str,
    earlier: &Vocabulary<K>,
    now: &Vocabulary<K>,
) -> Result<(), TrainError> {
    let lost: Vec<&str> = earlier
        .iter()
        .filter(|name| now.get(name).is_none())
        .collect();
    let n_lost = lost.len();
    if 2 * n_lost <= earlier.len() {
        return Ok(());
    }
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    Err(TrainError::OtherIds {
        what,
        known: earlier.len() - n_lost,
        of: earlier.len(),
        lost: name(lost.first().copied()),
        new: name(now.iter().find(|name| earlier.get(name).is_none())),
    })
}

/// The validation targets that both models can rank, and the number left out for either reason.
fn common_truth(
    previous: &Artifact,
    dataset: &Dataset,
) -> Result<(Truth, usize, usize), TrainError> {
    let (mut unknown, mut trained_on) = (0, 0);
    let mut kept: Vec<(UserId, ItemId)> = Vec::new();
    for (user, item) in dataset.split.validation.truth().iter() {
        let old_user = dataset.users.name(user).and_then(|u| previous.users.get(u));
        let old_item = dataset.items.name(item).and_then(|i| previous.items.get(i));
        let Some(old_user) = old_user else {
            unknown += 1;
            continue;
        };
        let met = old_item.is_some_and(|item| {
            let pair = previous.train.find(old_user, item);
            pair.is_some_and(|pair| previous.train.is_target(pair))
        });
        if met {
            trained_on += 1;
        } else {
            kept.push((user, item));
        }
    }
    if kept.is_empty() {
        return Err(TrainError::NotComparable {
            detail: format!(
                "no validation target is left ({unknown} have users unknown to the earlier model, \
                 {trained_on} were in its training data); hold out newer events with `prepare \
                     --after MODEL`"
            ),
        });
    }
    let (n_users, n_items) = (dataset.users.len(), dataset.items.len());
    Ok((
        Truth::from_pairs(n_users, n_items, kept)?,
        unknown,
        trained_on,
    ))
}

/// The ranker that an artifact answers with.
fn answers(artifact: &Artifact) -> Result<Box<dyn Ranker + '_>, TrainError> {
    if let Some(learned) = LearnedRanker::of_artifact(artifact)? {
        return Ok(Box::new(learned));
    }
    let table = &artifact.embeddings;
    Ok(Box::new(EmbeddingRanker::from_nodes(
        &*artifact.model.name,
        table.data(),
        artifact.users.len(),
        table.dimension(),
    )?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_relative_and_checked() {
        let report = |recall, ndcg| RetrainReport {
            previous: RetrainFigures {
                learned_ranking: false,
                recall: 0.2,
                ndcg: 0.1,
            },
            retrained: RetrainFigures {
                learned_ranking: false,
                recall,
                ndcg,
            },
            n_users: 1,
            n_targets: 1,
            left_out_unknown_user: 0,
            left_out_trained_on: 0,
        };
        let margin = Margin::new(0.1).unwrap();
        assert!(report(0.181, 0.0901).issues(margin).is_empty());
        let issues = report(0.179, 0.5).issues(margin);
        assert_eq!(
            issues,
            ["recall@20 fell from 0.2000 to 0.1790, below 0.1800"]
        );
        assert_eq!(report(0.1, 0.05).issues(margin).len(), 2);
        assert!(
            report(0.2, 0.1)
                .issues(Margin::new(0.0).unwrap())
                .is_empty()
        );
        assert_eq!(Margin::default().value(), 0.01);
        for bad in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
            assert!(Margin::new(bad).is_err(), "{bad}");
        }
    }
}
