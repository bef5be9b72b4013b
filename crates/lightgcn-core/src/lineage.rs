//! The lineage of results.

use crate::IdNormalization;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One input file and its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFile {
    /// The file's name without its folder.
    pub name: String,
    /// Its size in bytes as stored.
    pub bytes: u64,
    /// The SHA-256 of its stored bytes, in hexadecimal.
    pub sha256: String,
}

/// The number of rows that a stage received, kept and dropped, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageReport {
    /// The stage, such as `read` or `k-core`.
    pub stage: String,
    /// What is counted: `rows`, `events`, `pairs`, `targets`.
    pub unit: String,
    /// How many came in.
    pub rows_in: u64,
    /// How many went on.
    pub kept: u64,
    /// How many were dropped, by reason; reasons without a row are absent.
    pub dropped: BTreeMap<String, u64>,
    /// How many of those that went on have no valid value in an optional field, by field and reason
    /// (such as `bad price`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, u64>,
    /// The times of those that went on, if they were read from a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<TimeSpan>,
    /// Other notes, such as the weights made for a log's behaviors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The first and the last time of some events, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSpan {
    /// The first time, such as `2019-10-01 00:00:00 UTC`.
    pub first: String,
    /// The last time.
    pub last: String,
}

impl StageReport {
    /// A report in which nothing has come in yet.
    #[must_use]
    pub fn new(stage: &str, unit: &str) -> Self {
        Self {
            stage: stage.to_owned(),
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// Counts `n` dropped for `reason`; does nothing if `n` is 0.
    pub fn drop(&mut self, reason: &str, n: u64) {
        if n > 0 {
            *self.dropped.entry(reason.to_owned()).or_default() += n;
        }
    }

    /// Counts `n` kept without a valid value for `reason`; does nothing if `n` is 0.
    pub fn miss(&mut self, reason: &str, n: u64) {
        if n > 0 {
            *self.missing.entry(reason.to_owned()).or_default() += n;
        }
    }

    /// Whether what came in equals what was kept and dropped.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.rows_in == self.kept + self.dropped.values().sum::<u64>()
    }
}

impl fmt::Display for StageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} {} in, {} kept",
            self.stage, self.rows_in, self.unit, self.kept
        )?;
        for (reason, n) in &self.dropped {
            write!(f, ", {n} dropped ({reason})")?;
        }
        for (reason, n) in &self.missing {
            write!(f, ", {n} with {reason}")?;
        }
        if let Some(TimeSpan { first, last }) = &self.times {
            write!(f, ", from {first} to {last}")?;
        }
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}

/// Everything that a result depends on, so that it can be traced and reproduced. It has no time,
/// date, thread count or speed: the same inputs, options and seed give the same bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The version of the library that made it.
    pub version: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// The input files, in the order in which they were read.
    pub inputs: Vec<InputFile>,
    /// Every option, by its name, as text.
    pub options: BTreeMap<String, String>,
    /// What each stage kept and dropped.
    pub stages: Vec<StageReport>,
    /// The resulting metrics, by name (such as `validation recall@20`).
    pub figures: BTreeMap<String, f64>,
}

/// The option that counts the users who were removed after preparation or training.
const FORGOTTEN: &str = "forgotten_users";

impl Lineage {
    /// The name of the option for the form of ids.
    pub const NORMALIZE_IDS: &str = "format.normalize_ids";

    /// The form of the ids, from the option of that name. Default: [`IdNormalization::None`].
    #[must_use]
    pub fn id_normalization(&self) -> IdNormalization {
        let option = self.options.get(Self::NORMALIZE_IDS);
        match option.is_some_and(|name| name == IdNormalization::Nfc.name()) {
            true => IdNormalization::Nfc,
            false => IdNormalization::None,
        }
    }

    /// Counts one more user removed from the result. Without this, an older checkpoint would seem
    /// to have the same rows.
    pub fn forget_user(&mut self) {
        let before = self.options.get(FORGOTTEN).and_then(|n| n.parse().ok());
        let n = before.unwrap_or(0u64).saturating_add(1);
        self.options.insert(FORGOTTEN.to_owned(), n.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_read_as_a_sentence_and_balance() {
        let mut report = StageReport::new("read", "rows");
        report.rows_in = 10;
        report.kept = 7;
        report.drop("exact duplicate", 2);
        report.drop("never", 0);
        assert!(!report.balances());
        report.drop("bad price", 1);
        assert!(report.balances());
        assert_eq!(
            report.to_string(),
            "read: 10 rows in, 7 kept, 1 dropped (bad price), 2 dropped (exact duplicate)"
        );
        report.dropped.clear();
        report.miss("bad price", 3);
        report.miss("never", 0);
        report.times = Some(TimeSpan {
            first: "then".to_owned(),
            last: "now".to_owned(),
        });
        report.notes.push("so be it".to_owned());
        assert_eq!(
            report.to_string(),
            "read: 10 rows in, 7 kept, 3 with bad price, from then to now; so be it"
        );
    }
}
