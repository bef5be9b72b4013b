//! Distinguishes pair files from tables of single events, such as MovieLens's `user item rating time`, by what nearly
//! all lines have in common.

use super::foreign::{
    Evidence, LEAVE_OUT_COUNTS, READ_EVENTS, READ_RATINGS, REMOVE_HEADER, comment,
    is_index_and_value, libsvm,
};
use crate::error::{quoted, shorten};
use crate::time::{SHOPS_FROM, TimeIssue, TimeUnit, parse_with};
use std::collections::{BTreeMap, HashSet};

/// Fewer lines are inconclusive.
const MIN_LINES: u64 = 3;

/// The largest rating; the smallest is as far below 0.
const MAX_RATING: f64 = 10.0;

/// Tables with more columns than this have a name or a date that gives them away.
const MAX_FIELDS: usize = 16;

/// After this many lines of many lengths, a file is one of pairs.
const ENOUGH_LINES: u64 = 10_000;

/// Names of a column of users, in lower case and without punctuation.
const USERS: [&str; 13] = [
    "user",
    "users",
    "userid",
    "userids",
    "uid",
    "customer",
    "customerid",
    "visitor",
    "visitorid",
    "member",
    "memberid",
    "session",
    "sessionid",
];

/// Names of a column of items, likewise and without numbers.
const ITEMS: [&str; 23] = [
    "item",
    "items",
    "itemid",
    "itemids",
    "itemlist",
    "iid",
    "product",
    "products",
    "productid",
    "movie",
    "movieid",
    "article",
    "articleid",
    "artist",
    "artistid",
    "track",
    "trackid",
    "book",
    "bookid",
    "business",
    "businessid",
    "sku",
    "skuid",
];

/// Whether `n` is at least 95 % of `all`.
fn is_most(n: u64, all: u64) -> bool {
    all > 0 && n * 100 >= all * 95
}

/// Like [`is_most`], but also if all except one are, of at least four.
fn is_most_but_one(n: u64, all: u64) -> bool {
    is_most(n, all) || (all >= 4 && n + 1 >= all)
}

/// What the lines of a file have in common.
pub(super) struct Shape {
    now: i64,
    n_lines: u64,
    /// The fields of the first line, if none is a number: they may be the names of columns.
    names: Vec<String>,
    /// The other lines, by their numbers of fields.
    groups: BTreeMap<usize, Group>,
    /// Lines whose user is a date.
    dates: Seen,
    /// Lines whose user begins as a comment does.
    comments: Seen,
    /// Lines whose items all have values.
    libsvm: Seen,
    /// Lines whose first item is the number of the others.
    counted: Seen,
    /// The users so far, until one repeats.
    users: HashSet<String>,
    repeats: bool,
    is_done: bool,
}

/// How many fields have a property, and the first of them with its line.
#[derive(Default)]
struct Seen {
    n: u64,
    first: Option<(u64, String)>,
}

impl Seen {
    fn add(&mut self, line: u64, field: &str) {
        self.n += 1;
        self.first
            .get_or_insert_with(|| (line, shorten(field).into()));
    }

    fn line(&self) -> u64 {
        self.first.as_ref().map_or(1, |first| first.0)
    }

    fn example(&self) -> &str {
        self.first.as_ref().map_or("", |first| &first.1)
    }
}

/// Lines with the same number of fields.
#[derive(Default)]
struct Group {
    n: u64,
    /// Lines whose fields are all numbers.
    n_numeric: u64,
    /// Of each field after the user's.
    columns: Vec<Column>,
}

#[derive(Default)]
struct Column {
    times: Seen,
    /// Times that are not plain numbers.
    dates: Seen,
    ratings: Seen,
    /// Numbers with a decimal point.
    fractions: Seen,
    kinds: [Seen; KINDS],
    /// The text before a colon or an equals sign in the first line, and how often it occurs.
    tag: Option<String>,
    tagged: Seen,
}

impl Column {
    fn add(&mut self, line: u64, field: &str, now: i64) {
        let note = |seen: &mut Seen, is_so: bool| {
            if is_so {
                seen.add(line, field);
            }
        };
        let kind = kind(field);
        let is_time = is_time(field, now);
        let number = field.parse::<f64>().ok().filter(|_| kind == NUMBER);
        note(&mut self.times, is_time);
        note(&mut self.dates, is_time && kind != NUMBER);
        note(
            &mut self.ratings,
            number.is_some_and(|r| (-MAX_RATING..=MAX_RATING).contains(&r)),
        );
        note(&mut self.fractions, number.is_some() && field.contains('.'));
        note(&mut self.kinds[kind], true);
        if let Some((tag, _)) = field.split_once([':', '=']) {
            let first = self.tag.get_or_insert_with(|| tag.to_owned());
            note(&mut self.tagged, first == tag);
        }
    }
}

impl Shape {
    pub(super) fn new(now: i64) -> Self {
        Self {
            now,
            n_lines: 0,
            names: Vec::new(),
            groups: BTreeMap::new(),
            dates: Seen::default(),
            comments: Seen::default(),
            libsvm: Seen::default(),
            counted: Seen::default(),
            users: HashSet::new(),
            repeats: false,
            is_done: false,
        }
    }

    /// Adds line `number`, which is not empty.
    #[inline]
    pub(super) fn add(&mut self, number: u64, line: &str) {
        if !self.is_done {
            self.add_fields(number, line);
        }
    }

    fn add_fields(&mut self, number: u64, line: &str) {
        let mut rest = line.split_ascii_whitespace();
        let Some(user) = rest.next() else {
            return;
        };
        self.n_lines += 1;
        if user.starts_with(['#', '%']) {
            self.comments.add(number, user);
        }
        if kind(user) != NUMBER && is_time(user, self.now) {
            self.dates.add(number, user);
        }
        let valued = rest.clone().next().filter(|_| !user.contains(':'));
        if let Some(field) = valued.filter(|_| rest.clone().all(is_index_and_value)) {
            self.libsvm.add(number, field);
        }
        let count = rest.clone().next().and_then(|field| field.parse().ok());
        if count == Some(rest.clone().count().saturating_sub(1)) {
            self.counted.add(number, line);
        }
        let n_fields = 1 + rest.clone().take(MAX_FIELDS).count();
        if self.n_lines == 1
            && line
                .split_ascii_whitespace()
                .all(|field| kind(field) != NUMBER)
        {
            let names = line.split_ascii_whitespace().take(MAX_FIELDS);
            self.names = names.map(|name| shorten(name).into()).collect();
            return;
        }
        if !self.repeats {
            self.repeats = !self.users.insert(user.to_owned());
        }
        let group = self.groups.entry(n_fields).or_default();
        group.n += 1;
        if n_fields <= MAX_FIELDS {
            group.columns.resize_with(n_fields - 1, Column::default);
            let is_number = |field| kind(field) == NUMBER;
            group.n_numeric += u64::from(line.split_ascii_whitespace().all(is_number));
            for (column, field) in group.columns.iter_mut().zip(rest) {
                column.add(number, field, self.now);
            }
        }
        if self.n_lines >= ENOUGH_LINES {
            let largest = self.groups.values().map(|group| group.n).max();
            self.is_done = largest.unwrap_or(0) < self.n_lines / 2;
        }
    }

    /// Why the lines are not users with their items; `None` if they may be pairs.
    pub(super) fn evidence(&self) -> Option<Evidence> {
        if is_most(self.libsvm.n, self.n_lines) {
            return Some(libsvm(self.libsvm.line(), self.libsvm.example()));
        }
        if self.comments.n > 0 && self.comments.n * 2 <= self.n_lines {
            return Some(comment(self.comments.line(), self.comments.example()));
        }
        let n = self.n_lines - u64::from(!self.names.is_empty());
        if self.n_lines >= MIN_LINES && is_most_but_one(self.counted.n, n) {
            return Some(Evidence {
                line: self.counted.line(),
                looks: format!(
                    "lists with their lengths, since the first number after the user is how many follow, as in {:?}",
                    self.counted.example()
                ),
                advice: LEAVE_OUT_COUNTS,
            });
        }
        if is_most_but_one(self.dates.n, n) {
            return Some(Evidence {
                line: self.dates.line(),
                looks: format!(
                    "a log of events, since lines begin with a time, such as {:?}, where a user belongs",
                    self.dates.example()
                ),
                advice: READ_EVENTS,
            });
        }
        self.of_fields(n).or_else(|| self.header())
    }

    /// Why the lines, `n` without the names of columns, are a table.
    fn of_fields(&self, n: u64) -> Option<Evidence> {
        let (&n_fields, group) = self.groups.iter().max_by_key(|(_, group)| group.n)?;
        let has_table = self.n_lines >= MIN_LINES
            && (2..=MAX_FIELDS).contains(&n_fields)
            && is_most_but_one(group.n, n);
        match has_table {
            true => self.table(n_fields, group),
            false => None,
        }
    }

    /// Why the lines, nearly all of which have `n_fields` fields, are a table.
    fn table(&self, n_fields: usize, group: &Group) -> Option<Evidence> {
        let by_time = by_time(n_fields, group);
        if by_time.is_some() || n_fields < 3 {
            return by_time;
        }
        self.by_rating(group)
            .or_else(|| self.by_names(n_fields, group))
            .or_else(|| self.by_kinds(n_fields, group))
    }

    /// A table of users, items, ratings and perhaps more.
    fn by_rating(&self, group: &Group) -> Option<Evidence> {
        let [items, Column { ratings, .. }, ..] = &group.columns[..] else {
            return None;
        };
        let is_rated = self.repeats
            && is_most_but_one(ratings.n, group.n)
            && items.ratings.n < ratings.n
            && !is_most(items.ratings.n, group.n);
        let looks = format!(
            ", users have several lines, and field 3 is a rating, such as {:?}",
            ratings.example()
        );
        let n_fields = 1 + group.columns.len();
        is_rated.then(|| of_table(n_fields, ratings, &looks, READ_RATINGS))
    }

    /// A table of numbers whose first line names its columns.
    fn by_names(&self, n_fields: usize, group: &Group) -> Option<Evidence> {
        let is_named = self.names.len() == n_fields && is_most(group.n_numeric, group.n);
        is_named.then(|| Evidence {
            line: 1,
            looks: format!(
                "a table, since line 1 names {n_fields} columns ({}), and the other lines have as many numbers",
                quoted(&self.names)
            ),
            advice: READ_EVENTS,
        })
    }

    /// A table with fields that cannot all be items.
    fn by_kinds(&self, n_fields: usize, group: &Group) -> Option<Evidence> {
        let (first, others) = group.columns.split_first()?;
        let (n, one, other) = others.iter().enumerate().find_map(|(n, other)| {
            let (one, other) = self.unlike(group.n, first, other)?;
            Some((n, one, other))
        })?;
        let looks = format!(
            ", and field 2 is not the same kind of thing as field {}, such as {:?} and {:?}",
            n + 3,
            one.example(),
            other.example()
        );
        Some(of_table(n_fields, other, &looks, READ_EVENTS))
    }

    /// A first line such as `user item item`, which would become a user with these items.
    fn header(&self) -> Option<Evidence> {
        let (user, items) = self.names.split_first()?;
        let is_item = |name: &String| {
            let letters = name.split(':').next().unwrap_or_default();
            let letters: String = plain(letters).filter(|c| !c.is_ascii_digit()).collect();
            ITEMS.contains(&&*letters) || name.chars().all(|c| c == '.' || c == '…')
        };
        let user = user.split(':').next().unwrap_or_default();
        let user: String = plain(user).collect();
        let is_header = USERS.contains(&&*user) && !items.is_empty() && items.iter().all(is_item);
        is_header.then(|| Evidence {
            line: 1,
            looks: format!("a header, since its fields are {}", quoted(&self.names)),
            advice: REMOVE_HEADER,
        })
    }

    /// The difference of two fields after the user's that cannot both be items: one is a number and the other is not,
    /// only one has a fraction, or they have different tags such as `i:` and `r:`. If users have several lines,
    /// words and ids such as `i7` also count as different.
    fn unlike<'a>(&self, n: u64, a: &'a Column, b: &'a Column) -> Option<(&'a Seen, &'a Seen)> {
        let main = |column: &'a Column| column.kinds.iter().max_by_key(|seen| seen.n);
        let both = main(a).zip(main(b));
        let is_tagged = |column: &Column| is_most(column.tagged.n, n);
        let has_tags = is_tagged(a) && is_tagged(b) && a.tag != b.tag;
        let is_only = |a: &Seen, b: &Seen| is_most(a.n, n) && is_most(n - b.n, n);
        let n_kinds = if self.repeats { KINDS } else { 1 };
        let mut kinds = a.kinds.iter().zip(&b.kinds).take(n_kinds);
        if has_tags || kinds.any(|(a, b)| is_only(a, b) || is_only(b, a)) {
            return both;
        }
        let has_fractions = b.fractions.n * 2 >= n && is_most(b.kinds[NUMBER].n, n);
        let fractions = has_fractions && is_most(n - a.fractions.n, n);
        main(a).zip(Some(&b.fractions)).filter(|_| fractions)
    }
}

/// Why the lines are a table with a column of times.
fn by_time(n_fields: usize, group: &Group) -> Option<Evidence> {
    let columns = || group.columns.iter().enumerate();
    let (n, Column { times, .. }) = columns().find(|(n, column)| {
        // Where all fields look like times, they are large ids.
        let is_alone =
            columns().any(|(other, column)| other != *n && column.times.n * 2 <= group.n);
        is_most_but_one(column.dates.n, group.n)
            || (is_alone && is_most_but_one(column.times.n, group.n))
    })?;
    let is_rated = n_fields == 4 && n == 2 && is_most_but_one(group.columns[1].ratings.n, group.n);
    let looks = format!(
        ", and field {} is a time, such as {:?}",
        n + 2,
        times.example()
    );
    let advice = if is_rated { READ_RATINGS } else { READ_EVENTS };
    Some(of_table(n_fields, times, &looks, advice))
}

/// The evidence of a table, which `seen` gave away.
fn of_table(n_fields: usize, seen: &Seen, looks: &str, advice: &'static str) -> Evidence {
    Evidence {
        line: seen.line(),
        looks: format!("a table, since nearly every line has {n_fields} fields{looks}"),
        advice,
    }
}

/// The letters and digits of a name, in lower case.
fn plain(name: &str) -> impl Iterator<Item = char> {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase)
}

/// Kinds of fields: a number, a word without digits, and the rest.
const NUMBER: usize = 0;
const WORD: usize = 1;
const OTHER: usize = 2;
const KINDS: usize = 3;

fn kind(field: &str) -> usize {
    let has_digit = field.contains(|c: char| c.is_ascii_digit());
    if has_digit && field.parse::<f64>().is_ok() {
        NUMBER
    } else if field.chars().all(|c| c.is_alphabetic() || "_-".contains(c)) {
        WORD
    } else {
        OTHER
    }
}

/// Whether a field is a time from 1995 until now: a date, a number in some unit, or a number such as `20191001`.
fn is_time(field: &str, now: i64) -> bool {
    let time = match parse_with(field.as_bytes(), TimeUnit::Auto, now) {
        Err(TimeIssue::Calendar) => calendar_day(field, now),
        parsed => parsed.ok(),
    };
    time.is_some_and(|time| (SHOPS_FROM..=now).contains(&time))
}

/// The day of a number such as `20191001` or `20191001003059`.
fn calendar_day(field: &str, now: i64) -> Option<i64> {
    let (year, month, day) = (field.get(..4)?, field.get(4..6)?, field.get(6..8)?);
    let date = format!("{year}-{month}-{day}");
    parse_with(date.as_bytes(), TimeUnit::Auto, now).ok()
}

#[cfg(test)]
mod tests;
