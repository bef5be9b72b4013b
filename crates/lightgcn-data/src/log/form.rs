//! The file layouts of logs.

use serde::{Deserialize, Serialize};

/// How the lines of a file become rows with named columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FileForm {
    /// Lines are rows of fields between delimiters, under a header or the format's
    /// [`columns`](crate::LogFormat::columns).
    #[default]
    Table,
    /// MovieLens ratings in any of their three forms, distinguished by the first line: tabs, `::`,
    /// or commas under a header. Columns: `userId`, `movieId`, `rating`, `timestamp`.
    MovieLens,
    /// The files of the RecSys Challenge 2015 without a header, distinguished by the first line:
    /// four fields are clicks, five are purchases. Columns: `session`, `timestamp`, `item`, and the
    /// format's `event_type`, which is `click` or `buy`.
    YooChoose,
    /// OTTO's sessions: each line is a JSON object with the events of a session. Columns:
    /// `session`, `aid`, `ts`, `type`.
    Otto,
    /// Instacart's orders: the rows of the product files, with the columns `user_id`, `event_time`
    /// and `behavior` (`purchase`), taken from the orders file. That file may come anywhere among
    /// the others and has no events itself.
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
