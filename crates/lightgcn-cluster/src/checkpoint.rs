//! Writes the result of a step as Parquet, a file for each partition.

use datafusion::arrow::array::{Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::buffered::BufWriter;
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The columns of what a checkpoint returns: a row for each file it wrote.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("file", DataType::Utf8, false),
        Field::new("rows", DataType::Int64, false),
    ]))
});

/// Writes its input into a folder, each partition as a file of its own, and returns the names of the files. A partition
/// that runs again, since its executor was lost, writes another file; what counts is the file whose name is returned.
#[derive(Debug)]
pub(crate) struct CheckpointExec {
    input: Arc<dyn ExecutionPlan>,
    /// The folder, as a URL that ends with a slash.
    pub(crate) folder: String,
    properties: Arc<PlanProperties>,
}

impl CheckpointExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, folder: String) -> Self {
        let n = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(n),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            input,
            folder,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for CheckpointExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointExec: {}", self.folder)
    }
}

impl ExecutionPlan for CheckpointExec {
    fn name(&self) -> &str {
        "CheckpointExec"
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
            .map_err(|_| DataFusionError::Internal("a checkpoint has one input".to_owned()))?;
        Ok(Arc::new(Self::new(input, self.folder.clone())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let url = ListingTableUrl::parse(&self.folder)?;
        let store = context.runtime_env().object_store(&url)?;
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let written = write(input, store, url, partition);
        let stream = futures::stream::once(written);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&SCHEMA),
            stream,
        )))
    }
}

/// Writes a partition, unless it is empty.
async fn write(
    mut input: SendableRecordBatchStream,
    store: Arc<dyn ObjectStore>,
    url: ListingTableUrl,
    partition: usize,
) -> Result<RecordBatch> {
    let id = ballista_core::ids::new_instance_id();
    let name = format!("part-{partition}-{id}.parquet");
    let mut writer = None;
    let mut rows = 0;
    while let Some(batch) = input.next().await.transpose()? {
        if batch.num_rows() == 0 {
            continue;
        }
        rows += batch.num_rows();
        let open = match &mut writer {
            Some(open) => open,
            none => {
                let path = url.prefix().clone().join(name.as_str());
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
                let into = BufWriter::new(Arc::clone(&store), path);
                let new =
                    AsyncArrowWriter::try_new(into, batch.schema(), Some(properties.build()))?;
                none.insert(new)
            }
        };
        open.write(&batch).await?;
    }
    // Files appear when they are complete.
    let names = match writer {
        Some(writer) => {
            writer.close().await?;
            vec![name]
        }
        None => Vec::new(),
    };
    let counts = Int64Array::from(vec![rows as i64; names.len()]);
    let names = StringArray::from(names);
    Ok(RecordBatch::try_new(
        Arc::clone(&SCHEMA),
        vec![Arc::new(names), Arc::new(counts)],
    )?)
}
