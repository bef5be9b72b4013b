//! Event times: seconds since 1970-01-01 00:00:00 UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Years 0 to 9999.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// Whole numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds
/// 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Parses a time into seconds since 1970-01-01 UTC, rounding fractions down; `None` if the text is not
/// a valid time. Formats:
///
/// - `2019-10-01 08:00:00 UTC` (the shop log's own, and fast), also without ` UTC`, with `T` and with a
///   fraction; a time without a zone is UTC;
/// - RFC 3339 (`2019-10-01T08:00:00+02:00`);
/// - a date (`2019-10-01`): its first second;
/// - a whole number: seconds since 1970, or milliseconds from 10^11 on. Eight digits are
///   rejected: `20191001` is meant as a date but would read as seconds.
///
/// ```
/// use lightgcn_data::time::parse;
///
/// assert_eq!(parse(b"1970-01-02 00:00:01 UTC"), Some(86_401));
/// assert_eq!(parse(b"2019-10-01T02:00:00+02:00"), parse(b"2019-10-01"));
/// assert_eq!(parse(b"1569888000000"), Some(1_569_888_000));
/// assert_eq!(parse(b"2019-02-30"), None);
/// ```
#[must_use]
pub fn parse(text: &[u8]) -> Option<i64> {
    if let Some(seconds) = parse_shop(text) {
        return Some(seconds);
    }
    let text = std::str::from_utf8(text).ok()?;
    let seconds = match parse_number(text) {
        Some(number) => number?,
        None => parse_other(text)?,
    };
    RANGE.contains(&seconds).then_some(seconds)
}

/// Formats a time as the shop log does, `2019-10-01 08:00:00 UTC`; beyond the calendar, as the number.
#[must_use]
pub fn display(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(
        || seconds.to_string(),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// The shop log's form, with or without ` UTC`.
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

/// Days since 1970 of `YYYY-MM-DD` in the proleptic Gregorian calendar.
fn parse_date(text: &[u8]) -> Option<i64> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (
        digits(&text[..4])?,
        digits(&text[5..7])?,
        digits(&text[8..])?,
    );
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

/// `None`: not a whole number. `Some(None)`: a whole number that is not a valid time.
fn parse_number(text: &str) -> Option<Option<i64>> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let number = text.parse::<i64>().ok().filter(|_| unsigned.len() != 8);
    Some(number.map(|n| {
        if n.unsigned_abs() >= MILLISECONDS_FROM as u64 {
            n.div_euclid(1000)
        } else {
            n
        }
    }))
}

fn parse_other(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp());
    }
    let bare = text.strip_suffix(" UTC").unwrap_or(text);
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(bare, form) {
            return Some(time.and_utc().timestamp());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_by_hand() {
        for (text, seconds) in [
            ("1970-01-01 00:00:00 UTC", 0),
            ("1969-12-31 23:59:59 UTC", -1),
            ("2019-10-01 00:00:00 UTC", 1_569_888_000),
            ("2019-10-01 00:00:00", 1_569_888_000),
            ("2019-10-01 00:00:00.9 UTC", 1_569_888_000),
            ("2019-10-01T00:00:00Z", 1_569_888_000),
            ("2019-10-01T00:00:00", 1_569_888_000),
            ("2019-09-30T22:00:00.250-02:00", 1_569_888_000),
            ("2019-10-01", 1_569_888_000),
            ("2020-02-29 23:59:59 UTC", 1_583_020_799),
            ("1569888000", 1_569_888_000),
            ("1569888000123", 1_569_888_000),
            ("0", 0),
            ("-5", -5),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(seconds), "{text}");
        }
        assert_eq!(display(1_583_020_799), "2020-02-29 23:59:59 UTC");
        assert_eq!(display(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            "yesterday",
            "2019-13-01 00:00:00 UTC",
            "2019-00-01",
            "2019-02-29 00:00:00 UTC",
            "2019-10-00",
            "2019-10-01 24:00:00 UTC",
            "2019-10-01 00:60:00 UTC",
            "2019-10-01 00:00:00 CET",
            "20191001",
            "999999999999999999999",
            "9223372036854775807",
            "1.5e9",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"\xff2019-10-01"), None);
    }

    proptest! {
        #[test]
        fn the_fast_road_agrees_with_the_calendar(seconds in RANGE) {
            let text = display(seconds);
            prop_assert_eq!(parse_shop(text.as_bytes()), Some(seconds));
            let bare = text.strip_suffix(" UTC").unwrap();
            prop_assert_eq!(parse_other(bare), Some(seconds));
        }
    }
}
