//! The split by time.

use super::{HeldOut, Parts, TimeCut};
use crate::weigh::pairs::Pairs;
use crate::{DataError, EventLog, time};
use lightgcn_core::StageReport;

/// The first seconds of the held-out periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeCuts {
    /// The first second of validation.
    pub validation: i64,
    /// The first second of the test, `i64::MAX` if there is none.
    pub test: i64,
}

pub(super) fn split(
    log: &EventLog,
    validation: &TimeCut,
    test: &TimeCut,
    is_target: impl Fn(usize) -> bool,
) -> Result<Parts, DataError> {
    let cuts = cuts(log, validation, test, &is_target)?;
    let mut parts = Parts {
        trains: log.times().iter().map(|&t| t < cuts.validation).collect(),
        validation: HeldOut::new("validation", "targets"),
        test: HeldOut::new("test", "targets"),
        report: StageReport::new("split", "events"),
        found: cuts.found(),
        inputs: Vec::new(),
    };
    let tests = log.times().iter().filter(|&&t| t >= cuts.test).count() as u64;
    let report = &mut parts.report;
    report.rows_in = log.n_events() as u64;
    report.kept = parts.trains.iter().filter(|&&trains| trains).count() as u64;
    report.drop(
        "in the validation period",
        report.rows_in - report.kept - tests,
    );
    report.drop("in the test period", tests);

    let pairs = Pairs::group(log, &is_target);
    for pair in 0..pairs.len() {
        let (mut bought, mut validations, mut tests) = (false, 0, 0);
        for &event in pairs.events(pair) {
            match log.times()[event as usize] {
                t if t < cuts.validation => bought = true,
                t if t < cuts.test => validations += 1,
                _ => tests += 1,
            }
        }
        let ids = pairs.ids()[pair];
        parts
            .validation
            .take(ids, validations, bought.then_some("bought before"));
        let spent = match (bought, validations > 0) {
            (true, _) => Some("bought before"),
            (false, true) => Some("in validation too"),
            (false, false) => None,
        };
        parts.test.take(ids, tests, spent);
    }
    Ok(parts)
}

impl HeldOut {
    /// Adds a pair with `n` target events in this part's period, or drops them all for `reason`.
    fn take(&mut self, ids: (u32, u32), n: u64, reason: Option<&str>) {
        self.report.rows_in += n;
        match reason {
            Some(reason) => self.report.drop(reason, n),
            None if n > 0 => {
                self.report.drop("bought again in the period", n - 1);
                self.pairs.push(ids);
            }
            None => {}
        }
    }
}

/// Finds the cuts of a log.
fn cuts(
    log: &EventLog,
    validation: &TimeCut,
    test: &TimeCut,
    is_target: impl Fn(usize) -> bool,
) -> Result<TimeCuts, DataError> {
    let targets = (0..log.n_events()).filter(|&event| is_target(event));
    let mut times: Vec<i64> = targets.map(|event| log.times()[event]).collect();
    times.sort_unstable();
    TimeCuts::find(&times, validation, test)
}

impl TimeCuts {
    /// Finds the cuts; shares refer to `times`, those of the target events in ascending order.
    ///
    /// # Errors
    /// Those of [`prepare_log`](crate::prepare_log) for a split by time.
    pub fn find(times: &[i64], validation: &TimeCut, test: &TimeCut) -> Result<Self, DataError> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
            return Err(DataError::NothingToTrain {
                report: "the log has no events of a target behavior".to_owned(),
            });
        };
        let has_test = !test.is_absent();
        let test = match test {
            TimeCut::Share(_) if !has_test => i64::MAX,
            TimeCut::Share(share) => begin_of_share(times, *share, times.len()),
            TimeCut::At(text) => parse(text)?,
        };
        let before_test = times.partition_point(|&t| t < test);
        let validation = match validation {
            TimeCut::Share(share) if *share > 0.0 && before_test > 0 => {
                begin_of_share(times, *share, before_test)
            }
            TimeCut::Share(_) => test,
            TimeCut::At(text) => parse(text)?,
        };
        let cuts = Self { validation, test };
        cuts.check(first, last, has_test)?;
        Ok(cuts)
    }

    /// The cuts as text, for a lineage.
    #[must_use]
    pub fn found(&self) -> Vec<(&'static str, String)> {
        let mut found = vec![("split.validation.from", time::display(self.validation))];
        if self.test < i64::MAX {
            found.push(("split.test.from", time::display(self.test)));
        }
        found
    }

    /// Checks that each part has targets, the first and the last of which are at these times.
    fn check(&self, first: i64, last: i64, has_test: bool) -> Result<(), DataError> {
        let &Self { validation, test } = self;
        if !has_test && validation > last {
            return Err(DataError::NothingAfter {
                after: time::display(validation.saturating_sub(1)),
                last: time::display(last),
            });
        }
        let problem = if validation > test {
            "the validation period starts after the test period; swap their times"
        } else if validation <= first && first == last {
            "all targets have the same time; choose a split that does not use time"
        } else if validation <= first {
            "no target comes before the held-out periods; make them shorter, start them later, or choose a split \
             that does not use time"
        } else if has_test && test > last {
            "the test period has no targets; start it earlier"
        } else {
            return Ok(());
        };
        let of_test = match has_test {
            true => format!("test from {}, ", time::display(test)),
            false => String::new(),
        };
        Err(DataError::SplitTime {
            detail: format!(
                "validation from {}, {of_test}targets from {} to {}: {problem}",
                time::display(validation),
                time::display(first),
                time::display(last)
            ),
        })
    }
}

/// The start of the last `share` of all targets, among those before position `end` (at least 1).
/// `times` are the targets' times in ascending order.
pub(crate) fn begin_of_share(times: &[i64], share: f64, end: usize) -> i64 {
    let n = ((times.len() as f64 * share).round() as usize).clamp(1, end);
    times[end - n]
}

fn parse(text: &str) -> Result<i64, DataError> {
    time::parse(text.as_bytes()).ok_or_else(|| DataError::SplitTime {
        detail: format!(
            "{text:?} is not a valid time; write 2020-02-01 or 2020-02-01 00:00:00 UTC"
        ),
    })
}
