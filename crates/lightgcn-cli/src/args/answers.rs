//! The options of `recommend` and `explain`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HideChoice {
    /// What the user has bought
    Bought,
    /// Whatever the user has met
    Seen,
    /// Nothing
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FusionChoice {
    /// The weighted sum of scores, each member's over its deviation
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

/// Who else has a say.
#[derive(Debug, Args)]
pub(crate) struct PartnerArgs {
    /// Let another model of the same data (its folder) or a linear filter (its name) have a say with this
    /// weight, 0 to 1; the model has what is left of 1. More than once if need be
    #[arg(long, value_name = "PARTNER=WEIGHT")]
    pub(crate) with: Vec<String>,
    /// How they come to one score
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
    /// Show none of these categories
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) deny_category: Vec<String>,
    /// Show only these brands
    #[arg(long, value_name = "BRAND", value_delimiter = ',')]
    pub(crate) brand: Vec<String>,
    /// Show none of these brands
    #[arg(long, value_name = "BRAND", value_delimiter = ',')]
    pub(crate) deny_brand: Vec<String>,
    /// The lowest price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_min: Option<f64>,
    /// The highest price to show
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true)]
    pub(crate) price_max: Option<f64>,
    /// A file of items that are never shown, an id a line
    #[arg(long, value_name = "FILE")]
    pub(crate) unsuitable: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// The users' ids, as they stand in the log
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) users: Vec<String>,
    /// Answer for every user of the model, into --out
    #[arg(long, requires = "out")]
    pub(crate) all: bool,
    /// The file to write, .csv or .parquet: user, rank, item, score, source
    #[arg(long, value_name = "FILE", requires = "all")]
    pub(crate) out: Option<PathBuf>,
    /// Items for each user
    #[arg(short, long, default_value_t = 20)]
    pub(crate) k: usize,
    /// What is left out of what the user has met
    #[arg(long, value_enum, default_value_t = HideChoice::Bought)]
    pub(crate) hide: HideChoice,
    /// Do not leave out what the user has bought; the same as --hide nothing
    #[arg(long, conflicts_with = "hide")]
    pub(crate) include_bought: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How much lists are diversified, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) diversity: f64,
    /// The share of items drawn at random, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) exploration: f64,
    /// How much expected revenue counts, from 0 to 1
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) revenue: f64,
    /// Where items come from, in this order: model, fold_in, content, category_popularity,
    /// recent_popularity, popularity, random [default: all of these but recent_popularity]
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    pub(crate) chain: Vec<lightgcn::recommend::Source>,
    /// What the users did since training: BEHAVIOR:ITEM, more than once if need be
    #[arg(long, value_name = "EVENT", conflicts_with = "all")]
    pub(crate) event: Vec<String>,
    /// A file of items that training does not know, a JSON object a line: {"item": "7", "details":
    /// {"category_id": .., "category_code": .., "brand": .., "price": ..}, "events": [{"user": "1",
    /// "behavior": "view"}]}
    #[arg(long, value_name = "FILE")]
    pub(crate) new_items: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) partners: PartnerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// The user's id
    pub(crate) user: String,
    /// The item's id
    pub(crate) item: String,
    /// The most paths to show
    #[arg(long, default_value_t = 5)]
    pub(crate) paths: usize,
    /// How many edges a path may have: 1, 3 or 5
    #[arg(long, default_value_t = 5)]
    pub(crate) max_hops: usize,
    /// How many other users must share a step of a path for it to be shown
    #[arg(long, default_value_t = 5)]
    pub(crate) min_users: usize,
    /// What the user did since training: BEHAVIOR:ITEM, more than once if need be
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Vec<String>,
    #[command(flatten)]
    pub(crate) partners: PartnerArgs,
}
