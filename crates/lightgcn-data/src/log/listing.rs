//! How items are presented and whether they are available, from catalogue files.

use crate::error::shown_path;
use crate::log::field_time::read_time;
use crate::log::messages;
use crate::log::table::Table;
use crate::time::{self, TimeUnit};
use crate::{DataError, ReadConfig, RowIssue};
use lightgcn_core::{
    ItemDetails, ItemId, Listings, StageReport, check_title, check_url, is_no_value,
};

/// The number of invalid values to log in full.
const EXAMPLES: u64 = 3;
/// Values meaning that an item is in stock or out of stock: the letters, in lower case. Among them are those of schema.org.
const IN_STOCK: [&str; 8] = [
    "true",
    "t",
    "yes",
    "y",
    "instock",
    "available",
    "limitedavailability",
    "onlineonly",
];
const OUT_OF_STOCK: [&str; 8] = [
    "false",
    "f",
    "no",
    "n",
    "outofstock",
    "unavailable",
    "soldout",
    "discontinued",
];

/// The latest listing of each item by its row; other fields are not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed(Vec<ItemDetails>);

impl Listed {
    /// Records an item's known fields and leaves the others unchanged.
    pub(crate) fn observe(&mut self, item: ItemId, details: &ItemDetails) {
        if item.index() >= self.0.len() {
            self.0.resize(item.index() + 1, ItemDetails::default());
        }
        let known = &mut self.0[item.index()];
        for (known, said) in [
            (&mut known.title, &details.title),
            (&mut known.image_url, &details.image_url),
            (&mut known.page_url, &details.page_url),
        ] {
            if said.is_some() {
                known.clone_from(said);
            }
        }
        known.in_stock = details.in_stock.or(known.in_stock);
        known.expires_at = details.expires_at.or(known.expires_at);
    }

    /// The listings of `n_items` items; `other` fills in what is unknown here.
    pub(crate) fn listings(&self, n_items: usize, other: &Self) -> Listings {
        if self.0.is_empty() && other.0.is_empty() {
            return Listings::default();
        }
        let mut all = other.clone();
        all.0.resize(n_items, ItemDetails::default());
        for (row, details) in self.0.iter().enumerate().take(n_items) {
            all.observe(ItemId(row as u32), details);
        }
        Listings::from_details(all.0.iter())
    }
}

/// The listing columns, if the file has them.
pub(crate) struct ListingColumns {
    title: Option<usize>,
    image_url: Option<usize>,
    page_url: Option<usize>,
    /// In order of precedence.
    stock: [Option<usize>; 2],
    expires_at: Option<usize>,
    time_unit: TimeUnit,
    now: i64,
    skip_bad_rows: bool,
}

/// The number of rows with invalid values that count as unknown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BadListings {
    title: Bad,
    address: Bad,
    stock: Bad,
    expires_at: Bad,
}

/// The number of invalid values of a kind, and the column of the latest one.
#[derive(Debug, Clone, Copy, Default)]
struct Bad {
    n: u64,
    column: usize,
}

impl Bad {
    fn note(&mut self, column: usize) {
        *self = Self { n: 1, column };
    }

    /// Adds what the current row has. The first ones are logged.
    fn add(&mut self, row: Self, table: &Table) {
        self.n += row.n;
        if row.n > 0 && self.n <= EXAMPLES {
            let (file, place) = (shown_path(table.path()), table.place());
            let (name, value) = (table.column_name(row.column), table.shown(row.column));
            messages::warn(format_args!(
                "{file}, {place}: bad {name} {value:?}; treated as unknown"
            ));
        }
    }
}

impl ListingColumns {
    /// Whether the file has none of them.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            title,
            image_url,
            page_url,
            stock: [in_stock, stock],
            expires_at,
            ..
        } = self;
        let columns = [title, image_url, page_url, in_stock, stock, expires_at];
        columns.into_iter().all(Option::is_none)
    }

    pub(crate) fn find(table: &Table, config: &ReadConfig) -> Result<Self, DataError> {
        let format = &config.format;
        let find = |name: &Option<String>| match name.as_deref() {
            Some(name) if !name.is_empty() => table.optional(name),
            _ => Ok(None),
        };
        Ok(Self {
            title: find(&format.title)?,
            image_url: find(&format.image_url)?,
            page_url: find(&format.page_url)?,
            stock: [find(&format.in_stock)?, find(&format.stock)?],
            expires_at: find(&format.expires_at)?,
            time_unit: format.time_unit,
            now: time::now(),
            skip_bad_rows: config.skip_bad_rows,
        })
    }

    /// The listing in the current row. Invalid stock and times are ignored and recorded in `bad`; so are invalid titles
    /// and addresses if bad rows are skipped, since the row may also say that the item is out of stock.
    pub(crate) fn read(
        &self,
        table: &Table,
        bad: &mut BadListings,
    ) -> Result<ItemDetails, RowIssue> {
        let mut details = ItemDetails {
            title: self.lenient(self.title(table), self.title, &mut bad.title)?,
            ..ItemDetails::default()
        };
        for (column, address) in [
            (self.image_url, &mut details.image_url),
            (self.page_url, &mut details.page_url),
        ] {
            *address = self.lenient(url(table, column), column, &mut bad.address)?;
        }
        for column in self.stock.into_iter().flatten().rev() {
            let stock = self.lenient(value(table, column), Some(column), &mut bad.stock)?;
            match stock.map(parse_stock) {
                Some(Some(in_stock)) => details.in_stock = Some(in_stock),
                Some(None) => bad.stock.note(column),
                None => {}
            }
        }
        if let Some(column) = self.expires_at
            && self
                .lenient(value(table, column), Some(column), &mut bad.expires_at)?
                .is_some()
        {
            match read_time(table, column, self.time_unit, self.now, i64::MAX) {
                Ok(time) => details.expires_at = Some(time),
                Err(_) => bad.expires_at.note(column),
            }
        }
        Ok(details)
    }

    /// What a field says. If bad rows are skipped, an invalid one counts as unknown.
    fn lenient<T>(
        &self,
        said: Result<Option<T>, RowIssue>,
        column: Option<usize>,
        bad: &mut Bad,
    ) -> Result<Option<T>, RowIssue> {
        match (said, column) {
            (Err(_), Some(column)) if self.skip_bad_rows => {
                bad.note(column);
                Ok(None)
            }
            (said, _) => said,
        }
    }

    fn title(&self, table: &Table) -> Result<Option<String>, RowIssue> {
        let Some(column) = self.title else {
            return Ok(None);
        };
        // Lines may end in \r\r\n.
        let text = table.text(column)?.trim_end_matches('\r');
        let title = check_title(text).map_err(|issue| RowIssue::Title {
            column: table.column_name(column),
            value: table.shown(column),
            issue,
        })?;
        Ok(title.map(|title| title.into_owned()))
    }
}

impl BadListings {
    /// Adds what the current row has.
    pub(crate) fn add(&mut self, row: &Self, table: &Table) {
        self.title.add(row.title, table);
        self.address.add(row.address, table);
        self.stock.add(row.stock, table);
        self.expires_at.add(row.expires_at, table);
    }

    pub(crate) fn report(&self, report: &mut StageReport) {
        report.miss("bad title", self.title.n);
        report.miss("bad address", self.address.n);
        report.miss("bad stock", self.stock.n);
        report.miss("bad expires_at", self.expires_at.n);
    }
}

/// A field without surrounding spaces; `None` if it is empty or denotes a missing value.
fn value(table: &Table, column: usize) -> Result<Option<&str>, RowIssue> {
    let text = table.text(column)?.trim();
    Ok(Some(text).filter(|text| !text.is_empty() && !is_no_value(text)))
}

fn url(table: &Table, column: Option<usize>) -> Result<Option<String>, RowIssue> {
    let Some(column) = column else {
        return Ok(None);
    };
    let Some(text) = value(table, column)? else {
        return Ok(None);
    };
    check_url(text).map_err(|issue| RowIssue::Url {
        column: table.column_name(column),
        value: table.shown(column),
        issue,
    })?;
    Ok(Some(text.to_owned()))
}

/// Whether the item is in stock; `None` if the text does not say.
fn parse_stock(text: &str) -> Option<bool> {
    if let Ok(count) = text.parse::<f64>() {
        return count.is_finite().then_some(count > 0.0);
    }
    // Such as `https://schema.org/OutOfStock`.
    let word = text.rsplit('/').next().unwrap_or(text);
    let letters = word.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
    let word: String = letters.take(20).map(|c| c.to_ascii_lowercase()).collect();
    match word.as_str() {
        word if IN_STOCK.contains(&word) => Some(true),
        word if OUT_OF_STOCK.contains(&word) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_a_word_or_a_number() {
        for text in [
            "true",
            "YES",
            "1",
            "12",
            "0.5",
            "In Stock",
            "in_stock",
            "https://schema.org/InStock",
        ] {
            assert_eq!(parse_stock(text), Some(true), "{text}");
        }
        for text in [
            "false",
            "No",
            "0",
            "-3",
            "0.0",
            "out of stock",
            "OutOfStock",
            "sold-out",
            "http://schema.org/Discontinued",
        ] {
            assert_eq!(parse_stock(text), Some(false), "{text}");
        }
        for text in ["soon", "inf", "nan", "1,5", "true/maybe", "", "no idea"] {
            assert_eq!(parse_stock(text), None, "{text}");
        }
    }

    #[test]
    fn the_latest_value_of_each_field_wins() {
        let with = |title: Option<&str>, in_stock| ItemDetails {
            title: title.map(str::to_owned),
            in_stock,
            ..ItemDetails::default()
        };
        let (mut log, mut files) = (Listed::default(), Listed::default());
        files.observe(ItemId(1), &with(Some("Lamp"), Some(true)));
        files.observe(ItemId(1), &with(None, Some(false)));
        log.observe(ItemId(0), &with(Some("Glove"), None));
        let listings = log.listings(3, &files);
        assert_eq!(listings.title.get(ItemId(1)), Some("Lamp"));
        assert_eq!(listings.title.get(ItemId(0)), Some("Glove"));
        assert_eq!(*listings.in_stock, [None, Some(false), None]);
    }
}
