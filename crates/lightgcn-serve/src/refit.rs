//! Retrains the model of a running service on a schedule.

use crate::service::Service;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY: u64 = 86_400;
/// The time of day of `daily`, in seconds since midnight UTC: 3 o'clock.
const NIGHT: u64 = 3 * 3600;

/// When a service retrains its model.
///
/// ```
/// use lightgcn_serve::RefitSchedule;
/// use std::time::Duration;
///
/// let schedule: RefitSchedule = "daily@04:30".parse()?;
/// assert_eq!(schedule, RefitSchedule::Daily { second: 16_200 });
/// assert_eq!("6h".parse(), Ok(RefitSchedule::Every(Duration::from_secs(21_600))));
/// assert_eq!(schedule.to_string(), "daily@04:30");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefitSchedule {
    /// Every day at that second after midnight UTC.
    Daily {
        /// In `0..86_400`.
        second: u64,
    },
    /// So long after the service started, and after each retraining ended.
    Every(Duration),
}

impl FromStr for RefitSchedule {
    type Err = String;

    /// Reads `daily` (at 03:00 UTC), `daily@HH:MM` (UTC), or an interval such as `6h`, `30m` or
    /// `90s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "{text:?} is not a schedule; use daily, daily@HH:MM (UTC), or an interval such as 6h or 30m"
            )
        };
        if text == "daily" {
            return Ok(Self::Daily { second: NIGHT });
        }
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u64>().ok().filter(|_| is_plain)
        };
        if let Some(time) = text.strip_prefix("daily@") {
            let (hour, minute) = time.split_once(':').ok_or_else(invalid)?;
            let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(invalid)?;
            if hour >= 24 || minute >= 60 {
                return Err(invalid());
            }
            let second = hour * 3600 + minute * 60;
            return Ok(Self::Daily { second });
        }
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', DAY)];
        let found = units
            .into_iter()
            .find_map(|(unit, seconds)| Some((number(text.strip_suffix(unit)?)?, seconds)));
        match found.map(|(n, seconds)| n.checked_mul(seconds)) {
            Some(Some(seconds @ 1..)) if seconds <= 366 * DAY => {
                Ok(Self::Every(Duration::from_secs(seconds)))
            }
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for RefitSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily { second } => {
                write!(f, "daily@{:02}:{:02}", second / 3600, second / 60 % 60)
            }
            Self::Every(time) => write!(f, "{}s", time.as_secs()),
        }
    }
}

impl RefitSchedule {
    /// How long to wait at that time after 1970.
    fn wait(self, now: Duration) -> Duration {
        match self {
            Self::Every(time) => time,
            Self::Daily { second } => {
                let since = Duration::from_secs(now.as_secs() % DAY) + subseconds(now);
                let due = Duration::from_secs(second);
                let due = if due > since {
                    due
                } else {
                    due + Duration::from_secs(DAY)
                };
                due - since
            }
        }
    }
}

fn subseconds(time: Duration) -> Duration {
    Duration::from_nanos(time.subsec_nanos().into())
}

/// How a retraining ended, if it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refitted {
    /// The model on disk was replaced.
    Published,
    /// It was not, since the new one is worse.
    Worse {
        /// In what.
        reason: String,
    },
    /// There was nothing new to learn.
    NothingNew,
}

impl Service {
    /// Retrains the model by `refit`, which replaces it on disk if the new one is good enough, and
    /// then loads it and switches to it. Never ends; dropping the future ends the schedule, but not
    /// a retraining that is under way. `refit` blocks, on a thread of its own, and does not run
    /// twice at a time.
    ///
    /// A failure, also that of loading, is logged and counted (`lightgcn_refits_total`); the active
    /// model stays, and the next retraining comes as planned.
    pub async fn refit_on(
        &self,
        schedule: RefitSchedule,
        refit: impl Fn() -> Result<Refitted, String> + Send + Sync + 'static,
    ) {
        let refit = Arc::new(refit);
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            tokio::time::sleep(schedule.wait(now.unwrap_or_default())).await;
            let (service, refit) = (self.clone(), Arc::clone(&refit));
            let ended = tokio::task::spawn_blocking(move || service.refit_once(&*refit)).await;
            if ended.is_err() {
                tracing::error!("the retraining panicked; the active model stays");
                self.shared.metrics.refitted("failed", None);
            }
        }
    }

    fn refit_once(&self, refit: &dyn Fn() -> Result<Refitted, String>) {
        tracing::info!("retraining the model");
        let start = SystemTime::now();
        let outcome = match refit() {
            Ok(Refitted::Published) => match self.reload() {
                Ok(version) => {
                    tracing::info!(version, "retrained the model and switched to it");
                    "published"
                }
                Err(error) => {
                    tracing::error!(%error, "cannot load the retrained model; the active one stays");
                    "failed"
                }
            },
            Ok(Refitted::Worse { reason }) => {
                tracing::warn!(reason, "the retrained model was not published");
                "worse"
            }
            Ok(Refitted::NothingNew) => {
                tracing::info!("there is nothing new to retrain on");
                "nothing_new"
            }
            Err(error) => {
                tracing::error!(error, "the retraining failed; the active model stays");
                "failed"
            }
        };
        self.shared.metrics.refitted(outcome, start.elapsed().ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read() {
        let every = |seconds| Ok(RefitSchedule::Every(Duration::from_secs(seconds)));
        for (text, schedule) in [
            ("daily", Ok(RefitSchedule::Daily { second: 10_800 })),
            ("daily@00:00", Ok(RefitSchedule::Daily { second: 0 })),
            ("daily@23:59", Ok(RefitSchedule::Daily { second: 86_340 })),
            ("1s", every(1)),
            ("30m", every(1800)),
            ("6h", every(21_600)),
            ("7d", every(604_800)),
        ] {
            assert_eq!(RefitSchedule::from_str(text), schedule, "{text}");
        }
        for text in [
            "",
            "never",
            "6",
            "h",
            "0s",
            "-6h",
            "+6h",
            "6.5h",
            "367d",
            "daily@",
            "daily@24:00",
            "daily@3",
            "daily@03:60",
            "daily@+3:00",
            "99999999999999999999d",
            "Daily",
        ] {
            let error = RefitSchedule::from_str(text).unwrap_err();
            assert!(error.contains("daily@HH:MM"), "{text}: {error}");
        }
    }

    #[test]
    fn a_day_has_one_retraining() {
        let daily = RefitSchedule::Daily { second: 10_800 };
        let at = |seconds: f64| Duration::from_secs_f64(20_000.0 * 86_400.0 + seconds);
        assert_eq!(daily.wait(at(0.0)), Duration::from_secs(10_800));
        assert_eq!(daily.wait(at(10_799.5)), Duration::from_millis(500));
        assert_eq!(daily.wait(at(10_800.0)), Duration::from_secs(86_400));
        assert_eq!(daily.wait(at(86_399.0)), Duration::from_secs(10_801));
        let every = RefitSchedule::Every(Duration::from_secs(5));
        assert_eq!(every.wait(at(77.0)), Duration::from_secs(5));
    }
}
