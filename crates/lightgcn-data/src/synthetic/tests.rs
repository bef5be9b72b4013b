//! Tests of the whole generator, and of the statistics on a log made by hand.

use super::*;
use crate::DataError;
use proptest::prelude::*;

fn shop(n_events: u64, seed: u64) -> ShopConfig {
    ShopConfig {
        n_events,
        seed,
        ..ShopConfig::default()
    }
}

fn log(config: &ShopConfig) -> (String, ShopSummary) {
    let mut out = Vec::new();
    let summary = generate(&config.check().unwrap(), &mut out, |_| {}).unwrap();
    (String::from_utf8(out).unwrap(), summary)
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (first, summary) = log(&shop(5_000, 1));
    let (again, summary_again) = log(&shop(5_000, 1));
    assert!(first == again);
    assert_eq!(summary, summary_again);
    assert!(first != log(&shop(5_000, 2)).0);
}

#[test]
fn rows_have_the_nine_columns_in_order_of_time() {
    let (log, _) = log(&shop(3_000, 3));
    let mut lines = log.lines();
    assert_eq!(
        lines.next(),
        Some(
            "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,\
             user_session"
        )
    );
    let mut last = String::new();
    let mut n = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 9, "{line}");
        assert!(fields[0] >= last.as_str(), "{line} after {last}");
        assert!(("2019-10-01 00:00:00 UTC".."2020-03-01").contains(&fields[0]));
        assert_eq!(fields[0].len(), 23);
        assert!(BEHAVIORS.contains(&fields[1]));
        assert!(fields[2].parse::<u64>().is_ok() && fields[3].parse::<u64>().is_ok());
        assert!(fields[6].parse::<f64>().unwrap() >= 0.0);
        assert!(fields[7].parse::<u64>().is_ok());
        assert_eq!(fields[8].len(), 36);
        last = fields[0].to_owned();
        n += 1;
    }
    assert_eq!(n, 3_000);
}

#[test]
fn the_summary_tells_what_is_in_the_log() {
    let (log, summary) = log(&shop(20_000, 4));
    let measured = statistics(log.as_bytes()).unwrap();
    assert_eq!(measured.rows, summary.rows);
    assert_eq!(measured.users, summary.users);
    assert_eq!(measured.items, summary.items);
    assert_eq!(measured.sessions, summary.sessions);
    let counted: Vec<(String, u64)> = summary
        .by_behavior()
        .map(|(label, n)| (label.to_owned(), n))
        .collect();
    assert_eq!(measured.behaviors, counted);
    // Chance repeats within a second are on top of the planned duplicates.
    let planned = summary.duplicates as f64 / summary.rows as f64;
    assert!(measured.duplicates >= planned && measured.duplicates < planned + 0.02);
}

#[test]
fn the_quickstart_shop_has_the_real_logs_proportions() {
    let config = ShopConfig::default();
    let (log, _) = log(&config);
    let s = statistics(log.as_bytes()).unwrap();
    assert_eq!(s.rows, 200_000);
    let near = |name: &str, found: f64, wanted: f64, tolerance: f64| {
        assert!(
            (found - wanted).abs() <= tolerance,
            "{name}: {found}, not {wanted}"
        );
    };
    for (label, share) in BEHAVIORS.iter().zip(config.behavior_shares) {
        near(label, s.behavior_share(label), share, 0.02);
    }
    near("duplicates", s.duplicates, 0.058, 0.006);
    near("brand missing", s.brand_missing, 0.423, 0.05);
    near(
        "category code missing",
        s.category_code_missing,
        0.983,
        0.01,
    );
    near("rows per user", s.events_per_user.mean, 12.62, 0.1);
    near("sessions per user", s.sessions_per_user.mean, 2.77, 0.2);
    near("users with a cart", s.users_with_cart, 0.243, 0.04);
    near("buyers", s.users_with_purchase, 0.0674, 0.01);
    near("repeat buyers", s.repeat_buyers.unwrap(), 0.211, 0.03);
    near(
        "sessions with a cart",
        s.sessions_with_cart.unwrap(),
        0.217,
        0.02,
    );
    near(
        "sessions with a purchase",
        s.sessions_with_purchase.unwrap(),
        0.034,
        0.005,
    );
    near("median price", s.price.p50, 3.97, 0.8);
    // Purchases mostly come of carts, and users keep to their tastes, also from day to day.
    assert!(s.purchases_after_cart.unwrap() > 0.5);
    assert!(s.structure.category_lift.unwrap() > 5.0);
    assert!(s.structure.category_lift_across_days.unwrap() > 3.0);
    assert!(s.structure.overlap_lift.unwrap() > 1.3);
}

#[test]
fn without_taste_there_is_no_structure() {
    let mut config = shop(50_000, 5);
    config.taste.popularity_share = 1.0;
    config.taste.stay_share = 0.0;
    config.taste.style_preference = 1.0;
    let s = statistics(log(&config).0.as_bytes()).unwrap().structure;
    assert!((s.category_lift.unwrap() - 1.0).abs() < 0.15, "{s:?}");
    assert!(
        (s.category_lift_across_days.unwrap() - 1.0).abs() < 0.15,
        "{s:?}"
    );
}

#[test]
fn the_configured_shares_are_followed() {
    let config = ShopConfig {
        behavior_shares: [0.6, 0.25, 0.1, 0.05],
        brand_missing: 0.0,
        category_code_missing: 1.0,
        duplicate_shares: [0.0; 4],
        ..shop(50_000, 6)
    };
    let (log, summary) = log(&config);
    assert_eq!(summary.duplicates, 0);
    let s = statistics(log.as_bytes()).unwrap();
    for (label, share) in BEHAVIORS.iter().zip(config.behavior_shares) {
        let found = s.behavior_share(label);
        assert!((found - share).abs() < 0.02, "{label}: {found}");
    }
    assert_eq!((s.brand_missing, s.category_code_missing), (0.0, 1.0));
}

#[test]
fn files_are_whole_and_compressed_by_their_extension() {
    use std::io::Read;
    let folder = tempfile::tempdir().unwrap();
    let config = shop(2_000, 7);
    let checked = config.check().unwrap();
    let (expected, _) = log(&config);
    let write = |name: &str| {
        let path = folder.path().join(name);
        let mut told = 0;
        generate_to_path(&checked, &path, |rows| told = rows).unwrap();
        assert_eq!(told, 2_000);
        std::fs::read(path).unwrap()
    };
    assert!(write("log.csv") == expected.as_bytes());
    let mut text = String::new();
    let gz = write("log.csv.gz");
    flate2::read::GzDecoder::new(gz.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text == expected);
    assert!(
        write("log.csv.gz") == gz,
        "the compressed bytes are the same, too"
    );
    let zst = zstd::decode_all(write("log.csv.zst").as_slice()).unwrap();
    assert!(zst == expected.as_bytes());
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "nothing but the three files is left");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("log.csv");
    let error = generate_to_path(&shop(10, 1).check().unwrap(), &path, |_| {}).unwrap_err();
    assert!(matches!(error, DataError::Write { path: ref named, .. } if *named == path));
}

#[test]
fn a_writer_that_fails_stops_the_generator() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = generate(&shop(10, 1).check().unwrap(), &mut Full, |_| {}).unwrap_err();
    assert!(matches!(error, DataError::WriteLog { .. }));
}

#[test]
fn all_issues_of_a_config_are_listed() {
    let mut config = ShopConfig {
        n_events: 0,
        n_items: Some(1),
        behavior_shares: [0.5, 0.5, 0.5, 0.5],
        brand_missing: 1.5,
        median_price: f64::NAN,
        ..ShopConfig::default()
    };
    config.taste.styles = 0;
    config.taste.style_preference = 0.5;
    config.funnel.session_exponent = 1.0;
    config.funnel.never_carted_share = 1.0;
    config.funnel.carts = [f64::INFINITY, 1.0];
    let Err(DataError::Config { issues }) = config.check() else {
        panic!("the config has issues");
    };
    for name in [
        "n_events",
        "n_items",
        "behavior_shares",
        "brand_missing",
        "median_price",
        "taste.styles",
        "taste.style_preference",
        "funnel.session_exponent",
        "funnel.never_carted_share",
        "funnel.carts",
    ] {
        assert!(
            issues.iter().any(|f| f.starts_with(name)),
            "{name}: {issues:?}"
        );
    }
    let Err(DataError::Config { issues }) = (ShopConfig {
        n_users: Some(200_001),
        n_communities: Some(100_000),
        ..ShopConfig::default()
    })
    .check() else {
        panic!("more users than events");
    };
    assert_eq!(issues.len(), 2, "{issues:?}");
}

#[test]
fn a_config_is_read_from_its_written_form() {
    let text = "n_events = 1000\nseed = 9\n[taste]\nstyles = 4\n[funnel]\nuntracked_share = 0.0\n";
    let config: ShopConfig = toml::from_str(text).unwrap();
    assert_eq!((config.n_events, config.taste.styles), (1_000, 4));
    assert_eq!(config.funnel.carts, FunnelConfig::default().carts);
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<ShopConfig>(&written).unwrap(), config);
    assert!(toml::from_str::<ShopConfig>("n_event = 1").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_size_has_exactly_its_rows(
        n_events in 1u64..3_000,
        users in 0.0f64..=1.0,
        n_items in 2u64..500,
        seed: u64,
    ) {
        let n_users = 1 + (users * (n_events - 1) as f64) as u64;
        let config = ShopConfig {
            n_users: Some(n_users),
            n_items: Some(n_items),
            n_communities: Some(1),
            ..shop(n_events, seed)
        };
        let (log, summary) = log(&config);
        prop_assert_eq!(summary.rows, n_events);
        prop_assert_eq!(log.lines().count() as u64, n_events + 1);
        prop_assert!(summary.users <= n_users);
        prop_assert!(summary.items <= n_items);
        prop_assert_eq!(summary.behaviors.iter().sum::<u64>(), n_events);
    }
}

/// Ann views and carts 1, buys 1 and 2 in a second session; bob views 1 twice, the same second.
const BY_HAND: &str = "\
event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 10:00:00 UTC,view,1,a,,runo,2.00,ann,s1
2019-10-01 10:01:00 UTC,cart,1,a,,runo,2.00,ann,s1
2019-10-02 10:00:00 UTC,purchase,1,a,,runo,2.00,ann,s2
2019-10-02 10:00:00 UTC,purchase,2,b,x.y,,0.00,ann,s2
2019-10-02 11:00:00 UTC,view,1,a,,runo,2.00,bob,s3
2019-10-02 11:00:00 UTC,view,1,a,,runo,2.00,bob,s3
2019-10-02 11:05:00 UTC,wish,3,a,,runo,4.00,bob,
2019-10-03 11:05:00 UTC,view,1,a,,runo,2.00,ann,s4
";

#[test]
fn statistics_of_a_log_made_by_hand_are_exact() {
    let s = statistics(BY_HAND.as_bytes()).unwrap();
    assert_eq!((s.rows, s.users, s.items, s.sessions), (8, 2, 3, 4));
    let behaviors: Vec<(&str, u64)> = s.behaviors.iter().map(|(l, n)| (l.as_str(), *n)).collect();
    assert_eq!(
        behaviors,
        [("view", 4), ("cart", 1), ("purchase", 2), ("wish", 1)]
    );
    assert_eq!(s.behavior_share("view"), 0.5);
    assert_eq!(s.behavior_share("remove_from_cart"), 0.0);
    // Ann has 5 rows, bob 3; ann met items 1 and 2, bob 1 and 3: four pairs.
    let q = s.events_per_user;
    assert_eq!(
        (q.mean, q.p25, q.p50, q.p75, q.max),
        (4.0, 3.0, 3.0, 5.0, 5.0)
    );
    assert_eq!(s.items_per_user.mean, 2.0);
    assert_eq!(s.events_per_pair, 2.0);
    assert_eq!(s.sessions_per_user.mean, 2.0);
    // Sessions of 2, 2, 2 and 1 rows; items of 6, 1 and 1.
    assert_eq!(s.events_per_session.mean, 7.0 / 4.0);
    assert_eq!((s.events_per_item.p50, s.events_per_item.max), (1.0, 6.0));
    assert_eq!(s.top_item_share, 0.75);
    assert_eq!((s.users_with_cart, s.users_with_purchase), (0.5, 0.5));
    assert_eq!(s.sessions_with_view, Some(0.75));
    assert_eq!(s.sessions_with_cart, Some(0.25));
    assert_eq!(s.sessions_with_purchase, Some(0.25));
    assert_eq!(s.purchases_per_purchase_session, Some(2.0));
    assert_eq!(s.repeat_buyers, Some(0.0));
    assert_eq!(s.purchases_after_view, Some(0.5));
    assert_eq!(s.purchases_after_cart, Some(0.5));
    assert_eq!(s.purchases_after_either, Some(0.5));
    assert_eq!(s.carts_after_view, Some(1.0));
    assert_eq!(s.views_after_cart, Some(0.25));
    assert_eq!(s.duplicates, 1.0 / 8.0);
    assert_eq!(s.brand_missing, 1.0 / 8.0);
    assert_eq!(s.category_code_missing, 7.0 / 8.0);
    assert_eq!(s.price_zero, 1.0 / 8.0);
    assert_eq!((s.price.mean, s.price.p50, s.price.max), (2.0, 2.0, 4.0));
    assert_eq!(s.zipf_exponent, None);
    // Ann's couple of items disagrees in category, bob's agrees; of four pairs three are in a.
    let lift = 0.5 / (9.0 / 16.0 + 1.0 / 16.0);
    assert!((s.structure.category_lift.unwrap() - lift).abs() < 1e-12);
}

#[test]
fn the_zipf_exponent_of_a_planted_law_is_found() {
    let mut log = String::from("event_time,event_type,product_id,user_id\n");
    for item in 1..=200u32 {
        let rows = (20_000.0 / f64::from(item).powf(0.8)).round() as u32;
        for n in 0..rows {
            log.push_str(&format!("2019-10-01,view,{item},{n}\n"));
        }
    }
    let s = statistics(log.as_bytes()).unwrap();
    assert!(
        (s.zipf_exponent.unwrap() - 0.8).abs() < 0.001,
        "{:?}",
        s.zipf_exponent
    );
}

#[test]
fn logs_that_cannot_be_measured_say_why() {
    let error = statistics("event_time,event_type,user_id\n".as_bytes()).unwrap_err();
    assert!(
        matches!(&error, DataError::Statistics { reason } if reason.contains("product_id")),
        "{error}"
    );
    let short = "event_time,event_type,product_id,user_id\n2019-10-01,view\n";
    let error = statistics(short.as_bytes()).unwrap_err();
    assert!(
        matches!(&error, DataError::Statistics { reason } if reason.contains("line: 2")),
        "{error}"
    );
    for rows in [
        "1,view,\"7,a\n1,view,\"8,b\n1,view,9,a\n",
        "1,view,7,\"a\n1,view,8,b\n",
    ] {
        let unclosed = format!("event_time,event_type,product_id,user_id\n1,view,7,a\n{rows}");
        let error = statistics(unclosed.as_bytes()).unwrap_err();
        assert!(
            matches!(&error, DataError::Statistics { reason } if reason.starts_with("line 3 ")),
            "{error}"
        );
    }
    let empty = statistics("event_time,event_type,product_id,user_id\n".as_bytes()).unwrap();
    assert_eq!((empty.rows, empty.duplicates), (0, 0.0));
    assert_eq!(empty.purchases_after_cart, None);
}

#[test]
fn month_openings_are_the_first_rows_of_each_month() {
    let mut out = Vec::new();
    let log = "event_time,n\n2019-10-01,1\n2019-10-02,2\n2019-10-03,3\n2019-11-01,4\n";
    month_openings(log.as_bytes(), 2, &mut out).unwrap();
    assert_eq!(
        out,
        b"event_time,n\n2019-10-01,1\n2019-10-02,2\n2019-11-01,4\n"
    );
    assert!(month_openings("n\n1\n".as_bytes(), 2, &mut out).is_err());
}

#[test]
fn the_table_has_a_column_for_each_log() {
    let s = statistics(BY_HAND.as_bytes()).unwrap();
    let table = markdown_table(&[("one", &s), ("two", &s)]);
    assert!(table.starts_with("| statistic | one | two |\n|---|---:|---:|\n| rows | 8 | 8 |\n"));
    assert!(table.contains("| `view` rows | 50.00 % | 50.00 % |\n"));
    assert!(table.contains("| rows per user | 4.00: 3 / 3 / 5 / 5 / 5 / 5 | 4.00: "));
    assert!(table.lines().all(|line| line.matches('|').count() == 4));
}

#[test]
fn compressed_logs_are_measured() {
    use std::io::Write;

    let text = "event_time,event_type,product_id,user_id\n1,view,7,a\n";
    let plain = statistics(text.as_bytes()).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv.gz");
    std::fs::write(&path, &gzip).unwrap();
    assert_eq!(file_statistics(&path).unwrap(), plain);
    std::fs::write(&path, &gzip[..gzip.len() - 4]).unwrap();
    let error = file_statistics(&path).unwrap_err();
    assert!(
        matches!(error, DataError::Compressed { format: "gzip", .. }),
        "{error}"
    );
    let error = file_statistics(folder.path().join("gone.csv")).unwrap_err();
    assert!(matches!(error, DataError::Open { .. }), "{error}");
}
