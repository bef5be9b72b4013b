//! Files that are not what they should be, and what their errors advise.

use super::*;

const SHORT: &str = "event_time,event_type,product_id,user_id\n";
const ROWS: &str = "2019-10-01,view,a,u\n2019-10-02,purchase,b,v\n";

#[test]
fn errors_of_headers_say_what_to_do() {
    let advice = |text: &str| match read(text).unwrap_err() {
        DataError::MissingColumn { advice, .. } => advice,
        DataError::UnknownLayout { expected, .. } => expected.to_owned(),
        other => panic!("{text:?} must lack a column, not {other:?}"),
    };
    insta::assert_snapshot!(
        advice(&SHORT.replace(',', ";")),
        @r#"set the format's delimiter to ";""#
    );
    insta::assert_snapshot!(
        advice(&SHORT.to_uppercase()),
        @r#"set the format's "event_time" to "EVENT_TIME""#
    );
    insta::assert_snapshot!(advice(ROWS), @"if the first line is a row, set the format's columns");
    insta::assert_snapshot!(
        advice(&format!("{SHORT}{ROWS}").replace('\n', "\r")),
        @r"its lines end in \r only; convert them with `tr '\r' '\n'`"
    );
    insta::assert_snapshot!(
        advice(r#"{"event_time":"2019-10-01"}"#),
        @"it looks like JSON; convert it to CSV or Parquet"
    );
    insta::assert_snapshot!(
        advice("<!DOCTYPE html>\n<html>"),
        @"it is a web page, perhaps from a failed download; download it again"
    );
    let error = read(&format!("sep=,\n{SHORT}{ROWS}")).unwrap_err();
    assert!(matches!(error, DataError::UnknownLayout { .. }), "{error}");
}

#[test]
fn a_header_between_rows_is_named() {
    let text = format!("{SHORT}{ROWS}{SHORT}2019-10-03,view,a,v\n");
    let error = read(&text).unwrap_err();
    assert!(matches!(
        error,
        DataError::Row {
            at: Place::Line(4),
            issue: RowIssue::Header,
            ..
        }
    ));
    let skip = ReadConfig {
        skip_bad_rows: true,
        ..ReadConfig::default()
    };
    let log = read_with(text.as_bytes(), &skip).unwrap();
    assert_eq!(log.n_events(), 3);
    assert_eq!(log.stages()[0].dropped, [("header".to_owned(), 1)].into());
}

#[test]
fn empty_files_of_a_folder_are_left_out() {
    let whole = format!("{SHORT}{ROWS}");
    let (folder, paths) = files(&[
        ("part-0.csv", whole.as_bytes()),
        ("part-1.csv", b""),
        ("part-2.csv", SHORT.as_bytes()),
    ]);
    let read = |paths: &[PathBuf]| read_events(paths, &ReadConfig::default(), &weights());
    let log = read(&[folder.path().to_owned()]).unwrap();
    assert_eq!((log.n_events(), log.inputs().len()), (2, 2));
    assert_eq!(read(&[folder.path().join("*.csv")]).unwrap().n_events(), 2);
    // Those that are named must have rows.
    assert!(matches!(read(&paths[..2]), Err(DataError::EmptyFile { path }) if path == paths[1]));
    let both = [folder.path().to_owned(), paths[2].clone()];
    assert!(matches!(read(&both), Err(DataError::NoRows { path }) if path == paths[2]));
    // A folder of nothing else has no events.
    std::fs::remove_file(&paths[0]).unwrap();
    let error = read(&[folder.path().to_owned()]).unwrap_err();
    assert!(matches!(error, DataError::NoEvents { .. }), "{error}");
}

#[test]
fn catalogues_that_describe_nothing_are_errors() {
    let log = format!("{SHORT}{ROWS}");
    for (header, missing) in [
        ("product_id,Brand,note", "brand"),
        ("product_id,note", "category_id"),
    ] {
        let items = format!("{header}\na,x,y\n");
        let (_folder, paths) =
            files(&[("log.csv", log.as_bytes()), ("items.txt", items.as_bytes())]);
        let config = ReadConfig {
            catalogue: vec![paths[1].to_string_lossy().into_owned()],
            ..ReadConfig::default()
        };
        let error = read_events(&paths[..1], &config, &weights()).unwrap_err();
        assert!(
            matches!(&error, DataError::MissingColumn { column, .. } if column == missing),
            "{error}"
        );
    }
}
