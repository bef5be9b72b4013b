//! Times as text, in the shop log's format.

const DAY: i64 = 86_400;

/// Days from 0000-01-01 and from 9999-12-31 to 1970-01-01.
const CALENDAR: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;

/// Writes a day, counted from 1970-01-01, as `2019-10-01`; beyond the years 0 to 9999, as the number of its first
/// second.
pub(super) fn write_day(days: i64, out: &mut Vec<u8>) {
    if !CALENDAR.contains(&days) {
        out.extend_from_slice(days.saturating_mul(DAY).to_string().as_bytes());
        return;
    }
    let (year, month, day) = date(days);
    let [century, year, month, day] = [year / 100, year % 100, month, day].map(two_digits);
    out.extend_from_slice(&century);
    out.extend_from_slice(&year);
    out.push(b'-');
    out.extend_from_slice(&month);
    out.push(b'-');
    out.extend_from_slice(&day);
}

/// Writes a time as `2019-10-01 08:00:00 UTC`, with a fraction if it has one; beyond the years 0 to 9999, as the
/// number of seconds since 1970. `nanoseconds` is below 10^9.
pub(super) fn write_time(seconds: i64, nanoseconds: i64, out: &mut Vec<u8>) {
    let days = seconds.div_euclid(DAY);
    if !CALENDAR.contains(&days) {
        out.extend_from_slice(seconds.to_string().as_bytes());
        return;
    }
    write_day(days, out);
    let clock = seconds.rem_euclid(DAY);
    let [hour, minute, second] = [clock / 3_600, clock / 60 % 60, clock % 60].map(two_digits);
    out.push(b' ');
    out.extend_from_slice(&hour);
    out.push(b':');
    out.extend_from_slice(&minute);
    out.push(b':');
    out.extend_from_slice(&second);
    if nanoseconds != 0 {
        out.push(b'.');
        out.extend_from_slice(format!("{nanoseconds:09}").as_bytes());
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.extend_from_slice(b" UTC");
}

/// Year, month and day in the proleptic Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Days are counted from 1 March of year 0, so that the leap day is a year's last; an era has 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400;
    (if month > 2 { year } else { year + 1 }, month, day)
}

/// The digits of a number below 100.
fn two_digits(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;
    use proptest::prelude::*;

    fn text(seconds: i64, nanoseconds: i64) -> String {
        let mut out = Vec::new();
        write_time(seconds, nanoseconds, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fractions_and_the_ends_of_the_calendar() {
        assert_eq!(text(1_569_888_000, 0), "2019-10-01 00:00:00 UTC");
        assert_eq!(text(-1, 500_000_000), "1969-12-31 23:59:59.5 UTC");
        assert_eq!(text(0, 1), "1970-01-01 00:00:00.000000001 UTC");
        assert_eq!(text(-62_167_219_200, 0), "0000-01-01 00:00:00 UTC");
        assert_eq!(text(-62_167_219_201, 0), "-62167219201");
        assert_eq!(text(253_402_300_799, 0), "9999-12-31 23:59:59 UTC");
        assert_eq!(text(253_402_300_800, 0), "253402300800");
        assert_eq!(text(i64::MAX, 0), i64::MAX.to_string());
        let mut day = Vec::new();
        write_day(18_170, &mut day);
        assert_eq!(day, b"2019-10-01");
    }

    proptest! {
        #[test]
        fn texts_are_those_of_chrono(seconds in -62_167_219_200..=253_402_300_799i64) {
            prop_assert_eq!(text(seconds, 0), time::display(seconds));
            prop_assert_eq!(time::parse(text(seconds, 7).as_bytes()), Some(seconds));
        }
    }
}
