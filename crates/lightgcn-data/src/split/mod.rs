//! Which events train, and which targets are held out.
//!
//! A split works on the events of a log before anything is weighed or thinned: the weight of a
//! training pair, the k-core and the rows all follow from the training events alone.

mod by_time;
mod leave_last_out;
mod random;

use crate::{DataError, EventLog, time};
use lightgcn_core::{BehaviorId, BehaviorWeights, StageReport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a log is split into training, validation and test. Only events of target behaviors
/// (purchases) are truth.
///
/// All kinds share what follows: the k-core is taken of the training part alone; users and
/// items that training does not know (any more) leave validation and test, and are counted;
/// users without a held-out target are fine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitConfig {
    /// A share of all (user, item) pairs is drawn at random for each held-out part (the
    /// protocol of the reference system: 95/2.5/2.5). A held-out pair leaves training with all its
    /// events; of the held-out pairs those with a target event become truth. It mixes past and
    /// future, so its figures flatter a model against [`SplitConfig::ByTime`].
    Random {
        /// The share of pairs for validation, from 0 to below 1.
        #[serde(default = "reference_share")]
        validation: f64,
        /// The share of pairs for the test, above 0 and below 1.
        #[serde(default = "reference_share")]
        test: f64,
    },
    /// Of each user with enough distinct target items, the last new one is the test and the
    /// one before it the validation.
    ///
    /// "Last" goes by the first purchase of each item (ties in time go by the order of rows), so
    /// that a held-out item was never bought before. What the user did from the earliest
    /// held-out purchase on does not train, whatever the item: a later view of a matching
    /// item would tell of the purchase. Other users' later events do train; only
    /// [`SplitConfig::ByTime`] keeps all of the future out.
    LeaveLastOut {
        /// The least number of distinct target items of a user whose last ones are held out.
        #[serde(default = "three")]
        min_targets: u32,
        /// Whether the target before the last is held out for validation.
        #[serde(default = "yes")]
        validation: bool,
        /// Whether what the user did with a held-out item before buying it (views, carts)
        /// trains; such targets are then marked familiar. It is no leak, but the cart usually comes
        /// minutes before the purchase, and the figures then measure how well carts are
        /// remembered. So by default the whole pair leaves training, and every held-out item is
        /// new to its user.
        #[serde(default)]
        keep_earlier_events: bool,
    },
    /// By time, the honest choice where times are known: events before the validation period train;
    /// the targets of the validation period [T1, T2) validate; those from T2 on test. Both are
    /// predicted from the events before T1.
    ///
    /// A target that was already bought in training leaves the truth ("bought before"). A target of
    /// both periods counts in validation alone, and an item bought several times in a period
    /// counts once.
    ByTime {
        /// The validation period: its share of the target events, or its first time.
        #[serde(default = "tenth")]
        validation: TimeCut,
        /// The test period: its share of the target events, or its first time.
        #[serde(default = "tenth")]
        test: TimeCut,
    },
    /// Everything trains and nothing is held out: for the final model, once all choices are made.
    None,
}

/// Where a period begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimeCut {
    /// The period holds this share of the log's target events (more, where several share its first
    /// second).
    Share(f64),
    /// The period begins at this time, in any form of [`crate::time::parse`].
    At(String),
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
    /// The reference system's split: 2.5 in 100 of all pairs for validation, as many for the test.
    #[must_use]
    pub fn reference() -> Self {
        Self::Random {
            validation: reference_share(),
            test: reference_share(),
        }
    }

    /// A split by time into periods that hold these shares of the target events.
    #[must_use]
    pub fn by_time_shares(validation: f64, test: f64) -> Self {
        Self::ByTime {
            validation: TimeCut::Share(validation),
            test: TimeCut::Share(test),
        }
    }

    /// Leave-last-out with its defaults: three targets at least, one for validation, nothing kept
    /// of held-out pairs.
    #[must_use]
    pub fn leave_last_out() -> Self {
        Self::LeaveLastOut {
            min_targets: three(),
            validation: yes(),
            keep_earlier_events: false,
        }
    }

    /// Every fault of the split, each a sentence that says how to fix it; empty where it is usable.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match self {
            Self::Random { validation, test } => share_faults(*validation, *test, &mut faults),
            Self::LeaveLastOut {
                min_targets,
                validation,
                ..
            } => {
                let least = if *validation { 3 } else { 2 };
                if *min_targets < least {
                    faults.push(format!(
                        "split.min_targets is {min_targets}; give at least {least}, so that a \
                         target is left to train on"
                    ));
                }
            }
            Self::ByTime { validation, test } => time_faults(validation, test, &mut faults),
            Self::None => {}
        }
        faults
    }

    /// The options as text, for a lineage.
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
            Self::None => set("kind", "none".to_owned()),
        }
    }
}

fn share_faults(validation: f64, test: f64, faults: &mut Vec<String>) {
    if !(0.0..1.0).contains(&validation) {
        faults.push(format!(
            "split.validation is {validation}; give a share from 0 to below 1"
        ));
    }
    if !(test > 0.0 && test < 1.0) {
        faults.push(format!(
            "split.test is {test}; give a share above 0 and below 1, or the split kind none"
        ));
    }
    if faults.is_empty() && validation + test >= 1.0 {
        faults.push(format!(
            "split.validation and split.test add up to {}; leave something to train on",
            validation + test
        ));
    }
}

fn time_faults(validation: &TimeCut, test: &TimeCut, faults: &mut Vec<String>) {
    let share = |cut: &TimeCut, otherwise: f64| match cut {
        TimeCut::Share(share) => *share,
        TimeCut::At(_) => otherwise,
    };
    // An explicit time takes no share that could be checked before the log is read.
    share_faults(share(validation, 0.0), share(test, 1e-9), faults);
    let mut times = Vec::new();
    for (option, cut) in [("validation", validation), ("test", test)] {
        if let TimeCut::At(text) = cut {
            let parsed = time::parse(text.as_bytes());
            if parsed.is_none() {
                faults.push(format!(
                    "split.{option} is {text:?}, which is no time; write 2020-02-01 or \
                     2020-02-01 00:00:00 UTC"
                ));
            }
            times.extend(parsed);
        }
    }
    if times.len() == 2 && times[0] > times[1] {
        faults.push("split.validation begins after split.test; exchange them".to_owned());
    }
}

/// The targets that are held out for one part.
pub(crate) struct HeldOut {
    /// User and item, as rows of the log; distinct.
    pub(crate) pairs: Vec<(u32, u32)>,
    /// What came in and was dropped so far; what is kept is counted once rows are known.
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

/// What a split decided.
pub(crate) struct Parts {
    /// For each event whether it trains.
    pub(crate) trains: Vec<bool>,
    pub(crate) validation: HeldOut,
    pub(crate) test: HeldOut,
    /// What became of the events or pairs as a whole.
    pub(crate) report: StageReport,
    /// What was found out from the log, such as the times of the cuts.
    pub(crate) found: Vec<(&'static str, String)>,
}

/// Splits a log.
pub(crate) fn split(
    log: &EventLog,
    config: &SplitConfig,
    behaviors: &BehaviorWeights,
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
            })
        }
    }
}

#[cfg(test)]
mod tests;
