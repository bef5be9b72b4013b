use crate::{DataError, LogPreset, Place, PrepareConfig, RowIssue, SplitConfig, prepare};
use lightgcn_core::{Dataset, StageReport};
use std::path::Path;

const HEADER: &str = "event_time,event_type,product_id,user_id\n";

/// Ann saw a, b and c and bought a and b; bob bought a, b and c; cid saw a.
const LOG: &str = "2019-10-01,view,a,ann\n2019-10-02,purchase,a,ann\n2019-10-03,view,b,ann\n\
    2019-10-04,purchase,b,ann\n2019-10-05,purchase,b,ann\n2019-10-06,view,c,ann\n\
    2019-10-01,purchase,a,bob\n2019-10-02,purchase,b,bob\n2019-10-03,purchase,c,bob\n\
    2019-10-03,view,a,cid\n";

/// Prepares the log with these files of validation and test targets.
fn prepared_with(
    validation: Option<&str>,
    test: &str,
    change: impl Fn(&mut PrepareConfig),
) -> Result<Dataset, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let log = write("log.csv", &format!("{HEADER}{LOG}"));
    let mut config = PrepareConfig {
        split: SplitConfig::Given {
            validation: validation
                .map(|text| write("validation.csv", text))
                .into_iter()
                .collect(),
            test: vec![write("test.csv", test)],
        },
        ..PrepareConfig::default()
    };
    change(&mut config);
    prepare(&[log], &config)
}

fn prepared(validation: Option<&str>, test: &str) -> Result<Dataset, DataError> {
    prepared_with(validation, test, |_| {})
}

/// The pairs by their ids.
fn names(
    dataset: &Dataset,
    pairs: impl Iterator<Item = (lightgcn_core::UserId, lightgcn_core::ItemId)>,
) -> Vec<String> {
    let name = |(user, item)| {
        let user = dataset.users.name(user).unwrap();
        format!("{user}-{}", dataset.items.name(item).unwrap())
    };
    pairs.map(name).collect()
}

fn stage<'a>(dataset: &'a Dataset, name: &str) -> &'a StageReport {
    let stages = &dataset.lineage.stages;
    stages.iter().find(|stage| stage.stage == name).unwrap()
}

#[test]
fn targets_of_held_out_pairs_leave_training_and_the_rest_stays() {
    let dataset = prepared(
        Some("user_id,product_id\nbob,c\nann,c\n"),
        "product_id,user_id\nb,ann\nb,ann\na,dan\nx,bob\n",
    )
    .unwrap();
    let split = &dataset.split;
    assert_eq!(names(&dataset, split.test.truth().iter()), ["ann-b"]);
    let ann = dataset.users.get("ann").unwrap();
    assert_eq!(split.test.truth().familiar_of(ann), [true]);
    let validation = split.validation.truth();
    assert_eq!(names(&dataset, validation.iter()), ["ann-c", "bob-c"]);

    // Ann's view of b stays, her two purchases of it and bob's of c do not.
    let train = split.train.interactions();
    let pairs = train.iter().map(|pair| (pair.user, pair.item));
    let pairs: Vec<String> = names(&dataset, pairs);
    assert_eq!(
        pairs,
        ["ann-a", "ann-b", "ann-c", "bob-a", "bob-b", "cid-a"]
    );
    let b = train.find(ann, dataset.items.get("b").unwrap()).unwrap();
    assert_eq!(train.counts_of(b), [1, 0, 0, 0]);

    let events = stage(&dataset, "split");
    assert_eq!((events.rows_in, events.kept), (10, 7));
    assert_eq!(events.dropped["target of a test pair"], 2);
    assert_eq!(events.dropped["target of a validation pair"], 1);
    let test = stage(&dataset, "test");
    assert_eq!((test.rows_in, test.kept), (4, 1));
    assert_eq!(test.dropped["repeated pair"], 1);
    assert_eq!(test.dropped["user unseen in training"], 1);
    assert_eq!(test.dropped["item unseen in training"], 1);
    assert!(dataset.lineage.stages.iter().all(StageReport::balances));
    let inputs: Vec<&str> = dataset.lineage.inputs.iter().map(|i| &*i.name).collect();
    assert_eq!(inputs, ["log.csv", "validation.csv", "test.csv"]);
    assert_eq!(dataset.lineage.options["split.kind"], "given");
}

#[test]
fn items_that_only_held_out_users_bought_are_unseen() {
    // Without bob's purchase of c and ann's view of it, c would be gone; cid is known by a view.
    let dataset = prepared(None, "user_id,product_id\nbob,c\ncid,b\n").unwrap();
    assert_eq!(
        names(&dataset, dataset.split.test.truth().iter()),
        ["bob-c", "cid-b"]
    );
    assert!(dataset.split.validation.truth().is_empty());
    let bob = dataset.users.get("bob").unwrap();
    assert_eq!(dataset.split.test.truth().familiar_of(bob), [false]);
}

#[test]
fn of_log_rows_only_targets_count() {
    let test = format!(
        "{HEADER}2019-11-01,view,a,bob\n2019-11-01,purchase,c,ann\n2019-11-01,purchase,c,ann\n"
    );
    let dataset = prepared(None, &test).unwrap();
    assert_eq!(
        names(&dataset, dataset.split.test.truth().iter()),
        ["ann-c"]
    );
    let report = stage(&dataset, "test");
    assert_eq!(report.dropped["not a target"], 1);
    assert_eq!(report.dropped["repeated pair"], 1);
    // The log has no target of that pair.
    assert!(stage(&dataset, "split").dropped.is_empty());
}

#[test]
fn a_pair_of_both_parts_is_an_error_with_its_line() {
    let error = prepared(
        Some("user_id,product_id\nann,c\nann,b\n"),
        "user_id,product_id\nbob,c\n\nann,b\n",
    )
    .unwrap_err();
    let DataError::PairOverlap {
        path,
        line,
        user,
        item,
        other,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((line, &*user, &*item), (4, "ann", "b"));
    let is_named = |path: &Path, name: &str| path.file_name().is_some_and(|file| file == name);
    assert!(is_named(&path, "test.csv") && is_named(&other, "validation.csv"));
}

#[test]
fn bad_files_are_errors() {
    let test = format!("{HEADER}2019-11-01,wish,a,bob\n");
    assert!(matches!(
        prepared(None, &test),
        Err(DataError::Row {
            at: Place::Line(2),
            issue: RowIssue::UnknownBehavior { .. },
            ..
        })
    ));
    assert!(matches!(
        prepared(None, "user_id,product_id\nann,b\nann\n"),
        Err(DataError::Row {
            at: Place::Line(3),
            issue: RowIssue::FieldCount {
                found: 1,
                expected: 2
            },
            ..
        })
    ));
    assert!(matches!(
        prepared(None, "user,item\nann,b\n"),
        Err(DataError::MissingColumn { column, .. }) if column == "user_id"
    ));
    assert!(matches!(
        prepared(None, "user_id,product_id\ndan,b\n"),
        Err(DataError::NothingToTest { .. })
    ));
    let none = prepared_with(None, "", |config| {
        let (validation, test) = (Vec::new(), Vec::new());
        config.split = SplitConfig::Given { validation, test };
    });
    assert!(matches!(none, Err(DataError::Config { issues }) if issues.len() == 1));
    let skipped = prepared_with(None, "user_id,product_id\nann,b\nann\n", |config| {
        config.skip_bad_rows = true;
    });
    let skipped = skipped.unwrap();
    assert_eq!(stage(&skipped, "test").dropped["wrong number of fields"], 1);
}

#[test]
fn files_have_the_form_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let base = write(
        "u1.base",
        "1\t2\t5\t881250949\n2\t3\t4\t881250949\n2\t2\t3\t881250950\n",
    );
    let test = write("u1.test", "1\t3\t4\t881250951\n2\t2\t2\t881250952\n");
    let mut config = PrepareConfig::default();
    LogPreset::MovieLens.apply(&mut config);
    config.split = SplitConfig::Given {
        validation: Vec::new(),
        test: vec![test],
    };
    let dataset = prepare(&[base], &config).unwrap();
    assert_eq!(names(&dataset, dataset.split.test.truth().iter()), ["1-3"]);
}

#[test]
fn a_config_file_names_the_files() {
    let config: PrepareConfig =
        toml::from_str("[split]\nkind = 'given'\ntest = ['test.csv']").unwrap();
    let expected = SplitConfig::Given {
        validation: Vec::new(),
        test: vec!["test.csv".to_owned()],
    };
    assert_eq!(config.split, expected);
}
