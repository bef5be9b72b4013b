//! Tables of pairs, as CSV files.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use lightgcn_core::{BehaviorWeights, BehaviorWeightsConfig, CoreError, Dataset, ItemId, UserId};
use lightgcn_data::inspect::{Side, Warning, dataset_warnings};
use lightgcn_data::{DataError, FutureRows, PairTable, Place, RowIssue};
use tempfile::TempDir;

fn shop() -> BehaviorWeights {
    BehaviorWeightsConfig::shop_log().check().unwrap()
}

fn read_with(text: &str, keep_unseen: bool) -> Result<Dataset, DataError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pairs.csv");
    std::fs::write(&path, text).unwrap();
    let table = PairTable {
        keep_unseen,
        ..PairTable::new(&path)
    };
    table.read(&shop())
}

fn read(text: &str) -> Result<Dataset, DataError> {
    read_with(text, false)
}

#[test]
fn counts_become_weights_and_parts_a_split() {
    let text = "user_id,item_id,n_view,n_purchase,n_cart,last_time,part,other\n\
                ann,x,3,,1,2019-10-01 08:00:00 UTC,train,a\n\
                bob,x,0,2,0,1569916801,train,b\n\
                ann,y,2,,,2019-10-01,train,c\n\
                ann,y,,,,,test,d\n\
                bob,y,,1,,,validation,e\n\
                eve,y,,1,,,test,f\n";
    let dataset = read(text).unwrap();
    let train = dataset.split.train.interactions();
    assert_eq!(dataset.users.iter().collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!(dataset.items.iter().collect::<Vec<_>>(), ["x", "y"]);
    // 3 views and a cart; views alone; 2 purchases, above the ceiling.
    let weights = [0.03 + 0.1, 0.02, 1.0].map(|weight: f64| weight as f32);
    assert_eq!(train.weights(), weights);
    assert_eq!(train.counts(), [3, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2]);
    let times = [1_569_916_800, 1_569_888_000, 1_569_916_801];
    assert_eq!(train.last_times(), times);
    let split = &dataset.split;
    let test: Vec<_> = split.test.truth().iter().collect();
    assert_eq!(test, [(UserId(0), ItemId(1))]);
    assert_eq!(split.test.truth().familiar_of(UserId(0)), [true]);
    assert_eq!(split.validation.truth().n_pairs(), 1);
    let dropped = &dataset.lineage.stages[2].dropped;
    assert_eq!(dropped["user unseen in training"], 1);
    let twice = read(&format!("{text}ann,y,,,,,test,g\n")).unwrap();
    assert_eq!(twice.split.test, dataset.split.test);
    assert_eq!(twice.lineage.stages[2].dropped["repeated pair"], 1);
    // Kept, the unseen user has a row, and a pair to miss.
    let all = read_with(text, true).unwrap();
    assert_eq!(all.users.iter().collect::<Vec<_>>(), ["ann", "bob", "eve"]);
    assert_eq!(all.split.test.truth().n_pairs(), 2);
}

#[test]
fn counts_may_be_written_as_real_numbers() {
    let dataset = read("user_id,item_id,n_view,n_purchase\na,b,3.0,1.00\na,c,,2.0\n").unwrap();
    let train = dataset.split.train.interactions();
    assert_eq!(train.counts(), [3, 0, 0, 1, 0, 0, 0, 2]);
    for count in ["3.5", "3.", ".0", "-3.0", "4294967296.0", "NaN"] {
        let text = format!("user_id,item_id,n_view\na,b,{count}\n");
        assert!(
            matches!(read(&text), Err(DataError::Row { issue: RowIssue::Value { value, .. }, .. })
                if value == count)
        );
    }
}

#[test]
fn weights_may_be_given_and_counts_left_out() {
    let dataset = read("item_id,user_id,weight\n7,10,2.5\n7,9,0.5\n").unwrap();
    let train = dataset.split.train.interactions();
    // Whole numbers ascend.
    assert_eq!(dataset.users.iter().collect::<Vec<_>>(), ["9", "10"]);
    assert_eq!(train.weights(), [0.5, 2.5]);
    assert_eq!(train.behaviors(), ["interaction"]);
    assert_eq!(train.counts(), [1, 1]);
    assert!(train.last_times().is_empty());
    let dataset = read("item_id,user_id\n7,10\n").unwrap();
    assert_eq!(dataset.split.train.interactions().weights(), [1.0]);
}

#[test]
fn half_lives_count_from_the_last_pair() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pairs.csv");
    let rows = "user_id,item_id,n_view,last_time\nu,x,10,2019-10-01\nu,y,10,2019-10-08\n";
    std::fs::write(&path, rows).unwrap();
    let mut weights = BehaviorWeightsConfig::shop_log();
    weights.half_life_days = Some(7.0);
    let dataset = PairTable::new(&path)
        .read(&weights.check().unwrap())
        .unwrap();
    assert_eq!(dataset.split.train.interactions().weights(), [0.05, 0.1]);
}

#[test]
fn bad_rows_are_errors_with_their_line() {
    let issue = |rows: &str| {
        let header = "user_id,item_id,part,weight,n_view,last_time\n";
        match read(&format!("{header}a,b,train,1,1,2019-10-01\n{rows}\n")) {
            Err(DataError::Row {
                at: Place::Line(line),
                issue,
                ..
            }) => (line, issue),
            other => panic!("{rows} must be a bad row, not {other:?}"),
        }
    };
    for (row, bad) in [
        ("a,c,dev,1,1,2019-10-01", "part"),
        ("a,c,train,0,1,2019-10-01", "weight"),
        ("a,c,train,inf,1,2019-10-01", "weight"),
        ("a,c,train,1,-1,2019-10-01", "n_view"),
        ("a,c,train,1,1.5,2019-10-01", "n_view"),
    ] {
        let (line, issue) = issue(row);
        assert_eq!(line, 3);
        assert!(
            matches!(&issue, RowIssue::Value { column, .. } if column == bad),
            "{issue}"
        );
    }
    let (line, nothing) = issue("a,c,train,,0,2019-10-01");
    assert_eq!((line, nothing), (3, RowIssue::NoEvents));
    let (_, id) = issue(",c,train,1,1,2019-10-01");
    assert!(matches!(id, RowIssue::EmptyId { .. }));
    let (_, repeated) = issue("a,b,train,1,1,2019-10-01");
    assert!(
        matches!(repeated, RowIssue::RepeatedPair { user, item } if user == "a" && item == "b")
    );
    let (line, time) = issue("a,c,train,1,1,2019-10-01\na,d,train,1,1,");
    assert_eq!(line, 4);
    assert!(matches!(time, RowIssue::Time { value, .. } if value.is_empty()));
}

#[test]
fn times_of_the_future_are_those_of_logs() {
    let text = "user_id,item_id,last_time\na,b,2019-10-01\na,c,2019-10-02\na,d,2100-01-01\n";
    let read = |future_rows| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("pairs.csv");
        std::fs::write(&path, text).unwrap();
        let table = PairTable {
            future_rows,
            ..PairTable::new(&path)
        };
        table.read(&shop())
    };
    assert!(matches!(
        read(FutureRows::Refuse),
        Err(DataError::Row { at: Place::Line(4), issue: RowIssue::Future { column, .. }, .. })
            if column == "last_time"
    ));
    let capped = read(FutureRows::Cap).unwrap();
    let last = 1_569_974_400;
    let times = |dataset: &Dataset| dataset.split.train.interactions().last_times().to_vec();
    assert_eq!(times(&capped), [last - 86_400, last, last]);
    assert_eq!(capped.lineage.stages[0].missing["time in the future"], 1);
    assert_eq!(times(&read(FutureRows::Keep).unwrap())[2], 4_102_444_800);
}

#[test]
fn columns_under_another_name_are_errors() {
    for (column, wanted) in [
        ("purchase", "n_purchase"),
        ("N_Purchase", "n_purchase"),
        ("Remove from cart", "n_remove_from_cart"),
        ("Part", "part"),
        ("WEIGHT", "weight"),
        ("lastTime", "last_time"),
    ] {
        let error = read(&format!("user_id,item_id,n_view,{column}\na,b,1,1\n")).unwrap_err();
        assert!(
            matches!(&error, DataError::PairColumn { column: lacking, present, .. }
                if lacking == wanted && present[3] == column),
            "{error}"
        );
    }
    // Beside a column of that name, another may be called as it likes.
    let both = read("user_id,item_id,n_view,view\na,b,3,1\n").unwrap();
    assert_eq!(both.split.train.interactions().counts(), [3, 0, 0, 0]);
}

#[test]
fn odd_ids_and_times_are_warned_of() {
    let table = "user_id,item_id,n_view,last_time\n\
                 7,a,1,2019-10-01\n\
                 7.0,a,1,0\n\
                 bob,b,1,2019-10-01\n";
    let warnings = dataset_warnings(&read(table).unwrap());
    assert!(
        matches!(
            &warnings[..],
            [Warning::Spellings { side: Side::User, id, other, ids: 1 }, Warning::Old { .. }]
                if id == "7.0" && other == "7"
        ),
        "{warnings:?}"
    );
    assert_eq!(
        dataset_warnings(&read("user_id,item_id\na,x\nb,y\n").unwrap()),
        []
    );
}

#[test]
fn other_tables_are_errors() {
    for column in ["n_click", "n_views"] {
        let error = read(&format!("user_id,item_id,n_view,{column}\na,b,1,2\n")).unwrap_err();
        assert!(
            matches!(&error, DataError::CountColumn { column: found, known, .. }
                if found == column && known.len() == 4 && known[0] == "view"),
            "{error}"
        );
    }
    let error = read("user,item_id\na,b\n").unwrap_err();
    assert!(
        matches!(error, DataError::PairColumn { column, present, .. }
        if column == "user_id" && present == ["user", "item_id"])
    );
    let error = read("user_id,item_id,part\na,b,test\n").unwrap_err();
    assert!(matches!(error, DataError::NothingToTrain { .. }));
    let error = read("user_id,item_id,part,n_purchase\na,b,train,1\na,b,test,\n").unwrap_err();
    assert!(
        matches!(&error, DataError::PairLeak { user, item, first: "training", second: "test" }
            if user == "a" && item == "b"),
        "{error}"
    );
    for table in ["user_id;item_id\na;b\n", "userId,item_id\na,b\n"] {
        let error = read(table).unwrap_err();
        assert!(
            matches!(&error, DataError::PairColumn { column, .. } if column == "user_id"),
            "{error}"
        );
    }
    let mut weights = BehaviorWeightsConfig::shop_log();
    weights.floor = None;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pairs.csv");
    std::fs::write(&path, "user_id,item_id,n_remove_from_cart\na,b,1\n").unwrap();
    let error = PairTable::new(&path)
        .read(&weights.check().unwrap())
        .unwrap_err();
    assert!(matches!(error, DataError::Core(CoreError::PairWeight { user, .. }) if user == "a"));
}
