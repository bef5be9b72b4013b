//! The options of `recommend` and `explain`.

use clap::{Args, ValueEnum};
use lightgcn::recommend::Shard;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HideChoice {
    /// Items the user has bought
    Bought,
    /// Items the user has interacted with
    Seen,
    /// Nothing
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnlyChoice {
    /// Items that the user has not met
    New,
    /// Items that the user met and, unless bought items are kept, has not bought
    Familiar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FusionChoice {
    /// The weighted sum of scores, each divided by its standard deviation
    Score,
    /// The weighted sum of 1 / (60 + rank)
    Rank,
}

impl From<FusionChoice> for lightgcn::recommend::Fusion {
    fn from(choice: FusionChoice) -> Self {
        match choice {
            FusionChoice::Score => Self::Score,
            FusionChoice::Rank => Self::Rank,
        }
    }
}

/// Other members of an ensemble with the model.
#[derive(Debug, Args)]
pub(crate) struct EnsembleArgs {
    /// Rank by an ensemble with another model of the same data (a folder) or a linear filter (a name)
    /// of this weight, 0 to 1; the model keeps what is left of 1. Can be repeated
    #[arg(long, value_name = "MEMBER=WEIGHT")]
    pub(crate) with: Vec<String>,
    /// How the members are fused
    #[arg(long, value_enum, default_value_t = FusionChoice::Score, requires = "with")]
    pub(crate) fusion: FusionChoice,
}

/// Which items may be shown.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Show only these items
    #[arg(long, value_name = "ITEM", value_delimiter = ',')]
    pub(crate) allow: Option<Vec<String>>,
    /// Do not show these items
    #[arg(long, value_name = "ITEM", value_delimiter = ',')]
    pub(crate) deny: Vec<String>,
    /// Show only these categories (an id, a code, or the beginning of codes)
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) category: Vec<String>,
    /// Do not show these categories
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) deny_category: Vec<String>,
    /// Show only these brands
    #[arg(long, value_name = "BRAND", value_delimiter = ',')]
    pub(crate) brand: Vec<String>,
    /// Do not show these brands
    #[arg(long, value_name = "BRAND", value_delimiter = ',')]
    pub(crate) deny_brand: Vec<String>,
    /// The lowest price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_min: Option<f64>,
    /// The highest price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_max: Option<f64>,
    /// A file of items that are never shown: one id per line, or CSV with a column of ids
    #[arg(long, value_name = "FILE")]
    pub(crate) unsuitable: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// The users' ids, as in the log
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) users: Vec<String>,
    /// Answer for every user of the model and write to --out
    #[arg(long, requires = "out")]
    pub(crate) all: bool,
    /// The file to write, .csv or .parquet: user, rank, item, score, source
    #[arg(long, value_name = "FILE", requires = "all")]
    pub(crate) out: Option<PathBuf>,
    /// With --all, answer for one part of the users alone, by a hash of their ids: such as 2/8. A manifest
    /// FILE.json is written beside the file
    #[arg(long, value_name = "N/SHARDS", requires = "all")]
    pub(crate) shard: Option<Shard>,
    /// Items per user
    #[arg(short, long, default_value_t = 20)]
    pub(crate) k: usize,
    /// Which items that the user knows are left out
    #[arg(long, value_enum, default_value_t = HideChoice::Bought)]
    pub(crate) hide: HideChoice,
    /// Only items that the user met before, by any event, or only new ones
    #[arg(long, value_enum)]
    pub(crate) only: Option<OnlyChoice>,
    /// Do not leave out what the user has bought; the same as --hide nothing
    #[arg(long, conflicts_with = "hide")]
    pub(crate) include_bought: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How much to diversify lists, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) diversity: f64,
    /// The share of random items, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) exploration: f64,
    /// How much expected revenue counts, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) revenue: f64,
    /// Where items come from, in this order: model, fold_in, content, category_popularity,
    /// recent_popularity, popularity, random [default: all of these but recent_popularity]
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    pub(crate) chain: Vec<lightgcn::recommend::Source>,
    /// An event since training: BEHAVIOR:ITEM. Can be repeated
    #[arg(long, value_name = "EVENT", conflicts_with = "all")]
    pub(crate) event: Vec<String>,
    /// A file of new items, one JSON object per line: {"item": "7", "details":
    /// {"category_id": .., "category_code": .., "brand": .., "price": ..}, "events": [{"user": "1",
    /// "behavior": "view"}]}
    #[arg(long, value_name = "FILE")]
    pub(crate) new_items: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ensemble: EnsembleArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// The user's id
    pub(crate) user: String,
    /// The item's id
    pub(crate) item: String,
    /// The maximum number of paths to show
    #[arg(long, default_value_t = 5)]
    pub(crate) paths: usize,
    /// The maximum number of edges of a path: 1, 3 or 5
    #[arg(long, default_value_t = 5)]
    pub(crate) max_hops: usize,
    /// The minimum number of other users who share each step of a path
    #[arg(long, default_value_t = 5)]
    pub(crate) min_users: usize,
    /// An event since training: BEHAVIOR:ITEM. Can be repeated
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Vec<String>,
    #[command(flatten)]
    pub(crate) ensemble: EnsembleArgs,
}
