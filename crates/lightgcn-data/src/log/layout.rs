//! How the lines of a file are split.

use crate::LogFormat;
use crate::log::form::FileForm;

/// How to split a file's lines, which its first line may determine.
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The columns of a file without a header.
    pub(super) columns: Option<Vec<String>>,
    /// The behavior of all rows, if no column has it.
    pub(super) behavior: Option<String>,
}

impl Layout {
    /// The layout of a file that starts with `line`, or what its form expects.
    pub(super) fn find(format: &LogFormat, line: &[u8]) -> Result<Self, &'static str> {
        let named = |delimiter: u8, columns: &[&str]| Self {
            delimiter,
            columns: Some(columns.iter().map(|&c| c.to_owned()).collect()),
            behavior: None,
        };
        let headed = |delimiter| Self {
            delimiter,
            columns: None,
            behavior: None,
        };
        Ok(match format.form {
            FileForm::Table => Self {
                delimiter: format.delimiter as u8,
                columns: Some(format.columns.clone()).filter(|columns| !columns.is_empty()),
                behavior: format.behavior.clone(),
            },
            FileForm::MovieLens if line.windows(2).any(|two| two == b"::") => {
                let columns = ["userId", "", "movieId", "", "rating", "", "timestamp"];
                named(b':', &columns)
            }
            FileForm::MovieLens if line.contains(&b'\t') => {
                named(b'\t', &["userId", "movieId", "rating", "timestamp"])
            }
            FileForm::MovieLens | FileForm::Instacart => headed(b','),
            FileForm::YooChoose => {
                let fields = line.iter().filter(|&&byte| byte == b',').count() + 1;
                let (label, columns) = match fields {
                    4 => ("click", &["session", "timestamp", "item", "category"][..]),
                    5 => (
                        "buy",
                        &["session", "timestamp", "item", "price", "quantity"][..],
                    ),
                    _ => return Err("rows of clicks have four fields, and rows of purchases five"),
                };
                Self {
                    behavior: Some(label.to_owned()),
                    ..named(b',', columns)
                }
            }
            // Its lines are not split.
            FileForm::Otto => headed(b'\n'),
        })
    }
}
