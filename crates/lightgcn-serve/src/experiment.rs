//! The configuration of an experiment: which models answer which users.

use crate::error::ConfigIssue;
use lightgcn_metrics::SequentialTest;
use serde::{Deserialize, Serialize};

/// Models that answer side by side, each for a share of the users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentConfig {
    /// Its name, of letters, digits, `.`, `_` and `-`. Users are assigned by it: another name
    /// reshuffles them.
    pub name: String,
    /// The models and their shares, at least two. The others are compared with the first.
    pub arms: Vec<ArmConfig>,
    /// The probability of calling two equal models different, over all looks, in (0, 1); with
    /// several comparisons, the probability for any of them. Default: 0.05.
    #[serde(default = "default_alpha")]
    pub alpha: f64,
    /// The difference of two rates at which the test is fastest, in (0, 1); it is valid for any.
    /// Default: 0.01.
    #[serde(default = "default_effect")]
    pub effect: f64,
}

/// A model of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmConfig {
    /// Its name in answers and metrics, of letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The model's name in the folder of models
    /// ([`AdminConfig::models`](crate::AdminConfig::models)). Default: none, which uses the active
    /// model, whichever that is.
    pub model: Option<String>,
    /// Its share of the users, positive, relative to the other arms. Default: 1.
    #[serde(default = "default_weight")]
    pub weight: f64,
}

fn default_alpha() -> f64 {
    0.05
}

fn default_effect() -> f64 {
    0.01
}

fn default_weight() -> f64 {
    1.0
}

/// The maximum length of a name, in bytes.
const MAX_NAME: usize = 64;

impl ExperimentConfig {
    pub(crate) fn check(&self, issues: &mut Vec<ConfigIssue>) {
        let mut issue = |key: &str, problem: String| {
            issues.push(ConfigIssue::new(format!("experiment.{key}"), problem));
        };
        if !is_name(&self.name) {
            issue("name", not_a_name(&self.name));
        }
        if self.arms.len() < 2 {
            issue("arms", "an experiment needs at least two arms".to_owned());
        }
        for (n, arm) in self.arms.iter().enumerate() {
            if !is_name(&arm.name) {
                issue("arms", not_a_name(&arm.name));
            }
            if self.arms[..n].iter().any(|other| other.name == arm.name) {
                issue("arms", format!("two arms are named {:?}", arm.name));
            }
            if !(arm.weight > 0.0 && arm.weight.is_finite()) {
                let problem = format!(
                    "the weight of {:?} is {}; use a positive number",
                    arm.name, arm.weight
                );
                issue("arms", problem);
            }
        }
        if let Err(error) = SequentialTest::new(self.alpha, self.effect) {
            issue("alpha", error.to_string());
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn not_a_name(name: &str) -> String {
    format!(
        "{name:?} is not a valid name; use at most {MAX_NAME} letters, digits, '.', '_' and \
        '-'"
    )
}
