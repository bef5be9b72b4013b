//! The options of `train`, `retrain`, `tune` and `compare`.

use super::DataArgs;
use super::local;
use crate::baselines::Baselines;
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use lightgcn::nn::AnyModelConfig;
use lightgcn::train::{Preset, StrategyChoice};
use std::path::PathBuf;

/// The help text of `--model`, with the names in the registry.
fn model_help() -> String {
    let names = AnyModelConfig::NAMES.join(", ");
    format!(
        "The model, one of {names} [default: {}]",
        AnyModelConfig::NAMES[0]
    )
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The folder to write the model to
    #[arg(long, value_name = "MODEL")]
    pub(crate) out: PathBuf,
    /// The folder for the run's record (run.jsonl) and checkpoint [default: MODEL.run]
    #[arg(long)]
    pub(crate) run: Option<PathBuf>,
    /// Continue the run from its checkpoint, with bit-identical results
    #[arg(long)]
    pub(crate) resume: bool,
    /// After choosing settings on validation data and evaluating on test data, retrain on the whole
    /// log, which `prepare` wrote to DATASET.whole; for pair files, on all training pairs
    #[arg(long)]
    pub(crate) refit: bool,
    /// Stop training after this many minutes and keep the best model so far
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) minutes: Option<f64>,
    /// Refuse to train on the CPU if it would take more memory than this, such as 4GB, and say what
    /// would fit
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<ByteSize>,
    /// Do not learn a ranking on top of the trained model; rank by its embeddings only
    #[arg(long)]
    pub(crate) no_ranking: bool,
    /// A recipe to start from; the configuration file and flags override it
    #[arg(long, value_enum, default_value_t = PresetChoice::Softmax)]
    pub(crate) preset: PresetChoice,
    #[arg(long, help = model_help())]
    pub(crate) model: Option<String>,
    /// Dimension of the embeddings [default: 64]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) dimension: Option<usize>,
    /// Propagation layers, 0 to 8 [default: set by the model; 3 with --preset paper]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) layers: Option<usize>,
    /// Maximum number of epochs [default: 200]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epochs: Option<u32>,
    /// Pairs in a batch [default: 2048]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) batch_size: Option<usize>,
    /// Batches per optimizer step [default: by the size of the graph, 1 to 32]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) accumulate: Option<usize>,
    /// Adam's learning rate with one batch per step; multiplied by √n with n batches [default:
    /// 0.0005; 0.001 with --preset paper]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// L2 regularization of the layer-0 rows of a batch [default: 0; 0.0001 with --preset paper]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) l2: Option<f64>,
    /// Negatives per positive [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) negatives: Option<usize>,
    /// Epochs between validations [default: 5; 1 with 5 million pairs or more]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) validate_every: Option<u32>,
    /// Stop after this many validations without improvement; 0 never stops early [default: 5; 3
    /// with 5 million pairs or more]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) patience: Option<u32>,
    /// Epochs between checkpoints; one is also written at the end and on interruption [default: 10]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) checkpoint_every: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct RetrainArgs {
    /// The model to start from, written by `train` or `retrain`; its options are kept unless the
    /// configuration file or a flag overrides them
    #[arg(value_name = "MODEL", value_parser = local())]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Where to publish the new model [default: replaces MODEL]
    #[arg(long, value_name = "MODEL", value_parser = local())]
    pub(crate) out: Option<PathBuf>,
    /// The run of MODEL, whose checkpoint has Adam's state [default: MODEL.run; without one, Adam starts
    /// fresh]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from_run: Option<PathBuf>,
    /// How much lower recall@20 and ndcg@20 on the validation part may be than MODEL's, as a
    /// fraction
    #[arg(long, default_value_t = 0.01, allow_negative_numbers = true)]
    pub(crate) margin: f64,
    /// Earlier versions of the published model to keep in MODEL.kept, for `rollback`
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep: usize,
    /// Retrain even if most users or items of MODEL are missing from the dataset
    #[arg(long)]
    pub(crate) allow_other_ids: bool,
    /// Continue an interrupted retraining from its checkpoint
    #[arg(long)]
    pub(crate) resume: bool,
    /// Maximum number of epochs [default: MODEL's]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epochs: Option<u32>,
    /// Adam's learning rate [default: MODEL's]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f64>,
    /// Epochs between validations [default: MODEL's]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) validate_every: Option<u32>,
    /// Stop after this many validations without improvement; 0 never stops early [default: MODEL's]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) patience: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The model that `retrain --keep` published
    #[arg(value_parser = local())]
    pub(crate) model: PathBuf,
    /// The beginning of the version to go back to [default: the latest earlier one]
    #[arg(long, value_name = "VERSION", conflicts_with = "list")]
    pub(crate) to: Option<String>,
    /// Only list the versions that are kept
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetChoice {
    /// The published recipe: three layers, BPR (He et al., SIGIR 2020)
    Paper,
    /// One layer, sampled softmax over in-batch negatives; better on validation data
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
    /// Ten random trials, then trials guided by their results (tree-structured Parzen estimator)
    Tpe,
    /// Random trials
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
    /// What to search: a TOML file with [model] and [train] as in a configuration file (default:
    /// those of --config), and [space], whose keys are paths such as "train.learning_rate" and
    /// whose values are { low, high, log = true }, { low, high, step }, { low, high, integer = true
    /// } or { choices = [...] }
    #[arg(long, value_name = "FILE")]
    pub(crate) space: PathBuf,
    /// The folder for the record (trials.jsonl) and the best configuration (best.toml) [default:
    /// DATASET.tune]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Maximum number of trials, including those of a resumed search [default: 20, or no limit with --minutes]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) trials: Option<u32>,
    /// End the search after this many minutes; the current trial is cut short, and its best result
    /// counts
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) minutes: Option<f64>,
    /// Continue the search in the folder
    #[arg(long)]
    pub(crate) resume: bool,
    /// How to choose values
    #[arg(long, default_value = "tpe")]
    pub(crate) strategy: SearchChoice,
    /// Stop weak trials at these epochs: of the trials that reach one, only the best fraction
    /// continues
    #[arg(long, value_name = "EPOCHS", value_delimiter = ',')]
    pub(crate) rungs: Vec<u32>,
    /// That fraction: one in this many trials, at least 2
    #[arg(long, default_value_t = 3, requires = "rungs")]
    pub(crate) reduction: u32,
}

/// The help text of `--models`.
fn models_help() -> String {
    let names = AnyModelConfig::NAMES.join(", ");
    format!(
        "The models, from {names}; the configuration file applies to the model that it names \
        [default: lightgcn,mf]"
    )
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help = models_help())]
    pub(crate) models: Vec<String>,
    /// Linear filters, comma-separated, or none [default: item-knn,ease]
    #[arg(long, value_name = "NAMES")]
    pub(crate) baselines: Option<Baselines>,
    /// Maximum number of trials per model, the first with the model's own settings
    #[arg(long, default_value_t = 6, allow_negative_numbers = true)]
    pub(crate) trials: u32,
    /// Maximum minutes of search per model [default: no limit]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) minutes: Option<f64>,
    /// Number of seeds to train each chosen model with
    #[arg(long, default_value_t = 3, allow_negative_numbers = true)]
    pub(crate) seeds: u64,
    /// Maximum number of epochs per training run [default: 200]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epochs: Option<u32>,
    /// The K of the metrics; the largest is the main one [default: 10,20]
    #[arg(short, value_delimiter = ',')]
    pub(crate) k: Vec<usize>,
    /// The folder to write the table to as comparison.json, .md, .csv and .svg
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}
