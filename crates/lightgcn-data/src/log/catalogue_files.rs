//! Reads catalogue files about the items of a log.

use crate::error::shown_path;
use crate::log::catalogue::{
    DetailColumns, Missing, MissingCounts, Moment, Observations, skip_row,
};
use crate::log::hint::similar;
use crate::log::inputs::expand;
use crate::log::listing::{BadListings, ListingColumns};
use crate::log::messages;
use crate::log::odd_ids::plain;
use crate::log::table::Table;
use crate::log::wanted::Wanted;
use crate::{DataError, LogFormat, ReadConfig, RowIssue};
use lightgcn_core::{Catalogue, InputFile, ItemId, StageReport, Vocabulary};

/// The options that name columns of details.
const DETAILS: [&str; 4] = ["category_id", "category_code", "brand", "price"];

/// Why a row is dropped whose item the log writes as `7` and the catalogue as `7.0` or `007`.
const WRITTEN_DIFFERENTLY: &str = "id written differently in the log";

/// The contents of catalogue files about the items of the log.
pub(crate) struct CatalogueFiles {
    pub(crate) observations: Observations,
    pub(crate) inputs: Vec<InputFile>,
    pub(crate) report: StageReport,
    bad: BadListings,
}

/// The columns of a catalogue file.
struct ItemColumns {
    product_id: usize,
    details: DetailColumns,
    listing: ListingColumns,
}

/// What the catalogue files of the options for reading say about `items`, the files, and a report. A value in a log takes
/// precedence; [`read_events`](crate::read_events) does both.
///
/// # Errors
/// Those of [`read_events`](crate::read_events) that concern catalogue files.
pub fn read_catalogue(
    config: &ReadConfig,
    items: &Vocabulary<ItemId>,
) -> Result<(Catalogue, Vec<InputFile>, StageReport), DataError> {
    let files = read_catalogue_files(config, items)?;
    let none = Observations::default();
    let catalogue = none.catalogue(items.len(), &files.observations)?;
    Ok((catalogue, files.inputs, files.report))
}

/// Reads catalogue files: CSV or Parquet with the format's `product_id` column and any of its columns that describe
/// items. An item may have several rows: the last non-empty value of each column wins. Rows
/// of items that are not in the log are counted and dropped.
pub(crate) fn read_catalogue_files(
    config: &ReadConfig,
    items: &Vocabulary<ItemId>,
) -> Result<CatalogueFiles, DataError> {
    let mut files = CatalogueFiles {
        observations: Observations::default(),
        inputs: Vec::new(),
        report: StageReport::new("catalogue", "rows"),
        bad: BadListings::default(),
    };
    let mut missing = MissingCounts::default();
    let format = config.format.of_catalogue();
    let needed = format.item_columns();
    for file in expand(&config.catalogue)? {
        let mut table = Table::open(&file.path, &format, &Wanted::Named(&needed))?;
        let columns = ItemColumns {
            product_id: table.required(&config.format.product_id, "product_id")?,
            details: DetailColumns::find(&table, config)?,
            listing: ListingColumns::find(&table, config)?,
        };
        if columns.details.is_empty() && columns.listing.is_empty() {
            return Err(no_details(&table, &config.format));
        }
        while table.next_row()? {
            files.report.rows_in += 1;
            match files.observe(&table, &columns, items) {
                Ok(Some(row)) => {
                    files.report.kept += 1;
                    missing.add(row, &table, &columns.details);
                }
                Ok(None) => files.unknown(&table, columns.product_id, items),
                Err(issue) => skip_row(&table, issue, config, &mut files.report)?,
            }
        }
        files.inputs.push(table.finish()?);
    }
    missing.report(&mut files.report);
    files.bad.report(&mut files.report);
    if files.report.kept == 0 && files.report.rows_in > 0 {
        messages::warn(
            "the catalogue has none of the log's items; write ids exactly as in the log",
        );
    }
    Ok(files)
}

/// The error for a catalogue without any column that describes items. Names the missing column for
/// which the file has a similar name, or else the first one.
fn no_details(table: &Table, format: &LogFormat) -> DataError {
    let details = format.named_columns().into_iter();
    let details = details.filter(|(option, _)| DETAILS.contains(option));
    let named: Vec<(&'static str, &str)> = details.chain(format.listing_columns()).collect();
    let present = table.columns();
    let is_similar = |(_, column): &&(_, &str)| similar(&present, column).is_some();
    match named.iter().find(is_similar).or(named.first()) {
        Some((option, column)) => table.missing_column(column, option),
        None => DataError::Config {
            issues: vec![
                "the format names no column that describes items, so a catalogue is useless; set \
                one, or omit the catalogue"
                    .to_owned(),
            ],
        },
    }
}

impl CatalogueFiles {
    /// Counts a row whose item the log does not have, or writes in another way. The first of the latter is logged, since
    /// an item that is out of stock would stay on offer.
    fn unknown(&mut self, table: &Table, column: usize, items: &Vocabulary<ItemId>) {
        let id = table.text(column).unwrap_or_default();
        let plain = plain(id);
        if *plain == *id || items.get(&plain).is_none() {
            self.report.drop("item not in the log", 1);
            return;
        }
        if !self.report.dropped.contains_key(WRITTEN_DIFFERENTLY) {
            let (file, place) = (shown_path(table.path()), table.place());
            let id = table.shown(column);
            messages::warn(format_args!(
                "{file}, {place}: item {id:?} is not in the log, but {plain:?} is; write ids as in the log"
            ));
        }
        self.report.drop(WRITTEN_DIFFERENTLY, 1);
    }

    /// Records a row and returns its missing fields; `None` if the item is not in the log.
    fn observe(
        &mut self,
        table: &Table,
        columns: &ItemColumns,
        items: &Vocabulary<ItemId>,
    ) -> Result<Option<Missing>, RowIssue> {
        table.check_shape()?;
        let item = items.get(table.id(columns.product_id)?);
        let details = columns.details.read(table)?;
        let mut bad = BadListings::default();
        let listing = columns.listing.read(table, &mut bad)?;
        Ok(item.map(|item| {
            let moment = Moment { time: 0, row: 0 };
            self.observations.observe(item, moment, &details);
            self.observations.listed.observe(item, &listing);
            self.bad.add(&bad, table);
            details.missing
        }))
    }
}
