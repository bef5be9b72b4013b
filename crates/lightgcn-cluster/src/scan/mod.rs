//! The log as a table: its files are read by the functions of a preparation on one machine.

mod batches;
mod exec;

pub(crate) use exec::LogExec;

use exec::file_numbers;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use lightgcn_core::BehaviorWeightsConfig;
use lightgcn_data::ReadConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// The files of a log and how to read them; travels to the executors with the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogSpec {
    /// The files in their order, each with whether it was found rather than named.
    pub(crate) files: Vec<(PathBuf, bool)>,
    pub(crate) read: ReadConfig,
    /// The time of the preparation, the same on all executors.
    pub(crate) now: i64,
    pub(crate) weights: BehaviorWeightsConfig,
}

/// What a row of the table stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A valid row of the log.
    Event = 0,
    /// A row that was dropped; the note is the reason.
    Dropped = 1,
    /// The end of a file; the note is a [`FileNote`].
    File = 2,
    /// A file that cannot be read further; the note is a [`FailureNote`].
    Failure = 3,
}

/// What was read of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileNote {
    pub(crate) input: lightgcn_core::InputFile,
    pub(crate) rows: u64,
}

/// Why a file was not read to its end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FailureNote {
    /// Whether the file is at fault, not one of its rows.
    pub(crate) unreadable: bool,
    pub(crate) detail: String,
}

/// Bits of a position below the number of the file.
pub(crate) const ROW_BITS: u32 = 40;

/// The columns of the table. Positions order the rows of all files as they are read on one machine.
pub(crate) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let needed = |name, data_type| Field::new(name, data_type, false);
    let optional = |name, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        needed("position", DataType::Int64),
        needed("kind", DataType::Int64),
        optional("note", DataType::Utf8),
        optional("user_id", DataType::Utf8),
        optional("item_id", DataType::Utf8),
        optional("behavior", DataType::Int64),
        optional("time", DataType::Int64),
        optional("session_id", DataType::Int64),
        optional("digest_high", DataType::Int64),
        optional("digest_low", DataType::Int64),
        optional("category_id", DataType::Utf8),
        optional("category_code", DataType::Utf8),
        optional("brand", DataType::Utf8),
        optional("price", DataType::Float64),
        optional("missing", DataType::Int64),
    ]))
});

/// The log as a table.
#[derive(Debug)]
pub(crate) struct LogTable(pub(crate) Arc<LogSpec>);

#[async_trait]
impl TableProvider for LogTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..SCHEMA.fields().len()).collect(),
        };
        let files = file_numbers(&self.0)?;
        let exec = LogExec::new(files, Arc::clone(&self.0), columns)?;
        Ok(Arc::new(exec))
    }
}
