//! Answers by the shop's own ids: what may be asked, what comes back, and the chain of sources.

pub(crate) mod chain;
mod filter;
pub(crate) mod items;
pub(crate) mod nearest;
mod options;
pub(crate) mod partners;
pub(crate) mod profile;
pub(crate) mod response;
mod similar;

pub use filter::ItemFilter;
pub use items::{NewItem, NewItemEvent};
pub use options::{ContextEvent, Hide, RecommendOptions, RecommendRequest};
pub use response::{Answer, BehaviorCount, HistoryItem, ListedItem, RecommendedItem, Source};
pub use similar::ItemOptions;
