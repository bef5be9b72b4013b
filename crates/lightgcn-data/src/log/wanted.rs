//! Which columns of a table are needed.

use crate::Duplicates;

/// Which columns of a file to read. All fields of a CSV line are read.
pub(crate) enum Wanted<'a> {
    /// All of them, to compare rows.
    All,
    /// Those with these names.
    Named(
        #[cfg_attr(
            not(feature = "parquet"),
            expect(dead_code, reason = "a CSV line is read whole")
        )]
        &'a [&'a str],
    ),
}

impl<'a> Wanted<'a> {
    /// What reading a log needs: `named`, or all columns to find duplicates.
    pub(crate) fn of_log(duplicates: Duplicates, named: &'a [&'a str]) -> Self {
        match duplicates {
            Duplicates::Drop => Self::All,
            Duplicates::Keep => Self::Named(named),
        }
    }
}
