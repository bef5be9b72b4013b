//! Reading a log for a target, with a table of behaviors that fits.

use crate::{DataError, EventLog, PrepareConfig, RowIssue, behaviors_of, read_events};
use std::path::Path;

/// Reads a log to recommend for `target`, or for the target of the config's table of weights.
///
/// Where that table is the default and does not know the log's behaviors or the target, it is replaced by one made
/// of the log's labels ([`behaviors_of`]).
///
/// # Errors
/// Those of [`read_events`] and [`behaviors_of`]; [`DataError::Config`] if the options are invalid, or the table
/// is not the default and has no behavior `target`.
pub fn read_log<P: AsRef<Path>>(
    paths: &[P],
    config: &mut PrepareConfig,
    target: Option<&str>,
) -> Result<EventLog, DataError> {
    let is_default = config.weights == PrepareConfig::default().weights;
    let table = &mut config.weights.behaviors;
    if target.is_none_or(|name| table.iter().any(|b| b.name == name)) {
        if let Some(name) = target {
            table.iter_mut().for_each(|b| b.target = b.name == name);
        }
        let log = read(paths, config);
        if !is_default || !has_unknown_behaviors(&log) {
            return log;
        }
    } else if !is_default {
        let known: Vec<&str> = table.iter().map(|b| b.name.as_str()).collect();
        let (known, name) = (known.join(", "), target.unwrap_or_default());
        let issue = format!("the target {name:?} is unknown; the behaviors are {known}");
        let issues = vec![issue];
        return Err(DataError::Config { issues });
    }
    let table = behaviors_of(paths, &config.read_config(), target)?;
    for behavior in &table.behaviors {
        let (name, weight) = (&behavior.name, behavior.weight);
        let target = if behavior.target { ", the target" } else { "" };
        tracing::info!("behavior {name:?} weighs {weight:.3}{target}");
    }
    config.weights = table;
    read(paths, config)
}

fn read<P: AsRef<Path>>(paths: &[P], config: &PrepareConfig) -> Result<EventLog, DataError> {
    let valid = config.check()?;
    read_events(paths, &config.read_config(), valid.behaviors())
}

/// Whether more than a hundredth of the rows had to be skipped for an unknown behavior, or the log could not be
/// read for one.
fn has_unknown_behaviors(log: &Result<EventLog, DataError>) -> bool {
    match log {
        Ok(log) => {
            let read = &log.stages()[0];
            let unknown = read.dropped.get("unknown behavior").copied();
            unknown.unwrap_or(0) * 100 > read.rows_in
        }
        Err(DataError::Row { issue, .. }) => matches!(issue, RowIssue::UnknownBehavior { .. }),
        // Each row may have been skipped for that.
        Err(error) => matches!(error, DataError::NoEvents { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(
        rows: &str,
        target: Option<&str>,
        config: &mut PrepareConfig,
    ) -> Result<EventLog, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let header = "event_time,event_type,product_id,user_id\n";
        std::fs::write(&path, format!("{header}{rows}")).unwrap();
        read_log(&[path], config, target)
    }

    fn names(config: &PrepareConfig) -> Vec<(&str, bool)> {
        let table = config.weights.behaviors.iter();
        table.map(|b| (b.name.as_str(), b.target)).collect()
    }

    #[test]
    fn the_default_table_stays_where_it_knows_all_behaviors() {
        let mut config = PrepareConfig::default();
        let rows = "2019-10-01,view,a,u\n2019-10-01,cart,a,u\n";
        assert_eq!(read_with(rows, None, &mut config).unwrap().n_events(), 2);
        assert_eq!(config, PrepareConfig::default());
        read_with(rows, Some("cart"), &mut config).unwrap();
        let expected = [
            ("view", false),
            ("cart", true),
            ("remove_from_cart", false),
            ("purchase", false),
        ];
        assert_eq!(names(&config), expected);
    }

    #[test]
    fn other_logs_get_a_table_of_their_own() {
        let rows = "2019-10-01,click,a,u\n2019-10-01,buy,a,u\n";
        for skip_bad_rows in [false, true] {
            let mut config = PrepareConfig {
                skip_bad_rows,
                ..PrepareConfig::default()
            };
            let log = read_with(rows, None, &mut config).unwrap();
            assert_eq!(log.behaviors(), [0, 1]);
            assert_eq!(names(&config), [("click", false), ("buy", true)]);
        }
        let mut config = PrepareConfig::default();
        read_with(rows, Some("click"), &mut config).unwrap();
        assert_eq!(names(&config), [("buy", false), ("click", true)]);
    }

    #[test]
    fn a_table_that_was_given_stays() {
        let given = || {
            let mut config = PrepareConfig::default();
            config.weights.behaviors.remove(2);
            config
        };
        let rows = "2019-10-01,click,a,u\n";
        let mut config = given();
        assert!(matches!(
            read_with(rows, None, &mut config),
            Err(DataError::Row {
                issue: RowIssue::UnknownBehavior { .. },
                ..
            })
        ));
        assert!(matches!(
            read_with(rows, Some("click"), &mut config),
            Err(DataError::Config { issues }) if issues.len() == 1
        ));
        assert_eq!(config, given());
    }
}
