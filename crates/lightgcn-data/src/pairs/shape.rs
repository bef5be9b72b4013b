//! Distinguishes pair files from tables of single events, such as MovieLens's `user item rating
//! time`.

use crate::error::{quoted, shorten};
use crate::time::{SHOPS_FROM, TimeUnit, parse_with};
use std::collections::HashSet;

/// Fewer lines are inconclusive.
const MIN_LINES: u64 = 3;

/// The largest rating.
const MAX_RATING: f64 = 10.0;

/// What all lines of a file have in common.
pub(super) struct Shape {
    now: i64,
    n_lines: u64,
    /// The number of fields of every line; 0 once two lines differ.
    n_fields: usize,
    /// For each field after the user's: what it looks like in every line so far.
    looks: Vec<Looks>,
    /// An example of each field.
    example: Vec<String>,
    users: HashSet<String>,
    /// The fields of the first line, if none is a number.
    names: Vec<String>,
    /// Whether all fields of the other lines are numbers.
    is_numeric: bool,
}

#[derive(Clone)]
struct Looks {
    time: bool,
    rating: bool,
    /// The [`kind`]s that occur.
    kinds: u8,
    /// The text before a colon or an equals sign.
    tag: Option<String>,
}

impl Shape {
    pub(super) fn new(now: i64) -> Self {
        Self {
            now,
            n_lines: 0,
            n_fields: 0,
            looks: Vec::new(),
            example: Vec::new(),
            users: HashSet::new(),
            names: Vec::new(),
            is_numeric: true,
        }
    }

    /// Adds a line that is not empty.
    #[inline]
    pub(super) fn add(&mut self, line: &str) {
        if self.n_lines == 0 || self.n_fields > 0 {
            self.add_fields(line);
        }
    }

    fn add_fields(&mut self, line: &str) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        self.n_lines += 1;
        let look = |field: &&str| Looks {
            time: is_time(field, self.now),
            rating: field.parse().is_ok_and(|r| (0.0..=MAX_RATING).contains(&r)),
            kinds: kind(field),
            tag: field.split_once([':', '=']).map(|(tag, _)| tag.to_owned()),
        };
        let looks: Vec<Looks> = fields[1..].iter().map(look).collect();
        let is_header = self.n_lines == 2 && !self.looks.iter().any(|l| l.time || l.rating);
        if self.n_lines == 1 {
            self.n_fields = fields.len();
            self.looks = looks;
            if fields.iter().all(|field| kind(field) != NUMBER) {
                self.names = fields.iter().map(|&name| shorten(name).into()).collect();
            }
        } else if fields.len() != self.n_fields || fields.len() < 3 {
            *self = Self {
                n_lines: self.n_lines,
                ..Self::new(self.now)
            };
            return;
        } else if is_header {
            self.users.clear();
            let before = std::mem::replace(&mut self.looks, looks);
            if self.names.is_empty() {
                let both = self.looks.iter_mut().zip(before);
                both.for_each(|(looks, before)| looks.kinds |= before.kinds);
            }
        } else {
            for (all, this) in self.looks.iter_mut().zip(looks) {
                all.time &= this.time;
                all.rating &= this.rating;
                all.kinds |= this.kinds;
                all.tag.take_if(|tag| this.tag.as_ref() != Some(tag));
            }
        }
        if self.n_lines > 1 {
            self.is_numeric &= fields.iter().all(|field| kind(field) == NUMBER);
        }
        self.example = fields.iter().map(|&field| shorten(field).into()).collect();
        self.users.insert(fields[0].to_owned());
    }

    /// Why the lines are single events and not users with their items; `None` if they may be pairs.
    pub(super) fn evidence(&self) -> Option<String> {
        let Self {
            n_lines,
            n_fields,
            looks,
            ..
        } = self;
        if *n_lines < MIN_LINES || *n_fields < 3 {
            return None;
        }
        let example = |n: usize| &self.example[n + 1];
        let time = looks.iter().position(|looks| looks.time);
        // If all fields look like times, they are large ids.
        if let Some(n) = time.filter(|_| !looks.iter().all(|looks| looks.time)) {
            let number = n + 2;
            return Some(format!(
                "every line has {n_fields} fields, and field {number} is a time, such as {:?}",
                example(n)
            ));
        }
        let repeats = (self.users.len() as u64) < n_lines - 1;
        let is_rated = *n_fields == 3 && looks[1].rating && !looks[0].rating;
        if is_rated && repeats {
            return Some(format!(
                "every line has 3 fields, users have several lines, and field 3 is a rating, such as {:?}",
                example(1)
            ));
        }
        if self.is_numeric && !self.names.is_empty() {
            return Some(format!(
                "line 1 names {n_fields} columns ({}), and every other line has as many numbers",
                quoted(&self.names)
            ));
        }
        let (first, other) = self.unlike(repeats)?;
        Some(format!(
            "every line has {n_fields} fields, and field {} is not the same kind of thing as field {}, such as \
             {:?} and {:?}",
            first + 2,
            other + 2,
            example(first),
            example(other)
        ))
    }

    /// Two fields after the user's that cannot both be items: one is never a number and the other
    /// always, or they have different tags such as `i:` and `r:`. If users have several lines,
    /// words and ids such as `i7` also count as different.
    fn unlike(&self, repeats: bool) -> Option<(usize, usize)> {
        let of = |looks: &Looks| match looks.kinds & !NUMBER {
            0 => NUMBER,
            _ if repeats => looks.kinds,
            _ => looks.kinds & NUMBER | WORD,
        };
        let differ = |a: &Looks, b: &Looks| {
            let tags = a.tag.is_some() && b.tag.is_some() && a.tag != b.tag;
            tags || of(a) & of(b) == 0
        };
        let (first, others) = self.looks.split_first()?;
        let other = others.iter().position(|other| differ(first, other))?;
        Some((0, other + 1))
    }
}

/// Kinds of fields: a number, a word without digits, and the rest.
const NUMBER: u8 = 1;
const WORD: u8 = 2;
const OTHER: u8 = 4;

fn kind(field: &str) -> u8 {
    let has_digit = field.contains(|c: char| c.is_ascii_digit());
    if has_digit && field.parse::<f64>().is_ok() {
        NUMBER
    } else if field.chars().all(|c| c.is_alphabetic() || "_-".contains(c)) {
        WORD
    } else {
        OTHER
    }
}

/// Whether a field is a time from 1995 until now: a date, or a number in some unit.
fn is_time(field: &str, now: i64) -> bool {
    let parsed = parse_with(field.as_bytes(), TimeUnit::Auto, now);
    parsed.is_ok_and(|time| (SHOPS_FROM..=now).contains(&time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(lines: &[&str]) -> Option<String> {
        let mut shape = Shape::new(1_767_225_600);
        lines.iter().for_each(|line| shape.add(line));
        shape.evidence()
    }

    #[test]
    fn tables_of_events_give_themselves_away() {
        for lines in [
            &[
                "0\t1\t5\t881250949",
                "0\t2\t3\t881250950",
                "1\t2\t4\t881250951",
            ][..],
            &[
                "1 7 1569888000123",
                "1 8 1569888000124",
                "2 7 1569888000125",
            ],
            &["1 1569888000 7", "1 1569888001 8", "2 1569888002 7"],
            &["u i 2019-10-01", "v i 2019-10-02", "v j 2019-10-03"],
            &[
                "user item time",
                "1 7 978300760",
                "1 8 978300761",
                "2 7 978300762",
            ],
            &["1 700 4.5", "1 800 3", "1 900 5", "2 700 1"],
            &[
                "user item rating",
                "1 700 4.5",
                "1 800 3",
                "1 900 5",
                "2 700 1",
            ],
            // Play counts, as in LastFM's data.
            &["userID\tartistID\tweight", "2\t51\t13883", "2\t52\t11690"],
            &[
                "userID artistID weight",
                "u2 a51 13883",
                "u3 a52 11690",
                "u4 a51 12",
            ],
            &["19 32 view", "20 33 view", "21 32 add_to_cart"],
            &[
                "u19 i32 view",
                "u19 i33 view",
                "u20 i32 cart",
                "u20 i34 view",
            ],
            &["u:5 i:59 r:3", "u:6 i:60 r:4", "u:7 i:59 r:5"],
            &[
                "user=5 item=59 rating=3",
                "user=5 item=60 rating=4",
                "user=6 item=59 rating=5",
            ],
        ] {
            assert!(evidence(lines).is_some(), "{lines:?}");
        }
    }

    #[test]
    fn pairs_do_not() {
        for lines in [
            &["1 2 3", "4 5 6"][..],
            &["1 2 3", "4 5 6", "7 8 9", "1 3 2"],
            &["1 881250949", "2 881250950", "3 881250951"],
            &["1 5 881250949", "2 6 881250950", "3 7 881250951 9"],
            // Ids of ten digits.
            &[
                "1 1300000001 1300000002",
                "2 1300000003 1300000004",
                "3 1300000005 1300000006",
            ],
            &["1 700 4", "2 800 3", "3 900 5", "4 700 1"],
            &["ann a b", "bob b c", "eve c d", "zoe a d"],
            &["u1 i1 soap", "u2 i2 milk", "u3 i3 tea"],
            &["u:1 i:1 i:2", "u:2 i:3 i:4", "u:2 i:5 i:6"],
            &["ann 1 2", "bob 3 4", "eve 5 6"],
            &["1 i1 7", "2 8 i2", "3 i1 i2"],
            &["1 i1 i7", "2 8 i2", "3 i1 i2"],
            &["zoe b 1", "ann 1 b", "bob 2 c"],
            &["user a", "1 2", "3 4"],
            &[],
        ] {
            assert_eq!(evidence(lines), None, "{lines:?}");
        }
    }
}
