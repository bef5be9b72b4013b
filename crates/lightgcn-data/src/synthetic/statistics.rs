//! Statistics of an event log, real or synthetic; the generator is calibrated against them.

use super::structure::{self, Pair, Structure};
use super::{log_error, next_row, row_error};
use crate::log::stream::StoredFile;
use crate::log::{SeenRows, row_digest};
use crate::{DataError, Quantiles};
use hashbrown::HashMap;
use std::io::Read;
use std::path::Path;

/// What [`statistics`] measures. Shares are between 0 and 1; a figure the log cannot give (no session
/// column, no purchases, too few users) is `None`.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct LogStatistics {
    /// Rows after the header.
    pub rows: u64,
    /// Rows by behavior label, in the order view, cart, remove_from_cart, purchase, then others.
    pub behaviors: Vec<(String, u64)>,
    /// Distinct users.
    pub users: u64,
    /// Distinct items.
    pub items: u64,
    /// Distinct sessions (empty session fields are not counted).
    pub sessions: u64,
    /// Rows per user.
    pub events_per_user: Quantiles,
    /// Rows per session.
    pub events_per_session: Quantiles,
    /// Rows per item.
    pub events_per_item: Quantiles,
    /// Distinct items per user.
    pub items_per_user: Quantiles,
    /// Distinct sessions per user.
    pub sessions_per_user: Quantiles,
    /// Rows per (user, item) pair.
    pub events_per_pair: f64,
    /// The Zipf exponent: minus the least-squares slope of ln(rows) over ln(rank) for the most
    /// frequent fifth of the items.
    pub zipf_exponent: Option<f64>,
    /// The share of all rows that the most frequent item has.
    pub top_item_share: f64,
    /// The share of users with a cart row.
    pub users_with_cart: f64,
    /// The share of users with a purchase row.
    pub users_with_purchase: f64,
    /// The share of sessions with a view row.
    pub sessions_with_view: Option<f64>,
    /// The share of sessions with a cart row.
    pub sessions_with_cart: Option<f64>,
    /// The share of sessions with a purchase row.
    pub sessions_with_purchase: Option<f64>,
    /// Purchase rows per session that has one.
    pub purchases_per_purchase_session: Option<f64>,
    /// The share of buyers who bought in more than one session.
    pub repeat_buyers: Option<f64>,
    /// The share of purchase rows whose user viewed that item earlier in the log.
    pub purchases_after_view: Option<f64>,
    /// The share of purchase rows whose user carted that item earlier in the log.
    pub purchases_after_cart: Option<f64>,
    /// The share of purchase rows whose user viewed or carted that item earlier in the log.
    pub purchases_after_either: Option<f64>,
    /// The share of cart rows whose user viewed that item earlier in the log.
    pub carts_after_view: Option<f64>,
    /// The share of view rows whose user carted that item earlier in the log.
    pub views_after_cart: Option<f64>,
    /// The share of rows that equal an earlier row in every field.
    pub duplicates: f64,
    /// The share of rows without a brand.
    pub brand_missing: f64,
    /// The share of rows without a category code.
    pub category_code_missing: f64,
    /// The share of rows with a price of 0.
    pub price_zero: f64,
    /// Price over rows.
    pub price: Quantiles,
    /// How strongly users stick to categories, to brands and to one another's items.
    pub structure: Structure,
}

impl LogStatistics {
    /// The share of rows with this behavior label.
    #[must_use]
    pub fn behavior_share(&self, label: &str) -> f64 {
        let found = self.behaviors.iter().find(|(name, _)| name == label);
        found.map_or(0.0, |(_, n)| *n as f64 / self.rows.max(1) as f64)
    }
}

/// The act behind a label; other labels count as rows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    View,
    Cart,
    Purchase,
    Other,
}

const SHOP_LABELS: [&str; 4] = ["view", "cart", "remove_from_cart", "purchase"];
const MISSING: u32 = u32::MAX;

fn act(label: &str) -> Act {
    match label {
        "view" | "click" => Act::View,
        "cart" => Act::Cart,
        "purchase" | "buy" => Act::Purchase,
        _ => Act::Other,
    }
}

#[derive(Default)]
struct Interner {
    numbers: HashMap<Vec<u8>, u32>,
}

impl Interner {
    fn number(&mut self, text: &[u8]) -> u32 {
        if let Some(&n) = self.numbers.get(text) {
            return n;
        }
        let n = self.numbers.len() as u32;
        self.numbers.insert(text.to_vec(), n);
        n
    }
}

const VIEWED: u8 = 1;
const CARTED: u8 = 2;

#[derive(Default)]
struct Collector {
    users: Interner,
    items: Interner,
    sessions: Interner,
    categories: Interner,
    brands: Interner,
    days: Interner,
    labels: Vec<(String, Act, u64)>,
    seen: SeenRows,
    user_rows: Vec<u32>,
    user_acts: Vec<u8>,
    item_rows: Vec<u32>,
    item_category: Vec<u32>,
    item_brand: Vec<u32>,
    session_rows: Vec<u32>,
    session_acts: Vec<u8>,
    session_user: Vec<u32>,
    pair_flags: HashMap<(u32, u32), u8>,
    pairs: Vec<Pair>,
    prices: Vec<f64>,
    rows: u64,
    duplicates: u64,
    brand_missing: u64,
    code_missing: u64,
    price_zero: u64,
    /// All of them, and those after a cart.
    views: [u64; 2],
    /// All of them, and those after a view.
    carts: [u64; 2],
    /// All of them, those after a view, after a cart, after either.
    purchases: [u64; 4],
}

fn bump(counts: &mut Vec<u32>, n: u32) {
    if n as usize == counts.len() {
        counts.push(0);
    }
    counts[n as usize] += 1;
}

fn flag(flags: &mut Vec<u8>, n: u32, bit: u8) {
    if n as usize == flags.len() {
        flags.push(0);
    }
    flags[n as usize] |= bit;
}

/// How many sessions each user has.
struct UserSessions {
    all: Vec<u32>,
    with_purchase: Vec<u32>,
}

impl Collector {
    fn label(&mut self, label: &[u8]) -> usize {
        let found = self.labels.iter().position(|l| l.0.as_bytes() == label);
        found.unwrap_or_else(|| {
            let name = String::from_utf8_lossy(label).into_owned();
            let act = act(&name);
            self.labels.push((name, act, 0));
            self.labels.len() - 1
        })
    }

    fn push(&mut self, record: &csv::ByteRecord, columns: &Columns) {
        let field = |n: Option<usize>| n.and_then(|n| record.get(n)).unwrap_or(b"");
        self.rows += 1;
        let ends = (0..record.len()).filter_map(|n| Some(record.range(n)?.end));
        let is_new = self.seen.insert(row_digest(record.as_slice(), ends));
        self.duplicates += u64::from(!is_new);
        let label = self.label(field(Some(columns.behavior)));
        self.labels[label].2 += 1;
        let act = self.labels[label].1;
        let bit = 1 << act as u8;
        let user = self.users.number(field(Some(columns.user)));
        bump(&mut self.user_rows, user);
        flag(&mut self.user_acts, user, bit);
        let item = self.items.number(field(Some(columns.item)));
        bump(&mut self.item_rows, item);
        let category = field(columns.category);
        let brand = field(columns.brand);
        self.details(item, category, brand);
        self.brand_missing += u64::from(brand.is_empty());
        self.code_missing += u64::from(field(columns.code).is_empty());
        let session = field(columns.session);
        if !session.is_empty() {
            let session = self.sessions.number(session);
            if session as usize == self.session_user.len() {
                self.session_user.push(user);
            }
            bump(&mut self.session_rows, session);
            flag(&mut self.session_acts, session, bit);
        }
        if let Some(price) = parse(field(columns.price)) {
            self.prices.push(price);
            self.price_zero += u64::from(price == 0.0);
        }
        let time = field(Some(columns.time));
        let day = self.days.number(&time[..time.len().min(10)]);
        self.pair(user, item, day, act);
    }

    fn details(&mut self, item: u32, category: &[u8], brand: &[u8]) {
        if item as usize == self.item_category.len() {
            self.item_category.push(MISSING);
            self.item_brand.push(MISSING);
        }
        let known = &mut self.item_category[item as usize];
        if *known == MISSING && !category.is_empty() {
            *known = self.categories.number(category);
        }
        let known = &mut self.item_brand[item as usize];
        if *known == MISSING && !brand.is_empty() {
            *known = self.brands.number(brand);
        }
    }

    fn pair(&mut self, user: u32, item: u32, day: u32, act: Act) {
        let pairs = &mut self.pairs;
        let flags = self.pair_flags.entry((user, item)).or_insert_with(|| {
            pairs.push(Pair { user, item, day });
            0
        });
        match act {
            Act::View => {
                self.views[0] += 1;
                self.views[1] += u64::from(*flags & CARTED != 0);
                *flags |= VIEWED;
            }
            Act::Cart => {
                self.carts[0] += 1;
                self.carts[1] += u64::from(*flags & VIEWED != 0);
                *flags |= CARTED;
            }
            Act::Purchase => {
                self.purchases[0] += 1;
                self.purchases[1] += u64::from(*flags & VIEWED != 0);
                self.purchases[2] += u64::from(*flags & CARTED != 0);
                self.purchases[3] += u64::from(*flags != 0);
            }
            Act::Other => {}
        }
    }

    /// Counts the items of each user.
    fn items_of_users(&self) -> Vec<u32> {
        let mut items = vec![0; self.user_rows.len()];
        for pair in &self.pairs {
            items[pair.user as usize] += 1;
        }
        items
    }

    /// Counts the sessions of each user.
    fn sessions_of_users(&self) -> UserSessions {
        let mut sessions = UserSessions {
            all: vec![0; self.user_rows.len()],
            with_purchase: vec![0; self.user_rows.len()],
        };
        for (&user, &acts) in self.session_user.iter().zip(&self.session_acts) {
            sessions.all[user as usize] += 1;
            if acts & (1 << Act::Purchase as u8) != 0 {
                sessions.with_purchase[user as usize] += 1;
            }
        }
        sessions
    }

    fn finish(mut self) -> LogStatistics {
        let with = |flags: &[u8], act: Act| {
            let n = flags.iter().filter(|&&f| f & (1 << act as u8) != 0).count();
            n as f64 / flags.len().max(1) as f64
        };
        let share = |n: u64| n as f64 / self.rows.max(1) as f64;
        let of_all = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
        let of_purchases = |n: u64| of_all(n, self.purchases[0]);
        let of_sessions =
            |act| (!self.session_acts.is_empty()).then(|| with(&self.session_acts, act));
        let sessions = self.sessions_of_users();
        let bought = sessions.with_purchase.iter().map(|&n| u64::from(n));
        let purchase_sessions: u64 = bought.sum();
        let buyers = sessions.with_purchase.iter().filter(|&&n| n > 0).count();
        let repeat = sessions.with_purchase.iter().filter(|&&n| n > 1).count();
        let sessions_known = !self.session_rows.is_empty();
        let top = self.item_rows.iter().copied().max().unwrap_or(0);
        let structure = structure::measure(&self.pairs, &self.item_category, &self.item_brand);
        LogStatistics {
            rows: self.rows,
            users: self.user_rows.len() as u64,
            items: self.item_rows.len() as u64,
            sessions: self.session_rows.len() as u64,
            events_per_user: Quantiles::of_counts(&self.user_rows),
            events_per_session: Quantiles::of_counts(&self.session_rows),
            events_per_item: Quantiles::of_counts(&self.item_rows),
            items_per_user: Quantiles::of_counts(&self.items_of_users()),
            sessions_per_user: if sessions_known {
                Quantiles::of_counts(&sessions.all)
            } else {
                Quantiles::default()
            },
            events_per_pair: self.rows as f64 / self.pairs.len().max(1) as f64,
            zipf_exponent: zipf_exponent(&self.item_rows),
            top_item_share: share(u64::from(top)),
            users_with_cart: with(&self.user_acts, Act::Cart),
            users_with_purchase: with(&self.user_acts, Act::Purchase),
            sessions_with_view: of_sessions(Act::View),
            sessions_with_cart: of_sessions(Act::Cart),
            sessions_with_purchase: of_sessions(Act::Purchase),
            purchases_per_purchase_session: (purchase_sessions > 0)
                .then(|| self.purchases[0] as f64 / purchase_sessions as f64),
            repeat_buyers: (buyers > 0).then(|| repeat as f64 / buyers as f64),
            purchases_after_view: of_purchases(self.purchases[1]),
            purchases_after_cart: of_purchases(self.purchases[2]),
            purchases_after_either: of_purchases(self.purchases[3]),
            carts_after_view: of_all(self.carts[1], self.carts[0]),
            views_after_cart: of_all(self.views[1], self.views[0]),
            duplicates: share(self.duplicates),
            brand_missing: share(self.brand_missing),
            category_code_missing: share(self.code_missing),
            price_zero: share(self.price_zero),
            price: Quantiles::of(std::mem::take(&mut self.prices)),
            behaviors: ordered(self.labels),
            structure,
        }
    }
}

fn ordered(labels: Vec<(String, Act, u64)>) -> Vec<(String, u64)> {
    let place = |label: &str| SHOP_LABELS.iter().position(|l| *l == label).unwrap_or(4);
    let mut labels: Vec<_> = labels.into_iter().map(|(name, _, n)| (name, n)).collect();
    labels.sort_by(|a, b| (place(&a.0), &a.0).cmp(&(place(&b.0), &b.0)));
    labels
}

fn parse(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Minus the slope of ln(count) over ln(rank) among the largest fifth of the counts, at least 5.
fn zipf_exponent(counts: &[u32]) -> Option<f64> {
    let mut counts = counts.to_vec();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.truncate(counts.len() / 5);
    if counts.len() < 5 {
        return None;
    }
    let n = counts.len() as f64;
    let (mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0);
    for (rank, &count) in counts.iter().enumerate() {
        let (a, b) = (((rank + 1) as f64).ln(), f64::from(count).ln());
        x += a;
        y += b;
        xx += a * a;
        xy += a * b;
    }
    Some(-(n * xy - x * y) / (n * xx - x * x))
}

struct Columns {
    time: usize,
    behavior: usize,
    item: usize,
    user: usize,
    category: Option<usize>,
    code: Option<usize>,
    brand: Option<usize>,
    price: Option<usize>,
    session: Option<usize>,
}

impl Columns {
    fn find(header: &csv::ByteRecord) -> Result<Self, DataError> {
        let find = |name: &str| header.iter().position(|h| h == name.as_bytes());
        let need = |name: &'static str| {
            find(name).ok_or_else(|| {
                let present: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
                log_error(format!(
                    "the log has no column {name}; its columns are {}",
                    present.join(", ")
                ))
            })
        };
        Ok(Self {
            time: need("event_time")?,
            behavior: need("event_type")?,
            item: need("product_id")?,
            user: need("user_id")?,
            category: find("category_id"),
            code: find("category_code"),
            brand: find("brand"),
            price: find("price"),
            session: find("user_session"),
        })
    }
}

/// Measures a log in the shop's columns (plain CSV with a header; columns in any order, the
/// optional ones may be absent). Rows are taken in the log's order.
///
/// The labels `view` and `click` count as views, `cart` as carts, `purchase` and `buy` as
/// purchases. Takes O(rows) time and, since it looks for exact duplicates and keeps every distinct
/// (user, item) pair, about 100 bytes of memory per row: 2 GB for 20 million rows.
///
/// ```
/// let log = "event_time,event_type,product_id,user_id\n\
///            2019-10-01 00:00:00 UTC,view,7,ann\n\
///            2019-10-01 00:00:09 UTC,purchase,7,ann\n";
/// let statistics = lightgcn_data::synthetic::statistics(log.as_bytes())?;
/// assert_eq!(statistics.rows, 2);
/// assert_eq!(statistics.purchases_after_view, Some(1.0));
/// # Ok::<(), lightgcn_data::DataError>(())
/// ```
///
/// # Errors
/// A required column is missing, a row's number of fields differs from the header's or a quote is not
/// closed on its line, or reading fails.
pub fn statistics(reader: impl Read) -> Result<LogStatistics, DataError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(reader);
    let header = reader.byte_headers().map_err(row_error)?.clone();
    let columns = Columns::find(&header)?;
    let mut collector = Collector::default();
    let mut record = csv::ByteRecord::new();
    while next_row(&mut reader, &mut record)? {
        collector.push(&record, &columns);
    }
    Ok(collector.finish())
}

/// As [`statistics`], for a file, plain, gzip or zstd; `-` is standard input.
///
/// # Errors
/// Those of [`statistics`] and of opening and decompressing a file.
pub fn file_statistics(path: impl AsRef<Path>) -> Result<LogStatistics, DataError> {
    let mut file = StoredFile::open(path.as_ref())?;
    match statistics(&mut file) {
        Ok(found) => file.finish().map(|_| found),
        Err(error) => Err(file.failed().unwrap_or(error)),
    }
}
