//! Statistics of several logs side by side, as Markdown.

use super::statistics::LogStatistics;
use super::{BEHAVIORS, next_row, row_error};
use crate::DataError;
use crate::Quantiles;
use std::io::{Read, Write};

/// How a figure is printed.
fn count(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn percent(x: f64) -> String {
    format!("{:.2} %", 100.0 * x)
}

fn optional(x: Option<f64>, print: impl Fn(f64) -> String) -> String {
    x.map_or_else(|| "–".to_owned(), print)
}

fn number(x: f64) -> String {
    format!("{x:.2}")
}

fn quantiles(q: &Quantiles) -> String {
    if q.max == 0.0 {
        return "–".to_owned();
    }
    let parts = [q.p25, q.p50, q.p75, q.p90, q.p99, q.max];
    let parts: Vec<String> = parts.iter().map(|x| format!("{x}")).collect();
    format!("{:.2}: {}", q.mean, parts.join(" / "))
}

type Cell = fn(&LogStatistics) -> String;

const LINES: [(&str, Cell); 31] = [
    ("rows", |s| count(s.rows as f64)),
    ("users", |s| count(s.users as f64)),
    ("items", |s| count(s.items as f64)),
    ("sessions", |s| count(s.sessions as f64)),
    ("rows per user", |s| quantiles(&s.events_per_user)),
    ("distinct items per user", |s| quantiles(&s.items_per_user)),
    ("sessions per user", |s| quantiles(&s.sessions_per_user)),
    ("rows per session", |s| quantiles(&s.events_per_session)),
    ("rows per item", |s| quantiles(&s.events_per_item)),
    ("rows per (user, item) pair", |s| number(s.events_per_pair)),
    ("Zipf exponent (top fifth of items)", |s| {
        optional(s.zipf_exponent, number)
    }),
    ("rows of the most frequent item", |s| {
        percent(s.top_item_share)
    }),
    ("users with a cart", |s| percent(s.users_with_cart)),
    ("users with a purchase", |s| percent(s.users_with_purchase)),
    ("sessions with a view", |s| {
        optional(s.sessions_with_view, percent)
    }),
    ("sessions with a cart", |s| {
        optional(s.sessions_with_cart, percent)
    }),
    ("sessions with a purchase", |s| {
        optional(s.sessions_with_purchase, percent)
    }),
    ("purchases per session that has one", |s| {
        optional(s.purchases_per_purchase_session, number)
    }),
    ("buyers who bought in two sessions or more", |s| {
        optional(s.repeat_buyers, percent)
    }),
    ("purchases after a view of the item", |s| {
        optional(s.purchases_after_view, percent)
    }),
    ("purchases after a cart of the item", |s| {
        optional(s.purchases_after_cart, percent)
    }),
    ("carts after a view of the item", |s| {
        optional(s.carts_after_view, percent)
    }),
    ("views after a cart of the item", |s| {
        optional(s.views_after_cart, percent)
    }),
    ("exact duplicates", |s| percent(s.duplicates)),
    ("rows without a brand", |s| percent(s.brand_missing)),
    ("rows without a category code", |s| {
        percent(s.category_code_missing)
    }),
    ("rows with a price of 0", |s| percent(s.price_zero)),
    ("price", |s| quantiles(&s.price)),
    ("category agreement / chance (across days)", |s| {
        let s = &s.structure;
        format!(
            "{} ({})",
            optional(s.category_lift, number),
            optional(s.category_lift_across_days, number)
        )
    }),
    ("brand agreement / chance (across days)", |s| {
        let s = &s.structure;
        format!(
            "{} ({})",
            optional(s.brand_lift, number),
            optional(s.brand_lift_across_days, number)
        )
    }),
    ("co-interaction overlap / degree-preserving chance", |s| {
        optional(s.structure.overlap_lift, number)
    }),
];

/// A Markdown table with one column for each named log. Distributions are printed as
/// `mean: p25 / p50 / p75 / p90 / p99 / max`, figures that a log cannot give as `–`.
///
/// ```
/// use lightgcn_data::synthetic::{markdown_table, statistics};
///
/// let log = "event_time,event_type,product_id,user_id\n2019-10-01,view,7,ann\n";
/// let table = markdown_table(&[("mine", &statistics(log.as_bytes())?)]);
/// assert!(table.contains("| users | 1 |"));
/// # Ok::<(), lightgcn_data::DataError>(())
/// ```
#[must_use]
pub fn markdown_table(logs: &[(&str, &LogStatistics)]) -> String {
    let mut out = String::from("| statistic |");
    logs.iter()
        .for_each(|(name, _)| out.push_str(&format!(" {name} |")));
    out.push_str("\n|---|");
    logs.iter().for_each(|_| out.push_str("---:|"));
    out.push('\n');
    let mut line = |name: &str, cells: Vec<String>| {
        out.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    };
    for (place, (name, cell)) in LINES.iter().enumerate() {
        if place == 4 {
            for label in BEHAVIORS {
                let cells = logs.iter().map(|(_, s)| percent(s.behavior_share(label)));
                line(&format!("`{label}` rows"), cells.collect());
            }
        }
        line(name, logs.iter().map(|(_, s)| cell(s)).collect());
    }
    out
}

/// Copies the first `rows` rows of each calendar month of a log in order of time, with its header:
/// the window through which the real log's public sample (999 rows a month) was taken, so that a
/// whole synthetic log can be compared with that sample.
///
/// # Errors
/// The log cannot be read as CSV with an `event_time` column, or writing fails.
pub fn month_openings(log: impl Read, rows: u64, out: impl Write) -> Result<(), DataError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(log);
    let mut writer = csv::Writer::from_writer(out);
    let header = reader.byte_headers().map_err(row_error)?.clone();
    let time = header
        .iter()
        .position(|h| h == b"event_time")
        .ok_or_else(|| {
            super::log_error(
                "the log has no column event_time; give its time column this \
                name"
                    .to_owned(),
            )
        })?;
    writer.write_byte_record(&header).map_err(row_error)?;
    let mut record = csv::ByteRecord::new();
    let (mut month, mut taken) = (Vec::new(), 0);
    while next_row(&mut reader, &mut record)? {
        let field = record.get(time).unwrap_or(b"");
        let of_row = &field[..field.len().min(7)];
        if of_row != month.as_slice() {
            month = of_row.to_vec();
            taken = 0;
        }
        if taken < rows {
            taken += 1;
            writer.write_byte_record(&record).map_err(row_error)?;
        }
    }
    writer
        .flush()
        .map_err(|source| DataError::WriteLog { source })
}
