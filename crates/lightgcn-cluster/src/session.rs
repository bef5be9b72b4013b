//! Runs steps, in this process or on a cluster, and keeps their results as tables.

use crate::checkpoint::CheckpointExec;
use crate::codec::Codec;
use crate::{ClusterError, ClusterOptions, Place};
use ballista_core::config::BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::disk_manager::DiskManagerMode;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::TryStreamExt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// How long the scheduler may take to answer a request.
const REQUEST_SECONDS: u64 = 300;

/// A sort sets aside one part in this many of its share of the memory.
const MERGE_PART: usize = 8;

/// A batch has a row for this many bytes of a partition's share of the memory: several batches are in use at a time.
const BYTES_OF_ROW: usize = 4_096;

/// The least number of rows of a batch.
const MIN_BATCH: usize = 64;

/// Where steps run, and the folder for their results.
pub(crate) struct Session {
    context: SessionContext,
    scheduler: Option<Scheduler>,
    /// Deleted with the session.
    work: TempDir,
}

struct Scheduler {
    /// As given.
    address: String,
    url: String,
    session: String,
}

impl Session {
    /// Opens a session; with a scheduler, checks that it answers.
    pub(crate) async fn open(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let work = work_folder(&options.work)?;
        let scheduler = match &options.place {
            Place::Local => None,
            Place::Scheduler(address) => Some(Scheduler::connect(address).await?),
        };
        let spill = work.path().join("spill");
        create(&spill)?;
        let mut runtime = RuntimeEnvBuilder::new();
        let mut disk = runtime.disk_manager_builder.take().unwrap_or_default();
        disk.set_mode(DiskManagerMode::Directories(vec![spill]));
        if let Some(bytes) = options.spill_limit {
            disk.set_max_temp_directory_size(bytes);
        }
        let mut runtime = runtime.with_disk_manager_builder(disk);
        if let Some(bytes) = options.memory {
            let pool = FairSpillPool::new(usize::try_from(bytes).unwrap_or(usize::MAX));
            runtime = runtime.with_memory_pool(Arc::new(pool));
        }
        let runtime = runtime
            .build_arc()
            .map_err(|error| failed("start", &error))?;
        let context = SessionContext::new_with_config_rt(config(options), runtime);
        Ok(Self {
            context,
            scheduler,
            work,
        })
    }

    /// Adds a table.
    pub(crate) fn add(
        &self,
        name: &str,
        table: Arc<dyn TableProvider>,
    ) -> Result<(), ClusterError> {
        let added = self.context.register_table(name, table);
        added.map(drop).map_err(|error| failed(name, &error))
    }

    /// Adds a function.
    pub(crate) fn add_function(&self, function: datafusion::logical_expr::ScalarUDF) {
        self.context.register_udf(function);
    }

    /// The rows of a query.
    pub(crate) async fn rows(
        &self,
        step: &str,
        sql: &str,
    ) -> Result<Vec<RecordBatch>, ClusterError> {
        let rows = self.stream(step, sql).await?;
        rows.try_collect()
            .await
            .map_err(|error| self.error(step, &error))
    }

    /// The rows of a query as they arrive.
    pub(crate) async fn stream(
        &self,
        step: &str,
        sql: &str,
    ) -> Result<SendableRecordBatchStream, ClusterError> {
        let plan = self.plan(sql).await.map_err(|error| failed(step, &error))?;
        self.run(plan)
            .await
            .map_err(|error| self.error(step, &error))
    }

    /// The error for rows that stopped arriving.
    pub(crate) fn error(&self, step: &str, error: &DataFusionError) -> ClusterError {
        match &self.scheduler {
            Some(scheduler) if is_transport(&error.to_string()) => ClusterError::SchedulerLost {
                address: scheduler.address.clone(),
                step: step.to_owned(),
                detail: error.to_string(),
            },
            _ => failed(step, error),
        }
    }

    /// Keeps the rows of a query as the table `name`, and returns their number.
    pub(crate) async fn keep(&self, name: &str, sql: &str) -> Result<u64, ClusterError> {
        let folder = self.folder(name);
        create(&folder)?;
        let to_error = |error: DataFusionError| self.error(name, &error);
        let url = ListingTableUrl::parse(format!("{}/", folder.display())).map_err(to_error)?;
        let plan = self.plan(sql).await.map_err(to_error)?;
        let schema = plan.schema();
        let plan = Arc::new(CheckpointExec::new(plan, url.to_string()));
        let written = self.run(plan).await.map_err(to_error)?;
        let written: Vec<RecordBatch> = written.try_collect().await.map_err(to_error)?;
        let (mut files, mut rows) = (Vec::new(), 0);
        for batch in &written {
            let names = batch.column(0).as_string::<i32>().iter().flatten();
            files.extend(names.map(|name| format!("{url}{name}")));
            let counts = batch.column(1).as_primitive::<Int64Type>().values();
            rows += counts.iter().sum::<i64>() as u64;
        }
        let table = table(&files, schema).map_err(to_error)?;
        self.add(name, table)?;
        Ok(rows)
    }

    /// Keeps columns of whole numbers as the table `name`.
    pub(crate) fn keep_numbers(
        &self,
        name: &str,
        columns: [(&str, Vec<i64>); 2],
    ) -> Result<(), ClusterError> {
        let folder = self.folder(name);
        create(&folder)?;
        let columns = columns.map(|(column, values)| {
            let values: ArrayRef = Arc::new(Int64Array::from(values));
            (column, values, false)
        });
        let path = folder.join("part-0.parquet");
        let write = || {
            let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
            let mut writer = ArrowWriter::try_new(File::create(&path)?, batch.schema(), None)?;
            writer.write(&batch)?;
            writer.close()?;
            table(&[path.display().to_string()], batch.schema())
        };
        let table = write().map_err(|error| failed(name, &error))?;
        self.add(name, table)
    }

    /// Removes a table that was kept.
    pub(crate) fn forget(&self, name: &str) -> Result<(), ClusterError> {
        let removed = self.context.deregister_table(name);
        removed.map_err(|error| failed(name, &error))?;
        let folder = self.folder(name);
        std::fs::remove_dir_all(&folder).map_err(|source| work_error(&folder, source))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    async fn plan(&self, sql: &str) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.context.sql(sql).await?.create_physical_plan().await
    }

    async fn run(&self, plan: Arc<dyn ExecutionPlan>) -> EngineResult<SendableRecordBatchStream> {
        let Some(scheduler) = &self.scheduler else {
            return execute_stream(plan, self.context.task_ctx());
        };
        let config = self.context.copied_config();
        execute_physical_plan::<PhysicalPlanNode>(
            scheduler.url.clone(),
            &config.ballista_config(),
            plan,
            &Codec::default(),
            scheduler.session.clone(),
            config,
        )
        .await
    }
}

impl Scheduler {
    async fn connect(address: &str) -> Result<Self, ClusterError> {
        let host = address.strip_prefix("df://");
        let host = host.filter(|host| !host.is_empty() && !host.contains('/'));
        let Some(host) = host else {
            return Err(ClusterError::Address {
                address: address.to_owned(),
            });
        };
        let url = format!("http://{host}");
        match SchedulerGrpcClient::connect(url.clone()).await {
            Ok(_) => Ok(Self {
                address: address.to_owned(),
                url,
                session: ballista_core::ids::new_instance_id(),
            }),
            Err(error) => Err(ClusterError::NoScheduler {
                address: address.to_owned(),
                detail: causes(&error),
            }),
        }
    }
}

/// The same configuration everywhere, so that the same plans run in this process and on a cluster.
fn config(options: &ClusterOptions) -> SessionConfig {
    let config = SessionConfig::new_with_ballista()
        .with_ballista_physical_extension_codec(Arc::new(Codec::default()))
        .set_bool(
            "datafusion.execution.parquet.schema_force_view_types",
            false,
        )
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_u64(BALLISTA_CLIENT_GRPC_TIMEOUT_SECONDS, REQUEST_SECONDS);
    let mut config = match options.partitions {
        Some(n) => config.with_target_partitions(n.get()),
        None => config,
    };
    if let Some(bytes) = options.memory {
        // All partitions may sort at a time, and each sets some memory aside for merging what it spilled.
        let share = bytes / config.target_partitions() as u64;
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        let aside = &mut config.options_mut().execution.sort_spill_reservation_bytes;
        *aside = (*aside).min(share / MERGE_PART);
        let rows = (share / BYTES_OF_ROW).max(MIN_BATCH);
        let rows = config.batch_size().min(rows);
        config = config.with_batch_size(rows);
    }
    config
}

/// Files as a table.
fn table(files: &[String], schema: SchemaRef) -> EngineResult<Arc<dyn TableProvider>> {
    if files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    let urls = files.iter().map(ListingTableUrl::parse);
    let urls = urls.collect::<EngineResult<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

fn work_folder(parent: &Path) -> Result<TempDir, ClusterError> {
    let to_error = |source| work_error(parent, source);
    let parent = std::path::absolute(parent).map_err(to_error)?;
    let mut folder = tempfile::Builder::new();
    folder.prefix(".lightgcn-cluster-");
    // Executors may run as other users: who may write there is up to the umask.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        folder.permissions(std::fs::Permissions::from_mode(0o777));
    }
    folder.tempdir_in(parent).map_err(to_error)
}

fn create(folder: &Path) -> Result<(), ClusterError> {
    std::fs::create_dir_all(folder).map_err(|source| work_error(folder, source))
}

fn work_error(path: &Path, source: io::Error) -> ClusterError {
    ClusterError::Work {
        path: path.to_owned(),
        source,
    }
}

/// The error of a step. What executors say arrives as text.
fn failed(step: &str, error: &DataFusionError) -> ClusterError {
    let (step, detail) = (step.to_owned(), error.to_string());
    let is_full = [
        "No space left on device",
        "StorageFull",
        "max_temp_directory_size",
    ];
    if is_full.iter().any(|text| detail.contains(text)) {
        ClusterError::DiskFull { step, detail }
    } else if detail.contains("Resources exhausted") || detail.contains("ResourcesExhausted") {
        ClusterError::Memory { step, detail }
    } else {
        ClusterError::Step { step, detail }
    }
}

/// Whether the connection to the scheduler failed, rather than the step.
fn is_transport(detail: &str) -> bool {
    let texts = [
        "tonic::transport::Error",
        "transport error",
        "ConnectionRefused",
        "ConnectError",
        "h2 protocol error",
    ];
    texts.iter().any(|text| detail.contains(text))
}

/// An error and its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
