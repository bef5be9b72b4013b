//! Columns in the names of folders.

use super::*;

/// One folder for each behavior, CSV and Parquet in turn, without the column of behaviors.
fn partitioned(folder: &Path, events: &[Event]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (n, behavior) in ["cart", "purchase", "remove_from_cart", "view"]
        .iter()
        .enumerate()
    {
        let of: Vec<usize> = (0..events.len())
            .filter(|&n| events[n].behavior == *behavior)
            .collect();
        let folder = folder.join(format!("event%5Ftype={behavior}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("_SUCCESS"), "").unwrap();
        if n % 2 == 0 {
            let path = folder.join("part-0.csv");
            let mut text = "event_time,product_id,user_id\n".to_owned();
            for &row in &of {
                let Event {
                    time, item, user, ..
                } = &events[row];
                text += &format!("{},{item},{user}\n", lightgcn_data::time::display(*time));
            }
            std::fs::write(&path, text).unwrap();
            files.push(path);
        } else {
            let path = folder.join("part-0.parquet");
            let times = of.iter().map(|&row| Some(events[row].time));
            let items = of.iter().map(|&row| Some(events[row].item));
            let users = of.iter().map(|&row| Some(events[row].user));
            write(
                &path,
                vec![
                    (
                        "event_time",
                        Arc::new(times.collect::<TimestampSecondArray>()),
                    ),
                    ("product_id", Arc::new(items.collect::<Int32Array>())),
                    ("user_id", Arc::new(users.collect::<Int64Array>())),
                ],
            );
            files.push(path);
        }
    }
    files
}

#[test]
fn folders_of_partitions_supply_a_column() {
    let folder = TempDir::new().unwrap();
    let mut events = events();
    let files = partitioned(&folder.path().join("log"), &events);
    let log = read(&[folder.path().join("log")], &ReadConfig::default()).unwrap();
    // The same rows in one CSV file, sorted as the folders are.
    events.sort_by_key(|e| e.behavior);
    let mut text = "event_time,event_type,product_id,user_id\n".to_owned();
    for e in &events {
        let time = lightgcn_data::time::display(e.time);
        text += &format!("{time},{},{},{}\n", e.behavior, e.item, e.user);
    }
    let csv = folder.path().join("log.csv");
    std::fs::write(&csv, text).unwrap();
    assert_same(&log, &read(&[&csv], &ReadConfig::default()).unwrap());
    assert_eq!(log.inputs().len(), 4);
    // The files of a pattern, and the behaviors.
    let pattern = folder.path().join("log/*/part-*");
    assert_eq!(read(&[pattern], &ReadConfig::default()).unwrap(), log);
    let table = behaviors_of(&files, &ReadConfig::default(), None).unwrap();
    let names: Vec<&str> = table.behaviors.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["view", "cart", "remove_from_cart", "purchase"]);
}

#[test]
fn partitions_tell_rows_apart_and_give_way_to_columns() {
    let folder = TempDir::new().unwrap();
    let mut config = ReadConfig::default();
    config.format.event_time = "dt".to_owned();
    for dt in ["2019-10-01", "2019-10-02 10%3A00%3A00"] {
        let folder = folder.path().join(format!("log/dt={dt}/event_type=view"));
        std::fs::create_dir_all(&folder).unwrap();
        // Its own column counts, not the folder's.
        let rows = "event_type,product_id,user_id\ncart,a,u\ncart,a,u\n";
        std::fs::write(folder.join("part.csv"), rows).unwrap();
    }
    let log = read(&[folder.path().join("log")], &config).unwrap();
    assert_eq!(log.times(), [START, START + 34 * 3_600]);
    assert_eq!(log.behaviors(), [1, 1]);
    assert_eq!(log.stages()[0].dropped["exact duplicate"], 2);
    // A partition without a value has no time.
    let none = folder.path().join("none/dt=__HIVE_DEFAULT_PARTITION__");
    std::fs::create_dir_all(&none).unwrap();
    let rows = "event_type,product_id,user_id\ncart,a,u\n";
    std::fs::write(none.join("part.csv"), rows).unwrap();
    let error = read(&[folder.path().join("none")], &config).unwrap_err();
    assert!(matches!(
        error,
        DataError::Row {
            at: Place::Line(2),
            issue: RowIssue::Time { .. },
            ..
        }
    ));
}
