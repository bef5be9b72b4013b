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
        ("1569888000123456", 1_569_888_000),
        ("1569888000123456789", 1_569_888_000),
        ("1569888000.0", 1_569_888_000),
        ("1569888000123.75", 1_569_888_000),
        ("-5.5", -6),
        ("2019-10-01 00:00:00+00", 1_569_888_000),
        ("2019-10-01 00:00:00+0000", 1_569_888_000),
        ("2019-10-01 00:00:00+00:00", 1_569_888_000),
        ("2019-10-01 00:00:00Z", 1_569_888_000),
        ("2019-10-01 00:00:00.5 UTC", 1_569_888_000),
        ("2019-10-01 05:30:00.25 +0530", 1_569_888_000),
        ("2019-09-30T20:30:00-0330", 1_569_888_000),
        ("2019-10-01 00:00", 1_569_888_000),
        ("2019-10-01T02:00+02:00", 1_569_888_000),
        ("2019-10-01T00:00Z", 1_569_888_000),
        ("2019-10-01 00:00:00 GMT", 1_569_888_000),
        ("2019-10-01 00:00:00,123", 1_569_888_000),
        ("2019/10/01 00:00:00", 1_569_888_000),
        ("2019/10/01", 1_569_888_000),
        ("20191001T000000Z", 1_569_888_000),
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
        ".5",
        "5.",
        "2019-10-01 00:00:00+24",
        "2019-10-01 00:00:00+1",
        "2019-10-01 00:00:00 +02 ",
        "2019-10-01 00:00:00*0200",
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
        "1.5e9",
        // The year 19, or 2019.
        "19-10-01 00:00:00",
        "19-10-01",
        "+2019-10-01",
        "10/01/2019",
        "01.10.2019 00:00",
        "2019-10-01 12:00 AM",
        "2019-10-01 00:00,5",
        "2019-10",
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse(b"\xff2019-10-01"), None);
}

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

fn auto(text: &str) -> Result<i64, TimeIssue> {
    parse_with(text.as_bytes(), TimeUnit::Auto, NOW)
}

#[test]
fn numbers_that_look_like_a_calendar_are_issues() {
    for text in [
        "201910",
        "20191001",
        "01102019",
        "31129999",
        "2019100112",
        "1995010100",
        "201910010030",
        "20191001003059",
        "20191001003059.0",
        "2019100100305912",
        "20191001003059123",
        "20191001003059123456",
        "20270101000000",
        "01102019003059",
        // Two-digit years, and the day of the year.
        "191001",
        "000229",
        "951231",
        "1910010030",
        "191001003059",
        "2019274",
        "2020366",
    ] {
        assert_eq!(auto(text), Err(TimeIssue::Calendar), "{text}");
    }
    // Once the year 2033 has come, ten digits are seconds.
    let later = 2_100_000_000;
    let seconds = parse_with(b"2019100112", TimeUnit::Auto, later);
    assert_eq!(seconds, Ok(2_019_100_112));
    // As a calendar these have no such month, day, hour or year.
    for text in [
        "201913",
        "1569889859",
        "2019103124",
        "2095010100",
        "941001",
        "190229",
        "1910012430",
        "2019366",
        "2019000",
        "1994001",
    ] {
        assert_eq!(auto(text), Ok(text.parse().unwrap()), "{text}");
    }
    assert_eq!(auto("99991001003059"), Ok(99_991_001_003));
}

#[test]
fn counts_of_days_are_issues() {
    // 2019-10-01 in each.
    for text in [
        "18170",
        "42277",
        "43739",
        "43739.0215",
        "58757",
        "737333",
        "737699",
        "2458757.5",
    ] {
        assert_eq!(auto(text), Err(TimeIssue::DayCount), "{text}");
    }
    for seconds in [0, 5, 9_000, 86_400, 100_000, 1_000_000, 788_918_400] {
        assert_eq!(auto(&seconds.to_string()), Ok(seconds));
    }
}

#[test]
fn counts_from_other_years_are_faults() {
    // 2019-10-01 in ticks of Windows and .NET, and in microseconds since 1601.
    for text in [
        "132143616000000000",
        "637054848000000000",
        "13214361600000000",
    ] {
        assert_eq!(auto(text), Err(TimeIssue::Epoch), "{text}");
        assert!(parse_with(text.as_bytes(), TimeUnit::Nanoseconds, NOW).is_ok());
    }
}

#[test]
fn a_given_unit_takes_numbers_as_they_are() {
    let parse = |text: &str, unit| parse_with(text.as_bytes(), unit, NOW);
    assert_eq!(parse("20191001", TimeUnit::Seconds), Ok(20_191_001));
    assert_eq!(parse("18170", TimeUnit::Seconds), Ok(18_170));
    assert_eq!(parse("18170000", TimeUnit::Milliseconds), Ok(18_170));
    assert_eq!(parse("18170000000", TimeUnit::Microseconds), Ok(18_170));
    assert_eq!(parse("18170000000000", TimeUnit::Nanoseconds), Ok(18_170));
    assert_eq!(parse("2019-10-01", TimeUnit::Seconds), Ok(1_569_888_000));
    let beyond = parse("1569888000000", TimeUnit::Seconds);
    assert_eq!(beyond, Err(TimeIssue::Invalid));
}

proptest! {
    #[test]
    fn every_sane_time_is_read_in_every_unit(seconds in SHOPS_FROM..=NOW) {
        for zeros in ["", "000", "000000", "000000000"] {
            prop_assert_eq!(auto(&format!("{seconds}{zeros}")), Ok(seconds));
        }
    }

    #[test]
    fn the_fast_road_agrees_with_the_calendar(seconds in RANGE) {
        let text = display(seconds);
        prop_assert_eq!(parse_shop(text.as_bytes()), Some(seconds));
        let bare = text.strip_suffix(" UTC").unwrap();
        prop_assert_eq!(parse_other(bare), Some(seconds));
    }
}

#[test]
fn seconds_since_2001_are_suspected_only_where_they_are_likely() {
    // 2026-12-01.
    let now = 1_796_083_200;
    // Read as 1993 to 1995.
    assert_eq!(
        since_2001(750_000_000, 796_000_000, now),
        Some(1_728_307_200)
    );
    assert_eq!(
        since_2001(580_000_000, 591_000_000, 1_569_888_000),
        Some(1_558_307_200)
    );
    // MovieLens 100k and 1M, EachMovie, whatever the year.
    let public = [
        (874_724_710, 893_286_638),
        (956_703_932, 1_046_454_590),
        (823_046_400, 873_676_800),
    ];
    for (first, last) in public {
        for years in 0..40 {
            assert_eq!(since_2001(first, last, now + years * 365 * DAY), None);
        }
    }
    for (first, last) in [
        // A log of today, and one that has today's events too.
        (1_780_000_000, 1_796_000_000),
        (750_000_000, 1_796_000_000),
        // After now, or more than 15 years before it, if since 2001.
        (790_000_000, 818_000_000),
        (100_000_000, 796_000_000),
        (0, 1),
        (i64::MIN, i64::MAX),
    ] {
        assert_eq!(since_2001(first, last, now), None, "{first} to {last}");
    }
}

#[test]
fn seconds_since_2001_are_read() {
    let read = |text: &str| parse_with(text.as_bytes(), TimeUnit::SecondsSince2001, 0);
    assert_eq!(read("0"), parse_with(b"2001-01-01", TimeUnit::Auto, 0));
    assert_eq!(read("591580800.75"), Ok(1_569_888_000));
    assert_eq!(read("-0.5"), Ok(978_307_199));
    // Only numbers.
    assert_eq!(read("2019-10-01"), Ok(1_569_888_000));
    assert_eq!(read("9223372036854775807"), Err(TimeIssue::Invalid));
}
