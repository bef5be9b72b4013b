//! The result of a search.

use super::TrialRecord;
use super::space::short;
use crate::{Candidate, TrainError};
use lightgcn_core::aligned;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchEnd {
    /// All trials are done.
    Finished,
    /// The time limit was reached.
    OutOfTime,
    /// Every point of the space was tried.
    Exhausted,
    /// The search was stopped. The current trial is not recorded; a resumed search repeats it.
    Interrupted,
}

/// The best trial of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct BestTrial {
    /// Its record.
    pub record: TrialRecord,
    /// Its configuration.
    pub candidate: Candidate,
    /// The configuration as a file for `lightgcn train --config`; none without a folder.
    pub config_file: Option<PathBuf>,
}

/// The number of trials in the table of an outcome.
const MOST_SHOWN: usize = 10;

/// The result of a search.
///
/// Its [`Display`](fmt::Display) is a table of the ten best trials, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOutcome {
    /// The name of the validation metric, such as `recall@20`.
    pub metric: String,
    /// All trials in order, including those of a resumed search.
    pub trials: Vec<TrialRecord>,
    /// The first trial with the best metric; `None` if no trial has one.
    pub best: Option<BestTrial>,
    /// Why the search ended.
    pub end: SearchEnd,
}

impl SearchOutcome {
    /// The trials with a metric, best first; ties in order.
    #[must_use]
    pub fn ranked(&self) -> Vec<&TrialRecord> {
        ranked(&self.trials)
    }

    /// The trials that failed.
    pub fn failed(&self) -> impl Iterator<Item = &TrialRecord> {
        self.trials.iter().filter(|trial| trial.error.is_some())
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let ranked = self.ranked();
        let paths = ranked.first().map(|trial| trial.point.keys());
        let head = ["trial", &self.metric, "epoch", "seconds", "ended"].map(str::to_owned);
        let paths = paths.into_iter().flatten().cloned();
        let mut rows: Vec<Vec<String>> = vec![head.into_iter().chain(paths).collect()];
        for trial in ranked.into_iter().take(MOST_SHOWN) {
            let mut row = vec![
                trial.number.to_string(),
                format!("{:.4}", trial.figure.unwrap_or(f64::NAN)),
                trial.best_epoch.to_string(),
                format!("{:.1}", trial.seconds),
                trial.reason.to_string(),
            ];
            row.extend(trial.point.values().map(short));
            rows.push(row);
        }
        rows
    }
}

impl fmt::Display for SearchOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} trials, {} of them failed",
            aligned(&self.cells()),
            self.trials.len(),
            self.failed().count()
        )
    }
}

pub(crate) fn ranked(trials: &[TrialRecord]) -> Vec<&TrialRecord> {
    let mut ranked: Vec<(f64, &TrialRecord)> = trials
        .iter()
        .filter_map(|trial| Some((trial.figure?, trial)))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().map(|(_, trial)| trial).collect()
}

/// A candidate as the text of a configuration file.
///
/// # Errors
/// [`TrainError::SearchSpace`] if the text would not read back as the same candidate: TOML has
/// no nulls.
pub(crate) fn config_text(candidate: &Candidate) -> Result<String, TrainError> {
    let invalid = |issue: String| TrainError::SearchSpace {
        issues: vec![format!(
            "the configuration cannot be written as TOML: {issue}"
        )],
    };
    let text = toml::to_string(candidate).map_err(|error| invalid(error.to_string()))?;
    let back: Candidate = toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    if back != *candidate {
        return Err(invalid("it has options that only code can set".to_owned()));
    }
    Ok(text)
}

/// Writes the configuration of the best trial to `folder/best.toml`, whole or not at all.
pub(crate) fn write_best(
    folder: &Path,
    metric: &str,
    n_trials: usize,
    record: &TrialRecord,
    candidate: &Candidate,
) -> Result<PathBuf, TrainError> {
    let figure = record.figure.unwrap_or(f64::NAN);
    let (number, epoch) = (record.number, record.best_epoch);
    let text = format!(
        "# Trial {number} of {n_trials}: {metric} {figure:.4} on validation data, at epoch {epoch}.\n\n{}",
        config_text(candidate)?
    );
    let path = folder.join("best.toml");
    let fresh = folder.join("best.toml.new");
    std::fs::write(&fresh, text).map_err(TrainError::io("writing", &fresh))?;
    std::fs::rename(&fresh, &path).map_err(TrainError::io("writing", &path))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::{Point, TrialEnd};
    use crate::{LossConfig, Schedule, SoftmaxConfig, TopKConfig, TrainConfig};
    use lightgcn_nn::{AnyModelConfig, LayerWeights, LightGcnConfig};

    #[test]
    fn configurations_go_to_toml_and_back() {
        let weighted = LightGcnConfig {
            layer_weights: LayerWeights::Given(vec![0.25, 0.75]),
            ..LightGcnConfig::default()
        };
        let all = AnyModelConfig::NAMES.iter();
        let all = all.map(|name| AnyModelConfig::named(name).unwrap());
        for model in all.chain([weighted.into()]) {
            for schedule in [Schedule::Constant, Schedule::Cosine { final_share: 0.1 }] {
                let train = TrainConfig {
                    loss: LossConfig::Softmax(SoftmaxConfig {
                        top_k: Some(TopKConfig::default()),
                        ..SoftmaxConfig::default()
                    }),
                    learning_rate: 0.003_127_947_392_018_3,
                    l2: 1e-9,
                    schedule,
                    gradient_clipping: Some(0.5),
                    ..TrainConfig::default()
                };
                let candidate = Candidate {
                    model: model.clone(),
                    train,
                };
                let text = config_text(&candidate).unwrap();
                assert_eq!(
                    toml::from_str::<Candidate>(&text).unwrap(),
                    candidate,
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn the_table_shows_the_ten_best() {
        let trial = |number: u32| TrialRecord {
            number,
            point: Point::from([("train.l2".to_owned(), serde_json::json!(1e-7))]),
            figure: (number != 3).then_some(f64::from(number % 12) / 100.0),
            best_epoch: 5,
            curve: Vec::new(),
            seconds: 2.0,
            reason: TrialEnd::EarlyStopping,
            error: (number == 3).then(|| "it diverged".to_owned()),
        };
        let outcome = SearchOutcome {
            metric: "recall@20".to_owned(),
            trials: (1..=13).map(trial).collect(),
            best: None,
            end: SearchEnd::Finished,
        };
        let text = outcome.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "{text}");
        assert_eq!(
            lines[0],
            "trial  recall@20  epoch  seconds  ended           train.l2"
        );
        assert_eq!(
            lines[1],
            "11     0.1100     5      2.0      early stopping  1e-7"
        );
        // Trials 1 and 13 have the same figure: the first one goes first, and 12 has none left.
        assert!(lines[10].starts_with("1 "), "{text}");
        assert_eq!(lines[11], "13 trials, 1 of them failed");
    }

    #[test]
    fn configurations_that_toml_cannot_express_are_errors() {
        let with = |train: TrainConfig| Candidate {
            train,
            ..Candidate::default()
        };
        // The largest seed exceeds TOML's integers, but this library writes and reads it.
        let text = config_text(&with(TrainConfig {
            seed: u64::MAX,
            ..TrainConfig::default()
        }));
        assert!(text.unwrap().contains("seed = 18446744073709551615\n"));
        // NaN does not read back as itself.
        let error = config_text(&with(TrainConfig {
            learning_rate: f64::NAN,
            ..TrainConfig::default()
        }));
        assert!(matches!(error, Err(TrainError::SearchSpace { issues }) if issues.len() == 1));
    }
}
