//! What the files of a log are like.

use crate::LogFormat;
use serde::{Deserialize, Serialize};

/// How the lines of a file become rows with named columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FileForm {
    /// Lines are rows of fields between delimiters, under a header or the format's
    /// [`columns`](LogFormat::columns).
    #[default]
    Table,
    /// MovieLens's ratings in any of their three forms, told apart by the first line: tabs, `::`, or commas
    /// under a header. Columns: `userId`, `movieId`, `rating`, `timestamp`.
    MovieLens,
    /// The files of the RecSys Challenge 2015 without a header, told apart by the first line: four fields are
    /// clicks, five are purchases. Columns: `session`, `timestamp`, `item`, and the format's `event_type`,
    /// which is `click` or `buy`.
    YooChoose,
    /// OTTO's sessions: a line is a JSON object with the events of a session. Columns: `session`, `aid`, `ts`,
    /// `type`.
    Otto,
    /// Instacart's orders: the rows of the files of products with the columns `user_id`, `event_time` and
    /// `behavior` (`purchase`), which stem from the file of orders. That file may stand anywhere among the others, and has no events itself.
    Instacart,
}

impl FileForm {
    /// The option's value.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::MovieLens => "movielens",
            Self::YooChoose => "yoochoose",
            Self::Otto => "otto",
            Self::Instacart => "instacart",
        }
    }
}

/// How a file of lines is split, which its first line may decide.
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The columns of a file without a header.
    pub(super) columns: Option<Vec<String>>,
    /// The behavior of all rows, if no column has it.
    pub(super) behavior: Option<String>,
}

impl Layout {
    /// The layout of a file that begins with `line`, or what is expected of its form.
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
