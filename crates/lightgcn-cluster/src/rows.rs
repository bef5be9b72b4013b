//! Values of query results.

use datafusion::arrow::array::{Array, AsArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::record_batch::RecordBatch;

/// A column of whole numbers.
pub(crate) fn numbers(batch: &RecordBatch, column: usize) -> &Int64Array {
    batch.column(column).as_primitive::<Int64Type>()
}

/// A column of text.
pub(crate) fn texts(batch: &RecordBatch, column: usize) -> &StringArray {
    batch.column(column).as_string::<i32>()
}

/// The whole numbers of a single row; an absent one is `None`.
pub(crate) fn single_row(batches: &[RecordBatch]) -> Vec<Option<i64>> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Vec::new();
    };
    let columns = (0..batch.num_columns()).map(|n| numbers(batch, n));
    columns
        .map(|column| column.is_valid(0).then(|| column.value(0)))
        .collect()
}
