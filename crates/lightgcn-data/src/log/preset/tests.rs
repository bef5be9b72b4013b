use super::*;
use crate::{EventLog, Place, RowIssue, behaviors_of, prepare, read_events};
use lightgcn_core::{ItemId, UserId};
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

fn config(preset: LogPreset) -> PrepareConfig {
    let mut config = PrepareConfig::default();
    preset.apply(&mut config);
    config
}

fn files(files: &[(&str, &str)]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let paths = paths.collect();
    (folder, paths)
}

fn read(preset: LogPreset, of: &[(&str, &str)]) -> Result<EventLog, DataError> {
    let (_folder, paths) = files(of);
    let config = config(preset);
    let valid = config.check().unwrap();
    read_events(&paths, &config.read_config(), valid.behaviors())
}

/// User, item, behavior and time of each row.
type Events<'a> = Vec<(&'a str, &'a str, String, i64)>;

fn events_of(preset: LogPreset, log: &EventLog) -> Events<'_> {
    let table = preset.weights();
    let event = |n: usize| {
        let user = log.user_ids().name(UserId(log.users()[n])).unwrap();
        let item = log.item_ids().name(ItemId(log.items()[n])).unwrap();
        let behavior = &table.behaviors[usize::from(log.behaviors()[n])];
        (user, item, behavior.name.clone(), log.times()[n])
    };
    (0..log.n_events()).map(event).collect()
}

#[track_caller]
fn assert_events(preset: LogPreset, of: &[(&str, &str)], expected: &[(&str, &str, &str, i64)]) {
    let log = read(preset, of).unwrap();
    let expected: Events<'_> = expected
        .iter()
        .map(|&(user, item, behavior, time)| (user, item, behavior.to_owned(), time))
        .collect();
    assert_eq!(events_of(preset, &log), expected);
}

/// The issue of the first bad row, and its line.
fn issue(preset: LogPreset, of: &[(&str, &str)]) -> (u64, RowIssue) {
    match read(preset, of) {
        Err(DataError::Row {
            at: Place::Line(line),
            issue,
            ..
        }) => (line, issue),
        other => panic!("expected a bad row, got {other:?}"),
    }
}

#[test]
fn every_preset_is_valid_and_known_by_its_name() {
    for preset in LogPreset::ALL {
        assert!(config(preset).check().is_ok(), "{preset}");
        assert_eq!(preset.name().parse::<LogPreset>().unwrap(), preset);
        let quoted = serde_json::to_string(&preset).unwrap();
        assert_eq!(quoted, format!("\"{preset}\""));
        let written = serde_json::to_string(&preset.format()).unwrap();
        assert_eq!(
            serde_json::from_str::<LogFormat>(&written).unwrap(),
            preset.format()
        );
        let targets = preset.weights().behaviors.into_iter().filter(|b| b.target);
        assert_eq!(targets.count(), 1);
    }
    assert!(matches!(
        "amazon".parse::<LogPreset>(),
        Err(DataError::Config { .. })
    ));
    assert_eq!(config(LogPreset::Rees46), PrepareConfig::default());
}

#[test]
fn retailrocket() {
    let text = "timestamp,visitorid,event,itemid,transactionid\n\
                1433221332117,257597,view,355908,\n\
                1433224214164,992329,addtocart,248676,\n\
                1433222276276,599528,transaction,356475,4000\n";
    let expected = [
        ("257597", "355908", "view", 1_433_221_332),
        ("992329", "248676", "cart", 1_433_224_214),
        ("599528", "356475", "purchase", 1_433_222_276),
    ];
    assert_events(LogPreset::RetailRocket, &[("events.csv", text)], &expected);
}

#[test]
fn otto() {
    let text = "{\"session\":12899779,\"events\":[{\"aid\":59625,\"ts\":1661724000278,\"type\":\"clicks\"},\
         {\"aid\":59625,\"ts\":1661724100999,\"type\":\"carts\"}]}\n\n\
         {\"session\":7,\"events\":[]}\r\n\
         {\"session\": \"s\\u00e9\", \"events\": [{\"type\":\"orders\",\"ts\":1661724200000,\"aid\":8}]}";
    let expected = [
        ("12899779", "59625", "view", 1_661_724_000),
        ("12899779", "59625", "cart", 1_661_724_100),
        ("sé", "8", "purchase", 1_661_724_200),
    ];
    assert_events(LogPreset::Otto, &[("train.jsonl", text)], &expected);
}

#[test]
fn lines_that_are_no_session_are_bad_rows() {
    let good =
        "{\"session\":1,\"events\":[{\"aid\":2,\"ts\":1661724000278,\"type\":\"clicks\"}]}\n";
    let of = |line: &str| {
        issue(
            LogPreset::Otto,
            &[("train.jsonl", &format!("{good}{line}"))],
        )
    };
    let (line, bad) = of("{\"session\":1}\n");
    assert_eq!((line, bad.reason()), (2, "not a session"));
    assert!(
        matches!(bad, RowIssue::Session { character: 13, .. }),
        "{bad}"
    );
    let (_, bad) = of("{\"session\":1,\"events\":[{\"aid\":[],");
    assert!(matches!(bad, RowIssue::Session { .. }));
    let (_, bad) = of("7\n");
    assert!(matches!(bad, RowIssue::Session { .. }));
    let (_, bad) = of("session,aid\n");
    assert!(matches!(bad, RowIssue::Session { character: 1, .. }));
    // Each event of a session names its line.
    let two = "{\"session\":1,\"events\":[{\"aid\":2,\"ts\":1661724000279,\"type\":\"clicks\"},\
               {\"aid\":2,\"ts\":1661724000279,\"type\":\"likes\"}]}";
    let (line, bad) = of(two);
    assert_eq!((line, bad.reason()), (2, "unknown behavior"));
    let mut config = config(LogPreset::Otto);
    config.skip_bad_rows = true;
    let (_folder, paths) = files(&[("a.jsonl", &format!("{{}}\n{good}{two}\nx\n"))]);
    let valid = config.check().unwrap();
    let log = read_events(&paths, &config.read_config(), valid.behaviors()).unwrap();
    assert_eq!(log.n_events(), 2);
    let report = &log.stages()[0];
    assert_eq!((report.rows_in, report.kept), (5, 2));
    assert_eq!(report.dropped["not a session"], 2);
    assert_eq!(report.dropped["unknown behavior"], 1);
}

#[test]
fn taobao_user_behavior() {
    let text = "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,fav,1511561733\n\
                100,1603476,2951233,cart,1511579908\n100,1603476,2951233,buy,1511579999\n";
    let of = [("UserBehavior.csv", text)];
    let expected = [
        ("1", "2268318", "view", 1_511_544_070),
        ("1", "2333346", "favorite", 1_511_561_733),
        ("100", "1603476", "cart", 1_511_579_908),
        ("100", "1603476", "purchase", 1_511_579_999),
    ];
    assert_events(LogPreset::TaobaoUserBehavior, &of, &expected);
    let log = read(LogPreset::TaobaoUserBehavior, &of).unwrap();
    let category = log.catalogue().get(ItemId(2)).category_id;
    assert_eq!(category.as_deref(), Some("2951233"));
    let bad = issue(
        LogPreset::TaobaoUserBehavior,
        &[("UserBehavior.csv", "1,2,3,pv,1511544070\n1,2,3,pv\n")],
    );
    let expected = RowIssue::FieldCount {
        found: 4,
        expected: 5,
    };
    assert_eq!(bad, (2, expected));
}

#[test]
fn movielens_in_its_three_forms() {
    let expected = [
        ("196", "242", "rating", 881_250_949),
        ("186", "302", "like", 891_717_742),
        ("22", "377", "like", 978_300_760),
    ];
    let tabs = "196\t242\t3\t881250949\n186\t302\t4\t891717742\n22\t377\t5\t978300760\n";
    assert_events(LogPreset::MovieLens, &[("u.data", tabs)], &expected);
    let colons = "196::242::3::881250949\n186::302::4::891717742\n22::377::5::978300760\n";
    assert_events(LogPreset::MovieLens, &[("ratings.dat", colons)], &expected);
    let commas = "userId,movieId,rating,timestamp\n196,242,3.5,881250949\n186,302,4.0,891717742\n\
                  22,377,4.5,978300760\n";
    assert_events(LogPreset::MovieLens, &[("ratings.csv", commas)], &expected);
    let (line, bad) = issue(
        LogPreset::MovieLens,
        &[("ratings.dat", "1::2::3::978300760\n1::2::6::978300760\n")],
    );
    assert_eq!(line, 2);
    assert!(
        matches!(&bad, RowIssue::UnknownBehavior { column, value, .. }
            if column == "rating" && value == "6"),
        "{bad}"
    );
}

const ORDERS: &str = "order_id,user_id,eval_set,order_number,order_dow,order_hour_of_day,\
    days_since_prior_order\n\
    30,1,prior,2,3,07,15.0\n10,1,prior,1,2,08,\n20,1,train,3,4,12,21.0\n40,2,prior,1,0,23,\n";

#[test]
fn instacart() {
    let prior = "order_id,product_id,add_to_cart_order,reordered\n10,196,1,0\n30,196,1,1\n\
                 30,10258,2,0\n40,7,1,0\n";
    let train = "order_id,product_id,add_to_cart_order,reordered\n20,46149,1,0\n";
    let (day, hour) = (86_400, 3_600);
    let last = 17_167 * day; // 2017-01-01
    let expected = [
        ("1", "196", "purchase", last - 36 * day + 8 * hour),
        ("1", "196", "purchase", last - 21 * day + 7 * hour),
        ("1", "10258", "purchase", last - 21 * day + 7 * hour),
        ("2", "7", "purchase", last + 23 * hour),
        ("1", "46149", "purchase", last + 12 * hour),
    ];
    let of = [
        ("order_products__prior.csv", prior),
        ("order_products__train.csv", train),
        ("orders.csv", ORDERS),
    ];
    assert_events(LogPreset::Instacart, &of, &expected);
    let log = read(LogPreset::Instacart, &of).unwrap();
    let names: Vec<&str> = log.inputs().iter().map(|i| i.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "orders.csv",
            "order_products__prior.csv",
            "order_products__train.csv"
        ]
    );
    assert_eq!(crate::time::display(last), "2017-01-01 00:00:00 UTC");
    let stages: Vec<(&str, u64)> = log.stages().iter().map(|s| (&*s.stage, s.kept)).collect();
    assert_eq!(stages, [("read", 5), ("orders", 4)]);
}

#[test]
fn instacart_needs_whole_orders() {
    let products = |rows: &str| format!("order_id,product_id,add_to_cart_order,reordered\n{rows}");
    let with = |rows: &str| {
        issue(
            LogPreset::Instacart,
            &[("a.csv", &products(rows)), ("orders.csv", ORDERS)],
        )
    };
    let (line, bad) = with("10,196,1,0\n11,5,1,0\n");
    let order = "11".to_owned();
    assert_eq!((line, bad), (3, RowIssue::UnknownOrder { order }));
    let (_, bad) = with("10,196,1\n");
    let expected = RowIssue::FieldCount {
        found: 3,
        expected: 4,
    };
    assert_eq!(bad, expected);
    let bad_orders = ORDERS.replace("08", "morning");
    let (line, bad) = issue(
        LogPreset::Instacart,
        &[
            ("a.csv", &products("10,1,1,0\n")),
            ("orders.csv", &bad_orders),
        ],
    );
    assert_eq!(line, 3);
    assert!(matches!(bad, RowIssue::Number { column, value }
        if column == "order_hour_of_day" && value == "morning"));
    let alone = read(
        LogPreset::Instacart,
        &[("a.csv", &products("10,196,1,0\n"))],
    );
    assert!(matches!(alone, Err(DataError::Config { .. })));
    let alone = read(LogPreset::Instacart, &[("orders.csv", ORDERS)]);
    assert!(matches!(alone, Err(DataError::Config { .. })));
    let other = [
        ("products.csv", "product_id,aisle_id\n1,2\n"),
        ("orders.csv", ORDERS),
    ];
    assert!(matches!(
        read(LogPreset::Instacart, &other),
        Err(DataError::UnknownLayout { path, .. }) if path.ends_with("products.csv")
    ));
}

#[test]
fn hm() {
    let text = "t_dat,customer_id,article_id,price,sales_channel_id\n\
                2018-09-20,000058a12d,0663713001,0.050830508474576264,2\n\
                2018-09-21,00007d2de8,541518023,0.0305,1\n";
    let expected = [
        ("000058a12d", "0663713001", "purchase", 1_537_401_600),
        ("00007d2de8", "541518023", "purchase", 1_537_488_000),
    ];
    let of = [("transactions_train.csv", text)];
    assert_events(LogPreset::Hm, &of, &expected);
    let log = read(LogPreset::Hm, &of).unwrap();
    assert_eq!(log.catalogue().get(ItemId(1)).price, Some(0.0305));
    let short = format!("{text}2018-09-22,a,b,1\n");
    let expected = RowIssue::FieldCount {
        found: 4,
        expected: 5,
    };
    assert_eq!(issue(LogPreset::Hm, &[("t.csv", &short)]), (4, expected));
    let open = format!("{text}2018-09-22,a,b,1,\"2\n");
    assert!(matches!(
        issue(LogPreset::Hm, &[("t.csv", &open)]).1,
        RowIssue::UnclosedQuote { column: Some(column), .. } if column == "sales_channel_id"
    ));
}

#[test]
fn yoochoose() {
    let clicks = "1,2014-04-07T10:51:09.277Z,214536502,0\n2,2014-04-07T13:56:37.614Z,214662742,S\n";
    let buys = "2,2014-04-07T13:58:00.000Z,214662742,12462,1\n";
    let expected = [
        ("2", "214662742", "purchase", 1_396_879_080),
        ("1", "214536502", "view", 1_396_867_869),
        ("2", "214662742", "view", 1_396_878_997),
    ];
    let of = [
        ("yoochoose-clicks.dat", clicks),
        ("yoochoose-buys.dat", buys),
    ];
    assert_events(LogPreset::YooChoose, &of, &expected);
    let other = read(LogPreset::YooChoose, &[("a.dat", "1,2,3\n")]);
    assert!(matches!(other, Err(DataError::UnknownLayout { .. })));
    let mixed = format!("{clicks}{buys}");
    let expected = RowIssue::FieldCount {
        found: 5,
        expected: 4,
    };
    let found = issue(LogPreset::YooChoose, &[("a.dat", &mixed)]);
    assert_eq!(found, (3, expected));
}

#[test]
fn compressed_files_are_read_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let line =
        "{\"session\":1,\"events\":[{\"aid\":2,\"ts\":1661724000278,\"type\":\"orders\"}]}\n";
    let path = folder.path().join("train.jsonl.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(line.as_bytes()).unwrap();
    gzip.finish().unwrap();
    let other = folder.path().join("test.jsonl");
    let zstd = zstd::encode_all(line.replace("1,", "3,").as_bytes(), 1).unwrap();
    std::fs::write(&other, zstd).unwrap();
    let valid = config(LogPreset::Otto).check().unwrap();
    let read_config = valid.config().read_config();
    let log = read_events(&[path, other], &read_config, valid.behaviors()).unwrap();
    assert_eq!(log.user_ids().iter().collect::<Vec<_>>(), ["3", "1"]);
}

#[test]
fn catalogues_are_tables_with_a_header() {
    let (_folder, paths) = files(&[
        (
            "u.data",
            "1\t2\t5\t881250949\n3\t2\t5\t881250950\n1\t4\t5\t881250951\n3\t4\t5\t881250952\n",
        ),
        (
            "movies.csv",
            "movieId,title,genres\n2,\"Toys, the\",Comedy\n4,x,Drama\n",
        ),
    ]);
    let mut config = config(LogPreset::MovieLens);
    config.catalogue = vec![paths[1].display().to_string()];
    config.split = crate::SplitConfig::None;
    let dataset = prepare(&paths[..1], &config).unwrap();
    assert_eq!(
        dataset.catalogue.get(ItemId(0)).category_code.as_deref(),
        Some("Comedy")
    );
    assert_eq!(dataset.lineage.options["format.form"], "movielens");
}

#[test]
fn behaviors_of_any_form_are_found() {
    let (_folder, paths) = files(&[(
        "transactions_train.csv",
        "t_dat,customer_id,article_id\n2018-09-20,a,b\n",
    )]);
    let read = config(LogPreset::Hm).read_config();
    let table = behaviors_of(&paths, &read, None).unwrap();
    let names: Vec<&str> = table.behaviors.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["purchase"]);
}

proptest! {
    #[test]
    fn sessions_of_otto_come_back_as_they_were(
        sessions in prop::collection::vec((any::<u32>(), prop::collection::vec((any::<u32>(), 0..3usize, 800_000_000..1_700_000_000i64), 0..5)), 1..5),
    ) {
        let labels = ["clicks", "carts", "orders"];
        let names = ["view", "cart", "purchase"];
        let lines = sessions.iter().map(|(session, events)| {
            let events: Vec<_> = events
                .iter()
                .map(|(aid, kind, time)| serde_json::json!({"aid": aid, "ts": time * 1000 + 7, "type": labels[*kind]}))
                .collect();
            format!("{}\n", serde_json::json!({"session": session, "events": events}))
        });
        let (_folder, paths) = files(&[("train.jsonl", &lines.collect::<String>())]);
        let expected: Vec<(String, String, String, i64)> = sessions
            .iter()
            .flat_map(|(session, events)| events.iter().map(move |(aid, kind, time)| {
                (session.to_string(), aid.to_string(), names[*kind].to_owned(), *time)
            }))
            .collect();
        let mut config = config(LogPreset::Otto);
        config.duplicates = crate::Duplicates::Keep;
        let valid = config.check().unwrap();
        match read_events(&paths, &config.read_config(), valid.behaviors()) {
            Ok(log) => {
                let found = events_of(LogPreset::Otto, &log).into_iter();
                let found = found.map(|(u, i, b, t)| (u.to_owned(), i.to_owned(), b, t));
                prop_assert_eq!(found.collect::<Vec<_>>(), expected);
            }
            Err(_) => prop_assert!(expected.is_empty()),
        }
    }
}
