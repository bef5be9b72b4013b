//! What the log and catalogue files say about each item.

use crate::log::table::Table;
use crate::{DataError, LogFormat, ReadConfig, RowIssue, expand_paths};
use hashbrown::HashMap;
use lightgcn_core::{Catalogue, InputFile, ItemId, LabelColumn, StageReport, Vocabulary};

const UNKNOWN: u32 = u32::MAX;

/// Labels of items, each with the time it was last seen. The later of two labels wins; at equal times,
/// the one that comes later in the files.
#[derive(Debug, Clone, Default)]
struct LatestLabels {
    labels: Vec<String>,
    numbers: HashMap<String, u32>,
    codes: Vec<u32>,
    times: Vec<i64>,
}

impl LatestLabels {
    /// Records a label; empty labels are ignored.
    #[inline]
    fn observe(&mut self, item: ItemId, time: i64, label: &str) {
        if label.is_empty() {
            return;
        }
        let at = item.index();
        if at >= self.codes.len() {
            self.codes.resize(at + 1, UNKNOWN);
            self.times.resize(at + 1, i64::MIN);
        }
        if time < self.times[at] {
            return;
        }
        self.times[at] = time;
        // Most events repeat what is known: skip the lookup.
        if self.get(at) == Some(label) {
            return;
        }
        let Self {
            labels, numbers, ..
        } = self;
        self.codes[at] = *numbers.entry_ref(label).or_insert_with(|| {
            labels.push(label.to_owned());
            labels.len() as u32 - 1
        });
    }

    fn get(&self, item: usize) -> Option<&str> {
        let code = *self.codes.get(item)?;
        self.labels.get(code as usize).map(String::as_str)
    }

    /// The column for `n_items` items; `other` fills in what is unknown here.
    fn column(&self, n_items: usize, other: &Self) -> LabelColumn {
        LabelColumn::from_labels((0..n_items).map(|n| self.get(n).or_else(|| other.get(n))))
    }
}

/// Prices of items, each with the time it was last seen.
#[derive(Debug, Clone, Default)]
struct LatestPrices {
    prices: Vec<Option<f64>>,
    times: Vec<i64>,
}

impl LatestPrices {
    /// Records a price; negative ones, of which the real log has some, are ignored.
    #[inline]
    fn observe(&mut self, item: ItemId, time: i64, price: f64) {
        if price.is_nan() || price < 0.0 {
            return;
        }
        let at = item.index();
        if at >= self.prices.len() {
            self.prices.resize(at + 1, None);
            self.times.resize(at + 1, i64::MIN);
        }
        if time >= self.times[at] {
            self.prices[at] = Some(price);
            self.times[at] = time;
        }
    }

    fn get(&self, item: usize) -> Option<f64> {
        self.prices.get(item).copied().flatten()
    }
}

/// Everything one source has said about the items so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observations {
    category_id: LatestLabels,
    category_code: LatestLabels,
    brand: LatestLabels,
    price: LatestPrices,
}

/// What a row says about its item; empty fields say nothing.
pub(crate) struct Details<'t> {
    pub(crate) category_id: &'t str,
    pub(crate) category_code: &'t str,
    pub(crate) brand: &'t str,
    pub(crate) price: Option<f64>,
}

impl Observations {
    /// Records what was said about an item at `time`.
    #[inline]
    pub(crate) fn observe(&mut self, item: ItemId, time: i64, details: &Details<'_>) {
        self.category_id.observe(item, time, details.category_id);
        self.category_code
            .observe(item, time, details.category_code);
        self.brand.observe(item, time, details.brand);
        if let Some(price) = details.price {
            self.price.observe(item, time, price);
        }
    }

    /// The catalogue of `n_items` items; `other` fills in what is unknown here.
    pub(crate) fn catalogue(&self, n_items: usize, other: &Self) -> Result<Catalogue, DataError> {
        let prices = (0..n_items).map(|n| self.price.get(n).or_else(|| other.price.get(n)));
        let catalogue = Catalogue::from_columns(
            self.category_id.column(n_items, &other.category_id),
            self.category_code.column(n_items, &other.category_code),
            self.brand.column(n_items, &other.brand),
            prices.collect(),
        )?;
        Ok(catalogue)
    }
}

/// The catalogue of the chosen items, in their order.
pub(crate) fn select(catalogue: &Catalogue, items: &[u32]) -> Result<Catalogue, DataError> {
    let labels = |column: &LabelColumn| {
        LabelColumn::from_labels(items.iter().map(|&item| column.get(ItemId(item))))
    };
    let prices = items.iter().map(|&item| catalogue.prices()[item as usize]);
    let catalogue = Catalogue::from_columns(
        labels(catalogue.category_id()),
        labels(catalogue.category_code()),
        labels(catalogue.brand()),
        prices.collect(),
    )?;
    Ok(catalogue)
}

/// The columns that describe items, as far as a file has them.
pub(crate) struct DetailColumns {
    category_id: Option<usize>,
    category_code: Option<usize>,
    brand: Option<usize>,
    price: Option<usize>,
}

impl DetailColumns {
    pub(crate) fn find(table: &Table, format: &LogFormat) -> Result<Self, DataError> {
        let find = |name: &Option<String>| match name.as_deref() {
            Some(name) if !name.is_empty() => {
                let column = table.optional(name)?;
                if column.is_none() {
                    tracing::info!("{} has no column {name:?}", table.path().display());
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
        })
    }

    /// The details in the current row.
    #[inline]
    pub(crate) fn read<'t>(&self, table: &'t Table) -> Result<Details<'t>, RowIssue> {
        let text = |column: Option<usize>| column.map_or(Ok(""), |n| table.text(n));
        Ok(Details {
            price: self.price.map_or(Ok(None), |n| parse_price(table, n))?,
            category_id: text(self.category_id)?,
            category_code: text(self.category_code)?,
            brand: text(self.brand)?,
        })
    }
}

/// Parses a price; an empty field is `None`.
#[inline]
fn parse_price(table: &Table, column: usize) -> Result<Option<f64>, RowIssue> {
    let field = table.field(column);
    if field.is_empty() {
        return Ok(None);
    }
    let price = std::str::from_utf8(field)
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    match price.filter(|price| price.is_finite()) {
        Some(price) => Ok(Some(price)),
        None => Err(RowIssue::Price {
            column: table.column_name(column),
            value: table.shown(column),
        }),
    }
}

/// What catalogue files say about the items of the log.
pub(crate) struct CatalogueFiles {
    pub(crate) observations: Observations,
    pub(crate) inputs: Vec<InputFile>,
    pub(crate) report: StageReport,
}

/// Reads catalogue files: CSV with the format's `product_id` column and any of its category, brand and
/// price columns. An item may have several rows: the last non-empty value of each column wins. Rows
/// of items that are not in the log are counted and dropped.
pub(crate) fn read_catalogue_files(
    config: &ReadConfig,
    items: &Vocabulary<ItemId>,
) -> Result<CatalogueFiles, DataError> {
    let mut files = CatalogueFiles {
        observations: Observations::default(),
        inputs: Vec::new(),
        report: StageReport::new("catalogue", "rows"),
    };
    for path in expand_paths(&config.catalogue)? {
        let mut table = Table::open(&path, config.format.delimiter as u8)?;
        let product_id = table.required(&config.format.product_id, "product_id")?;
        let columns = DetailColumns::find(&table, &config.format)?;
        while table.next_row()? {
            files.report.rows_in += 1;
            match observe_row(&table, product_id, &columns, &mut files, items) {
                Ok(true) => files.report.kept += 1,
                Ok(false) => files.report.drop("item not in the log", 1),
                Err(issue) if config.skip_bad_rows => {
                    tracing::warn!("skipped {}", table.row_error(issue.clone()));
                    files.report.drop(issue.reason(), 1);
                }
                Err(issue) => return Err(table.row_error(issue)),
            }
        }
        files.inputs.push(table.finish()?);
    }
    Ok(files)
}

/// Records a row of a catalogue file; false if the log does not have the item.
fn observe_row(
    table: &Table,
    product_id: usize,
    columns: &DetailColumns,
    files: &mut CatalogueFiles,
    items: &Vocabulary<ItemId>,
) -> Result<bool, RowIssue> {
    table.check_field_count()?;
    let item = items.get(table.id(product_id)?);
    let details = columns.read(table)?;
    if let Some(item) = item {
        files.observations.observe(item, 0, &details);
    }
    Ok(item.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_non_empty_value_wins() {
        let mut seen = Observations::default();
        let item = ItemId(1);
        seen.brand.observe(item, 20, "runail");
        seen.brand.observe(item, 25, "runail");
        seen.brand.observe(item, 24, "irisk"); // earlier than the last time runail was seen
        seen.brand.observe(item, 30, "");
        seen.price.observe(item, 10, 5.0);
        seen.price.observe(item, 10, 6.0); // the same time, a later row
        seen.price.observe(item, 9, 7.0);
        seen.price.observe(item, 11, -1.0);
        let mut other = Observations::default();
        other.brand.observe(item, 0, "cnd");
        other.brand.observe(ItemId(0), 0, "cnd");
        let catalogue = seen.catalogue(3, &other).unwrap();
        assert_eq!(catalogue.get(item).brand.as_deref(), Some("runail"));
        assert_eq!(catalogue.get(item).price, Some(6.0));
        assert_eq!(catalogue.get(ItemId(0)).brand.as_deref(), Some("cnd"));
        assert_eq!(catalogue.get(ItemId(2)).brand, None);
        let chosen = select(&catalogue, &[2, 1]).unwrap();
        assert_eq!(chosen.get(ItemId(1)), catalogue.get(item));
        assert_eq!(chosen.brand().labels(), ["runail"]);
    }
}
