//! The random split by pair.

use super::Parts;
use crate::read::targets;
use crate::rows::single_row;
use crate::{ClusterError, Preparation};
use lightgcn_core::random::{Random, Stream};
use lightgcn_data::ValidPrepareConfig;

pub(super) async fn split(
    log: &Preparation,
    config: &ValidPrepareConfig,
    validation: f64,
    test: f64,
) -> Result<Parts, ClusterError> {
    let session = &log.session;
    // Pairs are numbered in the order of users and items, as on one machine.
    let pairs = format!(
        "SELECT u, i, has_target, CAST(row_number() OVER (ORDER BY u, i) - 1 AS BIGINT) AS nth FROM \
         (SELECT u, i, bool_or({}) AS has_target FROM events GROUP BY u, i)",
        targets(config)
    );
    let n = session.keep("numbered", &pairs).await?;
    let n = u32::try_from(n).map_err(|_| ClusterError::Unsupported {
        what: "a random split of 2^32 pairs or more",
    })?;
    let (all, n) = (0..n, n as usize);
    let n_test = (n as f64 * test).round() as usize;
    let n_validation = ((n as f64 * validation).round() as usize).min(n - n_test);
    let mut order: Vec<u32> = all.collect();
    Random::new(config.config().seed, Stream::Split).shuffle(0, &mut order);
    order.truncate(n_test + n_validation);
    let (of_test, of_validation) = order.split_at(n_test);
    let numbers = [of_validation, of_test].concat();
    let numbers = numbers.into_iter().map(i64::from).collect();
    let of_part = [vec![0; n_validation], vec![1; n_test]].concat();
    session.keep_numbers("chosen", [("chosen", numbers), ("part", of_part)])?;
    let held =
        "SELECT part, u, i, has_target FROM numbered JOIN chosen ON numbered.nth = chosen.chosen";
    session.keep("held", held).await?;
    session.forget("chosen")?;
    session.forget("numbered")?;
    let counts = "SELECT count(*) FILTER (WHERE part = 0 AND NOT has_target), \
         count(*) FILTER (WHERE part = 1 AND NOT has_target) FROM held";
    let counts = single_row(&session.rows("held-out pairs", counts).await?);
    let mut parts = Parts::new("pairs", "pairs");
    let all = [n_validation, n_test].into_iter().zip(counts);
    for (report, (n, without)) in parts.held_reports.iter_mut().zip(all) {
        report.rows_in = n as u64;
        report.drop("no target event", without.unwrap_or(0) as u64);
    }
    let report = &mut parts.report;
    report.rows_in = n as u64;
    report.kept = (n - n_test - n_validation) as u64;
    report.drop("held out for validation", n_validation as u64);
    report.drop("held out for the test", n_test as u64);
    parts.train =
        "SELECT e.* FROM events e LEFT ANTI JOIN held h ON e.u = h.u AND e.i = h.i".to_owned();
    parts.held = "SELECT part, u, i FROM held WHERE has_target".to_owned();
    parts.tables = vec!["held"];
    Ok(parts)
}
