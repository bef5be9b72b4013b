//! Answers by the shop's own ids: what can be asked, what comes back, and the chain of sources.

pub(crate) mod chain;
mod filter;
pub(crate) mod history;
pub(crate) mod items;
pub(crate) mod nearest;
mod options;
pub(crate) mod popularity;
pub(crate) mod profile;
pub(crate) mod response;
pub(crate) mod similar;

pub use filter::ItemFilter;
pub use options::{ContextEvent, Familiarity, Hide, RecommendOptions, RecommendRequest};
pub use response::{Answer, BehaviorCount, HistoryItem, ListedItem, RecommendedItem, Source};
pub use similar::ItemOptions;
