//! The command line.

mod answers;
mod paths;
mod service;
mod training;

pub(crate) use answers::{
    EnsembleArgs, ExplainArgs, FusionChoice, HideChoice, OnlyChoice, RecommendArgs,
};
pub(crate) use service::{EventsCommand, EventsExportArgs, EventsPruneArgs, ForgetArgs, ServeArgs};
pub(crate) use training::{CompareArgs, RetrainArgs, RollbackArgs, TrainArgs, TuneArgs};

use crate::baselines::Baselines;
use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use lightgcn::data::LogPreset;
use lightgcn::train::Device;
use paths::local;
use std::path::PathBuf;
use std::str::FromStr;

/// Turn a raw shop event log into explained recommendations.
///
/// Typically: `prepare` (log to dataset), `train` (dataset to model), `evaluate`, then `recommend` and
/// `explain`. If you have no log, `generate` makes a synthetic one.
#[derive(Debug, Parser)]
#[command(name = "lightgcn", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  lightgcn generate --events 200000 --out shop.csv
  lightgcn inspect shop.csv
  lightgcn prepare shop.csv --out shop.dataset
  lightgcn train shop.dataset --out shop.model --run shop.run
  lightgcn events export events.redb --out new.csv
  lightgcn prepare shop.csv new.csv --after shop.model --out new.dataset
  lightgcn retrain shop.model new.dataset
  lightgcn tune shop.dataset --space space.toml --trials 20
  lightgcn compare shop.dataset --models lightgcn,mf,mb-cgcn --minutes 10
  lightgcn evaluate shop.model shop.dataset --baselines item-knn,gf-cf --ensemble gf-cf
  lightgcn recommend shop.model 500000017 -k 20
  lightgcn explain shop.model 500000017 5700042
  lightgcn serve shop.model

Flags override the configuration file (--config FILE.toml).";

/// Where the help of a command lists the options of all commands, after its own.
const EVERYWHERE: &str = "Options of all commands";

/// Options of all commands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// A TOML configuration file: seed, threads, device, and the tables [generate], [prepare], [model],
    /// [train], [ranking], [evaluate], [filters], [serve] and [refit]. Unknown keys are errors
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE", env = "LIGHTGCN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Seed of all random choices; the same seed gives the same bytes [default: 42]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "LIGHTGCN_SEED")]
    pub(crate) seed: Option<u64>,
    /// CPU threads; results do not depend on the number [default: all cores]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "LIGHTGCN_THREADS")]
    pub(crate) threads: Option<usize>,
    /// Device to train on: auto, cpu, wgpu[:N] or cuda[:N] [default: auto]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "LIGHTGCN_DEVICE")]
    pub(crate) device: Option<Device>,
    /// Print one JSON object to standard output and everything else to standard error
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Log more to standard error (-v: info, -vv: debug)
    #[arg(long, short, global = true, help_heading = EVERYWHERE, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log format
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        value_enum,
        env = "LIGHTGCN_LOG_FORMAT",
        default_value_t
    )]
    pub(crate) log_format: LogFormat,
}

/// The log format on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Human-readable lines
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate the event log of a synthetic shop, or print the statistics of a log
    Generate(GenerateArgs),
    /// Turn event logs into a dataset: read, split, weigh
    Prepare(PrepareArgs),
    /// Write a dataset or a model as Parquet files: pairs, catalogue and, for a model, embeddings
    Export(ExportArgs),
    /// Print statistics and warnings about a log or a dataset before training: counts, times,
    /// conversion
    Inspect(InspectArgs),
    /// Turn event logs into a model in one go: prepare, train, learn to rank, compare with rules
    /// and filters on test data, and refit on the whole log
    Fit(FitArgs),
    /// Train a model on a dataset or on pair files
    Train(TrainArgs),
    /// Continue training a model on old and new events, and replace it only if validation does not get
    /// worse (exit code 0 if replaced, 3 if not)
    Retrain(RetrainArgs),
    /// Replace a model by an earlier version that `retrain` kept; again goes forward again
    Rollback(RollbackArgs),
    /// Search for the best options of a model on validation data
    Tune(TuneArgs),
    /// Search, train and evaluate several models with the same budget, alongside linear filters and
    /// rules
    Compare(CompareArgs),
    /// Evaluate a model on test data, alongside baselines
    Evaluate(EvaluateArgs),
    /// Print the items that users are most likely to buy
    Recommend(RecommendArgs),
    /// Explain an item for a user: contributions, and paths through the graph
    Explain(ExplainArgs),
    /// Export the events stored by a service, or prune those already trained on
    #[command(subcommand)]
    Events(EventsCommand),
    /// Remove a person from events, datasets and models on disk; stop the service first
    Forget(ForgetArgs),
    /// Serve recommendations over HTTP, with a web page, until SIGTERM or Ctrl-C
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Number of events [default: 200000]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) events: Option<u64>,
    /// Number of users [default: grows with the events as in real logs]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) users: Option<u64>,
    /// Number of items [default: grows with the events as in real logs]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) items: Option<u64>,
    /// Log to write; compressed if it ends in .gz or .zst
    #[arg(long, required_unless_present = "statistics")]
    pub(crate) out: Option<PathBuf>,
    /// Print the statistics of this log instead of generating one
    #[arg(long, value_name = "LOG", conflicts_with = "out")]
    pub(crate) statistics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitChoice {
    /// By time: the latest targets are test, those before them validation
    ByTime,
    /// Each user's last new purchase is test, the one before it validation
    LeaveLastOut,
    /// Random pairs, as in the reference system; optimistic, because training sees the future
    Random,
    /// Hold nothing out, to train the final model on everything
    None,
}

#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    /// Event logs: CSV or Parquet files, folders, globs or URLs; CSV may be gzip or zstd
    #[arg(required_unless_present = "pairs", value_name = "LOG")]
    pub(crate) logs: Vec<String>,
    /// Instead of logs, a table of pairs, such as one aggregated by a data warehouse: CSV or
    /// Parquet
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["logs", "split", "after", "validation", "test", "k_core"]
    )]
    pub(crate) pairs: Vec<PathBuf>,
    /// Read a public log in its published format: rees46, retailrocket, otto, taobao-userbehavior,
    /// movielens, instacart, hm or yoochoose
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<LogPreset>,
    /// Folder to write the dataset to
    #[arg(long, value_name = "DATASET")]
    pub(crate) out: PathBuf,
    /// How to hold out validation and test data [default: by-time]
    #[arg(long)]
    pub(crate) split: Option<SplitChoice>,
    /// Share held out for validation (random and by-time), or a file with the targets for validation
    #[arg(long, value_name = "SHARE|FILE", allow_negative_numbers = true)]
    pub(crate) validation: Option<PartArg>,
    /// Share held out for test (random and by-time), or a file with the targets for the test: pairs or log rows
    /// in the log's format
    #[arg(long, value_name = "SHARE|FILE", allow_negative_numbers = true)]
    pub(crate) test: Option<PartArg>,
    /// Hold out events newer than MODEL's training data for validation: for `retrain`
    #[arg(
        long,
        value_name = "MODEL",
        value_parser = local(),
        conflicts_with_all = ["split", "validation", "test"]
    )]
    pub(crate) after: Option<PathBuf>,
    /// Weights of behaviors: shop-log or shop-log-strong-views; use --config for others
    #[arg(long, value_name = "PRESET")]
    pub(crate) weights: Option<String>,
    /// Train only on this many days before the held-out parts, or before the end of the log where nothing is held
    /// out, such as 90d; or all [default: all]
    #[arg(long, value_name = "DAYS", conflicts_with = "pairs")]
    pub(crate) history: Option<History>,
    /// Halve the weight of an event for every DAYS of age
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    pub(crate) half_life_days: Option<f64>,
    /// Keep only users and items with at least this many pairs
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) k_core: Option<u32>,
    /// Keep exact duplicate rows
    #[arg(long)]
    pub(crate) keep_duplicates: bool,
    /// Skip and count bad rows instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// CSV or Parquet files of items with category, brand or price columns
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Vec<String>,
    /// Files of facts about the items, lines of head, relation and tail separated by tabs; RecBole's .kg and .link
    /// files are read too
    #[arg(long, value_name = "FILE")]
    pub(crate) knowledge: Vec<String>,
}

/// What to hold out for one part of a split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PartArg {
    Share(f64),
    File(String),
}

impl FromStr for PartArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.parse().map(Self::Share);
        Ok(share.unwrap_or_else(|_| Self::File(text.to_owned())))
    }
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A dataset or a model
    #[arg(value_name = "DATASET|MODEL", value_parser = local())]
    pub(crate) from: PathBuf,
    /// Folder to write the files to
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Event logs (CSV or Parquet files, folders, globs or URLs), or a dataset or model, whose
    /// training part to inspect
    #[arg(required = true, value_name = "LOG|DATASET|MODEL")]
    pub(crate) inputs: Vec<String>,
    /// Read a public log in its published format: rees46, retailrocket, otto, taobao-userbehavior,
    /// movielens, instacart, hm or yoochoose
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<LogPreset>,
    /// The behavior to recommend for [default: as in --config, or the one that means a purchase]
    #[arg(long, value_name = "BEHAVIOR")]
    pub(crate) target: Option<String>,
    /// Skip and count bad rows instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Folder to write plots to, as SVG
    #[arg(long, value_name = "FOLDER")]
    pub(crate) plots: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    /// Event logs: CSV or Parquet files, folders, globs or URLs; CSV may be gzip or zstd
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<String>,
    /// Read a public log in its published format: rees46, retailrocket, otto, taobao-userbehavior,
    /// movielens, instacart, hm or yoochoose
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<LogPreset>,
    /// The folder to write the model to
    #[arg(long, value_name = "MODEL")]
    pub(crate) out: PathBuf,
    /// The behavior to recommend for [default: as in --config, or the one that means a purchase]
    #[arg(long, value_name = "BEHAVIOR")]
    pub(crate) target: Option<String>,
    /// How to hold out validation and test data [default: by-time]
    #[arg(long)]
    pub(crate) split: Option<SplitChoice>,
    /// Maximum number of epochs [default: 200]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epochs: Option<u32>,
    /// Take about this many minutes in total; training ends early enough to refit on the whole log
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) minutes: Option<f64>,
    /// Refuse to train on the CPU if it would take more memory than this, such as 4GB, and say what
    /// would fit
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<ByteSize>,
    /// Item-to-item models that the ranking may use in addition to the trained model [default:
    /// propagation,ease,sessions]
    #[arg(long, value_name = "MEMBER", value_delimiter = ',')]
    pub(crate) members: Option<Vec<MemberChoice>>,
    /// Keep the model fitted on the training part instead of refitting on the whole log
    #[arg(long)]
    pub(crate) no_refit: bool,
    /// Skip and count bad rows instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// CSV or Parquet files of items with category, brand or price columns
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Vec<String>,
    /// Files of facts about the items, lines of head, relation and tail separated by tabs; RecBole's .kg and .link
    /// files are read too
    #[arg(long, value_name = "FILE")]
    pub(crate) knowledge: Vec<String>,
}

/// An item-to-item model in the ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MemberChoice {
    /// One untrained layer of propagation
    Propagation,
    /// EASE, the best linear map in closed form
    Ease,
    /// The ideal low-pass filter from GF-CF; takes minutes on large logs
    LowPass,
    /// A walk that cascades over behaviors, based on CascadingRank
    Cascade,
    /// Which items follow which within sessions; skipped if event times do not separate sessions
    Sessions,
}

/// The data: a prepared dataset, or pair files.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Dataset written by `prepare`
    #[arg(
        value_name = "DATASET",
        required_unless_present = "pairs_train",
        conflicts_with = "pairs_train"
    )]
    pub(crate) dataset: Option<PathBuf>,
    /// Training pairs: lines of `user item item ...`
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs_train: Option<PathBuf>,
    /// Validation pairs; those also in the training file are removed from training
    #[arg(long, value_name = "FILE", requires = "pairs_train")]
    pub(crate) pairs_valid: Option<PathBuf>,
    /// Test pairs
    #[arg(long, value_name = "FILE", requires = "pairs_train")]
    pub(crate) pairs_test: Option<PathBuf>,
    /// Keep users and items without a training pair, as published results do
    #[arg(long, requires = "pairs_train")]
    pub(crate) keep_unseen: bool,
}

/// How much of the past to use: a number of days, such as `30d`, or `all`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct History(pub(crate) Option<f64>);

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(None));
        }
        let days = text.strip_suffix('d').unwrap_or(text).parse();
        let days = days
            .map_err(|_| format!("{text:?} is neither a number of days, such as 30d, nor all"))?;
        Ok(Self(Some(days)))
    }
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A model that `train` wrote
    #[arg(value_parser = local())]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The K of the metrics [default: 10,20]
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) k: Vec<usize>,
    /// More models of the same dataset, compared by a paired test, each by what it answers: its learned ranking, or
    /// its embeddings where it has none
    #[arg(long, value_name = "MODEL", value_parser = local())]
    pub(crate) against: Vec<PathBuf>,
    /// Evaluate on the validation part instead of the test part
    #[arg(long)]
    pub(crate) on_validation: bool,
    /// Also evaluate the answers with these shares of random items, each from 0 to 1
    #[arg(
        long,
        value_name = "SHARES",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) exploration: Vec<f64>,
    /// Also evaluate the answers with lists of these diversities, each from 0 to 1 [default: those of
    /// --exploration]
    #[arg(
        long,
        value_name = "SHARES",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) diversity: Vec<f64>,
    /// Also evaluate the answers with these weights of expected revenue, each from 0 to 1
    #[arg(
        long,
        value_name = "WEIGHTS",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) revenue: Vec<f64>,
    /// Linear filters to compare with: item-knn, rp3beta, ease, gf-cf, chebyshev, svd, or none
    /// [default: item-knn]
    #[arg(long, value_name = "FILTERS")]
    pub(crate) baselines: Option<Baselines>,
    /// Also evaluate an ensemble of the model and these members: model folders or names of linear
    /// filters. Models use their embeddings, as in `recommend --with`. Weights are chosen on the validation part
    /// unless given as MEMBER=WEIGHT
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    pub(crate) ensemble: Vec<String>,
    /// Instead, retrain with the model's settings in this many time windows, each evaluated on the
    /// next tenth of the targets
    #[arg(long, conflicts_with_all = ["pairs_train", "against", "on_validation", "ensemble"])]
    pub(crate) windows: Option<usize>,
    /// How much of the past each window trains on, such as 30d,90d,all [default: all]
    #[arg(long, value_name = "DAYS", value_delimiter = ',', requires = "windows")]
    pub(crate) history: Vec<History>,
    /// Also train the model with other seeds, this many in total, and print how much its metrics vary; with
    /// --windows, in each window
    #[arg(long, default_value_t = 1)]
    pub(crate) seeds: u64,
    /// How to fuse the members of the ensemble
    #[arg(long, value_enum, default_value_t = FusionChoice::Score)]
    pub(crate) fusion: FusionChoice,
}
