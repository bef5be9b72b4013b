//! Splits events into training and held-out targets, as `lightgcn-data` does.

mod by_time;
mod leave_last_out;
mod random;

use crate::session::Session;
use crate::{ClusterError, Preparation};
use lightgcn_core::StageReport;
use lightgcn_data::{SplitConfig, ValidPrepareConfig};

/// The outcome of a split. Queries are texts that may stand for tables.
pub(crate) struct Parts {
    /// The training events: a query with the columns of `events`.
    pub(crate) train: String,
    /// The held-out pairs: a query with the columns `part` (0 for validation, 1 for test), `u` and `i`.
    pub(crate) held: String,
    /// The reports on all events or pairs, on validation and on the test; the last two have what came in and was
    /// dropped so far.
    pub(crate) report: StageReport,
    pub(crate) held_reports: [StageReport; 2],
    /// Values determined by the log, such as the times of the cuts.
    pub(crate) found: Vec<(&'static str, String)>,
    /// The tables that the queries read.
    pub(crate) tables: Vec<&'static str>,
}

impl Parts {
    fn new(report_unit: &str, held_unit: &str) -> Self {
        Self {
            train: "SELECT * FROM events".to_owned(),
            held: "SELECT 0 AS part, u, i FROM events WHERE false".to_owned(),
            report: StageReport::new("split", report_unit),
            held_reports: ["validation", "test"].map(|part| StageReport::new(part, held_unit)),
            found: Vec::new(),
            tables: Vec::new(),
        }
    }

    pub(crate) fn forget(&self, session: &Session) -> Result<(), ClusterError> {
        self.tables.iter().try_for_each(|name| session.forget(name))
    }
}

pub(crate) async fn split(
    log: &Preparation,
    config: &ValidPrepareConfig,
) -> Result<Parts, ClusterError> {
    match &config.config().split {
        SplitConfig::None => {
            let mut parts = Parts::new("events", "targets");
            parts.report.rows_in = log.n_events;
            parts.report.kept = log.n_events;
            Ok(parts)
        }
        SplitConfig::ByTime { validation, test } => {
            by_time::split(log, config, validation, test).await
        }
        SplitConfig::LeaveLastOut {
            min_targets,
            validation,
            keep_earlier_events,
        } => {
            let options = leave_last_out::Options {
                min_targets: *min_targets,
                validation: *validation,
                keep_earlier_events: *keep_earlier_events,
            };
            leave_last_out::split(log, config, &options).await
        }
        SplitConfig::Random { validation, test } => {
            random::split(log, config, *validation, *test).await
        }
        SplitConfig::Given { .. } => Err(ClusterError::Unsupported {
            what: "a split by files with given targets",
        }),
    }
}
