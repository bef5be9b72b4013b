//! Tells pair files from files of other formats by characters that only those have.

use crate::error::shorten;

/// Why a file is not a pair file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The line that shows it, from 1.
    pub(super) line: u64,
    /// What it looks like.
    pub(super) looks: String,
    /// What to do about it.
    pub(super) advice: &'static str,
}

/// What reads tables of events.
pub(super) const READ_EVENTS: &str = "read a log of events with `lightgcn prepare`, with a header or the format's columns, and a table with a row \
     for each user and item with `lightgcn prepare --pairs`";

/// What reads ratings.
pub(super) const READ_RATINGS: &str =
    "read ratings with `lightgcn prepare --preset movielens`, or keep only users and their items";

/// What to do with lengths of lists.
pub(super) const LEAVE_OUT_COUNTS: &str = "leave out these numbers";

/// What to do with the names of columns.
pub(super) const REMOVE_HEADER: &str = "remove the line";

const WRITE_PAIRS: &str =
    "write one line for each user, as `user item item ...`, or a CSV for `lightgcn prepare`";

const REMOVE_COMMENTS: &str = "remove lines and ends of lines that are comments";

/// Fields that are nothing but punctuation of another format, and what they are.
const MARKS: [(&str, &str, &str); 6] = [
    ("#", "a comment", REMOVE_COMMENTS),
    ("//", "a comment", REMOVE_COMMENTS),
    ("%", "a comment", REMOVE_COMMENTS),
    ("|", "a table whose columns bars separate", READ_EVENTS),
    (":", "a list after a name", WRITE_PAIRS),
    ("=", "a setting", WRITE_PAIRS),
];

/// What a line has that no line of a pair file has. O(length).
pub(super) fn foreign(line: u64, text: &str) -> Option<Evidence> {
    let evidence = |looks: String, advice| {
        Some(Evidence {
            line,
            looks,
            advice,
        })
    };
    if text.starts_with("%%") {
        return evidence("a MatrixMarket file".to_owned(), READ_EVENTS);
    }
    let first = text.split_ascii_whitespace().next()?;
    for field in text.split_ascii_whitespace() {
        if let Some((_, looks, advice)) = MARKS.iter().find(|(mark, ..)| *mark == field) {
            return evidence(format!("{looks}, since a field is {field:?}"), advice);
        }
        let found = field.bytes().find(|byte| b",;{[<\"".contains(byte));
        let (looks, advice) = match found {
            None => continue,
            Some(b',') => ("CSV", READ_EVENTS),
            Some(b';') if field.ends_with(';') => ("CSV", READ_EVENTS),
            // As in some ids.
            Some(b';') => continue,
            Some(b'<') => ("HTML or XML", WRITE_PAIRS),
            Some(b'"') => ("CSV or JSON", WRITE_PAIRS),
            Some(_) => ("JSON", WRITE_PAIRS),
        };
        return evidence(
            format!("{looks}, since it has {:?}", shorten(field)),
            advice,
        );
    }
    if first.ends_with(':') && first.len() > 1 {
        let looks = format!(
            "a list after a name, as in JSON, YAML or `user: item item`, since it begins with {:?}",
            shorten(first)
        );
        return evidence(looks, "remove the colon after the user");
    }
    None
}

/// Whether a field is `item:value`, both numbers, as libsvm writes them.
pub(super) fn is_index_and_value(field: &str) -> bool {
    field.split_once(':').is_some_and(|(index, value)| {
        !index.is_empty()
            && index.bytes().all(|byte| byte.is_ascii_digit())
            && value.parse::<f64>().is_ok()
    })
}

/// The evidence of a line of libsvm.
pub(super) fn libsvm(line: u64, field: &str) -> Evidence {
    Evidence {
        line,
        looks: format!("libsvm, with values after the items, such as {field:?}"),
        advice: "leave out the values, or give them as the weights of `lightgcn prepare --pairs`",
    }
}

/// The evidence of a line that begins as a comment where most lines do not.
pub(super) fn comment(line: u64, field: &str) -> Evidence {
    Evidence {
        line,
        looks: format!("a comment, since it begins with {field:?} as few lines do"),
        advice: REMOVE_COMMENTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_formats_say_which() {
        for (text, looks) in [
            (
                "2019-10-01 00:00:00 UTC,view,5800001,,,runail,2.62,500001,a",
                "CSV",
            ),
            ("1; 2; 3", "CSV"),
            ("1 \"milk\" 3", "CSV or JSON"),
            ("{", "JSON"),
            ("{\"user\": 1, \"items\": [2, 3]}", "JSON"),
            ("[[1, 2], [3]]", "JSON"),
            ("<html>", "HTML"),
            ("<!DOCTYPE html>", "HTML"),
            (
                "%%MatrixMarket matrix coordinate real general",
                "a MatrixMarket",
            ),
            ("0: 1 2 3", "a list after a name"),
            ("user : 1", "a list after a name"),
            ("# user items", "a comment"),
            ("1 2 3 # new", "a comment"),
            ("% user items", "a comment"),
            ("| 1 | 2 |", "a table"),
            ("seed = 7", "a setting"),
        ] {
            let found = foreign(4, text).unwrap_or_else(|| panic!("{text}"));
            assert!(found.looks.starts_with(looks), "{text}: {found:?}");
            assert_eq!(found.line, 4);
        }
    }

    #[test]
    fn ids_of_all_kinds_are_pairs() {
        for text in [
            "1 2 3",
            "ann@example.com SKU-1.5 a:b c=d",
            "u:1 i:1 i:2",
            "#1001 #7 %x",
            "5f0c9a1e-8a34-4b0e-9d5b-0123456789ab 7",
            "http://shop.example/u/1 /item/2?a=b;c=d (x) ü_ß",
            "user\titem\titem",
            "",
        ] {
            assert_eq!(foreign(1, text), None, "{text}");
        }
    }
}
