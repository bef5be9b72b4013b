//! What is probably wrong with a file that lacks a column.

use crate::time;

/// Common delimiters, and how to write them in a configuration.
const DELIMITERS: [(char, &str); 4] = [(',', ","), (';', ";"), ('\t', "\\t"), ('|', "|")];

/// Prefixes of files that are not tables, in lower case, with hints.
const NO_TABLES: [(&str, &str); 6] = [
    ("{", JSON),
    ("[", JSON),
    ("<!doctype", WEB_PAGE),
    ("<html", WEB_PAGE),
    (
        "version https://git-lfs",
        "it is a Git LFS pointer; run `git lfs pull`",
    ),
    (
        "sep=",
        "its first line declares a delimiter for spreadsheets; remove the line, and set the \
        format's delimiter",
    ),
];

const JSON: &str = "it looks like JSON; convert it to CSV or Parquet";
const WEB_PAGE: &str = "it is a web page, perhaps from a failed download; download it again";

/// Why a first line is not a table's header, and what to do about it.
pub(super) fn no_header(line: &[u8]) -> Option<&'static str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.trim_ascii_end();
    let begins = |start: &str| {
        let head = line.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
    };
    if let Some((_, advice)) = NO_TABLES.iter().find(|(start, _)| begins(start)) {
        return Some(advice);
    }
    if line.contains(&0) {
        return Some("it has NUL bytes; if it is UTF-16, convert it to UTF-8");
    }
    let has_return = line.contains(&b'\r') && !line.contains(&b'"');
    has_return.then_some("its lines end in \\r only; convert them with `tr '\\r' '\\n'`")
}

/// The header's name for `column`: equal except for case and punctuation.
pub(crate) fn similar<'a>(header: &'a [String], column: &str) -> Option<&'a String> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let column = plain(column);
    header.iter().find(|name| plain(name) == column)
}

/// The delimiter, as written in a configuration, that would split a one-column header so that it
/// has `column`.
pub(crate) fn delimiter(header: &[String], column: &str) -> Option<&'static str> {
    let [only] = header else {
        return None;
    };
    let splits = |c: char| only.contains(c) && only.split(c).any(|name| name.trim() == column);
    let found = DELIMITERS.iter().find(|(c, _)| splits(*c));
    found.map(|(_, written)| *written)
}

/// What to do about a header that lacks `column`, which the format's `option` names.
pub(super) fn advice(header: &[String], column: &str, option: &str) -> String {
    if let Some(name) = similar(header, column) {
        return format!("set the format's {option:?} to {name:?}");
    }
    if let Some(delimiter) = delimiter(header, column) {
        return format!("set the format's delimiter to \"{delimiter}\"");
    }
    if header
        .iter()
        .any(|name| time::parse(name.as_bytes()).is_some())
    {
        return "if the first line is a row, set the format's columns".to_owned();
    }
    format!("set the format's {option:?} to the right column, or check the delimiter")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn headers_that_lack_a_column_say_why() {
        let advice = |header: &[&str]| advice(&names(header), "user_id", "user_id");
        insta::assert_snapshot!(
            advice(&["EVENT_TIME", "USER_ID"]),
            @r#"set the format's "user_id" to "USER_ID""#
        );
        insta::assert_snapshot!(
            advice(&["userId"]),
            @r#"set the format's "user_id" to "userId""#
        );
        insta::assert_snapshot!(
            advice(&["event_time;user_id"]),
            @r#"set the format's delimiter to ";""#
        );
        insta::assert_snapshot!(
            advice(&["event_time\tuser_id"]),
            @r#"set the format's delimiter to "\t""#
        );
        insta::assert_snapshot!(
            advice(&["event_time|user_id"]),
            @r#"set the format's delimiter to "|""#
        );
        insta::assert_snapshot!(
            advice(&["2019-10-01 08:00:00 UTC", "view"]),
            @"if the first line is a row, set the format's columns"
        );
        insta::assert_snapshot!(
            advice(&["event_time", "customer"]),
            @r#"set the format's "user_id" to the right column, or check the delimiter"#
        );
    }

    #[test]
    fn first_lines_that_are_no_header_are_recognized() {
        let lines = [
            &b"{\"user_id\":1}"[..],
            b"\xef\xbb\xbf[",
            b"<!DOCTYPE html>",
            b"version https://git-lfs.github.com/spec/v1",
            b"sep=;\r\n",
            b"\0e\0v",
            b"event_time,user_id\r2019-10-01,7\r",
        ];
        let found: Vec<&str> = lines.map(|line| no_header(line).unwrap()).into();
        insta::assert_snapshot!(found.join("\n"), @r"
        it looks like JSON; convert it to CSV or Parquet
        it looks like JSON; convert it to CSV or Parquet
        it is a web page, perhaps from a failed download; download it again
        it is a Git LFS pointer; run `git lfs pull`
        its first line declares a delimiter for spreadsheets; remove the line, and set the format's delimiter
        it has NUL bytes; if it is UTF-16, convert it to UTF-8
        its lines end in \r only; convert them with `tr '\r' '\n'`
        ");
        for line in [
            &b"event_time,user_id\r\n"[..],
            b"a\x01b",
            b"\"a\rb\",c",
            b"",
        ] {
            assert_eq!(no_header(line), None);
        }
    }
}
