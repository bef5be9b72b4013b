//! Reads the files of a log, one a partition.

use super::batches::read_file;
use super::{LogSpec, SCHEMA};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use std::fmt;
use std::sync::Arc;

/// Batches that are read ahead.
const BATCHES_AHEAD: usize = 2;

/// Reads the files of a log, one a partition.
#[derive(Debug)]
pub(crate) struct LogExec {
    pub(crate) spec: Arc<LogSpec>,
    /// The columns to return.
    pub(crate) columns: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl LogExec {
    pub(crate) fn new(spec: Arc<LogSpec>, columns: Vec<usize>) -> Result<Self> {
        let schema = Arc::new(SCHEMA.project(&columns)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(spec.files.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            spec,
            columns,
            schema,
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for LogExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogExec: {} files", self.spec.files.len())
    }
}

impl ExecutionPlan for LogExec {
    fn name(&self) -> &str {
        "LogExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition >= self.spec.files.len() {
            return Err(DataFusionError::Internal(format!(
                "the log has no file {partition}"
            )));
        }
        let mut stream =
            RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let (sender, spec) = (stream.tx(), Arc::clone(&self.spec));
        let columns = self.columns.clone();
        stream.spawn_blocking(move || {
            read_file(&spec, partition, &mut |batch| {
                let batch = batch.project(&columns)?;
                // A receiver that is gone needs no more rows.
                Ok(sender.blocking_send(Ok(batch)).is_ok())
            })
        });
        Ok(stream.build())
    }
}
