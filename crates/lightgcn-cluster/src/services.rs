//! Ballista's scheduler and executors, which know the plans of a preparation.

use crate::codec::Codec;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::{BallistaError, Result};
use ballista_core::extension::SessionConfigExt;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::start_server;
use bytesize::ByteSize;
use datafusion::prelude::SessionConfig;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The options of a scheduler.
#[derive(Debug, Clone, clap::Args)]
pub struct SchedulerOptions {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50050")]
    pub listen: SocketAddr,
    /// Name or address by which executors reach the scheduler.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub external_host: String,
    /// Time without a sign of life after which an executor is lost, in seconds; several times its --heartbeat.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub executor_timeout: u64,
}

/// The options of an executor.
#[derive(Debug, Clone, clap::Args)]
pub struct ExecutorOptions {
    /// Host name of the scheduler.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub scheduler_host: String,
    /// Port of the scheduler.
    #[arg(long, value_name = "PORT", default_value_t = 50050)]
    pub scheduler_port: u16,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind_host: String,
    /// Name or address by which the others reach this executor.
    #[arg(long, value_name = "HOST")]
    pub external_host: Option<String>,
    /// Port for rows that move between executors.
    #[arg(long, value_name = "PORT", default_value_t = 50051)]
    pub port: u16,
    /// Port for tasks.
    #[arg(long, value_name = "PORT", default_value_t = 50052)]
    pub grpc_port: u16,
    /// Number of tasks at a time. Default: the number of CPUs.
    #[arg(long, value_name = "N")]
    pub tasks: Option<usize>,
    /// Memory of all tasks, such as 16GB, beyond which they spill. Default: 70% of the machine's or the container's.
    #[arg(long, value_name = "BYTES")]
    pub memory: Option<ByteSize>,
    /// Folder for spilled rows and rows that move between executors. Default: a temporary folder.
    #[arg(long, value_name = "FOLDER")]
    pub work: Option<PathBuf>,
    /// Time between signs of life, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub heartbeat: u64,
}

fn session_config() -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_ballista_physical_extension_codec(Arc::new(Codec::default()))
}

/// Runs a scheduler until the process ends.
///
/// # Errors
/// [`BallistaError`] if it cannot listen on its address.
pub async fn schedule(options: &SchedulerOptions) -> Result<()> {
    let config = SchedulerConfig {
        external_host: options.external_host.clone(),
        bind_host: options.listen.ip().to_string(),
        bind_port: options.listen.port(),
        executor_timeout_seconds: options.executor_timeout,
        no_executors_grace_period_seconds: options.executor_timeout,
        expire_dead_executor_interval_seconds: (options.executor_timeout / 4).max(1),
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        override_config_producer: Some(Arc::new(session_config)),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await?;
    start_server(cluster, options.listen, Arc::new(config)).await
}

/// Runs an executor until the process is told to end.
///
/// # Errors
/// [`BallistaError`] if it cannot reach the scheduler, listen on its ports or use its folder.
pub async fn execute(options: &ExecutorOptions) -> Result<()> {
    let work = match &options.work {
        Some(work) => {
            std::fs::create_dir_all(work)?;
            let text = work.to_str().ok_or_else(|| {
                BallistaError::Configuration(format!("{} is not UTF-8", work.display()))
            })?;
            Some(text.to_owned())
        }
        None => None,
    };
    let mut config = ExecutorProcessConfig {
        bind_host: options.bind_host.clone(),
        external_host: options.external_host.clone(),
        port: options.port,
        grpc_port: options.grpc_port,
        scheduler_host: options.scheduler_host.clone(),
        scheduler_port: options.scheduler_port,
        scheduler_connect_timeout_seconds: 30,
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: work,
        memory_pool_size: options.memory.map(|size| size.as_u64()),
        executor_heartbeat_interval_seconds: options.heartbeat,
        override_config_producer: Some(Arc::new(session_config)),
        override_physical_codec: Some(Arc::new(Codec::default())),
        ..ExecutorProcessConfig::default()
    };
    if let Some(tasks) = options.tasks {
        config.vcores = tasks;
    }
    start_executor_process(Arc::new(config)).await
}
