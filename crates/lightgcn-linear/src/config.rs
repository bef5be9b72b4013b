//! Checks shared by configurations.

use crate::LinearError;

/// Collects what is wrong with a configuration.
pub(crate) struct Issues {
    model: &'static str,
    issues: Vec<String>,
}

impl Issues {
    pub(crate) fn of(model: &'static str) -> Self {
        Self {
            model,
            issues: Vec::new(),
        }
    }

    /// A count that must be at least 1.
    pub(crate) fn positive_count(&mut self, name: &str, given: usize) {
        if given == 0 {
            self.issues
                .push(format!("{name} is 0; it must be at least 1"));
        }
    }

    /// A number that must be finite and at least 0.
    pub(crate) fn not_negative(&mut self, name: &str, given: f64) {
        if !(given.is_finite() && given >= 0.0) {
            self.issues.push(format!(
                "{name} is {given}; it must be finite and at least 0"
            ));
        }
    }

    /// A number that must be finite and above 0.
    pub(crate) fn positive(&mut self, name: &str, given: f64) {
        if !(given.is_finite() && given > 0.0) {
            self.issues
                .push(format!("{name} is {given}; it must be finite and above 0"));
        }
    }

    /// A number that must be between 0 and 1.
    pub(crate) fn share(&mut self, name: &str, given: f64) {
        if !(0.0..=1.0).contains(&given) {
            self.issues
                .push(format!("{name} is {given}; it must be between 0 and 1"));
        }
    }

    pub(crate) fn push(&mut self, issue: String) {
        self.issues.push(issue);
    }

    pub(crate) fn into_result(self) -> Result<(), LinearError> {
        if self.issues.is_empty() {
            return Ok(());
        }
        Err(LinearError::Config {
            model: self.model,
            issues: self.issues,
        })
    }
}
