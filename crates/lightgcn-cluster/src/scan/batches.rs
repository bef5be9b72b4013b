//! Turns the rows of a file into batches.

use super::{FailureNote, FileNote, Kind, LogSpec, ROW_BITS, SCHEMA};
use datafusion::arrow::array::{ArrayRef, Float64Builder, Int64Builder, StringBuilder};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use lightgcn_core::BehaviorWeights;
use lightgcn_data::{DataError, LogEvent, LogFile, LogRow, ReadConfig};
use serde::Serialize;
use std::sync::Arc;

/// Rows of a batch.
const ROWS: usize = 8_192;

/// Passes a file's rows to `send` until it returns false. A file that cannot be read ends with a row that says so: an
/// error of the plan would be repeated on other executors and arrive without its type.
pub(super) fn read_file(
    spec: &LogSpec,
    file: usize,
    send: &mut dyn FnMut(RecordBatch) -> Result<bool>,
) -> Result<()> {
    let weights = spec.weights.clone().check();
    let weights = weights.map_err(|error| DataFusionError::External(Box::new(error)))?;
    let mut read = spec.read.clone();
    read.now = Some(spec.now);
    let mut rows = Rows::new(file);
    match rows.read(spec, &read, &weights, send) {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(Stop::Engine(error)) => return Err(error),
        Err(Stop::Data(error)) => rows.fail(&error),
    }
    send(rows.take()?).map(drop)
}

/// Why reading stops.
enum Stop {
    Data(DataError),
    Engine(DataFusionError),
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<DataFusionError> for Stop {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(error)
    }
}

/// The columns of the next batch.
#[derive(Default)]
struct Rows {
    file: usize,
    n: usize,
    position: Int64Builder,
    kind: Int64Builder,
    note: StringBuilder,
    user: StringBuilder,
    item: StringBuilder,
    behavior: Int64Builder,
    time: Int64Builder,
    session: Int64Builder,
    digest: [Int64Builder; 2],
    labels: [StringBuilder; 3],
    price: Float64Builder,
    missing: Int64Builder,
}

impl Rows {
    fn new(file: usize) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    /// Reads the file to its end; false if no more rows are wanted.
    fn read(
        &mut self,
        spec: &LogSpec,
        config: &ReadConfig,
        weights: &BehaviorWeights,
        send: &mut dyn FnMut(RecordBatch) -> Result<bool>,
    ) -> std::result::Result<bool, Stop> {
        let (path, is_found) = &spec.files[self.file];
        let Some(mut file) = LogFile::open(path, *is_found, config, weights)? else {
            return Ok(true);
        };
        loop {
            let row = file.n_rows();
            let issue = match file.next_row()? {
                None => break,
                Some(LogRow::Event(event)) => {
                    self.event(row, &event);
                    None
                }
                Some(LogRow::Ignored) => {
                    self.note(row, Kind::Dropped, "ignored behavior");
                    None
                }
                Some(LogRow::Bad(issue)) => Some(issue),
            };
            match issue {
                Some(issue) if config.skip_bad_rows => {
                    self.note(row, Kind::Dropped, issue.reason());
                }
                Some(issue) => return Err(file.row_error(issue).into()),
                None => {}
            }
            if self.n >= ROWS && !send(self.take()?)? {
                return Ok(false);
            }
        }
        let rows = file.n_rows();
        let input = file.finish()?;
        self.note(rows, Kind::File, &json(&FileNote { input, rows }));
        Ok(true)
    }

    /// Adds a row for a file that cannot be read further.
    fn fail(&mut self, error: &DataError) {
        let unreadable = matches!(
            error,
            DataError::Open { .. } | DataError::Read { .. } | DataError::MissingFeature { .. }
        );
        let detail = error.to_string();
        let note = json(&FailureNote { unreadable, detail });
        self.note(0, Kind::Failure, &note);
    }

    fn event(&mut self, row: u64, event: &LogEvent<'_>) {
        self.start(row, Kind::Event);
        self.note.append_null();
        self.user.append_value(&event.user);
        self.item.append_value(&event.item);
        self.behavior.append_value(i64::from(event.behavior.0));
        self.time.append_value(event.time);
        let session = Some(event.session).filter(|&session| session != 0);
        self.session.append_option(session.map(i64::from));
        let [high, low] = &mut self.digest;
        high.append_value((event.digest >> 64) as u64 as i64);
        low.append_value(event.digest as u64 as i64);
        let labels = [event.category_id, event.category_code, event.brand];
        for (column, label) in self.labels.iter_mut().zip(labels) {
            column.append_option(Some(label).filter(|label| !label.is_empty()));
        }
        self.price.append_option(event.price);
        self.missing.append_value(i64::from(event.missing));
    }

    fn note(&mut self, row: u64, kind: Kind, note: &str) {
        self.start(row, kind);
        self.note.append_value(note);
        self.user.append_null();
        self.item.append_null();
        self.behavior.append_null();
        self.time.append_null();
        self.session.append_null();
        self.digest.iter_mut().for_each(Int64Builder::append_null);
        self.labels.iter_mut().for_each(StringBuilder::append_null);
        self.price.append_null();
        self.missing.append_null();
    }

    fn start(&mut self, row: u64, kind: Kind) {
        self.n += 1;
        let position = (self.file as i64) << ROW_BITS | row as i64;
        self.position.append_value(position);
        self.kind.append_value(kind as i64);
    }

    /// The rows so far as a batch.
    fn take(&mut self) -> Result<RecordBatch> {
        self.n = 0;
        let [high, low] = &mut self.digest;
        let [category_id, category_code, brand] = &mut self.labels;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.position.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.note.finish()),
            Arc::new(self.user.finish()),
            Arc::new(self.item.finish()),
            Arc::new(self.behavior.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.session.finish()),
            Arc::new(high.finish()),
            Arc::new(low.finish()),
            Arc::new(category_id.finish()),
            Arc::new(category_code.finish()),
            Arc::new(brand.finish()),
            Arc::new(self.price.finish()),
            Arc::new(self.missing.finish()),
        ];
        Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
    }
}

/// Text and numbers are always JSON.
fn json(note: &impl Serialize) -> String {
    serde_json::to_string(note).unwrap_or_default()
}
