//! The format of an exported log.

use std::collections::BTreeMap;

/// The columns of a log: the option that names each, which is also its default name.
const COLUMNS: [&str; 9] = [
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
];

/// The positions of the columns that an event fills.
pub(super) const TIME: usize = 0;
pub(super) const BEHAVIOR: usize = 1;
pub(super) const ITEM: usize = 2;
pub(super) const USER: usize = 7;

/// The column of the event's number, which identifies events that were exported twice.
const NUMBER: &str = "event_number";

/// The format of an exported log, so that `prepare` can read it together with the shop's own. Behaviors have the labels
/// they were posted with, and times the format `2019-10-01 08:00:00 UTC`, which is valid in every log.
///
/// The default is that of `prepare`: nine columns, separated by commas. After the columns stands `event_number`. The
/// rows of a log without a header have that log's columns and no others; the number is then in the first column that
/// the log's configuration does not read, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFormat {
    /// The names of the columns; `None` for columns that the log does not have.
    columns: [Option<String>; 9],
    /// The columns in their order, for a log without a header.
    order: Option<Vec<String>>,
    /// Why no event can be written in this form.
    issue: Option<String>,
    delimiter: u8,
    quoting: bool,
}

impl Default for ExportFormat {
    fn default() -> Self {
        Self {
            columns: COLUMNS.map(|name| Some(name.to_owned())),
            order: None,
            issue: None,
            delimiter: b',',
            quoting: true,
        }
    }
}

impl ExportFormat {
    /// The format of a log prepared with these options, given as text by name, from a lineage or
    /// from a configuration of `prepare`. Without options of a log, the default.
    #[must_use]
    pub fn from_options(options: &BTreeMap<String, String>) -> Self {
        let option = |name: &str| options.get(&format!("format.{name}"));
        let issue = match (option("form"), option("behavior")) {
            (Some(form), _) => Some(format!(
                "its form is {form:?}, whose files have no place for other behaviors and ids"
            )),
            (_, Some(behavior)) => Some(format!(
                "every row of it is read as {behavior:?}, whatever the event was"
            )),
            _ => None,
        };
        if option(COLUMNS[TIME]).is_none() {
            return Self {
                issue,
                ..Self::default()
            };
        }
        let delimiter = option("delimiter").and_then(|text| text.bytes().next());
        let order = option("columns").map(|names| names.split(',').map(str::to_owned).collect());
        Self {
            columns: COLUMNS.map(|name| option(name).cloned()),
            order,
            issue,
            delimiter: delimiter.unwrap_or(b','),
            quoting: option("quoting").is_none_or(|text| text == "true"),
        }
    }

    /// Why no event can be written in this form, if that is so.
    pub(super) fn issue(&self) -> Option<String> {
        let missing = |order: &Vec<String>| {
            let mut needed = [TIME, BEHAVIOR, ITEM, USER].into_iter();
            needed.find(|&n| {
                !self.columns[n]
                    .as_ref()
                    .is_some_and(|name| order.contains(name))
            })
        };
        let missing = self.order.as_ref().and_then(missing);
        let no_column = || missing.map(|n| format!("its columns lack {}", COLUMNS[n]));
        self.issue.clone().or_else(no_column)
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn quoting(&self) -> bool {
        self.quoting
    }

    /// The names of the columns; `None` for a log without a header.
    pub(super) fn header(&self) -> Option<Vec<&str>> {
        let names = self.columns.iter().flatten().map(String::as_str);
        self.order
            .is_none()
            .then(|| names.chain([NUMBER]).collect())
    }

    /// The fields of a row, in the order of the columns.
    pub(super) fn row<'a>(&'a self, fields: &'a [&'a str; 9], number: &'a str) -> Vec<&'a str> {
        let columns = self.columns.iter().zip(fields);
        let named = columns.filter_map(|(column, &field)| Some((column.as_deref()?, field)));
        let named: Vec<(&str, &str)> = named.collect();
        let Some(order) = &self.order else {
            return named
                .iter()
                .map(|&(_, field)| field)
                .chain([number])
                .collect();
        };
        let of = |name: &String| named.iter().find(|(column, _)| column == name);
        let free = order.iter().position(|name| of(name).is_none());
        let field = |(n, name): (usize, &String)| match of(name) {
            Some((_, field)) => *field,
            None if Some(n) == free => number,
            None => "",
        };
        order.iter().enumerate().map(field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_log_name_its_columns() {
        let options = [
            ("format.event_time", "timestamp"),
            ("format.event_type", "event"),
            ("format.product_id", "itemid"),
            ("format.user_id", "visitorid"),
            ("format.delimiter", ";"),
            ("format.quoting", "false"),
            ("duplicates", "drop"),
        ];
        let options = options.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let format = ExportFormat::from_options(&options.into());
        assert_eq!(
            format.header().unwrap(),
            ["timestamp", "event", "itemid", "visitorid", NUMBER]
        );
        assert_eq!((format.delimiter(), format.quoting()), (b';', false));
        let fields = ["t", "b", "i", "", "", "", "", "u", ""];
        assert_eq!(format.row(&fields, "7"), ["t", "b", "i", "u", "7"]);
        // Pair files have no format.
        let pairs = ExportFormat::from_options(&BTreeMap::new());
        assert_eq!(pairs, ExportFormat::default());
        assert_eq!(pairs.header().unwrap()[..9], COLUMNS);
        assert_eq!(pairs.issue(), None);
    }

    #[test]
    fn columns_without_a_header_keep_their_order() {
        let format = |columns: &str, more: &[(&str, &str)]| {
            let options = [
                ("format.event_time", "t"),
                ("format.event_type", "b"),
                ("format.product_id", "i"),
                ("format.user_id", "u"),
                ("format.price", "p"),
                ("format.columns", columns),
            ];
            let options = options.iter().chain(more);
            let options = options.map(|&(name, text)| (name.to_owned(), text.to_owned()));
            ExportFormat::from_options(&options.collect())
        };
        let fields = ["1", "view", "lamp", "", "", "", "", "ann", ""];
        let plain = format("u,i,b,p,t", &[]);
        assert_eq!(plain.header(), None);
        assert_eq!(plain.row(&fields, "7"), ["ann", "lamp", "view", "", "1"]);
        let spare = format("u,x,i,b,y,t", &[]);
        assert_eq!(
            spare.row(&fields, "7"),
            ["ann", "7", "lamp", "view", "", "1"]
        );
        assert_eq!(spare.issue(), None);
        for (format, reason) in [
            (format("u,i,b", &[]), "event_time"),
            (format("u,i,t", &[("format.behavior", "buy")]), "\"buy\""),
            (format("u,i,b,t", &[("format.form", "otto")]), "\"otto\""),
        ] {
            let issue = format.issue().unwrap_or_default();
            assert!(issue.contains(reason), "{issue}");
        }
    }
}
