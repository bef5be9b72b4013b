//! Reads rows of Parquet files.

use crate::error::shown_path;
use crate::log::fields::Fields;
use crate::log::messages;
use crate::log::source::{Source, Tally};
use crate::log::wanted::Wanted;
use crate::{DataError, LogFormat};
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use cell::{Cell, Role, Values};
use lightgcn_core::InputFile;
use memchr::memchr;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

mod calendar;
mod cell;
mod whole;

/// The number of rows to decode at a time. Pages are read on demand, so memory is bounded by this
/// number and the page size, not by the size of row groups.
const BATCH_ROWS: usize = 8_192;
const BATCHES_AHEAD: usize = 2;

/// The rows of a Parquet file, decoded in their own thread. A pipe or a URL is first copied into an
/// unnamed file, since reading Parquet starts at the end.
pub(crate) struct ParquetRows {
    path: PathBuf,
    delimiter: u8,
    all_columns: Vec<String>,
    cells: Vec<Cell>,
    /// The time column, if it needs no parsing.
    times: Option<usize>,
    batches: Receiver<Result<Batch, ArrowError>>,
    batch: Vec<Box<dyn Values>>,
    /// The next row of the batch, and the batch's number of rows.
    at: usize,
    batch_rows: usize,
    n_read: u64,
    n_rows: u64,
    stored: Stored,
}

/// A column to read.
struct Column {
    /// Its number in the file.
    number: usize,
    cell: Cell,
    role: Role,
}

impl ParquetRows {
    /// Opens the file and also returns the names of the columns to read.
    pub(crate) fn open(
        source: Source,
        format: &LogFormat,
        wanted: &Wanted<'_>,
    ) -> Result<(Self, Vec<String>), DataError> {
        let path = source.path().to_owned();
        let stored = Stored::new(source)?;
        let bad = |error: &dyn std::fmt::Display| damaged(&path, error.to_string());
        let file = stored.file.try_clone().map_err(|error| bad(&error))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| bad(&error))?;
        whole::check(&path, &stored.file, builder.metadata())?;
        let n_rows = builder.metadata().file_metadata().num_rows();
        let schema = Arc::clone(builder.schema());
        let columns = choose(&path, &schema, format, wanted)?;
        let numbers = columns.iter().map(|column| column.number);
        let mask = ProjectionMask::roots(builder.parquet_schema(), numbers);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| bad(&error))?;
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        std::thread::Builder::new()
            .name("lightgcn-parquet".to_owned())
            .spawn(move || decode(reader, &sender))
            .map_err(|source| read_error(&path, source))?;
        let name = |n: usize| schema.field(n).name().clone();
        let header = columns.iter().map(|column| name(column.number)).collect();
        let mut all = columns.iter();
        let times = all.position(|column| column.role == Role::Time && column.cell.is_instant());
        let rows = Self {
            path,
            delimiter: format.delimiter as u8,
            all_columns: (0..schema.fields().len()).map(name).collect(),
            cells: columns.into_iter().map(|column| column.cell).collect(),
            times,
            batches,
            batch: Vec::new(),
            at: 0,
            batch_rows: 0,
            n_read: 0,
            n_rows: n_rows.unsigned_abs(),
            stored,
        };
        Ok((rows, header))
    }

    /// The names of all columns of the file.
    pub(crate) fn all_columns(&self) -> &[String] {
        &self.all_columns
    }

    /// Reads the next row; false at the end.
    #[inline]
    pub(crate) fn next(&mut self, fields: &mut Fields) -> Result<bool, DataError> {
        while self.at == self.batch_rows {
            if !self.next_batch()? {
                return Ok(false);
            }
        }
        let row = self.at;
        self.at += 1;
        self.n_read += 1;
        fields.clear();
        for (n, (cell, values)) in self.cells.iter().zip(&self.batch).enumerate() {
            if n > 0 {
                fields.text.push(self.delimiter);
            }
            let begin = fields.text.len();
            values.write(row, &mut fields.text);
            if cell.is_text() {
                fields.ambiguous |= memchr(self.delimiter, &fields.text[begin..]).is_some();
            }
            fields.ends.push(fields.text.len());
        }
        fields.instant = self
            .times
            .and_then(|n| Some((n, self.batch[n].seconds(row)?)));
        Ok(true)
    }

    fn next_batch(&mut self) -> Result<bool, DataError> {
        match self.batches.recv() {
            Ok(Ok(batch)) => {
                self.at = 0;
                self.batch_rows = batch.n_rows;
                let columns = self.cells.iter().zip(&batch.columns);
                self.batch = columns.map(|(cell, array)| cell.values(array)).collect();
                Ok(true)
            }
            Ok(Err(error)) => Err(damaged(&self.path, error.to_string())),
            // The sender is gone: the end of the file, or the decoder stopped.
            Err(_) if self.n_read == self.n_rows => Ok(false),
            Err(_) => {
                let (read, all) = (self.n_read, self.n_rows);
                let reason = format!("only {read} of its {all} rows could be decoded");
                Err(damaged(&self.path, reason))
            }
        }
    }

    /// The estimated number of bytes that the rows read so far take up in the file.
    pub(crate) fn stored_read(&self) -> u64 {
        let share = u128::from(self.stored.bytes) * u128::from(self.n_read);
        (share / u128::from(self.n_rows.max(1))) as u64
    }

    /// The file's name, size and hash, once all rows are read.
    pub(crate) fn finish(self) -> Result<InputFile, DataError> {
        self.stored.finish(&self.path)
    }
}

/// The columns to read, in the file's order.
fn choose(
    path: &Path,
    schema: &SchemaRef,
    format: &LogFormat,
    wanted: &Wanted<'_>,
) -> Result<Vec<Column>, DataError> {
    let mut named = format.named_columns();
    if matches!(wanted, Wanted::Named(_)) {
        named.extend(format.listing_columns());
    }
    let mut columns = Vec::new();
    for (number, field) in schema.fields().iter().enumerate() {
        let name = field.name();
        let option = named.iter().find(|(_, column)| column == name);
        let option = option.map(|(option, _)| *option);
        let is_wanted = match wanted {
            Wanted::All => true,
            Wanted::Named(names) => names.contains(&name.as_str()),
        };
        // The pandas index is not a field.
        let is_index = option.is_none() && name.starts_with("__index_level_");
        if !is_wanted || is_index {
            continue;
        }
        let role = option.map_or(Role::Compared, Role::of);
        match (Cell::new(field.data_type(), role), option) {
            (Some(cell), _) => columns.push(Column { number, cell, role }),
            (None, Some(option)) if role != Role::Compared => {
                return Err(DataError::ColumnType {
                    path: path.to_owned(),
                    column: name.clone(),
                    option,
                    found: field.data_type().to_string(),
                    needed: role.needed(),
                });
            }
            (None, _) => messages::warn(format_args!(
                "{}: rows that differ only in column {name:?} count as duplicates, since values of \
                type {} cannot be compared",
                shown_path(path),
                field.data_type()
            )),
        }
    }
    Ok(columns)
}

/// Sends the columns of all batches until the end, an error, or the receiver is gone.
fn decode(reader: ParquetRecordBatchReader, sender: &SyncSender<Result<Batch, ArrowError>>) {
    for batch in reader {
        let failed = batch.is_err();
        if sender.send(batch.and_then(|batch| unpack(&batch))).is_err() || failed {
            return;
        }
    }
}

/// Rows, column by column; there may be no columns.
struct Batch {
    n_rows: usize,
    columns: Vec<ArrayRef>,
}

/// The columns of a batch, dictionaries replaced by their values.
fn unpack(batch: &RecordBatch) -> Result<Batch, ArrowError> {
    let columns = batch.columns().iter();
    let columns = columns
        .map(|column| match column.data_type() {
            DataType::Dictionary(..) => {
                let dictionary = column.as_any_dictionary();
                arrow_select::take::take(dictionary.values(), dictionary.keys(), None)
            }
            _ => Ok(Arc::clone(column)),
        })
        .collect::<Result<_, _>>()?;
    Ok(Batch {
        n_rows: batch.num_rows(),
        columns,
    })
}

/// A file that can be read at any position, and its hash.
struct Stored {
    file: File,
    bytes: u64,
    input: Hashed,
}

enum Hashed {
    /// Computed by a thread while the file is read.
    Later(JoinHandle<io::Result<InputFile>>),
    Done(InputFile),
}

impl Stored {
    fn new(source: Source) -> Result<Self, DataError> {
        let path = source.path().to_owned();
        let is_file = source.is_file();
        let mut tally = source.into_tally(Arc::new(AtomicU64::new(0)));
        if !is_file {
            return Self::copy(tally, &path);
        }
        let open = |path: &Path| {
            let file = File::open(path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open(&path).map_err(|source| DataError::Open {
            path: path.clone(),
            source,
        })?;
        let hash = move || {
            io::copy(&mut tally, &mut io::sink())?;
            Ok(tally.finish())
        };
        let thread = std::thread::Builder::new().name("lightgcn-hash".to_owned());
        let hash = thread.spawn(hash);
        let input = Hashed::Later(hash.map_err(|source| read_error(&path, source))?);
        Ok(Self { file, bytes, input })
    }

    /// Copies an input that can be read only once.
    fn copy(mut tally: Tally, path: &Path) -> Result<Self, DataError> {
        let unwritten = |source| DataError::Write {
            path: std::env::temp_dir(),
            source,
        };
        let mut file = tempfile::tempfile().map_err(unwritten)?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let n = match io::Read::read(&mut tally, &mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(read_error(path, source)),
            };
            io::Write::write_all(&mut file, &buffer[..n]).map_err(unwritten)?;
        }
        file.rewind().map_err(unwritten)?;
        let input = tally.finish();
        Ok(Self {
            file,
            bytes: input.bytes,
            input: Hashed::Done(input),
        })
    }

    fn finish(self, path: &Path) -> Result<InputFile, DataError> {
        match self.input {
            Hashed::Done(input) => Ok(input),
            Hashed::Later(thread) => {
                let stopped = |_| Err(io::Error::other("the hashing thread stopped"));
                let hashed = thread.join().unwrap_or_else(stopped);
                hashed.map_err(|source| read_error(path, source))
            }
        }
    }
}

fn damaged(path: &Path, reason: String) -> DataError {
    DataError::Parquet {
        path: path.to_owned(),
        reason,
    }
}

fn read_error(path: &Path, source: io::Error) -> DataError {
    DataError::Read {
        path: path.to_owned(),
        source,
    }
}
