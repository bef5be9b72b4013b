//! Chooses a configuration using validation data only: from a list, or by searching a space.

mod candidates;
mod events;
mod halving;
mod options;
mod outcome;
mod range;
mod record;
mod search;
mod space;
mod strategy;
mod tpe_search;

pub use candidates::{Tuned, tune};
pub use events::{SearchEvent, SearchObserver, SearchProgress};
pub use halving::SuccessiveHalving;
pub use options::{SearchOptions, StrategyChoice};
pub use outcome::{BestTrial, SearchEnd, SearchOutcome};
pub use range::ParameterRange;
pub use record::{TrialEnd, TrialRecord, read_trials};
pub use search::{run_search, run_search_with};
pub use space::{Point, SearchSpace};
pub use strategy::{RandomSearch, SearchStrategy};
pub use tpe_search::TpeSearch;
