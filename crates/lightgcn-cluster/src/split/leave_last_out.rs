//! The split that holds out each user's last new targets.

use super::Parts;
use crate::read::targets;
use crate::rows::single_row;
use crate::{ClusterError, Preparation};
use lightgcn_data::ValidPrepareConfig;

pub(super) struct Options {
    pub(super) min_targets: u32,
    pub(super) validation: bool,
    pub(super) keep_earlier_events: bool,
}

pub(super) async fn split(
    log: &Preparation,
    config: &ValidPrepareConfig,
    options: &Options,
) -> Result<Parts, ClusterError> {
    let session = &log.session;
    let n_held = if options.validation { 2 } else { 1 };
    // The first purchase of each item, by time, then position; the last of them are held out.
    let firsts = format!(
        "SELECT u, i, time, position FROM (SELECT *, row_number() OVER \
         (PARTITION BY u, i ORDER BY time, position) AS nth FROM events WHERE {}) WHERE nth = 1",
        targets(config)
    );
    let held = format!(
        "SELECT u, i, time, position, nth FROM (SELECT *, \
         row_number() OVER (PARTITION BY u ORDER BY time DESC, position DESC) AS nth, \
         count(*) OVER (PARTITION BY u) AS n FROM ({firsts})) \
         WHERE n >= {} AND nth <= {n_held}",
        options.min_targets
    );
    session.keep("held", &held).await?;
    // Events of users without held-out targets have no cut.
    let marked = format!(
        "SELECT e.u, e.i, e.behavior, e.time, e.mark, e.position, h.i IS NOT NULL AS is_held, \
         c.time IS NULL OR e.time < c.time OR (e.time = c.time AND e.position < c.position) AS is_before \
         FROM events e LEFT JOIN held h ON e.u = h.u AND e.i = h.i \
         LEFT JOIN (SELECT u AS cut_u, time, position FROM held WHERE nth = {n_held}) c ON e.u = c.cut_u"
    );
    session.keep("marked", &marked).await?;
    let kept = match options.keep_earlier_events {
        true => "is_before",
        false => "is_before AND NOT is_held",
    };
    let counts = format!(
        "SELECT count(*) FILTER (WHERE {kept}), count(*) FILTER (WHERE is_held AND NOT ({kept})), \
         count(*) FILTER (WHERE NOT is_held AND NOT ({kept})) FROM marked"
    );
    let counts = single_row(&session.rows("events of the parts", &counts).await?);
    let count = |n: usize| counts.get(n).copied().flatten().unwrap_or(0) as u64;
    let of_parts =
        "SELECT count(*) FILTER (WHERE nth = 2), count(*) FILTER (WHERE nth = 1) FROM held";
    let of_parts = single_row(&session.rows("held-out pairs", of_parts).await?);
    let mut parts = Parts::new("events", "pairs");
    for (report, n) in parts.held_reports.iter_mut().zip(of_parts) {
        report.rows_in = n.unwrap_or(0) as u64;
    }
    let report = &mut parts.report;
    report.rows_in = log.n_events;
    report.kept = count(0);
    report.drop("of a held-out pair", count(1));
    report.drop("after the user's first held-out purchase", count(2));
    parts.train = format!("SELECT u, i, behavior, time, mark, position FROM marked WHERE {kept}");
    parts.held = "SELECT CAST(2 - nth AS BIGINT) AS part, u, i FROM held".to_owned();
    parts.tables = vec!["held", "marked"];
    Ok(parts)
}
