//! The split by time.

use super::Parts;
use crate::read::targets;
use crate::rows::{numbers, single_row};
use crate::{ClusterError, Preparation};
use lightgcn_core::StageReport;
use lightgcn_data::{TimeCut, TimeCuts, ValidPrepareConfig};

pub(super) async fn split(
    log: &Preparation,
    config: &ValidPrepareConfig,
    validation: &TimeCut,
    test: &TimeCut,
) -> Result<Parts, ClusterError> {
    let session = &log.session;
    let targets = targets(config);
    let times =
        format!("SELECT time, count(*) FROM events WHERE {targets} GROUP BY time ORDER BY time");
    let mut sorted = Vec::new();
    for batch in session.rows("times of targets", &times).await? {
        for (&time, &n) in numbers(&batch, 0)
            .values()
            .iter()
            .zip(numbers(&batch, 1).values())
        {
            sorted.extend(std::iter::repeat_n(time, n as usize));
        }
    }
    let cuts = TimeCuts::find(&sorted, validation, test)?;
    let (v, t) = (cuts.validation, cuts.test);
    let mut parts = Parts::new("events", "targets");
    parts.found = cuts.found();
    parts.train = format!("SELECT * FROM events WHERE time < {v}");
    let counts = format!(
        "SELECT count(*) FILTER (WHERE time < {v}), count(*) FILTER (WHERE time >= {t}) FROM events"
    );
    let counts = single_row(&session.rows("events of the parts", &counts).await?);
    let count = |n: usize| counts.get(n).copied().flatten().unwrap_or(0) as u64;
    let report = &mut parts.report;
    report.rows_in = log.n_events;
    report.kept = count(0);
    report.drop(
        "in the validation period",
        report.rows_in - count(0) - count(1),
    );
    report.drop("in the test period", count(1));

    let pairs = format!(
        "SELECT u, i, count(*) FILTER (WHERE time < {v}) AS bought, \
         count(*) FILTER (WHERE time >= {v} AND time < {t}) AS validations, \
         count(*) FILTER (WHERE time >= {t}) AS tests FROM events WHERE {targets} GROUP BY u, i"
    );
    session.keep("targets", &pairs).await?;
    parts.tables.push("targets");
    let sums = "SELECT sum(validations), sum(validations) FILTER (WHERE bought > 0), \
         sum(validations - 1) FILTER (WHERE bought = 0 AND validations > 0), \
         sum(tests), sum(tests) FILTER (WHERE bought > 0), \
         sum(tests) FILTER (WHERE bought = 0 AND validations > 0), \
         sum(tests - 1) FILTER (WHERE bought = 0 AND validations = 0 AND tests > 0) FROM targets";
    let sums = single_row(&session.rows("held-out targets", sums).await?);
    let sum = |n: usize| sums.get(n).copied().flatten().unwrap_or(0) as u64;
    let [of_validation, of_test]: &mut [StageReport; 2] = &mut parts.held_reports;
    of_validation.rows_in = sum(0);
    of_validation.drop("bought before", sum(1));
    of_validation.drop("bought again in the period", sum(2));
    of_test.rows_in = sum(3);
    of_test.drop("bought before", sum(4));
    of_test.drop("in validation too", sum(5));
    of_test.drop("bought again in the period", sum(6));
    parts.held = "SELECT CASE WHEN validations > 0 THEN 0 ELSE 1 END AS part, u, i FROM targets \
         WHERE bought = 0 AND (validations > 0 OR tests > 0)"
        .to_owned();
    Ok(parts)
}
