//! The command `lightgcn-cluster`.

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use lightgcn_cluster::services::{self, ExecutorOptions, SchedulerOptions};
use lightgcn_cluster::{ClusterError, ClusterOptions, Place, Preparation};
use lightgcn_core::{BehaviorWeightsConfig, Dataset};
use lightgcn_data::{Duplicates, KCoreConfig, LogPreset, PrepareConfig, SplitConfig};
use lightgcn_store::{DatasetFolder, beside};
use serde::Deserialize;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prepares event logs on a cluster.
#[derive(Parser)]
#[command(name = "lightgcn-cluster", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prepare a dataset, as `lightgcn prepare` does, on a cluster or in this process.
    Prepare(PrepareArgs),
    /// Run a scheduler of Ballista.
    Scheduler(SchedulerOptions),
    /// Run an executor of Ballista.
    Executor(ExecutorOptions),
}

#[derive(Args)]
struct PrepareArgs {
    /// Files, folders, patterns or URLs of the log; all executors must see them at the same paths.
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Folder to write the dataset to.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// `local`, or the address of a scheduler, such as df://localhost:50050.
    #[arg(long, value_name = "PLACE", default_value = "local")]
    cluster: Place,
    /// A configuration file with a section [prepare], as `lightgcn` takes it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to hold out targets.
    #[arg(long, value_enum)]
    split: Option<SplitArg>,
    /// Read a public log in its published format, as `lightgcn prepare` does.
    #[arg(long, value_name = "NAME")]
    preset: Option<LogPreset>,
    /// Weights of behaviors: shop-log or shop-log-strong-views; use --config for others.
    #[arg(long, value_name = "PRESET")]
    weights: Option<String>,
    /// Train only on this many days before the held-out parts, or before the end of the log.
    #[arg(long, value_name = "DAYS")]
    history: Option<f64>,
    /// Halve the weight of an event for every DAYS of age.
    #[arg(long, value_name = "DAYS")]
    half_life_days: Option<f64>,
    /// Keep only users and items with at least this many pairs.
    #[arg(long, value_name = "N")]
    k_core: Option<u32>,
    /// Keep exact duplicate rows.
    #[arg(long)]
    keep_duplicates: bool,
    /// Skip and count bad rows instead of stopping at the first.
    #[arg(long)]
    skip_bad_rows: bool,
    /// Files of items with category, brand or price columns; read in this process.
    #[arg(long, value_name = "FILE")]
    catalogue: Vec<String>,
    /// Files of facts about the items; read in this process.
    #[arg(long, value_name = "FILE")]
    knowledge: Vec<String>,
    /// The seed of the random split.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for the results of steps, which all executors must see. Default: that of the dataset.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// The number of partitions of a step.
    #[arg(long, value_name = "N")]
    partitions: Option<NonZeroUsize>,
    /// With --cluster local: memory of a step, such as 4GB, beyond which it spills.
    #[arg(long, value_name = "BYTES")]
    memory: Option<ByteSize>,
    /// With --cluster local: how much a step may spill, such as 100GB.
    #[arg(long, value_name = "BYTES")]
    spill_limit: Option<ByteSize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitArg {
    ByTime,
    LeaveLastOut,
    Random,
    None,
}

/// The section of a configuration file that concerns preparation.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigFile {
    seed: Option<u64>,
    prepare: toml::Table,
}

/// The seed of `lightgcn prepare` if none is given.
const DEFAULT_SEED: u64 = 42;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Plans are walked by recursion.
        .thread_stack_size(32 << 20)
        .build()?;
    runtime.block_on(async {
        // Polled by a worker, whose stack is large.
        tokio::spawn(async move {
            match command {
                Command::Prepare(args) => tokio::select! {
                    result = prepare(&args) => result,
                    // The folder for the results of steps is removed.
                    _ = ended() => Err("interrupted".to_owned()),
                },
                Command::Scheduler(options) => services::schedule(&options)
                    .await
                    .map_err(|e| e.to_string()),
                Command::Executor(options) => {
                    services::execute(&options).await.map_err(|e| e.to_string())
                }
            }
        })
        .await
    })??;
    Ok(())
}

/// Returns when the process is told to end.
async fn ended() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    drop(interrupted.await);
}

async fn prepare(args: &PrepareArgs) -> Result<(), String> {
    let config = options(args)?;
    let config = config.check().map_err(|error| error.to_string())?;
    let parent = args
        .out
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let options = ClusterOptions {
        place: args.cluster.clone(),
        work: args
            .work
            .clone()
            .unwrap_or_else(|| parent.unwrap_or(Path::new(".")).to_owned()),
        partitions: args.partitions,
        memory: args.memory.map(|size| size.as_u64()),
        spill_limit: args.spill_limit.map(|size| size.as_u64()),
    };
    let to_text = |error: ClusterError| error.to_string();
    let log = Preparation::read(&args.logs, &config, &options)
        .await
        .map_err(to_text)?;
    let dataset = log.dataset(&config).await.map_err(to_text)?;
    for stage in &dataset.lineage.stages {
        eprintln!("{stage}");
    }
    let whole = match config.config().split {
        SplitConfig::None => None,
        _ => Some(log.dataset(&config.whole()).await.map_err(to_text)?),
    };
    save(&dataset, &args.out)?;
    if let Some(whole) = whole {
        // Where `lightgcn prepare` writes the dataset without held-out parts.
        save(&whole, &beside(&args.out, ".whole"))?;
    }
    let train = dataset.split.train.interactions();
    eprintln!(
        "{} users, {} items and {} training pairs written to {}",
        train.n_users(),
        train.n_items(),
        train.n_pairs(),
        args.out.display()
    );
    Ok(())
}

fn options(args: &PrepareArgs) -> Result<PrepareConfig, String> {
    let file = match &args.config {
        Some(path) => config_file(path)?,
        None => ConfigFile::default(),
    };
    let own = file.prepare.contains_key("seed");
    let mut config: PrepareConfig = file
        .prepare
        .try_into()
        .map_err(|error| format!("invalid section [prepare] in the configuration: {error}"))?;
    match args.seed.or(file.seed) {
        Some(seed) => config.seed = seed,
        None if !own => config.seed = DEFAULT_SEED,
        None => {}
    }
    if let Some(preset) = args.preset {
        preset.apply(&mut config);
    }
    if let Some(name) = &args.weights {
        let weights = BehaviorWeightsConfig::preset(name);
        config.weights = weights.ok_or_else(|| {
            format!("unknown weights {name:?}; use shop-log or shop-log-strong-views, or --config")
        })?;
    }
    if args.half_life_days.is_some() {
        config.weights.half_life_days = args.half_life_days;
    }
    config.history_days = args.history.or(config.history_days);
    if let Some(split) = args.split {
        config.split = match split {
            SplitArg::ByTime => SplitConfig::default(),
            SplitArg::LeaveLastOut => SplitConfig::leave_last_out(),
            SplitArg::Random => SplitConfig::reference(),
            SplitArg::None => SplitConfig::None,
        };
    }
    if let Some(pairs) = args.k_core {
        config.k_core = KCoreConfig {
            min_user_pairs: pairs,
            min_item_pairs: pairs,
        };
    }
    if args.keep_duplicates {
        config.duplicates = Duplicates::Keep;
    }
    config.skip_bad_rows |= args.skip_bad_rows;
    config.catalogue.extend(args.catalogue.iter().cloned());
    config.knowledge.extend(args.knowledge.iter().cloned());
    Ok(config)
}

fn config_file(path: &Path) -> Result<ConfigFile, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    toml::from_str(&text)
        .map_err(|error| format!("invalid configuration {}: {error}", path.display()))
}

fn save(dataset: &Dataset, path: &Path) -> Result<(), String> {
    dataset.save(path).map_err(|error| error.to_string())
}
