//! Splits: which events train, and which targets are held out.
//!
//! A split works on a log's events before weighting and the k-core: the weights of training pairs,
//! the k-core and the rows all follow from the training events only.

mod by_time;
mod given;
mod leave_last_out;
mod random;

pub use by_time::TimeCuts;
pub(crate) use by_time::begin_of_share;

use crate::{DataError, EventLog, ReadConfig, time};
use lightgcn_core::{BehaviorId, BehaviorWeights, InputFile, StageReport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How to split a log into training, validation and test. Only events of target behaviors (purchases)
/// are truth.
///
/// For every kind, the k-core is computed from the training part only, users and items unknown to
/// training are dropped from validation and test (and counted), and users need no held-out target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitConfig {
    /// Draws a fraction of all (user, item) pairs at random for each held-out part (the reference
    /// system's protocol: 95/2.5/2.5). All events of a held-out pair leave training; held-out pairs
    /// with a target event become truth. It mixes past and future, so its metrics are more
    /// flattering than those of [`SplitConfig::ByTime`].
    Random {
        /// The share of pairs for validation, at least 0 and below 1. Default: 0.025.
        #[serde(default = "reference_share")]
        validation: f64,
        /// The share of pairs for test, above 0 and below 1. Default: 0.025.
        #[serde(default = "reference_share")]
        test: f64,
    },
    /// For each user with enough distinct target items, the last new one is test and the one before it
    /// validation.
    ///
    /// "Last" refers to the first purchase of each item (ties in time are broken by row order), so
    /// a held-out item was never bought before. Nothing the user did from the earliest held-out
    /// purchase on is in training, whatever the item: a later view of a matching item would give
    /// the purchase away. Other users' later events stay in training; only [`SplitConfig::ByTime`]
    /// keeps the whole future out.
    LeaveLastOut {
        /// The minimum number of distinct target items of a user. Default: 3.
        #[serde(default = "three")]
        min_targets: u32,
        /// Whether the target before the last is held out for validation. Default: true.
        #[serde(default = "yes")]
        validation: bool,
        /// Whether to train on what the user did with a held-out item before buying it (views,
        /// carts); such targets are then marked familiar. This does not leak, but carts usually
        /// come minutes before the purchase, so the metrics would measure how well carts are
        /// remembered. By default the whole pair leaves training and every held-out item is new to
        /// its user.
        #[serde(default)]
        keep_earlier_events: bool,
    },
    /// By time, the honest choice if times are known: train on events before T1, validate on the
    /// targets in [T1, T2), test on those from T2 on. Both are predicted from the events before T1.
    ///
    /// Targets already bought in training are dropped ("bought before"). A target in both periods
    /// counts only in validation, and an item bought several times in a period counts once.
    ByTime {
        /// The validation period: its share of the target events, or its start. Default: 0.1.
        #[serde(default = "tenth")]
        validation: TimeCut,
        /// The test period: its share of the target events (0 for none), or its start. Default: 0.1.
        #[serde(default = "tenth")]
        test: TimeCut,
    },
    /// The held-out targets come from files in the log's format: either log rows, of which those
    /// with a target behavior count, or pairs under a header with only the log's user and item
    /// columns.
    ///
    /// The target events of a held-out pair leave training, if the log has any; the user's other
    /// events with the item stay, whatever their time, and such targets are marked familiar. A pair
    /// in both parts is an error.
    Given {
        /// Files or patterns with the targets for validation. Default: none.
        #[serde(default)]
        validation: Vec<String>,
        /// Files or patterns with the targets for the test.
        test: Vec<String>,
    },
    /// Train on everything: for the final model, once all choices are made.
    None,
}

/// The start of a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimeCut {
    /// The period has this share of the log's target events (more if several share its first second).
    Share(f64),
    /// The period starts at this time, in any format [`crate::time::parse`] reads.
    At(String),
}

impl TimeCut {
    /// Whether there is no such period.
    pub(crate) fn is_absent(&self) -> bool {
        *self == Self::Share(0.0)
    }
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self::ByTime {
            validation: tenth(),
            test: tenth(),
        }
    }
}

fn reference_share() -> f64 {
    0.025
}

fn tenth() -> TimeCut {
    TimeCut::Share(0.1)
}

fn three() -> u32 {
    3
}

fn yes() -> bool {
    true
}

impl SplitConfig {
    /// The reference system's split: 2.5% of all pairs for validation and 2.5% for test.
    #[must_use]
    pub fn reference() -> Self {
        Self::Random {
            validation: reference_share(),
            test: reference_share(),
        }
    }

    /// A split by time into periods with these shares of the target events.
    #[must_use]
    pub fn by_time_shares(validation: f64, test: f64) -> Self {
        Self::ByTime {
            validation: TimeCut::Share(validation),
            test: TimeCut::Share(test),
        }
    }

    /// Leave-last-out with its defaults: at least three targets, one for validation, nothing kept of
    /// held-out pairs.
    #[must_use]
    pub fn leave_last_out() -> Self {
        Self::LeaveLastOut {
            min_targets: three(),
            validation: yes(),
            keep_earlier_events: false,
        }
    }

    /// A split by time that holds out everything after this second for validation and has no test
    /// part. Use it to compare a new model with one trained on earlier data.
    #[must_use]
    pub fn after(second: i64) -> Self {
        Self::ByTime {
            validation: TimeCut::At(time::display(second.saturating_add(1))),
            test: TimeCut::Share(0.0),
        }
    }

    /// Whether there is a test part.
    #[must_use]
    pub fn has_test(&self) -> bool {
        match self {
            Self::None => false,
            Self::ByTime { test, .. } => !test.is_absent(),
            _ => true,
        }
    }

    /// What to do if no test target is left.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Given { .. } => {
                "use users and items from the log, with ids written as in the log"
            }
            _ => "hold out more, move the cut to an earlier time, or lower the k-core",
        }
    }

    /// Everything wrong with the split, one sentence each with how to fix it; empty if it is valid.
    #[must_use]
    pub fn issues(&self) -> Vec<String> {
        let mut issues = Vec::new();
        match self {
            Self::Random { validation, test } => share_issues(*validation, *test, &mut issues),
            Self::LeaveLastOut {
                min_targets,
                validation,
                ..
            } => {
                let least = if *validation { 3 } else { 2 };
                if *min_targets < least {
                    issues.push(format!(
                        "split.min_targets is {min_targets}; give at least {least}, so that one \
                        target is left to train on"
                    ));
                }
            }
            Self::ByTime { validation, test } => time_issues(validation, test, &mut issues),
            Self::Given { test, .. } if test.is_empty() => issues
                .push("split.test is empty; name a file with the targets for the test".to_owned()),
            Self::Given { .. } | Self::None => {}
        }
        issues
    }

    /// Adds the options as text, for a lineage.
    pub(crate) fn describe(&self, options: &mut BTreeMap<String, String>) {
        let mut set = |option: &str, value: String| {
            options.insert(format!("split.{option}"), value);
        };
        match self {
            Self::Random { validation, test } => {
                set("kind", "random".to_owned());
                set("validation", validation.to_string());
                set("test", test.to_string());
            }
            Self::LeaveLastOut {
                min_targets,
                validation,
                keep_earlier_events,
            } => {
                set("kind", "leave-last-out".to_owned());
                set("min_targets", min_targets.to_string());
                set("validation", validation.to_string());
                set("keep_earlier_events", keep_earlier_events.to_string());
            }
            Self::ByTime { validation, test } => {
                set("kind", "by-time".to_owned());
                for (option, cut) in [("validation", validation), ("test", test)] {
                    let text = match cut {
                        TimeCut::Share(share) => share.to_string(),
                        TimeCut::At(time) => time.clone(),
                    };
                    set(option, text);
                }
            }
            // The files are among the inputs.
            Self::Given { .. } => set("kind", "given".to_owned()),
            Self::None => set("kind", "none".to_owned()),
        }
    }
}

fn share_issues(validation: f64, test: f64, issues: &mut Vec<String>) {
    if !(0.0..1.0).contains(&validation) {
        issues.push(format!(
            "split.validation is {validation}; give a share from 0 to below 1"
        ));
    }
    if !(test > 0.0 && test < 1.0) {
        issues.push(format!(
            "split.test is {test}; give a share above 0 and below 1, or the split kind none"
        ));
    }
    if issues.is_empty() && validation + test >= 1.0 {
        issues.push(format!(
            "split.validation and split.test add up to {}; leave some targets to train on",
            validation + test
        ));
    }
}

fn time_issues(validation: &TimeCut, test: &TimeCut, issues: &mut Vec<String>) {
    let share = |cut: &TimeCut, otherwise: f64| match cut {
        TimeCut::Share(share) => *share,
        TimeCut::At(_) => otherwise,
    };
    // The share of an explicit time is unknown until the log is read. Either part may be missing.
    let validates = !validation.is_absent();
    let test_share = match share(test, 1e-9) {
        0.0 if validates => 1e-9,
        other => other,
    };
    share_issues(share(validation, 0.0), test_share, issues);
    let mut times = Vec::new();
    for (option, cut) in [("validation", validation), ("test", test)] {
        if let TimeCut::At(text) = cut {
            let parsed = time::parse(text.as_bytes());
            if parsed.is_none() {
                issues.push(format!(
                    "split.{option} is {text:?}, which is not a valid time; write 2020-02-01 or \
                     2020-02-01 00:00:00 UTC"
                ));
            }
            times.extend(parsed);
        }
    }
    if times.len() == 2 && times[0] > times[1] {
        issues.push("split.validation starts after split.test; swap them".to_owned());
    }
}

/// The targets held out for one part.
pub(crate) struct HeldOut {
    /// User and item, as rows of the log; distinct.
    pub(crate) pairs: Vec<(u32, u32)>,
    /// Input and dropped counts so far. Kept targets are counted once rows are known.
    pub(crate) report: StageReport,
}

impl HeldOut {
    fn new(part: &str, unit: &str) -> Self {
        Self {
            pairs: Vec::new(),
            report: StageReport::new(part, unit),
        }
    }
}

/// The outcome of a split.
pub(crate) struct Parts {
    /// Whether each event is in training.
    pub(crate) trains: Vec<bool>,
    pub(crate) validation: HeldOut,
    pub(crate) test: HeldOut,
    /// The report on all events or pairs.
    pub(crate) report: StageReport,
    /// Values determined by the log, such as the times of the cuts.
    pub(crate) found: Vec<(&'static str, String)>,
    /// The files read for the split.
    pub(crate) inputs: Vec<InputFile>,
}

/// Splits a log; `read` says how to read files of held-out targets.
pub(crate) fn split(
    log: &EventLog,
    config: &SplitConfig,
    behaviors: &BehaviorWeights,
    read: &ReadConfig,
    seed: u64,
) -> Result<Parts, DataError> {
    let is_target = |event: usize| behaviors.is_target(BehaviorId(log.behaviors()[event]));
    match config {
        SplitConfig::Random { validation, test } => {
            Ok(random::split(log, *validation, *test, seed, is_target))
        }
        SplitConfig::LeaveLastOut {
            min_targets,
            validation,
            keep_earlier_events,
        } => {
            let options = leave_last_out::Options {
                min_targets: *min_targets as usize,
                validation: *validation,
                keep_earlier_events: *keep_earlier_events,
            };
            Ok(leave_last_out::split(log, &options, is_target))
        }
        SplitConfig::ByTime { validation, test } => {
            by_time::split(log, validation, test, is_target)
        }
        SplitConfig::Given { validation, test } => given::Given {
            log,
            behaviors,
            config: read,
        }
        .split(validation, test),
        SplitConfig::None => {
            let mut report = StageReport::new("split", "events");
            report.rows_in = log.n_events() as u64;
            report.kept = report.rows_in;
            Ok(Parts {
                trains: vec![true; log.n_events()],
                validation: HeldOut::new("validation", "targets"),
                test: HeldOut::new("test", "targets"),
                report,
                found: Vec::new(),
                inputs: Vec::new(),
            })
        }
    }
}

#[cfg(test)]
mod tests;
