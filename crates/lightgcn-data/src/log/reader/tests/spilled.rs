use super::*;

/// A row of a log in which times, values and whole rows repeat, some of them bad.
fn row() -> impl Strategy<Value = String> {
    let labels = prop::sample::select(vec!["view", "cart", "purchase", "wish", "ignored"]);
    let brands = prop::sample::select(vec!["", "runail", "irisk", "NULL", "cnd"]);
    let prices = prop::sample::select(vec!["", "1.5", "2", "free", "-1"]);
    let parts = (labels, brands, prices, 0u8..3, 0u8..3, 0i64..2);
    parts.prop_map(|(label, brand, price, item, user, second)| {
        format!("2019-10-01 00:00:0{second} UTC,{label},p{item},1,,{brand},{price},{user},\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_same_log_is_read_whatever_is_held_in_memory(
        rows in prop::collection::vec(row(), 1..120),
        cut in 0usize..120,
        held in 0usize..30,
        future_rows in prop::sample::select(vec![FutureRows::Keep, FutureRows::Cap]),
    ) {
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let parts = [first, second].map(|rows| HEADER.to_owned() + &rows.concat());
        let names = [("a.csv", parts[0].as_bytes()), ("b.csv", parts[1].as_bytes())];
        let (_folder, paths) = files(&names);
        let mut config = ReadConfig {
            skip_bad_rows: true,
            future_rows,
            // The first second is the last that is not in the future.
            now: Some(1_569_888_000 - 86_400),
            ..ReadConfig::default()
        };
        config.format.ignore_behaviors = vec!["ignored".to_owned()];
        let read = |limits: Limits| {
            read_within(limits, &paths, (&config, &weights()), &mut |_| {})
        };
        match (read(Limits { held, blocks: 1 }), read(Limits::default())) {
            (Ok(spilled), Ok(held)) => prop_assert_eq!(spilled, held),
            (Err(DataError::NoEvents { .. }), Err(DataError::NoEvents { .. })) => {}
            (spilled, held) => prop_assert!(false, "{:?} {:?}", spilled, held),
        }
    }
}
