//! Which columns of a table are needed.

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
