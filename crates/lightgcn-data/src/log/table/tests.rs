use super::*;

#[test]
fn zeros_at_the_end_of_a_price_say_nothing() {
    for (text, n) in [
        ("5.40", Some(1)),
        ("5.0", Some(2)),
        ("50.500", Some(2)),
        ("50", None),
        ("5.4", None),
        ("1.2.0", None),
        ("v1.0", None),
        (".0", None),
        ("", None),
    ] {
        assert_eq!(trailing_zeros(text.as_bytes()), n, "{text}");
    }
}

fn table(text: &str, format: &LogFormat) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, text).unwrap();
    Table::open(&path, format, &Wanted::All).unwrap()
}

/// The line and the fields of each row, or the column with an unclosed quote.
fn rows_with(text: &str, format: &LogFormat) -> Vec<(u64, Vec<String>)> {
    let mut table = table(text, format);
    let mut rows = Vec::new();
    while table.next_row().unwrap() {
        let fields = match table.check_quotes() {
            Ok(()) => {
                let fields = 0..table.fields.ends.len();
                fields.map(|n| table.text(n).unwrap().to_owned()).collect()
            }
            Err(RowIssue::UnclosedQuote { column, field, .. }) => {
                let column = column.unwrap_or_else(|| format!("field {field}"));
                vec![format!("unclosed {column}")]
            }
            Err(other) => panic!("{other}"),
        };
        let Place::Line(line) = table.place() else {
            panic!("rows of a CSV file are lines");
        };
        rows.push((line, fields));
    }
    assert_eq!(table.n_rows(), rows.len() as u64);
    rows
}

fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
    rows_with(text, &LogFormat::default())
}

fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
    (line, fields.iter().map(|&field| field.to_owned()).collect())
}

#[test]
fn lines_are_numbered_with_any_line_ending() {
    let expected = [
        row(2, &["1", "x\"y"]),
        row(3, &["2", "z"]),
        row(6, &["3", ""]),
        row(7, &["4"]),
    ];
    let text = "a,b\n1,\"x\"\"y\"\n2,z\n\n\n3,\n4";
    assert_eq!(rows(text), expected);
    assert_eq!(rows(&format!("{text}\n")), expected);
    assert_eq!(rows(&format!("{text}\n\n")), expected);
    assert_eq!(rows(&format!("\u{feff}{text}")), expected);
    let windows = text.replace('\n', "\r\n");
    assert_eq!(rows(&windows), expected);
    assert_eq!(rows(&format!("{windows}\r\n")), expected);
}

#[test]
fn unclosed_quotes_do_not_swallow_the_next_line() {
    let text =
        "a,b\n\"1,2\n1,\"2\n1,\"2\"x\n1,\"2\" \n1,2\",\n1,\"\"\"\n1,\"\"2\"\"\n1,2,\"3\n1,\"";
    let expected = [
        row(2, &["unclosed a"]),
        row(3, &["unclosed b"]),
        row(4, &["unclosed b"]),
        row(5, &["unclosed b"]),
        row(6, &["1", "2\"", ""]), // a quote within a field is a character
        row(7, &["unclosed b"]),
        row(8, &["unclosed b"]),
        row(9, &["unclosed field 3"]),
        row(10, &["unclosed b"]),
    ];
    assert_eq!(rows(text), expected);
    assert_eq!(rows(&text.replace('\n', "\r\n")), expected);
    let tabs = LogFormat {
        delimiter: '\t',
        ..LogFormat::default()
    };
    assert_eq!(rows_with(&text.replace(',', "\t"), &tabs), expected);
    let plain = LogFormat {
        quoting: false,
        ..LogFormat::default()
    };
    let lines = rows_with(text, &plain);
    assert_eq!(lines[0], row(2, &["\"1", "2"]));
    assert_eq!(lines[6], row(8, &["1", "\"\"2\"\""]));
    assert_eq!(lines.len(), 9);
}

#[test]
fn closed_quotes_are_removed() {
    let text = "a,b,c\n\"\",\"x,y\",\"\"\"\"\n1,\"\",\"é\"";
    let expected = [row(2, &["", "x,y", "\""]), row(3, &["1", "", "é"])];
    assert_eq!(rows(text), expected);
}

#[test]
fn digests_ignore_line_endings_and_quotes() {
    let digests = |text: &str| {
        let mut table = table(text, &LogFormat::default());
        let mut digests = Vec::new();
        while table.next_row().unwrap() {
            digests.push(table.digest(None));
        }
        digests
    };
    let unix = digests("a,b\n1,2\n1,\n\"1,2\",3\n1,\"2,3\"\n1,2,3\n");
    let windows = "a,b\r\n1,2\r\n\"1\",\r\n\"1,2\",\"3\"\r\n1,\"2,3\"\r\n1,\"2\",3";
    assert_eq!(unix, digests(windows));
    let distinct: std::collections::HashSet<_> = unix.iter().collect();
    assert_eq!(distinct.len(), 5);
}

#[test]
fn files_without_a_header_and_a_behavior() {
    let format = LogFormat {
        columns: ["when", "who", "what"].map(str::to_owned).into(),
        behavior: Some("purchase".to_owned()),
        ..LogFormat::default()
    };
    let expected = [
        row(2, &["1", "a,b", "c"]),
        row(3, &["2", "", ""]),
        row(4, &["unclosed what"]),
    ];
    let text = "\n1,\"a,b\",c\n2,,\n3,a,\"b\n";
    assert_eq!(rows_with(text, &format), expected);
    assert_eq!(rows_with(&format!("\u{feff}{text}"), &format), expected);
    let mut table = table(text, &format);
    let positions = ["when", "what", "event_type"].map(|name| table.optional(name).unwrap());
    assert_eq!(positions, [Some(0), Some(2), Some(3)]);
    assert!(table.next_row().unwrap() && table.check_shape().is_ok());
    assert_eq!(table.text(3), Ok("purchase"));
}
