//! Exports a dataset as Parquet tables, for other programs.
//!
//! The columns are described in `docs/data-formats.md`. A file appears under its name only once it
//! is complete.

use crate::DataError;
use crate::pairs::table::COUNT;
use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use lightgcn_core::{
    Catalogue, Dataset, Interactions, ItemId, LabelColumn, Truth, UserId, Vocabulary,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// The number of rows per batch.
const BATCH_ROWS: usize = 65_536;

/// The time zone of timestamps.
const UTC: &str = "UTC";

/// Writes all pairs of a dataset, training pairs first, by user, then item: `user_id`, `item_id`,
/// `part` (`train`, `validation` or `test`), `weight`, the count `n_BEHAVIOR` of each behavior,
/// `first_time` and `last_time`. A held-out pair has only its ids; the rest of its row is null, as
/// are unknown times. [`PairTable`](crate::PairTable) reads it back. Returns the number of rows.
///
/// # Errors
/// [`DataError::Write`] if the file cannot be written.
pub fn write_pairs(dataset: &Dataset, path: &Path) -> Result<u64, DataError> {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let time = || DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into()));
    let mut fields = vec![text("user_id"), text("item_id"), text("part")];
    fields.push(Field::new("weight", DataType::Float32, true));
    let train = dataset.split.train.interactions();
    for behavior in train.behaviors() {
        let name = format!("{COUNT}{behavior}");
        fields.push(Field::new(name, DataType::Int64, true));
    }
    fields.push(Field::new("first_time", time(), true));
    fields.push(Field::new("last_time", time(), true));
    let mut table = Writer::new(path, Schema::new(fields))?;
    let trained: Vec<Pair> = train
        .pairs()
        .map(|(user, pair)| Pair {
            user,
            item: train.items()[pair],
            trained: Some(pair),
        })
        .collect();
    write_part(&mut table, dataset, "train", &trained)?;
    let split = &dataset.split;
    for (part, truth) in [
        ("validation", split.validation.truth()),
        ("test", split.test.truth()),
    ] {
        write_part(&mut table, dataset, part, &held_out(truth))?;
    }
    table.finish()
}

/// Writes the items' metadata: `product_id`, `category_id`, `category_code`, `brand`, `price`,
/// `title`, `image_url`, `page_url`, `in_stock` and `expires_at`, the names of
/// [`LogFormat::default`](crate::LogFormat), so that
/// [`ReadConfig::catalogue`](crate::ReadConfig::catalogue) reads it back. Unknown values are null.
/// Returns the number of rows.
///
/// # Errors
/// [`DataError::Write`] if the file cannot be written.
pub fn write_catalogue(
    items: &Vocabulary<ItemId>,
    catalogue: &Catalogue,
    path: &Path,
) -> Result<u64, DataError> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let mut table = Writer::new(
        path,
        Schema::new(vec![
            Field::new("product_id", DataType::Utf8, false),
            text("category_id"),
            text("category_code"),
            text("brand"),
            Field::new("price", DataType::Float64, true),
            text("title"),
            text("image_url"),
            text("page_url"),
            Field::new("in_stock", DataType::Boolean, true),
            Field::new(
                "expires_at",
                DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
                true,
            ),
        ]),
    )?;
    let listings = catalogue.listings();
    let all: Vec<ItemId> = (0..items.len() as u32).map(ItemId).collect();
    for chunk in all.chunks(BATCH_ROWS) {
        let labels = |column: &LabelColumn| -> ArrayRef {
            Arc::new(StringArray::from_iter(
                chunk.iter().map(|&item| column.get(item)),
            ))
        };
        let ids = chunk.iter().map(|&item| items.name(item));
        let prices = chunk.iter().map(|item| catalogue.prices()[item.index()]);
        table.write(vec![
            Arc::new(ids.collect::<StringArray>()),
            labels(catalogue.category_id()),
            labels(catalogue.category_code()),
            labels(catalogue.brand()),
            Arc::new(prices.collect::<Float64Array>()),
            labels(&listings.title),
            labels(&listings.image_url),
            labels(&listings.page_url),
            Arc::new(of(chunk, &listings.in_stock).collect::<BooleanArray>()),
            timestamps(of(chunk, &listings.expires_at)),
        ])?;
    }
    table.finish()
}

/// A column of times given in seconds since 1970.
fn timestamps(seconds: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let times = seconds.map(|seconds| seconds.map(|s| s.saturating_mul(1_000)));
    let times: TimestampMillisecondArray = times.collect();
    Arc::new(times.with_timezone(UTC))
}

/// The values of these items; `None` if the column is empty.
fn of<'a, T: Copy>(
    items: &'a [ItemId],
    column: &'a [Option<T>],
) -> impl Iterator<Item = Option<T>> + 'a {
    items
        .iter()
        .map(|item| column.get(item.index()).copied().flatten())
}

/// A node with its vector, as a row of [`write_embeddings`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding<'a> {
    /// `user`, `item`, or another kind of nodes.
    pub kind: &'a str,
    /// The shop's own id.
    pub id: &'a str,
    /// The vector.
    pub vector: &'a [f32],
}

/// Writes vectors: `kind`, `id` and `embedding`, a list of 32-bit floats. Returns the number of rows.
///
/// # Errors
/// [`DataError::Write`] if the file cannot be written.
pub fn write_embeddings<'a>(
    embeddings: impl IntoIterator<Item = Embedding<'a>>,
    path: &Path,
) -> Result<u64, DataError> {
    let element = Arc::new(Field::new_list_field(DataType::Float32, false));
    let mut table = Writer::new(
        path,
        Schema::new(vec![
            Field::new("kind", DataType::Utf8, false),
            Field::new("id", DataType::Utf8, false),
            Field::new("embedding", DataType::List(Arc::clone(&element)), false),
        ]),
    )?;
    let mut rest = embeddings.into_iter();
    loop {
        let chunk: Vec<Embedding<'_>> = rest.by_ref().take(BATCH_ROWS / 16).collect();
        if chunk.is_empty() {
            return table.finish();
        }
        let mut vectors = ListBuilder::new(Float32Builder::new()).with_field(Arc::clone(&element));
        for row in &chunk {
            vectors.values().append_slice(row.vector);
            vectors.append(true);
        }
        let kinds = chunk.iter().map(|row| Some(row.kind));
        let ids = chunk.iter().map(|row| Some(row.id));
        table.write(vec![
            Arc::new(kinds.collect::<StringArray>()),
            Arc::new(ids.collect::<StringArray>()),
            Arc::new(vectors.finish()),
        ])?;
    }
}

/// A row of the table of pairs.
struct Pair {
    user: UserId,
    item: ItemId,
    /// Its index among the training pairs, if it is one.
    trained: Option<usize>,
}

fn held_out(truth: &Truth) -> Vec<Pair> {
    let pairs = truth.iter();
    pairs
        .map(|(user, item)| Pair {
            user,
            item,
            trained: None,
        })
        .collect()
}

fn write_part(
    table: &mut Writer,
    dataset: &Dataset,
    part: &str,
    pairs: &[Pair],
) -> Result<(), DataError> {
    let train = dataset.split.train.interactions();
    for chunk in pairs.chunks(BATCH_ROWS) {
        let users = chunk.iter().map(|pair| dataset.users.name(pair.user));
        let items = chunk.iter().map(|pair| dataset.items.name(pair.item));
        let known = || chunk.iter().map(|pair| pair.trained);
        let weights = known().map(|pair| pair.map(|pair| train.weights()[pair]));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(users.collect::<StringArray>()),
            Arc::new(items.collect::<StringArray>()),
            Arc::new(StringArray::from(vec![part; chunk.len()])),
            Arc::new(weights.collect::<Float32Array>()),
        ];
        for behavior in 0..train.behaviors().len() {
            let count = |pair: usize| i64::from(train.counts_of(pair)[behavior]);
            let counts = known().map(|pair| pair.map(count));
            columns.push(Arc::new(counts.collect::<Int64Array>()));
        }
        for time in [first_time, last_time] {
            let times = known().map(|pair| time(train, pair?));
            columns.push(timestamps(times));
        }
        table.write(columns)?;
    }
    Ok(())
}

fn first_time(train: &Interactions, pair: usize) -> Option<i64> {
    let events = train.events();
    let events = (events.n_rows() > 0).then(|| train.events_of(pair))?;
    events.first().map(|event| event.time())
}

fn last_time(train: &Interactions, pair: usize) -> Option<i64> {
    train.last_times().get(pair).copied()
}

/// A Parquet file that is renamed to its final name once it is complete.
struct Writer {
    path: std::path::PathBuf,
    schema: SchemaRef,
    file: NamedTempFile,
    writer: ArrowWriter<File>,
    n_rows: u64,
}

impl Writer {
    fn new(path: &Path, schema: Schema) -> Result<Self, DataError> {
        let failed = |source| write_error(path, source);
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As those of other files; the process's mask applies.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder.unwrap_or(Path::new(".")));
        let file = file.map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("lightgcn {}", env!("CARGO_PKG_VERSION")))
            .build();
        let schema = Arc::new(schema);
        let open = file.reopen().map_err(failed)?;
        let writer = ArrowWriter::try_new(open, Arc::clone(&schema), Some(properties));
        Ok(Self {
            path: path.to_owned(),
            writer: writer.map_err(|error| failed(io_error(error)))?,
            schema,
            file,
            n_rows: 0,
        })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), DataError> {
        let failed = |source| write_error(&self.path, source);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let batch = batch.map_err(|error: ArrowError| failed(io::Error::other(error)))?;
        self.n_rows += batch.num_rows() as u64;
        self.writer
            .write(&batch)
            .map_err(|error| failed(io_error(error)))
    }

    fn finish(self) -> Result<u64, DataError> {
        let Self {
            path, file, writer, ..
        } = self;
        let written = writer.into_inner().map_err(io_error);
        written
            .and_then(|file| file.sync_all())
            .map_err(|source| write_error(&path, source))?;
        file.persist(&path)
            .map_err(|error| write_error(&path, error.error))?;
        Ok(self.n_rows)
    }
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}

fn write_error(path: &Path, source: io::Error) -> DataError {
    DataError::Write {
        path: path.to_owned(),
        source,
    }
}
