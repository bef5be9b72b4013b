use super::*;
use serde_json::json;
use std::fs;

fn header() -> SearchHeader {
    SearchHeader {
        version: "1".to_owned(),
        unix_time: 1,
        metric: "recall@20".to_owned(),
        seed: 7,
        strategy: "tpe".to_owned(),
        data: "abc".to_owned(),
        space: json!({ "space": { "train.l2": { "low": 0.1, "high": 0.3 } } }),
    }
}

fn trial(number: u32) -> TrialRecord {
    TrialRecord {
        number,
        point: Point::from([("train.l2".to_owned(), json!(0.1 + 0.2))]),
        figure: Some(1.0 / 3.0),
        best_epoch: 10,
        curve: vec![(5, 0.1), (10, 1.0 / 3.0)],
        seconds: 0.7,
        reason: TrialEnd::Finished,
        error: None,
    }
}

/// A folder with a record of two trials.
fn recorded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut log = SearchLog::begin(folder.path(), &header()).unwrap();
    log.write(&trial(1)).unwrap();
    log.write(&trial(2)).unwrap();
    folder
}

#[test]
fn trials_are_read_back_to_the_bit() {
    let folder = recorded();
    let path = folder.path().join(SearchLog::FILE);
    assert_eq!(read_trials(&path).unwrap(), [trial(1), trial(2)]);
    let (mut log, trials) = SearchLog::resume(folder.path(), &header()).unwrap();
    assert_eq!(trials, [trial(1), trial(2)]);
    log.write(&trial(3)).unwrap();
    assert_eq!(read_trials(&path).unwrap().len(), 3);
}

#[test]
fn a_torn_last_line_is_dropped() {
    let folder = recorded();
    let path = folder.path().join(SearchLog::FILE);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let line = whole.len() - first;
    for (length, left) in [
        (whole.len() - 1, 1),
        (whole.len() - 20, 1),
        (first + line / 2, 1),
        (first + 1, 0),
        (first, 0),
        (first - 1, 0),
        (3, 0),
        (0, 0),
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(read_trials(&path).unwrap().len(), left, "{length} bytes");
        let (mut log, trials) = SearchLog::resume(folder.path(), &header()).unwrap();
        assert_eq!(trials.len(), left);
        for number in left as u32 + 1..=2 {
            log.write(&trial(number)).unwrap();
        }
        // Nothing of the torn line is left.
        assert_eq!(fs::read(&path).unwrap(), whole, "{length} bytes");
    }
}

#[test]
fn other_searches_and_damage_are_refused() {
    let folder = recorded();
    let path = folder.path().join(SearchLog::FILE);
    let begun = SearchLog::begin(folder.path(), &header()).unwrap_err();
    assert!(matches!(begun, TrainError::SearchExists { .. }), "{begun}");
    let empty = tempfile::tempdir().unwrap();
    let none = SearchLog::resume(empty.path(), &header()).unwrap_err();
    assert!(matches!(none, TrainError::NoSearch { .. }), "{none}");

    let mut other = header();
    other.seed = 8;
    other.space = json!({});
    other.version = "2".to_owned();
    let error = SearchLog::resume(folder.path(), &other).unwrap_err();
    assert!(matches!(error, TrainError::SearchMismatch { what, .. } if what == ["space", "seed"]));
    let mut other = header();
    other.data = "def".to_owned();
    let error = SearchLog::resume(folder.path(), &other).unwrap_err();
    assert!(matches!(error, TrainError::SearchMismatch { what, .. } if what == ["data"]));
    let mut other = header();
    other.strategy = "random".to_owned();
    let error = SearchLog::resume(folder.path(), &other).unwrap_err();
    assert!(matches!(error, TrainError::SearchMismatch { what, .. } if what == ["strategy"]));

    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (damaged, line) in [
        ([lines[0], &lines[1][..20], lines[2]].join("\n"), 2),
        ([lines[0], lines[2], lines[2]].join("\n"), 2),
        ([lines[1], lines[2], ""].join("\n"), 1),
        ([lines[0], lines[0], lines[1]].join("\n"), 2),
    ] {
        fs::write(&path, damaged).unwrap();
        let error = read_trials(&path).unwrap_err();
        let TrainError::SearchDamaged { line: found, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(found, line);
    }
}
