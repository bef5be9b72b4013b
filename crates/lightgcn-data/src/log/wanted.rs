//! Which columns of a table are needed.

/// Which columns of a file are read. The fields of a CSV line are all read.
pub(crate) enum Wanted<'a> {
    /// All of them, since rows are compared.
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
