//! Hive-style partitions: columns in the names of folders, such as `event_type=view`.

use std::path::Path;

/// The name that Hive and Spark give to the partition of rows without a value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns that the folders of `path` name, outermost first, with their values. Names and
/// values are percent-decoded, and a partition without a value has an empty one. If two folders
/// name the same column, the innermost counts.
pub(crate) fn partitions(path: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let folders = path.parent().into_iter().flat_map(Path::components);
    for folder in folders {
        let folder = folder.as_os_str().to_string_lossy();
        let Some((name, value)) = folder.split_once('=') else {
            continue;
        };
        let (name, value) = (decode(name), decode(value));
        if name.is_empty() {
            continue;
        }
        found.retain(|(other, _)| *other != name);
        let value = if value == NO_VALUE {
            String::new()
        } else {
            value
        };
        found.push((name, value));
    }
    found
}

/// Replaces `%41` and the like by their bytes. A `%` without two hex digits stays as it is, and so
/// does text that would not be UTF-8.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|&c| char::from(c).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Vec<(String, String)> {
        partitions(Path::new(path))
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn folders_name_columns() {
        assert_eq!(
            found("/data/dt=2024-01-01/event_type=view/part-0.csv"),
            [pair("dt", "2024-01-01"), pair("event_type", "view")]
        );
        assert_eq!(
            found("s3://shop/log/dt=2024-01-01%2010%3A00%3A00/a=b.csv"),
            [pair("dt", "2024-01-01 10:00:00")]
        );
        assert_eq!(
            found("dt=__HIVE_DEFAULT_PARTITION__/part.csv"),
            [pair("dt", "")]
        );
        assert_eq!(found("a=1/b=x=y/a=2/p"), [pair("b", "x=y"), pair("a", "2")]);
        assert!(found("/plain/=x/part.csv").is_empty());
        assert!(found("part.csv").is_empty());
    }

    #[test]
    fn percent_signs_that_encode_nothing_stay() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%C3%A9%25"), "é%");
        assert_eq!(decode("%ff"), "%ff");
    }
}
