//! How a log is written down.

use lightgcn_core::{BehaviorId, BehaviorWeights};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The names of a log's columns and behaviors. The default is the shop log of nine columns
/// `event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session`.
///
/// Columns are found by name, in any order; columns that are not named here are read over. Of the
/// optional columns, those that are `None`, empty or absent from the file are taken as unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogFormat {
    /// The column of the event's time (required); see [`crate::time::parse`] for its forms.
    pub event_time: String,
    /// The column of the behavior's label (required).
    pub event_type: String,
    /// The column of the item's id (required): any text, kept as written.
    pub product_id: String,
    /// The column of the user's id (required): any text, kept as written.
    pub user_id: String,
    /// The column of the item's category id (optional).
    pub category_id: Option<String>,
    /// The column of the category's readable code (optional).
    pub category_code: Option<String>,
    /// The column of the item's brand (optional).
    pub brand: Option<String>,
    /// The column of the price (optional): a finite number with a decimal point, or empty.
    pub price: Option<String>,
    /// The column of the user's session (optional). Training does not use sessions; statistics
    /// of logs do.
    pub user_session: Option<String>,
    /// The character between two fields: one ASCII character.
    pub delimiter: char,
    /// From the labels of the log to the names of the table of weights, such as `buy` → `purchase`.
    /// Labels that are not listed stand for themselves.
    pub rename_behaviors: BTreeMap<String, String>,
    /// Labels whose events are counted and dropped.
    pub ignore_behaviors: Vec<String>,
}

impl Default for LogFormat {
    fn default() -> Self {
        Self {
            event_time: "event_time".to_owned(),
            event_type: "event_type".to_owned(),
            product_id: "product_id".to_owned(),
            user_id: "user_id".to_owned(),
            category_id: Some("category_id".to_owned()),
            category_code: Some("category_code".to_owned()),
            brand: Some("brand".to_owned()),
            price: Some("price".to_owned()),
            user_session: Some("user_session".to_owned()),
            delimiter: ',',
            rename_behaviors: BTreeMap::new(),
            ignore_behaviors: Vec::new(),
        }
    }
}

impl LogFormat {
    /// Every fault of the format, each a sentence that says how to fix it; empty where it is usable.
    #[must_use]
    pub fn faults(&self, behaviors: &BehaviorWeights) -> Vec<String> {
        let mut faults = Vec::new();
        let columns = self.named_columns();
        for (n, (option, column)) in columns.iter().enumerate() {
            if column.is_empty() {
                faults.push(format!("format.{option} is empty; name the log's column"));
            } else if let Some((other, _)) = columns[..n].iter().find(|(_, c)| c == column) {
                faults.push(format!(
                    "format.{option} and format.{other} name the same column {column:?}"
                ));
            }
        }
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\n' | '\r') {
            faults.push(format!(
                "format.delimiter is {:?}; give one ASCII character, not a quote or a line end",
                self.delimiter
            ));
        }
        for (label, name) in &self.rename_behaviors {
            if behaviors.get(name).is_none() {
                faults.push(format!(
                    "format.rename_behaviors maps {label:?} to {name:?}, which has no weight; \
                     add it to the behaviors"
                ));
            }
            if self.ignore_behaviors.contains(label) {
                faults.push(format!(
                    "behavior {label:?} is both renamed and ignored; choose one"
                ));
            }
        }
        faults
    }

    /// The columns that are named, with the option that names each; the required ones first.
    pub(crate) fn named_columns(&self) -> Vec<(&'static str, &str)> {
        let required = [
            ("event_time", &self.event_time),
            ("event_type", &self.event_type),
            ("product_id", &self.product_id),
            ("user_id", &self.user_id),
        ];
        let optional = [
            ("category_id", &self.category_id),
            ("category_code", &self.category_code),
            ("brand", &self.brand),
            ("price", &self.price),
            ("user_session", &self.user_session),
        ];
        let required = required.iter().map(|&(option, c)| (option, c.as_str()));
        let optional = optional
            .iter()
            .filter_map(|&(option, c)| c.as_deref().map(|c| (option, c)))
            .filter(|(_, c)| !c.is_empty());
        required.chain(optional).collect()
    }

    /// What to do with each label: the behavior it stands for, or `None` to ignore it.
    pub(crate) fn labels(
        &self,
        behaviors: &BehaviorWeights,
    ) -> BTreeMap<String, Option<BehaviorId>> {
        let mut labels = BTreeMap::new();
        for (n, behavior) in behaviors.behaviors().iter().enumerate() {
            labels.insert(behavior.name.clone(), Some(BehaviorId(n as u8)));
        }
        for (label, name) in &self.rename_behaviors {
            labels.insert(label.clone(), behaviors.get(name));
        }
        for label in &self.ignore_behaviors {
            labels.insert(label.clone(), None);
        }
        labels
    }

    /// The options as text, for a lineage.
    pub(crate) fn describe(&self, options: &mut BTreeMap<String, String>) {
        for (option, column) in self.named_columns() {
            options.insert(format!("format.{option}"), column.to_owned());
        }
        options.insert("format.delimiter".to_owned(), self.delimiter.to_string());
        for (label, name) in &self.rename_behaviors {
            options.insert(format!("format.rename_behaviors.{label}"), name.clone());
        }
        for label in &self.ignore_behaviors {
            options.insert(
                format!("format.ignore_behaviors.{label}"),
                "true".to_owned(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::BehaviorWeightsConfig;

    #[test]
    fn the_default_has_no_fault_and_every_fault_is_listed() {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        assert!(LogFormat::default().faults(&weights).is_empty());
        let format = LogFormat {
            event_time: String::new(),
            user_id: "product_id".to_owned(),
            brand: Some(String::new()), // an empty optional column is no fault
            delimiter: '"',
            rename_behaviors: [("buy".to_owned(), "bought".to_owned())].into(),
            ignore_behaviors: vec!["buy".to_owned()],
            ..LogFormat::default()
        };
        let faults = format.faults(&weights);
        assert_eq!(faults.len(), 5, "{faults:?}");
    }

    #[test]
    fn labels_are_renamed_and_ignored() {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        let format = LogFormat {
            rename_behaviors: [("buy".to_owned(), "purchase".to_owned())].into(),
            ignore_behaviors: vec!["remove_from_cart".to_owned()],
            ..LogFormat::default()
        };
        let labels = format.labels(&weights);
        assert_eq!(labels["buy"], Some(BehaviorId(3)));
        assert_eq!(labels["view"], Some(BehaviorId(0)));
        assert_eq!(labels["remove_from_cart"], None);
        assert_eq!(labels.get("wish"), None);
    }

    #[test]
    fn a_config_file_names_only_what_differs() {
        let format: LogFormat =
            toml::from_str("event_time = 'ts'\ndelimiter = ';'\nignore_behaviors = ['wish']")
                .unwrap();
        assert_eq!(format.event_time, "ts");
        assert_eq!(format.brand.as_deref(), Some("brand"));
        assert!(toml::from_str::<LogFormat>("event_tme = 'ts'").is_err());
        let written = toml::to_string(&format).unwrap();
        assert_eq!(toml::from_str::<LogFormat>(&written).unwrap(), format);
    }
}
