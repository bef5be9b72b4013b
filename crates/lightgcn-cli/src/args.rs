//! What the command understands.

use crate::baselines::Baselines;
use clap::{Args, Parser, Subcommand, ValueEnum};
use lightgcn::linear::Filter;
use lightgcn::train::{Device, Preset, StrategyChoice};
use std::net::SocketAddr;
use std::path::PathBuf;

/// From a raw shop event log to explained recommendations.
///
/// The usual way is `prepare` (log to dataset), `train` (dataset to model), `evaluate`, then
/// `recommend` and `explain`. Without a log, `generate` makes a synthetic shop.
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
  lightgcn prepare shop.csv --out shop.dataset
  lightgcn train shop.dataset --out shop.model --run shop.run
  lightgcn tune shop.dataset --space space.toml --trials 20
  lightgcn evaluate shop.model shop.dataset --baselines item-knn,gf-cf --blend gf-cf
  lightgcn recommend shop.model 500000017 -k 20
  lightgcn explain shop.model 500000017 5700042
  lightgcn serve shop.model

Any option of a configuration file (--config FILE.toml) is overridden by its flag.";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// A TOML file of options: seed, threads, device, and the tables [generate], [prepare],
    /// [model], [train], [evaluate], [filters] and [serve]. Unknown keys are errors
    #[arg(long, global = true, value_name = "FILE", env = "LIGHTGCN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The seed of every random choice: the same seed gives the same bytes [default: 42]
    #[arg(long, global = true, env = "LIGHTGCN_SEED")]
    pub(crate) seed: Option<u64>,
    /// Threads of the CPU; results do not depend on them [default: all cores]
    #[arg(long, global = true, env = "LIGHTGCN_THREADS")]
    pub(crate) threads: Option<usize>,
    /// What to train on: auto, cpu, wgpu[:N] or cuda[:N] [default: auto]
    #[arg(long, global = true, env = "LIGHTGCN_DEVICE")]
    pub(crate) device: Option<Device>,
    /// Print one JSON object on standard output, and everything else on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on standard error (-v: information, -vv: details)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the event log of a synthetic shop, or the statistics of a log
    Generate(GenerateArgs),
    /// Read event logs, weigh and split them, and write a dataset
    Prepare(PrepareArgs),
    /// Train a model on a dataset or on pair files, and write it
    Train(TrainArgs),
    /// Search for the best options of a model on the validation part of a dataset
    Tune(TuneArgs),
    /// Measure a model on the test part of its dataset, beside its baselines
    Evaluate(EvaluateArgs),
    /// Print the products that consumers are likeliest to buy
    Recommend(RecommendArgs),
    /// Print the paths through the graph that lead from a consumer to a product
    Explain(ExplainArgs),
    /// Answer over HTTP, with a page, until it is told to stop (SIGTERM or Ctrl-C)
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Events to make [default: 200000]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) events: Option<u64>,
    /// Consumers [default: scales with the events as in real logs]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) consumers: Option<u64>,
    /// Products [default: scales with the events as in real logs]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) products: Option<u64>,
    /// The log to write; compressed where it ends in .gz or .zst
    #[arg(long, required_unless_present = "statistics")]
    pub(crate) out: Option<PathBuf>,
    /// Instead of making a log, print the statistics of this one
    #[arg(long, value_name = "LOG", conflicts_with = "out")]
    pub(crate) statistics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitChoice {
    /// By time: the latest targets are test, those before them validation
    ByTime,
    /// Each consumer's last bought product is test, the one before it validation
    LeaveLastOut,
    /// Pairs at random (the reference system's way; optimistic, since it looks into the future)
    Random,
    /// Hold nothing out: the final model of a shop trains on everything
    None,
}

#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    /// Event logs: CSV files or globs; plain, gzip or zstd
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<String>,
    /// The folder to write the dataset to
    #[arg(long, value_name = "DATASET")]
    pub(crate) out: PathBuf,
    /// How to hold out validation and test [default: by-time]
    #[arg(long)]
    pub(crate) split: Option<SplitChoice>,
    /// The share held out for validation (random and by-time)
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) validation: Option<f64>,
    /// The share held out for test (random and by-time)
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) test: Option<f64>,
    /// The weights of behaviours: shop-log or shop-log-strong-views (others by --config)
    #[arg(long, value_name = "PRESET")]
    pub(crate) weights: Option<String>,
    /// Let an event count half for every so many days of its age
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    pub(crate) half_life_days: Option<f64>,
    /// Keep consumers and products with at least so many pairs
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) k_core: Option<u32>,
    /// Keep exact duplicate rows
    #[arg(long)]
    pub(crate) keep_duplicates: bool,
    /// Count and report bad rows instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Product files with category, brand or price columns
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Vec<String>,
}

/// Where the data comes from: a prepared dataset, or pair files.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// A dataset that `prepare` wrote
    #[arg(
        value_name = "DATASET",
        required_unless_present = "pairs_train",
        conflicts_with = "pairs_train"
    )]
    pub(crate) dataset: Option<PathBuf>,
    /// Training pairs: `user item item ...` a line
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs_train: Option<PathBuf>,
    /// Validation pairs; those that stand in the training file too are taken out of training
    #[arg(long, value_name = "FILE", requires = "pairs_train")]
    pub(crate) pairs_valid: Option<PathBuf>,
    /// Test pairs
    #[arg(long, value_name = "FILE", requires = "pairs_train")]
    pub(crate) pairs_test: Option<PathBuf>,
    /// Keep products and consumers without a training pair in the catalogue and in the truth, as
    /// published figures do
    #[arg(long, requires = "pairs_train")]
    pub(crate) keep_unseen: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The folder to write the model to
    #[arg(long, value_name = "MODEL")]
    pub(crate) out: PathBuf,
    /// The folder of the run's record (run.jsonl) and checkpoint [default: MODEL.run]
    #[arg(long)]
    pub(crate) run: Option<PathBuf>,
    /// Continue the run from its checkpoint, to the same bits
    #[arg(long)]
    pub(crate) resume: bool,
    /// A recipe to start from; the configuration file and flags override it
    #[arg(long, value_enum, default_value_t = PresetChoice::Softmax)]
    pub(crate) preset: PresetChoice,
    /// The model: lightgcn, lightgcn++, ngcf or mf [default: lightgcn]
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Numbers in an embedding [default: 64]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) dimension: Option<usize>,
    /// Propagation layers, 0 to 8 [default: 1; with --preset paper 3; lightgcn++ 2]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) layers: Option<usize>,
    /// The most epochs to train [default: 200]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epochs: Option<u32>,
    /// Pairs in a step [default: 2048]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) batch_size: Option<usize>,
    /// Adam's step size [default: 0.0005; with --preset paper 0.001]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// L2 on the layer-0 rows of a batch [default: 0; with --preset paper 0.0001]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) l2: Option<f64>,
    /// Negatives for each positive [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) negatives: Option<usize>,
    /// Validate every so many epochs [default: 5]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) validate_every: Option<u32>,
    /// Stop after so many validations without a better one; 0 never stops early [default: 5]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) patience: Option<u32>,
    /// Write a checkpoint every so many epochs, besides the end and interruptions [default: 10]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) checkpoint_every: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetChoice {
    /// The published recipe: three layers, BPR (He et al., SIGIR 2020)
    Paper,
    /// One layer, sampled softmax over in-batch negatives: the better one on validation data
    Softmax,
}

impl From<PresetChoice> for Preset {
    fn from(choice: PresetChoice) -> Self {
        match choice {
            PresetChoice::Paper => Self::Paper,
            PresetChoice::Softmax => Self::Softmax,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SearchChoice {
    /// Ten trials at random, then where good ones were dense (tree-structured Parzen estimator)
    Tpe,
    /// Every trial at random
    Random,
}

impl From<SearchChoice> for StrategyChoice {
    fn from(choice: SearchChoice) -> Self {
        match choice {
            SearchChoice::Tpe => Self::Tpe,
            SearchChoice::Random => Self::Random,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// What to search: a TOML file with [model] and [train] as in a configuration file (those of
    /// --config where it has none), and [space], whose keys are paths such as
    /// "train.learning_rate", and whose values are { low, high, log = true }, { low, high, step },
    /// { low, high, integer = true } or { choices = [...] }
    #[arg(long, value_name = "FILE")]
    pub(crate) space: PathBuf,
    /// The folder of the record (trials.jsonl) and of the best configuration (best.toml)
    /// [default: DATASET.tune]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// The most trials, those of a resumed search counted [default: 20, or no limit with --minutes]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) trials: Option<u32>,
    /// Begin no trial after so many minutes, and cut the one in hand; its best figure counts
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) minutes: Option<f64>,
    /// Continue the search recorded in the folder
    #[arg(long)]
    pub(crate) resume: bool,
    /// How values are chosen
    #[arg(long, default_value = "tpe")]
    pub(crate) strategy: SearchChoice,
    /// End weak trials at these epochs: only the best share of those that came so far goes on
    #[arg(long, value_name = "EPOCHS", value_delimiter = ',')]
    pub(crate) rungs: Vec<u32>,
    /// That share is one in so many trials, at least 2
    #[arg(long, default_value_t = 3, requires = "rungs")]
    pub(crate) reduction: u32,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The K of the metrics [default: 10,20]
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) k: Vec<usize>,
    /// Further models of the same dataset to compare with by a paired test
    #[arg(long, value_name = "MODEL")]
    pub(crate) against: Vec<PathBuf>,
    /// Measure on the validation part instead of the test part
    #[arg(long)]
    pub(crate) on_validation: bool,
    /// Also measure the model with these shares of products drawn at random, each from 0 to 1
    #[arg(
        long,
        value_name = "SHARES",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) exploration: Vec<f64>,
    /// Also measure the model with these diversities of its lists, each from 0 to 1
    #[arg(
        long,
        value_name = "SHARES",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) diversity: Vec<f64>,
    /// Also measure the model with these weights on expected revenue, each from 0 to 1
    #[arg(
        long,
        value_name = "WEIGHTS",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) revenue: Vec<f64>,
    /// Linear filters to fit and measure beside the model: some of item-knn, rp3beta, ease, gf-cf,
    /// chebyshev and svd, or none [default: item-knn]
    #[arg(long, value_name = "FILTERS")]
    pub(crate) baselines: Option<Baselines>,
    /// Measure a blend of the model with this filter too; its weight is chosen on the validation
    /// part among 0, 0.05, ... 1
    #[arg(long, value_name = "FILTER")]
    pub(crate) blend: Option<Filter>,
    /// Give the filter of the blend this weight, 0 to 1, instead of choosing it
    #[arg(
        long,
        value_name = "WEIGHT",
        requires = "blend",
        allow_negative_numbers = true
    )]
    pub(crate) blend_weight: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HideChoice {
    /// What the consumer has bought
    Bought,
    /// Whatever the consumer has met
    Seen,
    /// Nothing
    Nothing,
}

/// Which products may be shown.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Show only these products
    #[arg(long, value_name = "PRODUCT", value_delimiter = ',')]
    pub(crate) allow: Option<Vec<String>>,
    /// Do not show these products
    #[arg(long, value_name = "PRODUCT", value_delimiter = ',')]
    pub(crate) deny: Vec<String>,
    /// Show only these categories (an id, a code, or the beginning of codes)
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) category: Vec<String>,
    /// Show only these brands
    #[arg(long, value_name = "BRAND", value_delimiter = ',')]
    pub(crate) brand: Vec<String>,
    /// The lowest price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_min: Option<f64>,
    /// The highest price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_max: Option<f64>,
    /// A file of products that are never shown, an id a line
    #[arg(long, value_name = "FILE")]
    pub(crate) unsuitable: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// The consumers' ids, as they stand in the log
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) consumers: Vec<String>,
    /// Answer for every consumer of the model, into --out
    #[arg(long, requires = "out")]
    pub(crate) all: bool,
    /// The CSV file to write: consumer, rank, product, score, source
    #[arg(long, value_name = "FILE", requires = "all")]
    pub(crate) out: Option<PathBuf>,
    /// Products for each consumer
    #[arg(short, long, default_value_t = 20)]
    pub(crate) k: usize,
    /// What is left out of what the consumer has met
    #[arg(long, value_enum, default_value_t = HideChoice::Bought)]
    pub(crate) hide: HideChoice,
    /// Do not leave out what the consumer has bought; the same as --hide nothing
    #[arg(long, conflicts_with = "hide")]
    pub(crate) include_bought: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How much lists are diversified, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) diversity: f64,
    /// The share of products drawn at random, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) exploration: f64,
    /// How much expected revenue counts, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) revenue: f64,
    /// Where products come from, in this order: model, fold_in, content, category_popularity,
    /// recent_popularity, popularity, random [default: all of these but recent_popularity]
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    pub(crate) chain: Vec<lightgcn::recommend::Source>,
    /// What the consumers did since training: BEHAVIOUR:PRODUCT, more than once if need be
    #[arg(long, value_name = "EVENT", conflicts_with = "all")]
    pub(crate) event: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// The consumer's id
    pub(crate) consumer: String,
    /// The product's id
    pub(crate) product: String,
    /// The most paths to show
    #[arg(long, default_value_t = 5)]
    pub(crate) paths: usize,
    /// How many other consumers must share a step of a path for it to be shown
    #[arg(long, default_value_t = 5)]
    pub(crate) min_consumers: usize,
    /// What the consumer did since training: BEHAVIOUR:PRODUCT, more than once if need be
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Vec<String>,
}

/// Every option is a key of the table `[serve]` of --config, and of the environment as LIGHTGCN_SERVE_ and its
/// name (LIGHTGCN_SERVE_LIMITS__K for `k` of `[serve.limits]`); the environment is over the file, and flags are
/// over both.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// Where to answer [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<SocketAddr>,
    /// Serve no page, nor what only the page asks: lists and histories of consumers
    #[arg(long)]
    pub(crate) no_page: bool,
    /// Threads that score [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Questions that may wait for a thread before 503 is answered [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) queue: Option<usize>,
    /// Connections at once [default: 8192]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// Seconds between the signal to stop and the end of accepting [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_delay: Option<f64>,
    /// Where models are loaded and switched; a token is needed unless on loopback [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_bind: Option<SocketAddr>,
    /// A file with the token for loading and switching models (or LIGHTGCN_SERVE_ADMIN__TOKEN)
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Have no listener for models
    #[arg(long)]
    pub(crate) no_admin: bool,
    /// The folder whose models may be loaded [default: the folder that holds MODEL]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) models: Option<PathBuf>,
    /// Models kept in memory to switch back to, the one in use included [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) keep_models: Option<usize>,
}
