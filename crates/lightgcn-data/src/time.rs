//! Event times: seconds since 1970-01-01 00:00:00 UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// Years 0 to 9999.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// A day, in seconds.
const DAY: i64 = 86_400;

/// 1995-01-01, before which there were no online shops.
pub(crate) const SHOPS_FROM: i64 = 788_918_400;

/// 1996-01-01. The oldest public logs of events, such as EachMovie, are of February 1996.
const PUBLIC_LOGS_FROM: i64 = 820_454_400;

/// 2001-01-01, from which Apple's programs count seconds.
const YEAR_2001: i64 = 978_307_200;

/// The oldest events that a log of today is expected to have, in seconds before now: 15 years.
const EXPECTED_AGE: i64 = 15 * 365 * DAY;

/// Day 0 of common day counts, in days before 1970-01-01: Unix, Excel (1904 and 1900), the modified
/// Julian day, Python's ordinal, MATLAB, the Julian day.
const DAY_COUNTS: [i64; 7] = [0, 24_107, 25_569, 40_587, 719_163, 719_529, 2_440_587];

/// Counts from other years than 1970: how many make a second, and when they start, in seconds before 1970. Windows' and
/// .NET's ticks, Chrome's microseconds.
const OTHER_EPOCHS: [(i64, i64); 3] = [
    (10_000_000, 11_644_473_600),
    (10_000_000, 62_135_596_800),
    (1_000_000, 11_644_473_600),
];

/// The supported calendar formats, without zones; longer ones first.
const FORMS: [&str; 5] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y%m%dT%H%M%S",
];

/// The unit of numbers in a time column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Seconds since 1970 or, depending on their size, milliseconds, microseconds or nanoseconds.
    /// Numbers that look like a calendar date (`20191001`) or a count of days are errors.
    #[default]
    Auto,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Seconds since 2001, as Apple's programs count them.
    #[serde(rename = "seconds-since-2001")]
    SecondsSince2001,
}

impl TimeUnit {
    /// The option's value.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::SecondsSince2001 => "seconds-since-2001",
        }
    }

    /// Units per second, for a number of that size.
    fn per_second(self, size: u64) -> i64 {
        match self {
            // Each limit is 1973 in the finer unit; in the coarser one, 5138.
            Self::Auto if size < 100_000_000_000 => 1,
            Self::Auto if size < 100_000_000_000_000 => 1_000,
            Self::Auto if size < 100_000_000_000_000_000 => 1_000_000,
            Self::Auto | Self::Nanoseconds => 1_000_000_000,
            Self::Seconds | Self::SecondsSince2001 => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
        }
    }

    /// The time that numbers count from, in seconds since 1970.
    fn origin(self) -> i64 {
        match self {
            Self::SecondsSince2001 => YEAR_2001,
            _ => 0,
        }
    }
}

/// The first time of a log whose times, from `first` to `last`, are probably seconds since 2001 that were read as seconds
/// since 1970: all are more than 15 years before `now` and, counted from 2001, within these years. `None` if not, or if
/// the log starts in 1996 or later, where logs of these years cannot be told apart.
pub(crate) fn since_2001(first: i64, last: i64, now: i64) -> Option<i64> {
    let expected = now.saturating_sub(EXPECTED_AGE)..=future_from(now);
    let (of_2001, last_of_2001) = (
        first.saturating_add(YEAR_2001),
        last.saturating_add(YEAR_2001),
    );
    let is_old = first < PUBLIC_LOGS_FROM && last < *expected.start();
    let is_expected = expected.contains(&of_2001) && expected.contains(&last_of_2001);
    (is_old && is_expected).then_some(of_2001)
}

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeIssue {
    /// It matches no known format, or there is no such date.
    #[error("not a valid time")]
    Invalid,
    /// A number such as `20191001003059`, which would be the year 2609 in milliseconds.
    #[error("a number that looks like a calendar date")]
    Calendar,
    /// A number such as `18170`, which would be five o'clock on 1970-01-01 in seconds.
    #[error("a number that looks like a count of days")]
    DayCount,
    /// A number such as `132143616000000000`, ticks since 1601, which would be the year 1974 in nanoseconds.
    #[error("a number that looks like a time that does not count from 1970")]
    Epoch,
}

/// Parses a time into seconds since 1970-01-01 UTC, rounding fractions down; `None` if the text is not
/// a valid time. Formats:
///
/// - `2019-10-01 08:00:00 UTC` (the shop log's own, and fast), also without ` UTC`, with ` GMT`, with `T`, with a
///   fraction, without seconds, with slashes (`2019/10/01 08:00`), and with an offset: `Z`, `+02`, `+0200`,
///   `+02:00`; a time without a zone is UTC. The year comes first and has four digits;
/// - `20191001T080000`, also with an offset;
/// - RFC 3339 (`2019-10-01T08:00:00+02:00`);
/// - a date (`2019-10-01`): its first second;
/// - a number, also with a fraction: seconds since 1970, milliseconds from 10^11, microseconds from
///   10^14, nanoseconds from 10^17. Numbers that look like a calendar date, such as `20191001`, or
///   like a count of days are rejected: see [`parse_with`].
///
/// ```
/// use lightgcn_data::time::parse;
///
/// assert_eq!(parse(b"1970-01-02 00:00:01 UTC"), Some(86_401));
/// assert_eq!(parse(b"2019-10-01 02:00:00+02"), parse(b"2019-10-01"));
/// assert_eq!(parse(b"1569888000000"), Some(1_569_888_000));
/// assert_eq!(parse(b"2019-02-30"), None);
/// ```
#[must_use]
pub fn parse(text: &[u8]) -> Option<i64> {
    parse_shop(text).or_else(|| parse_with(text, TimeUnit::Auto, now()).ok())
}

/// Like [`parse`], but takes a unit for numbers and returns what is wrong. `now` is in seconds
/// since 1970.
///
/// With [`TimeUnit::Auto`], a number of 6, 8, 10, 12 or at least 14 digits that reads as
/// `YYYYMM[DD[hh[mm[ss[fraction]]]]]` of 1995 to next year is an error, unless it is a plausible
/// time in its unit: from 1995 to a day after `now`. So is any number with eight digits or a
/// leading zero, and one that is a day from 1995 to next year in a common day count (Unix, Excel,
/// Julian and others).
///
/// # Errors
/// [`TimeIssue`].
#[inline]
pub fn parse_with(text: &[u8], unit: TimeUnit, now: i64) -> Result<i64, TimeIssue> {
    if let Some(seconds) = parse_shop(text) {
        return Ok(seconds);
    }
    let text = std::str::from_utf8(text).map_err(|_| TimeIssue::Invalid)?;
    let seconds = match Number::split(text) {
        Some(number) => number.seconds(unit, now)?,
        None => parse_other(text).ok_or(TimeIssue::Invalid)?,
    };
    check_range(seconds)
}

/// Rejects times outside the years 0 to 9999.
pub(crate) fn check_range(seconds: i64) -> Result<i64, TimeIssue> {
    match RANGE.contains(&seconds) {
        true => Ok(seconds),
        false => Err(TimeIssue::Invalid),
    }
}

/// The system's time, in seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// The last time that is not in the future: a day after `now`, since clocks and zones differ.
#[must_use]
pub fn future_from(now: i64) -> i64 {
    now.saturating_add(DAY)
}

/// Formats a time as the shop log does, `2019-10-01 08:00:00 UTC`; outside the calendar, as the
/// number.
#[must_use]
pub fn display(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(
        || seconds.to_string(),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// The shop log's format, with or without ` UTC`.
fn parse_shop(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b" UTC").unwrap_or(text);
    if text.len() != 19 || text[10] != b' ' || text[13] != b':' || text[16] != b':' {
        return None;
    }
    let days = parse_date(&text[..10])?;
    let (hour, minute, second) = (
        digits(&text[11..13])?,
        digits(&text[14..16])?,
        digits(&text[17..19])?,
    );
    (hour < 24 && minute < 60 && second < 60)
        .then(|| days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970 of `YYYY-MM-DD`.
fn parse_date(text: &[u8]) -> Option<i64> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (
        digits(&text[..4])?,
        digits(&text[5..7])?,
        digits(&text[8..])?,
    );
    days_of(year, month, day)
}

/// Days since 1970 in the proleptic Gregorian calendar, `None` if there is no such day.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // Years are counted from 1 March of year 0, so that the leap day is a year's last.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    Some(shifted * 365 + leap_days + day_of_year - 719_468)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, &c| {
        c.is_ascii_digit()
            .then(|| number * 10 + i64::from(c - b'0'))
    })
}

/// A decimal number as text.
struct Number<'t> {
    negative: bool,
    whole: &'t str,
    fraction: &'t str,
}

impl<'t> Number<'t> {
    /// `None` if the text is not a decimal number.
    fn split(text: &'t str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        (is_digits(whole) && is_digits(fraction)).then_some(Self {
            negative: unsigned.len() < text.len(),
            whole,
            fraction,
        })
    }

    fn seconds(&self, unit: TimeUnit, now: i64) -> Result<i64, TimeIssue> {
        let number = self.whole.parse::<i64>().ok();
        let seconds = number.map(|number| {
            let below = self.negative && self.fraction.bytes().any(|c| c != b'0');
            let signed = if self.negative { -number } else { number };
            let per_second = unit.per_second(number.unsigned_abs());
            let seconds = (signed - i64::from(below)).div_euclid(per_second);
            seconds.saturating_add(unit.origin())
        });
        let is_sane = seconds.is_some_and(|s| (SHOPS_FROM..=future_from(now)).contains(&s));
        let padded = self.whole.len() >= 6 && self.whole.starts_with('0');
        if unit == TimeUnit::Auto && padded {
            return Err(TimeIssue::Calendar);
        }
        if unit == TimeUnit::Auto && !self.negative && !is_sane {
            let next_year = now.div_euclid(DAY) + 366;
            if self.is_calendar(next_year) {
                return Err(TimeIssue::Calendar);
            }
            let days = SHOPS_FROM / DAY..=next_year;
            if number.is_some_and(|n| DAY_COUNTS.iter().any(|zero| days.contains(&(n - zero)))) {
                return Err(TimeIssue::DayCount);
            }
            let is_other = |n: i64| {
                let mut epochs = OTHER_EPOCHS.iter();
                epochs.any(|(per_second, before)| {
                    (SHOPS_FROM..=future_from(now)).contains(&(n / per_second - before))
                })
            };
            if number.is_some_and(is_other) {
                return Err(TimeIssue::Epoch);
            }
        }
        seconds.ok_or(TimeIssue::Invalid)
    }

    /// Whether the number reads as a calendar time up to `next_year`, a day since 1970.
    fn is_calendar(&self, next_year: i64) -> bool {
        let text = self.whole.as_bytes();
        let two = |from: usize, or: i64| text.get(from..from + 2).map_or(Some(or), digits);
        let day = || {
            let (month, day) = (two(4, 1)?, two(6, 1)?);
            let day = days_of(digits(&text[..4])?, month, day)?;
            let clock = two(8, 0)? < 24 && two(10, 0)? < 60 && two(12, 0)? < 60;
            clock.then_some(day)
        };
        let days = SHOPS_FROM / DAY..=next_year;
        match text.len() {
            0..6 => false,
            7 => ordinal_day(text).is_some_and(|day| days.contains(&day)),
            8 => true,
            6 | 10 | 12 | 14.. => [day(), short_day(text)]
                .iter()
                .flatten()
                .any(|day| days.contains(day)),
            _ => false,
        }
    }
}

/// The day of a year and a day's number in it, such as `2019274`.
fn ordinal_day(text: &[u8]) -> Option<i64> {
    let (year, number) = (digits(text.get(..4)?)?, digits(text.get(4..)?)?);
    let first = days_of(year, 1, 1)?;
    let day = first + number - 1;
    (number > 0 && day < days_of(year + 1, 1, 1)?).then_some(day)
}

/// The day of a time with a two-digit year: `191001`, with hours and minutes, or with seconds too.
fn short_day(text: &[u8]) -> Option<i64> {
    if ![6, 10, 12].contains(&text.len()) {
        return None;
    }
    let two = |from: usize| text.get(from..from + 2).map_or(Some(0), digits);
    let year = two(0)?;
    let century = if year < 95 { 2_000 } else { 1_900 };
    let day = days_of(century + year, two(2)?, two(4)?)?;
    (two(6)? < 24 && two(8)? < 60 && two(10)? < 60).then_some(day)
}

fn parse_other(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp());
    }
    let bare = text.trim_start();
    let zones = [" UTC", " GMT"];
    let bare = zones.iter().find_map(|zone| bare.strip_suffix(zone));
    let bare = bare.unwrap_or(text.trim_start());
    // Fewer digits could be a day, or a year of this century.
    if !bare.as_bytes().get(..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let bare = bare.replacen(',', ".", 1);
    let bare = match bare.as_bytes().get(4) {
        Some(b'/') => bare.replacen('/', "-", 2),
        _ => bare,
    };
    for form in FORMS {
        if let Ok((time, zone)) = NaiveDateTime::parse_and_remainder(&bare, form) {
            return Some(time.and_utc().timestamp() - offset(zone)?);
        }
    }
    let date = NaiveDate::parse_from_str(&bare, "%Y-%m-%d").ok()?;
    Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

/// An offset from UTC in seconds: empty, `Z`, `+02`, `+0200` or `+02:00`, optionally after a space.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.strip_prefix(' ').unwrap_or(zone).as_bytes();
    let (sign, hour, minute) = match *zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, a, b] => (sign, [a, b], [b'0', b'0']),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, [a, b], [c, d]),
        _ => return None,
    };
    let (hour, minute) = (digits(&hour)?, digits(&minute)?);
    let seconds = hour * 3_600 + minute * 60;
    match sign {
        _ if hour > 23 || minute > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
