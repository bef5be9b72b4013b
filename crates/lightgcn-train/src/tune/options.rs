//! How a search goes on, and how long.

use super::{RandomSearch, SearchSpace, SearchStrategy, SuccessiveHalving, TpeSearch};
use crate::TrainError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A strategy that the library has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StrategyChoice {
    /// [`TpeSearch`].
    #[default]
    Tpe,
    /// [`RandomSearch`].
    Random,
}

/// How a search goes on, and how long: until its trials are done, its time is up, or nothing is
/// left to try, whatever is first.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    /// The seed of the strategy. Trials train by the seed of their configuration.
    pub seed: u64,
    /// How points are chosen.
    pub strategy: StrategyChoice,
    /// Epochs, ascending, at which trials are judged by [`SuccessiveHalving`]; none where all go on.
    pub rungs: Vec<u32>,
    /// About one in so many trials goes on at a rung, at least 2.
    pub reduction: u32,
    /// The most trials, those of a resumed record counted; none for no limit.
    pub trials: Option<u32>,
    /// The time of this call; none for no limit. The trial in hand is cut then.
    pub time: Option<Duration>,
    /// The folder of the record and of the best configuration; nothing is written without one.
    pub folder: Option<PathBuf>,
    /// Continue the search recorded in that folder.
    pub resume: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            seed: 42,
            strategy: StrategyChoice::Tpe,
            rungs: Vec::new(),
            reduction: 3,
            trials: Some(20),
            time: None,
            folder: None,
            resume: false,
        }
    }
}

impl SearchOptions {
    /// The strategy that these options describe.
    ///
    /// # Errors
    /// [`TrainError::Config`] with every fault of the options.
    pub fn strategy(&self, space: &SearchSpace) -> Result<Box<dyn SearchStrategy>, TrainError> {
        self.check()?;
        let inner: Box<dyn SearchStrategy> = match self.strategy {
            StrategyChoice::Tpe => Box::new(TpeSearch::new(space, self.seed)),
            StrategyChoice::Random => Box::new(RandomSearch::new(space, self.seed)),
        };
        if self.rungs.is_empty() {
            return Ok(inner);
        }
        Ok(Box::new(SuccessiveHalving::new(
            inner,
            &self.rungs,
            self.reduction,
        )))
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, fault: &str| {
            if !holds {
                faults.push(fault.to_owned());
            }
        };
        let ascend = self.rungs.is_sorted_by(|a, b| a < b);
        require(
            ascend && self.rungs.first() != Some(&0),
            "the rungs of a search must ascend from epoch 1",
        );
        require(
            self.reduction >= 2,
            "the reduction at a rung must be at least 2",
        );
        require(self.trials != Some(0), "a search needs at least one trial");
        require(
            self.time.is_none_or(|time| !time.is_zero()),
            "the time of a search must be above 0",
        );
        require(
            self.folder.is_some() || !self.resume,
            "a search can only be resumed from its folder; name it",
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(TrainError::Config { faults })
        }
    }
}
