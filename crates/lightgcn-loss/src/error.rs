//! What can be wrong with the settings of a loss.

use thiserror::Error;

/// Why a loss cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LossError {
    /// Settings are out of range. Lists every issue.
    #[error("{config}: {}", list(.issues))]
    Config {
        /// Name of the config.
        config: &'static str,
        /// Everything that is wrong with it, at least one issue.
        issues: Vec<ConfigIssue>,
    },
}

impl LossError {
    /// `Ok` if there are no issues.
    ///
    /// # Errors
    ///
    /// [`LossError::Config`] with the issues otherwise.
    pub fn check(config: &'static str, issues: Vec<ConfigIssue>) -> Result<(), Self> {
        if issues.is_empty() {
            Ok(())
        } else {
            Err(Self::Config { config, issues })
        }
    }
}

/// One setting that is out of range.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{setting} is {value}; it must be {expected}")]
pub struct ConfigIssue {
    /// Name of the setting.
    pub setting: &'static str,
    /// The value given.
    pub value: f64,
    /// What it must be, such as "from 0 to 1".
    pub expected: &'static str,
}

fn list(issues: &[ConfigIssue]) -> String {
    let texts: Vec<String> = issues.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
