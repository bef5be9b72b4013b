//! Collects the latest metadata of each item.

use crate::error::shown_path;
use crate::log::listing::Listed;
use crate::log::messages;
use crate::log::table::Table;
use crate::{DataError, ReadConfig, RowIssue};
use hashbrown::HashMap;
use lightgcn_core::{Catalogue, ItemId, LabelColumn, StageReport, is_no_value};

const UNKNOWN: u32 = u32::MAX;

/// When a value was recorded. The later of two values wins; at equal times, the one in the later
/// row; within a row, the one recorded last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Seconds since 1970.
    pub(crate) time: i64,
    /// The number of the row.
    pub(crate) row: u32,
}

/// The labels of a column, each once.
#[derive(Debug, Clone, Default)]
struct Labels {
    labels: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Labels {
    /// Records a label of an item; empty labels are ignored.
    #[inline]
    fn observe(&mut self, latest: &mut LatestLabel, moment: Moment, label: &str) {
        let known = Moment {
            time: latest.time,
            row: latest.row,
        };
        if label.is_empty() || moment < known {
            return;
        }
        (latest.time, latest.row) = (moment.time, moment.row);
        // Most events repeat the known label: skip the lookup.
        if self.get(*latest) == Some(label) {
            return;
        }
        let Self { labels, numbers } = self;
        latest.code = *numbers.entry_ref(label).or_insert_with(|| {
            labels.push(label.to_owned());
            labels.len() as u32 - 1
        });
    }

    fn get(&self, latest: LatestLabel) -> Option<&str> {
        self.labels.get(latest.code as usize).map(String::as_str)
    }
}

/// The latest label of an item.
#[derive(Debug, Clone, Copy)]
struct LatestLabel {
    time: i64,
    row: u32,
    code: u32,
}

/// The latest price of an item.
#[derive(Debug, Clone, Copy)]
struct LatestPrice {
    time: i64,
    /// NaN if it is unknown.
    price: f64,
    row: u32,
}

impl LatestPrice {
    /// Records a price; negative ones, of which the real log has some, are ignored.
    #[inline]
    fn observe(&mut self, moment: Moment, price: f64) {
        let known = Moment {
            time: self.time,
            row: self.row,
        };
        if price >= 0.0 && moment >= known {
            (self.time, self.row) = (moment.time, moment.row);
            self.price = price;
        }
    }
}

/// The metadata of an item: 72 contiguous bytes, since every row of the log reads them.
#[derive(Debug, Clone, Copy)]
struct Known {
    labels: [LatestLabel; 3],
    price: LatestPrice,
}

impl Known {
    const NOTHING: Self = Self {
        labels: [LatestLabel {
            time: i64::MIN,
            row: 0,
            code: UNKNOWN,
        }; 3],
        price: LatestPrice {
            time: i64::MIN,
            price: f64::NAN,
            row: 0,
        },
    };
}

/// All item metadata from one source so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observations {
    /// Those of `category_id`, `category_code` and `brand`.
    labels: [Labels; 3],
    items: Vec<Known>,
    /// Fields that only catalogue files have.
    pub(crate) listed: Listed,
}

/// The item metadata in a row; empty fields are ignored.
pub(crate) struct Details<'t> {
    pub(crate) category_id: &'t str,
    pub(crate) category_code: &'t str,
    pub(crate) brand: &'t str,
    pub(crate) price: Option<f64>,
    pub(crate) missing: Missing,
}

/// Which fields of a row have no usable value: one bit for each of the [`Missing::REASONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Missing(u8);

impl Missing {
    pub(crate) const REASONS: [&'static str; 5] = [
        "bad category_id",
        "bad category_code",
        "bad brand",
        "bad price",
        "no price",
    ];
    const BAD_PRICE: Self = Self(1 << 3);
    const NO_PRICE: Self = Self(1 << 4);

    /// The fields as bits, for files.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// The inverse of [`Missing::bits`].
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// The number of rows without a usable value, for each of the [`Missing::REASONS`].
#[derive(Debug, Default)]
pub(crate) struct MissingCounts([u64; Missing::REASONS.len()]);

impl MissingCounts {
    /// Counts the current row's missing values. Logs the first examples of each reason.
    #[inline]
    pub(crate) fn add(&mut self, missing: Missing, table: &Table, columns: &DetailColumns) {
        if missing.0 != 0 {
            self.add_each(missing, table, columns);
        }
    }

    /// Counts an earlier row's missing values, without an example.
    pub(crate) fn count(&mut self, missing: Missing) {
        for (bit, count) in self.0.iter_mut().enumerate() {
            *count += u64::from(missing.0 >> bit & 1);
        }
    }

    fn add_each(&mut self, missing: Missing, table: &Table, columns: &DetailColumns) {
        for (bit, count) in self.0.iter_mut().enumerate() {
            if missing.0 >> bit & 1 == 1 {
                *count += 1;
                let is_bad = Missing(1 << bit) != Missing::NO_PRICE;
                if is_bad && *count <= EXAMPLES {
                    let (file, place) = (shown_path(table.path()), table.place());
                    let bad = described(bit, table, columns);
                    messages::warn(format_args!("{file}, {place}: {bad}; treated as unknown"));
                }
            }
        }
    }

    pub(crate) fn report(&self, report: &mut StageReport) {
        for (reason, &n) in Missing::REASONS.iter().zip(&self.0) {
            report.miss(reason, n);
        }
    }
}

/// The reason of a bit, with the value.
fn described(bit: usize, table: &Table, columns: &DetailColumns) -> String {
    let columns = [
        columns.category_id,
        columns.category_code,
        columns.brand,
        columns.price,
    ];
    let column = columns.get(bit).copied().flatten();
    let value = column.map(|column| format!(" {:?}", table.shown(column)));
    format!("{}{}", Missing::REASONS[bit], value.unwrap_or_default())
}

impl Observations {
    /// Records an item's metadata; moments may come in any order.
    #[inline]
    pub(crate) fn observe(&mut self, item: ItemId, moment: Moment, details: &Details<'_>) {
        let at = item.index();
        if at >= self.items.len() {
            self.items.resize(at + 1, Known::NOTHING);
        }
        let known = &mut self.items[at];
        let said = [details.category_id, details.category_code, details.brand];
        for ((labels, latest), label) in self.labels.iter_mut().zip(&mut known.labels).zip(said) {
            labels.observe(latest, moment, label);
        }
        if let Some(price) = details.price {
            known.price.observe(moment, price);
        }
    }

    /// The label of an item in one of the three columns.
    fn label(&self, column: usize, item: usize) -> Option<&str> {
        let known = self.items.get(item)?;
        self.labels[column].get(known.labels[column])
    }

    fn price(&self, item: usize) -> Option<f64> {
        let price = self.items.get(item)?.price.price;
        Some(price).filter(|price| !price.is_nan())
    }

    /// The catalogue of `n_items` items; `other` fills in what is unknown here.
    pub(crate) fn catalogue(&self, n_items: usize, other: &Self) -> Result<Catalogue, DataError> {
        let column = |n: usize| {
            let label = |item| self.label(n, item).or_else(|| other.label(n, item));
            LabelColumn::from_labels((0..n_items).map(label))
        };
        let prices = (0..n_items).map(|item| self.price(item).or_else(|| other.price(item)));
        let catalogue = Catalogue::from_columns(column(0), column(1), column(2), prices.collect())?;
        let listings = self.listed.listings(n_items, &other.listed);
        Ok(catalogue.with_listings(listings)?)
    }
}

/// The catalogue of the chosen items, in their order.
pub(crate) fn select(catalogue: &Catalogue, items: &[u32]) -> Result<Catalogue, DataError> {
    let labels = |column: &LabelColumn| {
        LabelColumn::from_labels(items.iter().map(|&item| column.get(ItemId(item))))
    };
    let prices = items.iter().map(|&item| catalogue.prices()[item as usize]);
    let selected = Catalogue::from_columns(
        labels(catalogue.category_id()),
        labels(catalogue.category_code()),
        labels(catalogue.brand()),
        prices.collect(),
    )?;
    Ok(selected.with_listings(catalogue.listings().select(items))?)
}

/// The columns that describe items, if the file has them.
pub(crate) struct DetailColumns {
    category_id: Option<usize>,
    category_code: Option<usize>,
    brand: Option<usize>,
    price: Option<usize>,
    skip_bad_rows: bool,
}

impl DetailColumns {
    /// Whether the file has none of them.
    pub(crate) fn is_empty(&self) -> bool {
        let columns = [self.category_id, self.category_code, self.brand, self.price];
        columns.iter().all(Option::is_none)
    }

    pub(crate) fn find(table: &Table, config: &ReadConfig) -> Result<Self, DataError> {
        let format = &config.format;
        let find = |name: &Option<String>| match name.as_deref() {
            Some(name) if !name.is_empty() => {
                let column = table.optional(name)?;
                if column.is_none() {
                    let file = shown_path(table.path());
                    messages::info(format_args!("{file} has no column {name:?}"));
                }
                Ok::<_, DataError>(column)
            }
            _ => Ok(None),
        };
        Ok(Self {
            category_id: find(&format.category_id)?,
            category_code: find(&format.category_code)?,
            brand: find(&format.brand)?,
            price: find(&format.price)?,
            skip_bad_rows: config.skip_bad_rows,
        })
    }

    /// The column of prices.
    pub(crate) fn price(&self) -> Option<usize> {
        self.price
    }

    /// The details in the current row. Fields without a usable value are ignored.
    #[inline]
    pub(crate) fn read<'t>(&self, table: &'t Table) -> Result<Details<'t>, RowIssue> {
        let mut missing = Missing::default();
        let mut text = |bit: u8, column: Option<usize>| match self.label(table, column) {
            Ok(Some(label)) => Ok(label),
            Ok(None) => {
                missing.0 |= 1 << bit;
                Ok("")
            }
            Err(issue) => Err(issue),
        };
        let category_id = text(0, self.category_id)?;
        let category_code = text(1, self.category_code)?;
        let brand = text(2, self.brand)?;
        let mut price = None;
        if let Some(column) = self.price {
            match parse_price(table.field(column)) {
                Ok(known) => price = Some(known),
                Err(why) => missing.0 |= why.0,
            }
        }
        Ok(Details {
            category_id,
            category_code,
            brand,
            price,
            missing,
        })
    }

    /// The label in a column, empty without the column; `None` if it is not usable. One that is not UTF-8 is a bad row
    /// or, if these are skipped, not usable: the event counts whatever the brand.
    #[inline]
    fn label<'t>(
        &self,
        table: &'t Table,
        column: Option<usize>,
    ) -> Result<Option<&'t str>, RowIssue> {
        let Some(column) = column else {
            return Ok(Some(""));
        };
        let label = match table.text(column) {
            Ok(label) => label,
            Err(_) if self.skip_bad_rows => return Ok(None),
            Err(issue) => return Err(issue),
        };
        // Lines may end in \r\r\n.
        let label = label.trim_end_matches('\r');
        Ok((!is_no_value(label)).then_some(label))
    }
}

/// Parses a price.
#[inline]
fn parse_price(field: &[u8]) -> Result<f64, Missing> {
    let field = field.trim_ascii();
    if field.is_empty() {
        return Err(Missing::NO_PRICE);
    }
    let text = std::str::from_utf8(field).ok();
    let price = text.and_then(|text| text.parse::<f64>().ok());
    price
        .filter(|price| price.is_finite() && *price >= 0.0)
        .ok_or(Missing::BAD_PRICE)
}

/// How many bad rows are logged in full for each reason.
const EXAMPLES: u64 = 3;

/// Counts a bad row, or fails.
pub(crate) fn skip_row(
    table: &Table,
    issue: RowIssue,
    config: &ReadConfig,
    report: &mut StageReport,
) -> Result<(), DataError> {
    if !config.skip_bad_rows {
        return Err(table.row_error(issue));
    }
    let reason = issue.reason();
    report.drop(reason, 1);
    if report.dropped[reason] <= EXAMPLES {
        messages::warn(format_args!("skipped {}", table.row_error(issue)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
