//! The options of `recommend` and `explain`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HideChoice {
    /// What the consumer has bought
    Bought,
    /// Whatever the consumer has met
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
    /// The file to write, .csv or .parquet: consumer, rank, product, score, source
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
    /// A file of products that training does not know, a JSON object a line: {"product": "7", "details":
    /// {"category_id": .., "category_code": .., "brand": .., "price": ..}, "events": [{"consumer": "1",
    /// "behaviour": "view"}]}
    #[arg(long, value_name = "FILE")]
    pub(crate) new_products: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) partners: PartnerArgs,
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
    /// How many edges a path may have: 1, 3 or 5
    #[arg(long, default_value_t = 5)]
    pub(crate) max_hops: usize,
    /// How many other consumers must share a step of a path for it to be shown
    #[arg(long, default_value_t = 5)]
    pub(crate) min_consumers: usize,
    /// What the consumer did since training: BEHAVIOUR:PRODUCT, more than once if need be
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Vec<String>,
    #[command(flatten)]
    pub(crate) partners: PartnerArgs,
}
