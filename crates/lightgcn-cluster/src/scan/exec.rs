//! Reads the files of a log, one a partition.

use super::batches::read_file;
use super::{LogSpec, SCHEMA};
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, SendableRecordBatchStream,
};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// Batches that are read ahead.
const BATCHES_AHEAD: usize = 2;

/// Reads the files whose numbers its input has. The scheduler gives each task a part of the input's partitions, which
/// it can only do for leaves that it knows: that is why the files are not a leaf.
#[derive(Debug)]
pub(crate) struct LogExec {
    input: Arc<dyn ExecutionPlan>,
    pub(crate) spec: Arc<LogSpec>,
    /// The columns to return.
    pub(crate) columns: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

/// The numbers of a log's files, one a partition.
pub(super) fn file_numbers(spec: &LogSpec) -> Result<Arc<dyn ExecutionPlan>> {
    let number = |n: usize| {
        let number: ArrayRef = Arc::new(Int64Array::from(vec![n as i64]));
        RecordBatch::try_from_iter([("file", number)])
    };
    let numbers: Vec<Vec<RecordBatch>> = (0..spec.files.len())
        .map(|n| Ok(vec![number(n)?]))
        .collect::<Result<_>>()?;
    let schema = number(0)?.schema();
    Ok(MemorySourceConfig::try_new_exec(&numbers, schema, None)?)
}

impl LogExec {
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        spec: Arc<LogSpec>,
        columns: Vec<usize>,
    ) -> Result<Self> {
        let schema = Arc::new(SCHEMA.project(&columns)?);
        let n = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(n),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            input,
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

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a log has one input".to_owned()))?;
        let (spec, columns) = (Arc::clone(&self.spec), self.columns.clone());
        Ok(Arc::new(Self::new(input, spec, columns)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut numbers = self.input.execute(partition, context)?;
        let mut stream =
            RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let (sender, spec, columns) = (
            stream.tx(),
            Arc::clone(&self.spec),
            Arc::new(self.columns.clone()),
        );
        stream.spawn(async move {
            while let Some(batch) = numbers.try_next().await? {
                for &file in batch.column(0).as_primitive::<Int64Type>().values() {
                    let (sender, spec) = (sender.clone(), Arc::clone(&spec));
                    let columns = Arc::clone(&columns);
                    let read = tokio::task::spawn_blocking(move || {
                        read_file(&spec, file as usize, &mut |batch| {
                            let batch = batch.project(&columns)?;
                            // A receiver that is gone needs no more rows.
                            Ok(sender.blocking_send(Ok(batch)).is_ok())
                        })
                    });
                    read.await
                        .map_err(|error| DataFusionError::External(Box::new(error)))??;
                }
            }
            Ok(())
        });
        Ok(stream.build())
    }
}
