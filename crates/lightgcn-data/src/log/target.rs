//! Reads a log for a target, with a table of behaviors that matches the log.

use crate::log::behaviors::{count_labels, table_of};
use crate::log::messages;
use crate::{DataError, EventLog, PrepareConfig, RowIssue, read_events};
use lightgcn_core::BehaviorWeightsConfig;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a log to recommend for `target`, or for the target in the config's table of weights.
///
/// If a table was made for the log, the notes of the reading report have its weights.
///
/// If the default table lacks the target or does not match the log's behaviors, it is replaced by
/// one made from the log's labels ([`behaviors_of`](crate::behaviors_of)). It does not match if
/// more than a hundredth of the rows have unknown labels, or if some do and no row has the target's
/// label. Fewer unknown labels are bad rows.
///
/// # Errors
/// Those of [`read_events`] and [`behaviors_of`](crate::behaviors_of); [`DataError::Config`] if the options are invalid, or the table
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
        if !is_default {
            return read(paths, config);
        }
        let (log, held) = messages::hold(|| read(paths, config));
        return match other_labels(&log, paths, config)? {
            Some(labels) => {
                config.weights = table_of(&labels, target)?;
                read_with_note(paths, config)
            }
            None => {
                held.release();
                log
            }
        };
    } else if !is_default {
        let known: Vec<&str> = table.iter().map(|b| b.name.as_str()).collect();
        let (known, name) = (known.join(", "), target.unwrap_or_default());
        let issue = format!("the target {name:?} is unknown; the behaviors are {known}");
        let issues = vec![issue];
        return Err(DataError::Config { issues });
    }
    let read = config.read_config();
    let labels = messages::hold(|| count_labels(paths, &read)).0?;
    config.weights = table_of(&labels, target)?;
    read_with_note(paths, config)
}

/// The log's labels, if the default table does not match them.
fn other_labels<P: AsRef<Path>>(
    log: &Result<EventLog, DataError>,
    paths: &[P],
    config: &PrepareConfig,
) -> Result<Option<BTreeMap<String, u64>>, DataError> {
    if !may_have_other_behaviors(log, &config.weights) {
        return Ok(None);
    }
    let read = config.read_config();
    match messages::hold(|| count_labels(paths, &read)).0 {
        Ok(labels) => Ok(Some(labels).filter(|labels| are_others(labels, &config.weights))),
        Err(error @ DataError::Config { .. }) => Err(error),
        // A pipe can be read only once.
        Err(_) => Ok(None),
    }
}

/// Reads a log with the table that replaced the default, and notes the table in the report.
fn read_with_note<P: AsRef<Path>>(
    paths: &[P],
    config: &PrepareConfig,
) -> Result<EventLog, DataError> {
    let mut log = read(paths, config)?;
    let weights = config.weights.behaviors.iter().map(|behavior| {
        let target = if behavior.target { " (the target)" } else { "" };
        format!("{:?} {:.3}{target}", behavior.name, behavior.weight)
    });
    let weights: Vec<String> = weights.collect();
    let weights = weights.join(", ");
    log.note(format!("weights made for its behaviors: {weights}"));
    Ok(log)
}

fn read<P: AsRef<Path>>(paths: &[P], config: &PrepareConfig) -> Result<EventLog, DataError> {
    let valid = config.check()?;
    read_events(paths, &config.read_config(), valid.behaviors())
}

/// Whether counting the log's labels is worthwhile.
fn may_have_other_behaviors(
    log: &Result<EventLog, DataError>,
    weights: &BehaviorWeightsConfig,
) -> bool {
    match log {
        Ok(log) => {
            let read = &log.stages()[0];
            let unknown = read.dropped.get("unknown behavior").copied().unwrap_or(0);
            let counts = log.count_behaviors(weights.behaviors.len());
            let mut targets = counts.iter().zip(&weights.behaviors);
            let has_target = targets.any(|(&n, behavior)| n > 0 && behavior.target);
            exceeds(unknown, read.rows_in, has_target)
        }
        Err(DataError::Row { issue, .. }) => matches!(issue, RowIssue::UnknownBehavior { .. }),
        // Each of these rows may have been skipped for its label.
        Err(error) => matches!(error, DataError::NoEvents { .. }),
    }
}

/// Whether a log's labels do not match the table.
fn are_others(labels: &BTreeMap<String, u64>, weights: &BehaviorWeightsConfig) -> bool {
    let table = &weights.behaviors;
    let of = |label: &str| table.iter().find(|behavior| behavior.name == label);
    let unknown = labels.iter().filter(|(label, _)| of(label).is_none());
    let has_target = labels
        .keys()
        .any(|label| of(label).is_some_and(|b| b.target));
    exceeds(
        unknown.map(|(_, n)| n).sum(),
        labels.values().sum(),
        has_target,
    )
}

/// Whether too many labels are unknown to be typos.
fn exceeds(unknown: u64, rows: u64, has_target: bool) -> bool {
    unknown * 100 > rows || unknown > 0 && !has_target
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
        let log = read_with(rows, Some("cart"), &mut config).unwrap();
        assert!(log.stages()[0].notes.is_empty());
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
            let note = r#"weights made for its behaviors: "click" 0.010, "buy" 1.000 (the target)"#;
            assert_eq!(log.stages()[0].notes, [note]);
            assert_eq!(names(&config), [("click", false), ("buy", true)]);
        }
        let mut config = PrepareConfig::default();
        read_with(rows, Some("click"), &mut config).unwrap();
        assert_eq!(names(&config), [("buy", false), ("click", true)]);
    }

    #[test]
    fn a_typing_error_is_a_bad_row() {
        let typed = |target: &str| {
            let mut rows = "2019-10-01,view,a,u\n".repeat(199);
            rows += &format!("2019-10-01,{target},a,u\n2019-10-01,veiw,a,u\n2019-10-01,,a,u\n");
            rows
        };
        let mut config = PrepareConfig {
            duplicates: crate::Duplicates::Keep,
            ..PrepareConfig::default()
        };
        assert!(matches!(
            read_with(&typed("purchase"), None, &mut config),
            Err(DataError::Row { at: crate::Place::Line(202), issue: RowIssue::UnknownBehavior { value, .. }, .. })
                if value == "veiw"
        ));
        assert_eq!(config.weights, PrepareConfig::default().weights);
        config.skip_bad_rows = true;
        let log = read_with(&typed("purchase"), None, &mut config).unwrap();
        assert_eq!(log.n_events(), 200);
        assert_eq!(config.weights, PrepareConfig::default().weights);
        // Without a row of the target, the labels are others.
        let log = read_with(&typed("buy"), None, &mut config).unwrap();
        assert_eq!(log.n_events(), 201);
        let expected = [("view", false), ("veiw", false), ("buy", true)];
        assert_eq!(names(&config), expected);
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
