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

/// The format of an exported log, so that `prepare` can read it together with the shop's own.
/// Behaviors have the labels they were posted with, and times the format `2019-10-01 08:00:00 UTC`,
/// which is valid in every log.
///
/// The default is that of `prepare`: nine columns, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFormat {
    /// The names of the columns; `None` for columns that the log does not have.
    columns: [Option<String>; 9],
    delimiter: u8,
    quoting: bool,
}

impl Default for ExportFormat {
    fn default() -> Self {
        Self {
            columns: COLUMNS.map(|name| Some(name.to_owned())),
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
        if option(COLUMNS[TIME]).is_none() {
            return Self::default();
        }
        let delimiter = option("delimiter").and_then(|text| text.bytes().next());
        Self {
            columns: COLUMNS.map(|name| option(name).cloned()),
            delimiter: delimiter.unwrap_or(b','),
            quoting: option("quoting").is_none_or(|text| text == "true"),
        }
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn quoting(&self) -> bool {
        self.quoting
    }

    /// The names of the columns, except that of the event number.
    pub(super) fn header(&self) -> Vec<&str> {
        self.columns.iter().flatten().map(String::as_str).collect()
    }

    /// The fields of a row, in the order of the header.
    pub(super) fn row<'a>(&'a self, fields: &'a [&'a str; 9]) -> impl Iterator<Item = &'a str> {
        let columns = self.columns.iter().zip(fields);
        columns.filter_map(|(column, &field)| column.as_ref().map(|_| field))
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
            format.header(),
            ["timestamp", "event", "itemid", "visitorid"]
        );
        assert_eq!((format.delimiter(), format.quoting()), (b';', false));
        let fields = ["t", "b", "i", "", "", "", "", "u", ""];
        assert_eq!(
            format.row(&fields).collect::<Vec<_>>(),
            ["t", "b", "i", "u"]
        );
        // Pair files have no format.
        let pairs = ExportFormat::from_options(&BTreeMap::new());
        assert_eq!(pairs, ExportFormat::default());
        assert_eq!(pairs.header(), COLUMNS);
    }
}
