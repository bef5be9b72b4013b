//! A synthetic shop for people without a log, and the statistics it is calibrated against.
//!
//! [`generate`] streams a log in the nine columns of the real cosmetics shop's log: users with
//! a sparse mixture of planted taste communities, Zipf popularity within categories, sessions in
//! which views lead to carts, carts to removals and purchases (often in a later session), exact
//! duplicate rows, missing brands and category codes. Every row is a function of the seed and the
//! configuration: the same seed gives the same bytes.
//!
//! [`statistics`] measures any such log. The defaults of [`ShopConfig`] come only from the
//! statistics of real logs and were fixed before any model saw a synthetic log;
//! `docs/synthetic-shop.md` prints both side by side and says where each parameter comes from.
//!
//! ```
//! use lightgcn_data::synthetic::{ShopConfig, generate, statistics};
//!
//! let config = ShopConfig { n_events: 2_000, seed: 7, ..ShopConfig::default() }.check()?;
//! let mut log = Vec::new();
//! let summary = generate(&config, &mut log, |_rows| {})?;
//! assert_eq!(summary.rows, 2_000);
//! assert!(log.starts_with(b"event_time,event_type,product_id,"));
//!
//! let measured = statistics(log.as_slice())?;
//! assert_eq!(measured.rows, 2_000);
//! assert_eq!(measured.users, summary.users);
//! # Ok::<(), lightgcn_data::DataError>(())
//! ```

mod calendar;
mod catalogue;
mod config;
mod control;
mod distributions;
mod generate;
mod output;
mod session;
mod statistics;
mod structure;
mod table;
#[cfg(test)]
mod tests;
mod user;

pub use crate::Quantiles;
pub use config::{FunnelConfig, ShopConfig, TasteConfig, ValidShopConfig};
pub use generate::{ShopSummary, generate, generate_to_path};
pub use statistics::{LogStatistics, file_statistics, statistics};
pub use structure::Structure;
pub use table::{markdown_table, month_openings};

use crate::DataError;
use memchr::memchr;

/// The labels of the four behaviors in the order of their numbers.
pub(crate) const BEHAVIORS: [&str; 4] = ["view", "cart", "remove_from_cart", "purchase"];
const VIEW: usize = 0;
const CART: usize = 1;
const REMOVE: usize = 2;
const PURCHASE: usize = 3;

/// Epochs of [`lightgcn_core::random::Stream::Synthetic`], one per kind of draw.
mod epoch {
    pub(super) const CATALOGUE: u32 = 1;
    pub(super) const ITEM: u32 = 2;
    pub(super) const ITEM_IDS: u32 = 3;
    pub(super) const USER: u32 = 4;
    pub(super) const TIMES: u32 = 5;
    pub(super) const SESSION: u32 = 6;
    pub(super) const SESSION_IDS: u32 = 7;
    pub(super) const USER_IDS: u32 = 8;
    pub(super) const SESSION_COUNT: u32 = 9;
    pub(super) const PRICES: u32 = 10;
}

fn log_error(reason: String) -> DataError {
    DataError::Statistics { reason }
}

fn row_error(error: csv::Error) -> DataError {
    log_error(format!("{error}; fix or remove that row"))
}

/// Reads the next row; false at the end. A row that does not end on its line has an unclosed quote, which would swallow
/// the rows after it.
fn next_row(
    reader: &mut csv::Reader<impl std::io::Read>,
    row: &mut csv::ByteRecord,
) -> Result<bool, DataError> {
    let more = reader.read_byte_record(row).map_err(row_error)?;
    if more && memchr(b'\n', row.as_slice()).is_some() {
        let line = row.position().map_or(0, csv::Position::line);
        return Err(log_error(format!(
            "line {line} has an unclosed quote; close it on its line"
        )));
    }
    Ok(more)
}
