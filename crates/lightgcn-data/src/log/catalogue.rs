//! What the log and catalogue files say about each item.

use crate::log::table::Table;
use crate::{DataError, ReadConfig, RowIssue, expand_paths};
use hashbrown::HashMap;
use lightgcn_core::{Catalogue, InputFile, ItemId, LabelColumn, StageReport, Vocabulary};

const UNKNOWN: u32 = u32::MAX;

/// Labels of items, each with the time it was last seen. The later of two labels wins; at equal times,
/// the one that comes later in the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatestLabels {
    labels: Vec<String>,
    numbers: HashMap<String, u32>,
    codes: Vec<u32>,
    times: Vec<i64>,
}

impl LatestLabels {
    /// Records a label; empty labels are ignored.
    #[inline]
    pub(crate) fn observe(&mut self, item: ItemId, time: i64, label: &str) {
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
pub(crate) struct LatestPrices {
    prices: Vec<Option<f64>>,
    times: Vec<i64>,
}

impl LatestPrices {
    /// Records a price; negative ones, of which the real log has some, are ignored.
    #[inline]
    pub(crate) fn observe(&mut self, item: ItemId, time: i64, price: f64) {
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
    pub(crate) category_id: LatestLabels,
    pub(crate) category_code: LatestLabels,
    pub(crate) brand: LatestLabels,
    pub(crate) price: LatestPrices,
}

impl Observations {
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

/// Parses a price; an empty field is `None`.
#[inline]
pub(crate) fn parse_price(table: &Table, column: usize) -> Result<Option<f64>, RowIssue> {
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
        let columns = Columns::find(&table, config)?;
        while table.next_row()? {
            files.report.rows_in += 1;
            match observe_row(&table, &columns, items, &mut files.observations) {
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

struct Columns {
    product_id: usize,
    category_id: Option<usize>,
    category_code: Option<usize>,
    brand: Option<usize>,
    price: Option<usize>,
}

impl Columns {
    fn find(table: &Table, config: &ReadConfig) -> Result<Self, DataError> {
        let format = &config.format;
        let optional = |name: &Option<String>| match name.as_deref() {
            Some(name) if !name.is_empty() => table.optional(name),
            _ => Ok(None),
        };
        Ok(Self {
            product_id: table.required(&format.product_id, "product_id")?,
            category_id: optional(&format.category_id)?,
            category_code: optional(&format.category_code)?,
            brand: optional(&format.brand)?,
            price: optional(&format.price)?,
        })
    }
}

/// Records a row of a catalogue file; false if the log does not have the item.
fn observe_row(
    table: &Table,
    columns: &Columns,
    items: &Vocabulary<ItemId>,
    observations: &mut Observations,
) -> Result<bool, RowIssue> {
    table.check_field_count()?;
    let id = table.text(columns.product_id)?;
    if id.is_empty() {
        return Err(RowIssue::EmptyId {
            column: table.column_name(columns.product_id),
        });
    }
    let text = |column: Option<usize>| column.map_or(Ok(""), |n| table.text(n));
    let (category_id, category_code, brand) = (
        text(columns.category_id)?,
        text(columns.category_code)?,
        text(columns.brand)?,
    );
    let price = columns.price.map_or(Ok(None), |n| parse_price(table, n))?;
    let Some(item) = items.get(id) else {
        return Ok(false);
    };
    observations.category_id.observe(item, 0, category_id);
    observations.category_code.observe(item, 0, category_code);
    observations.brand.observe(item, 0, brand);
    if let Some(price) = price {
        observations.price.observe(item, 0, price);
    }
    Ok(true)
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
