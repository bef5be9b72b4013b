//! The format of a log and the options for reading it.

use crate::log::form::FileForm;
use crate::time::TimeUnit;
use lightgcn_core::{BehaviorId, BehaviorWeights, IdNormalization, Lineage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The names of a log's columns and behaviors. The default is the shop log of nine columns
/// `event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session`.
///
/// Columns are found by name, in any order; columns not named here are ignored. An optional column
/// that is `None`, empty or absent from the file is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogFormat {
    /// How lines become rows.
    pub form: FileForm,
    /// The names of the columns in their order, for files without a header. Default: none, and the first line
    /// names them.
    pub columns: Vec<String>,
    /// The label of every row, for logs of a single behavior without a behavior column. Default:
    /// none.
    #[serde(alias = "behaviour")]
    pub behavior: Option<String>,
    /// The column of the event's time (required); see [`crate::time::parse`] for the formats.
    pub event_time: String,
    /// The column of the behavior's label (required, unless `behavior` is set).
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
    /// The column of the price (optional): a number from 0 on, with a decimal point. Any other text counts as
    /// unknown.
    pub price: Option<String>,
    /// The column of the item's title, in catalogue files (optional); see [`lightgcn_core::check_title`].
    pub title: Option<String>,
    /// The column of the URL of the item's picture, in catalogue files (optional); see
    /// [`lightgcn_core::check_url`].
    pub image_url: Option<String>,
    /// The column of the URL of the item's page, in catalogue files (optional).
    pub page_url: Option<String>,
    /// The column that says whether the item is in stock, in catalogue files (optional): `true` or
    /// `false`, `yes` or `no`, `in_stock` or `out_of_stock`, or the quantity.
    pub in_stock: Option<String>,
    /// The column of the quantity in stock, in catalogue files (optional); `in_stock` takes
    /// precedence.
    pub stock: Option<String>,
    /// The column of the time from which the item is no longer offered, in catalogue files
    /// (optional).
    pub expires_at: Option<String>,
    /// The column of the id of the user's session (optional), which may be empty in some rows. Where there is none,
    /// pauses tell sessions apart.
    pub user_session: Option<String>,
    /// The field separator: one ASCII character.
    pub delimiter: char,
    /// Whether fields may be in double quotes, so that they can contain the separator. If not, a
    /// quote is an ordinary character.
    pub quoting: bool,
    /// The unit of numbers in the time column.
    pub time_unit: TimeUnit,
    /// Whether ids of users and items that are the same text in different Unicode forms are the same.
    /// Models that are trained on the dataset look up ids in the same way. Default: they are not.
    pub normalize_ids: IdNormalization,
    /// Maps the log's labels to the names in the table of weights, such as `buy` → `purchase`.
    /// Labels not listed keep their name.
    #[serde(alias = "rename_behaviours")]
    pub rename_behaviors: BTreeMap<String, String>,
    /// Labels whose events are counted and dropped.
    #[serde(alias = "ignore_behaviours")]
    pub ignore_behaviors: Vec<String>,
}

impl Default for LogFormat {
    fn default() -> Self {
        Self {
            form: FileForm::default(),
            columns: Vec::new(),
            behavior: None,
            event_time: "event_time".to_owned(),
            event_type: "event_type".to_owned(),
            product_id: "product_id".to_owned(),
            user_id: "user_id".to_owned(),
            category_id: Some("category_id".to_owned()),
            category_code: Some("category_code".to_owned()),
            brand: Some("brand".to_owned()),
            price: Some("price".to_owned()),
            title: Some("title".to_owned()),
            image_url: Some("image_url".to_owned()),
            page_url: Some("page_url".to_owned()),
            in_stock: Some("in_stock".to_owned()),
            stock: Some("stock".to_owned()),
            expires_at: Some("expires_at".to_owned()),
            user_session: Some("user_session".to_owned()),
            delimiter: ',',
            quoting: true,
            time_unit: TimeUnit::Auto,
            normalize_ids: IdNormalization::None,
            rename_behaviors: BTreeMap::new(),
            ignore_behaviors: Vec::new(),
        }
    }
}

impl LogFormat {
    /// Everything wrong with the format, one sentence each with how to fix it; empty if it is valid.
    #[must_use]
    pub fn issues(&self, behaviors: &BehaviorWeights) -> Vec<String> {
        let mut issues = Vec::new();
        let columns = self.named_columns();
        for (n, (option, column)) in columns.iter().enumerate() {
            if column.is_empty() {
                issues.push(format!("format.{option} is empty; name the log's column"));
            } else if let Some((other, _)) = columns[..n].iter().find(|(_, c)| c == column) {
                issues.push(format!(
                    "format.{option} and format.{other} name the same column {column:?}"
                ));
            }
        }
        for (n, column) in self.columns.iter().enumerate() {
            let is_named = columns.iter().any(|(_, name)| name == column);
            if is_named && self.columns[..n].contains(column) {
                issues.push(format!(
                    "format.columns has {column:?} twice; rename one of them"
                ));
            }
        }
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\n' | '\r') {
            issues.push(format!(
                "format.delimiter is {:?}; give one ASCII character, not a quote or a line end",
                self.delimiter
            ));
        }
        let is_named = !self.columns.is_empty() || self.behavior.is_some();
        if self.form != FileForm::Table && is_named {
            issues.push(format!(
                "format.columns and format.behavior are for tables, but format.form is {:?}; \
                remove them",
                self.form.name()
            ));
        }
        if let Some(label) = &self.behavior
            && !self.labels(behaviors).contains_key(label)
        {
            issues.push(format!(
                "format.behavior is {label:?}, which has no weight; add it to the behaviors"
            ));
        }
        for (label, name) in &self.rename_behaviors {
            if behaviors.get(name).is_none() {
                issues.push(format!(
                    "format.rename_behaviors maps {label:?} to {name:?}, which has no weight; \
                     add it to the behaviors"
                ));
            }
            if self.ignore_behaviors.contains(label) {
                issues.push(format!(
                    "behavior {label:?} is both renamed and ignored; choose one"
                ));
            }
        }
        issues
    }

    /// The format of catalogue files: tables with a header and the same names.
    pub(crate) fn of_catalogue(&self) -> Self {
        Self {
            form: FileForm::Table,
            columns: Vec::new(),
            behavior: None,
            ..self.clone()
        }
    }

    /// The named columns with the option that names each, required ones first.
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

    /// The columns of catalogue files that logs do not have, with the option that names each.
    pub(crate) fn listing_columns(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("title", &self.title),
            ("image_url", &self.image_url),
            ("page_url", &self.page_url),
            ("in_stock", &self.in_stock),
            ("stock", &self.stock),
            ("expires_at", &self.expires_at),
        ];
        let named = optional
            .iter()
            .filter_map(|&(option, c)| c.as_deref().map(|c| (option, c)));
        named.filter(|(_, c)| !c.is_empty()).collect()
    }

    /// The named columns that describe items.
    pub(crate) fn item_columns(&self) -> Vec<&str> {
        let of_events = ["event_time", "event_type", "user_id", "user_session"];
        let mut columns = self.named_columns();
        columns.retain(|(option, _)| !of_events.contains(option));
        columns.extend(self.listing_columns());
        columns.into_iter().map(|(_, column)| column).collect()
    }

    /// The behavior of each label, or `None` for labels to ignore.
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

    /// Adds the options as text, for a lineage.
    pub(crate) fn describe(&self, options: &mut BTreeMap<String, String>) {
        for (option, column) in self.named_columns() {
            options.insert(format!("format.{option}"), column.to_owned());
        }
        // Named only where they differ from the default.
        if self.form != FileForm::Table {
            options.insert("format.form".to_owned(), self.form.name().to_owned());
        }
        if self.normalize_ids != IdNormalization::None {
            let form = self.normalize_ids.name().to_owned();
            options.insert(Lineage::NORMALIZE_IDS.to_owned(), form);
        }
        let usual = Self::default();
        for column in self.listing_columns() {
            if !usual.listing_columns().contains(&column) {
                options.insert(format!("format.{}", column.0), column.1.to_owned());
            }
        }
        if !self.columns.is_empty() {
            options.insert("format.columns".to_owned(), self.columns.join(","));
        }
        if let Some(label) = &self.behavior {
            options.insert("format.behavior".to_owned(), label.clone());
        }
        options.insert("format.delimiter".to_owned(), self.delimiter.to_string());
        options.insert("format.quoting".to_owned(), self.quoting.to_string());
        let time_unit = self.time_unit.name().to_owned();
        options.insert("format.time_unit".to_owned(), time_unit);
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

/// What to do with rows that are equal in every field, within a file or across files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// Keep the first; count and drop the others.
    #[default]
    Drop,
    /// Keep all of them, without looking for duplicates.
    Keep,
}

/// What to do with rows whose time is more than a day from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FutureRows {
    /// They are bad rows.
    #[default]
    Refuse,
    /// Keep them, but move them to the time of the last row that is not in the future, so that a
    /// wrong clock does not distort ages.
    Cap,
    /// Keep them as they are, for simulated logs.
    Keep,
}

impl FutureRows {
    /// The option's value.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Cap => "cap",
            Self::Keep => "keep",
        }
    }
}

/// How to read a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadConfig {
    /// Names of columns and behaviors.
    pub format: LogFormat,
    /// What to do with exact duplicates.
    pub duplicates: Duplicates,
    /// Whether to count and drop invalid rows instead of stopping at the first one.
    pub skip_bad_rows: bool,
    /// What to do with rows from the future.
    pub future_rows: FutureRows,
    /// The current time in seconds since 1970; `None` means the system's clock.
    #[serde(skip)]
    pub now: Option<i64>,
    /// Catalogue files, folders, patterns or URLs: CSV or Parquet with the format's `product_id`
    /// column and any of its category, brand, price, title, address, stock and expiry columns, one
    /// or several rows per item. They fill in what the log lacks; a value in the log takes
    /// precedence.
    pub catalogue: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::BehaviorWeightsConfig;

    #[test]
    fn the_default_is_valid_and_all_issues_are_listed() {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        assert!(LogFormat::default().issues(&weights).is_empty());
        let format = LogFormat {
            event_time: String::new(),
            user_id: "product_id".to_owned(),
            brand: Some(String::new()), // an empty optional column is fine
            delimiter: '"',
            rename_behaviors: [("buy".to_owned(), "bought".to_owned())].into(),
            ignore_behaviors: vec!["buy".to_owned()],
            ..LogFormat::default()
        };
        let issues = format.issues(&weights);
        assert_eq!(issues.len(), 5, "{issues:?}");
        let format = LogFormat {
            form: FileForm::Otto,
            behavior: Some("buy".to_owned()), // without a weight, and not for this form
            ..LogFormat::default()
        };
        let issues = format.issues(&weights);
        assert_eq!(issues.len(), 2, "{issues:?}");
        let twice = ["user_id", "", "x", "", "x", "user_id"].map(str::to_owned);
        let format = LogFormat {
            columns: twice.into(),
            ..LogFormat::default()
        };
        let expected = "format.columns has \"user_id\" twice; rename one of them";
        assert_eq!(format.issues(&weights), [expected]);
    }

    #[test]
    fn columns_of_catalogue_files_are_told_only_where_they_differ() {
        let mut options = BTreeMap::new();
        LogFormat::default().describe(&mut options);
        assert!(!options.contains_key("format.title"), "{options:?}");
        let format = LogFormat {
            title: Some("name".to_owned()),
            stock: None,
            ..LogFormat::default()
        };
        format.describe(&mut options);
        assert_eq!(options["format.title"], "name");
        let columns = format.item_columns();
        assert!(
            columns.contains(&"name") && columns.contains(&"expires_at"),
            "{columns:?}"
        );
        assert!(
            !columns.contains(&"stock") && !columns.contains(&"event_time"),
            "{columns:?}"
        );
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
    fn british_and_earlier_names_are_read() {
        let format: LogFormat = toml::from_str(
            "event_time='timestamp'\nprice=''\nignore_behaviours=['wish']\nbehaviour='cart'\n\
             [rename_behaviours]\naddtocart='cart'\ntransaction='purchase'\n",
        )
        .unwrap();
        assert_eq!(format.rename_behaviors["addtocart"], "cart");
        assert_eq!(format.rename_behaviors["transaction"], "purchase");
        assert_eq!(format.ignore_behaviors, ["wish"]);
        assert_eq!(format.behavior.as_deref(), Some("cart"));
        // The same option by two names is an error, not one of them.
        assert!(
            toml::from_str::<LogFormat>("ignore_behaviours=['a']\nignore_behaviors=['b']").is_err()
        );
        let core: crate::KCoreConfig =
            toml::from_str("min_consumer_pairs = 2\nmin_product_pairs = 3").unwrap();
        assert_eq!((core.min_user_pairs, core.min_item_pairs), (2, 3));
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
