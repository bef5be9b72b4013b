//! Answers by the shop's own ids: requests, responses, and the chain of sources.

pub(crate) mod chain;
mod cost;
pub(crate) mod filter;
mod hide;
pub(crate) mod history;
mod id_list;
pub(crate) mod items;
pub(crate) mod nearest;
mod options;
pub(crate) mod popularity;
pub(crate) mod profile;
pub(crate) mod response;
mod rule;
mod shard;
pub(crate) mod similar;
mod spelling;

pub use filter::ItemFilter;
pub use id_list::{IdList, ListedIds};
pub use options::{ContextEvent, Familiarity, Hide, RecommendOptions, RecommendRequest};
pub use response::{Answer, BehaviorCount, HistoryItem, ListedItem, RecommendedItem, Source};
pub use rule::{Rule, UnknownNames};
pub use shard::Shard;
pub use similar::ItemOptions;
