//! Makes a table of behaviors from a log's labels.

use crate::error::quoted;
use crate::log::inputs::expand;
use crate::log::tables::Tables;
use crate::log::wanted::Wanted;
use crate::{DataError, ReadConfig};
use lightgcn_core::{Behavior, BehaviorWeightsConfig, Ceiling, is_no_value};
use std::collections::BTreeMap;
use std::path::Path;

/// The maximum number of labels in a column of behaviors; more suggest that it is the wrong column.
const MAX_LABELS: usize = 32;

/// Labels for a purchase, in lower case and without spaces and underscores.
const PURCHASES: [&str; 13] = [
    "purchase",
    "purchased",
    "buy",
    "bought",
    "transaction",
    "order",
    "ordered",
    "sale",
    "sold",
    "pay",
    "paid",
    "payment",
    "conversion",
];

/// Labels for a purchase in logs that have no better one, and for a step before it in those that
/// do.
const CHECKOUT: &str = "checkout";

/// Prefixes of labels that undo an action.
const UNDOING: [&str; 8] = [
    "remove", "delete", "dislike", "unlike", "unfav", "cancel", "return", "refund",
];

/// Makes the table of behaviors for a log whose labels differ from the shop log's.
///
/// The target is `target`, or the label that means a purchase, such as `buy`, `order` or
/// `transaction`; its weight is one. The rarer another behavior, the more it weighs: from 0.01 for
/// the most frequent to 0.1 for the rarest. What undoes an action, such as `remove_from_cart`,
/// weighs −0.09. Sums are bounded as in [`BehaviorWeightsConfig::shop_log`]. Reads the log once;
/// labels are renamed and ignored as the format says, and empty ones and placeholders such as
/// `NULL` do not count.
///
/// # Errors
/// Those of [`expand_paths`](crate::expand_paths) and of opening a log; [`DataError::Config`] if no label or more than one could be the
/// target's, `target` is not a label, labels differ only in case or in spaces around them, or there are more than
/// 32 labels.
pub fn behaviors_of<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
    target: Option<&str>,
) -> Result<BehaviorWeightsConfig, DataError> {
    table_of(&count_labels(paths, config)?, target)
}

/// The number of rows of each label, renamed as the format says.
pub(super) fn count_labels<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
) -> Result<BTreeMap<String, u64>, DataError> {
    let mut labels: BTreeMap<String, u64> = BTreeMap::new();
    let wanted = Wanted::Named(&[&config.format.event_type]);
    let mut tables = Tables::new(expand(paths)?, config, &wanted)?;
    while let Some(mut table) = tables.next()? {
        let column = table.required(&config.format.event_type, "event_type")?;
        while table.next_row()? {
            if table.check_shape().is_err() {
                continue;
            }
            let label = String::from_utf8_lossy(table.field(column));
            let format = &config.format;
            let is_missing = label.trim().is_empty() || is_no_value(label.trim());
            if is_missing || format.ignore_behaviors.iter().any(|l| *l == *label) {
                continue;
            }
            let name = format.rename_behaviors.get(&*label);
            let name = name.map_or(&*label, String::as_str);
            match labels.get_mut(name) {
                Some(n) => *n += 1,
                None => drop(labels.insert(name.to_owned(), 1)),
            }
            if labels.len() > MAX_LABELS {
                let column = &config.format.event_type;
                return refused(format!(
                    "column {column:?} has more than {MAX_LABELS} different values; set the \
                    format's event_type to the behavior column"
                ));
            }
        }
    }
    Ok(labels)
}

fn refused<T>(issue: String) -> Result<T, DataError> {
    Err(DataError::Config {
        issues: vec![issue],
    })
}

/// The table of these labels; see [`behaviors_of`].
pub(super) fn table_of(
    labels: &BTreeMap<String, u64>,
    target: Option<&str>,
) -> Result<BehaviorWeightsConfig, DataError> {
    let names: Vec<String> = labels.keys().cloned().collect();
    let target = target_of(&names, target)?;
    let is_undoing = |name: &str| UNDOING.iter().any(|start| plain(name).starts_with(start));
    let mut others: Vec<(&String, u64)> = labels.iter().map(|(name, &n)| (name, n)).collect();
    others.retain(|(name, _)| *name != target && !is_undoing(name));
    others.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let last = others.len().saturating_sub(1).max(1) as f64;
    let mut behaviors = Vec::new();
    let mut add = |name: &str, weight: f64| {
        behaviors.push(Behavior {
            name: name.to_owned(),
            weight,
            cap: None,
            target: name == target,
        });
    };
    for (place, (name, _)) in others.iter().enumerate() {
        // Evenly spaced in their logarithms.
        add(name, 0.01 * 10f64.powf(place as f64 / last));
    }
    for name in labels
        .keys()
        .filter(|name| *name != target && is_undoing(name))
    {
        add(name, -0.09);
    }
    add(target, 1.0);
    Ok(BehaviorWeightsConfig {
        behaviors,
        floor: Some(0.01),
        ceiling: Some(Ceiling {
            above: 1.0,
            with_target: 1.0,
            without_target: 0.5,
        }),
        half_life_days: None,
    })
}

/// The label of the target.
fn target_of<'a>(names: &'a [String], target: Option<&str>) -> Result<&'a str, DataError> {
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    for name in names {
        let alike: Vec<String> = names.iter().filter(|n| same(n, name)).cloned().collect();
        if alike.len() > 1 {
            return refused(format!(
                "the behaviors {} differ only in case or spaces; map them to one name with \
                 format.rename_behaviors",
                quoted(&alike)
            ));
        }
    }
    let listed = quoted(names);
    if let Some(target) = target {
        return match names.iter().find(|name| *name == target) {
            Some(name) => Ok(name),
            None => refused(format!(
                "the target {target:?} is not one of the log's behaviors, which are {listed}"
            )),
        };
    }
    let mean = |known: &[&str]| -> Vec<&'a String> {
        let known = names.iter().filter(|n| known.contains(&plain(n).as_str()));
        known.collect()
    };
    let mut purchases = mean(&PURCHASES);
    if purchases.is_empty() {
        purchases = mean(&[CHECKOUT]);
    }
    match (&purchases[..], names) {
        ([only], _) => Ok(only),
        ([], [only]) => Ok(only),
        ([], []) => refused(
            "the log has no behaviors; set the format's event_type to the behavior column"
                .to_owned(),
        ),
        ([], _) => refused(format!(
            "none of the behaviors {listed} is known to mean a purchase; name the target"
        )),
        _ => {
            let purchases: Vec<String> = purchases.into_iter().cloned().collect();
            refused(format!(
                "the behaviors {} all mean a purchase; name the target, or map them to one name with \
                 format.rename_behaviors",
                quoted(&purchases)
            ))
        }
    }
}

/// A label without upper case, spaces and punctuation.
fn plain(label: &str) -> String {
    let letters = label.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|&(name, n)| (name.to_owned(), n)).collect()
    }

    fn weights(table: &BehaviorWeightsConfig) -> Vec<(&str, f64, bool)> {
        let behaviors = table.behaviors.iter();
        behaviors
            .map(|b| (b.name.as_str(), (b.weight * 1e4).round() / 1e4, b.target))
            .collect()
    }

    #[test]
    fn rare_behaviors_weigh_more_and_purchases_most() {
        let of = labels(&[
            ("click", 900),
            ("Buy", 20),
            ("collect", 60),
            ("cart", 200),
            ("remove_from_cart", 70),
        ]);
        let table = table_of(&of, None).unwrap();
        let expected = [
            ("click", 0.01, false),
            ("cart", 0.0316, false),
            ("collect", 0.1, false),
            ("remove_from_cart", -0.09, false),
            ("Buy", 1.0, true),
        ];
        assert_eq!(weights(&table), expected);
        assert!(table.check().is_ok());
        let table = table_of(&of, Some("collect")).unwrap();
        assert_eq!(weights(&table)[4], ("collect", 1.0, true));
    }

    #[test]
    fn one_label_alone_is_the_target() {
        let table = table_of(&labels(&[("rating", 5)]), None).unwrap();
        assert_eq!(weights(&table), [("rating", 1.0, true)]);
    }

    #[test]
    fn logs_without_a_target_are_refused() {
        let of = labels(&[("click", 9), ("like", 2)]);
        for target in [None, Some("buy")] {
            assert!(matches!(
                table_of(&of, target),
                Err(DataError::Config { .. })
            ));
        }
    }

    #[test]
    fn labels_that_may_be_the_same_are_refused() {
        let issue = |names: &[&str], target| {
            let of: Vec<(&str, u64)> = names.iter().map(|&name| (name, 9)).collect();
            match table_of(&labels(&of), target) {
                Err(DataError::Config { issues }) if issues.len() == 1 => issues[0].clone(),
                other => panic!("{names:?} must be refused, not {other:?}"),
            }
        };
        let several = issue(&["view", "order", "purchase", "checkout"], None);
        assert!(several.contains(r#""order", "purchase" "#), "{several}");
        for target in [None, Some("purchase")] {
            let alike = issue(&["view", "Purchase", "purchase", " Purchase"], target);
            assert!(
                alike.contains(r#"" Purchase", "Purchase", "purchase" "#),
                "{alike}"
            );
        }
        issue(&["View", "view ", "buy"], None);
        issue(&[], None);
        // A named target settles which of several it is; a checkout comes before a purchase.
        let of = labels(&[("order", 5), ("purchase", 5), ("checkout", 9)]);
        let table = table_of(&of, Some("order")).unwrap();
        assert_eq!(weights(&table)[2], ("order", 1.0, true));
        let table = table_of(&labels(&[("checkout", 5), ("buy", 1)]), None).unwrap();
        assert_eq!(weights(&table)[1], ("buy", 1.0, true));
        let table = table_of(&labels(&[("checkout", 5), ("view", 9)]), None).unwrap();
        assert_eq!(weights(&table)[1], ("checkout", 1.0, true));
    }

    #[test]
    fn labels_are_read_from_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let rows =
            "t,pv,i,u\nt,pv,i,u\nt,fav,i,u\nt,skip,i,u\nt,NULL,i,u\nt, ,i,u\nt,order,i,u\nshort\n";
        std::fs::write(
            &path,
            format!("event_time,event_type,product_id,user_id\n{rows}"),
        )
        .unwrap();
        let mut config = ReadConfig::default();
        config.format.ignore_behaviors = vec!["skip".to_owned()];
        config.format.rename_behaviors = [("pv".to_owned(), "view".to_owned())].into();
        let table = behaviors_of(&[&path], &config, None).unwrap();
        let expected = [
            ("view", 0.01, false),
            ("fav", 0.1, false),
            ("order", 1.0, true),
        ];
        assert_eq!(weights(&table), expected);
        let many: Vec<String> = (0..40).map(|n| format!("t,b{n},i,u\n")).collect();
        let text = format!(
            "event_time,event_type,product_id,user_id\n{}",
            many.concat()
        );
        std::fs::write(&path, text).unwrap();
        let refused = behaviors_of(&[&path], &config, None);
        assert!(matches!(refused, Err(DataError::Config { .. })));
    }
}
