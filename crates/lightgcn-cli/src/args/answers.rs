//! The options of `recommend` and `explain`.

use super::local;
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
    /// Items that the user has not interacted with
    New,
    /// Items that the user has interacted with but, unless bought items are kept, not bought
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

/// Other members of an ensemble that includes the model.
#[derive(Debug, Args)]
pub(crate) struct EnsembleArgs {
    /// Rank by an ensemble with another model of the same data (a folder) or a linear filter (a
    /// name). Its weight is 0 to 1; the model gets the remainder. Can be repeated
    #[arg(long, value_name = "MEMBER=WEIGHT")]
    pub(crate) with: Vec<String>,
    /// How to fuse the members
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
    /// The minimum price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_min: Option<f64>,
    /// The maximum price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_max: Option<f64>,
    /// A file of items never to show: one id per line, or CSV with a column of ids
    #[arg(long, value_name = "FILE")]
    pub(crate) unsuitable: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// A model that `train` wrote
    #[arg(value_parser = local())]
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
    /// With --all, answer for only one shard of the users, by a hash of their ids: INDEX/COUNT,
    /// such as 2/8. Also writes a manifest, FILE.json, next to the file
    #[arg(long, value_name = "N/SHARDS", requires = "all")]
    pub(crate) shard: Option<Shard>,
    /// Items per user
    #[arg(short, long, default_value_t = 20)]
    pub(crate) k: usize,
    /// Which known items to hide
    #[arg(long, value_enum, default_value_t = HideChoice::Bought)]
    pub(crate) hide: HideChoice,
    /// Show only items that the user has interacted with before, or only new ones
    #[arg(long, value_enum)]
    pub(crate) only: Option<OnlyChoice>,
    /// Do not hide bought items; same as --hide nothing
    #[arg(long, conflicts_with = "hide")]
    pub(crate) include_bought: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How much to diversify lists, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) diversity: f64,
    /// The fraction of random items, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) exploration: f64,
    /// The weight of expected revenue, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) revenue: f64,
    /// Where items come from, in order of preference: model, fold_in, content, category_popularity,
    /// recent_popularity, popularity, random [default: all of these except recent_popularity]
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
    #[arg(value_parser = local())]
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
