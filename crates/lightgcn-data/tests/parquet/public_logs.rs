//! Public logs as Parquet, and held-out targets in Parquet files.

use super::*;
use lightgcn_data::LogPreset;

fn config(preset: LogPreset) -> PrepareConfig {
    let mut config = PrepareConfig::default();
    preset.apply(&mut config);
    config
}

fn read_preset<P: AsRef<Path>>(preset: LogPreset, paths: &[P]) -> EventLog {
    let config = config(preset);
    let valid = config.check().unwrap();
    read_events(paths, &config.read_config(), valid.behaviors()).unwrap()
}

fn numbers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn every_row_of_hm_is_a_purchase() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let day: ArrayRef = Arc::new(Date32Array::from(vec![18_170, 18_171]));
    let user: ArrayRef = Arc::new(StringArray::from(vec!["ann", "bob"]));
    let price: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 0.25]));
    let columns = vec![
        ("t_dat", day),
        ("customer_id", user),
        ("article_id", numbers(&[7, 8])),
        ("price", price),
    ];
    write(&at("t.parquet"), columns);
    let text = "t_dat,customer_id,article_id,price\n2019-10-01,ann,7,0.5\n2019-10-02,bob,8,0.25\n";
    std::fs::write(at("t.csv"), text).unwrap();
    let log = read_preset(LogPreset::Hm, &[at("t.parquet")]);
    assert_eq!(
        (log.times(), log.behaviors()),
        (&[START, START + 86_400][..], &[0, 0][..])
    );
    assert_same(&log, &read_preset(LogPreset::Hm, &[at("t.csv")]));
}

#[test]
fn products_of_instacart_find_their_orders() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let days: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(15.0)]));
    let orders = vec![
        ("order_id", numbers(&[10, 30])),
        ("user_id", numbers(&[1, 1])),
        ("order_number", numbers(&[1, 2])),
        ("order_hour_of_day", numbers(&[8, 7])),
        ("days_since_prior_order", days),
    ];
    write(&at("orders.parquet"), orders);
    let products = vec![
        ("order_id", numbers(&[10, 30, 30])),
        ("product_id", numbers(&[196, 196, 5])),
    ];
    write(&at("order_products.parquet"), products);
    let orders = "order_id,user_id,order_number,order_hour_of_day,days_since_prior_order\n\
                  10,1,1,8,\n30,1,2,7,15\n";
    std::fs::write(at("orders.csv"), orders).unwrap();
    let products = "order_id,product_id\n10,196\n30,196\n30,5\n";
    std::fs::write(at("order_products.csv"), products).unwrap();
    let [parquet, csv] = ["parquet", "csv"].map(|kind| {
        let files = ["orders", "order_products"].map(|name| at(&format!("{name}.{kind}")));
        read_preset(LogPreset::Instacart, &files)
    });
    let last = 1_483_228_800; // 2017-01-01
    let first = last - 15 * 86_400 + 8 * 3_600;
    assert_eq!(parquet.times(), [first, last + 7 * 3_600, last + 7 * 3_600]);
    assert_same(&parquet, &csv);
}

#[test]
fn targets_are_held_out_by_parquet_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rows = "2019-10-01,view,1,4\n2019-10-02,purchase,1,4\n2019-10-03,purchase,2,4\n\
                2019-10-03,purchase,1,5\n";
    let log = format!("event_time,event_type,product_id,user_id\n{rows}");
    std::fs::write(at("log.csv"), log).unwrap();
    let pairs = vec![
        ("user_id", numbers(&[4, 5])),
        ("product_id", numbers(&[1, 2])),
    ];
    write(&at("test.parquet"), pairs);
    let config = PrepareConfig {
        split: SplitConfig::Given {
            validation: Vec::new(),
            test: vec![at("test.parquet").display().to_string()],
        },
        ..PrepareConfig::default()
    };
    let dataset = prepare(&[at("log.csv")], &config).unwrap();
    assert_eq!(dataset.split.test.truth().n_pairs(), 2);
    // User 4 keeps the view of item 1 and the purchase of item 2.
    let train = dataset.split.train.interactions();
    assert_eq!((train.n_pairs(), train.n_targets()), (3, 2));
}
