//! Options of a search.

use super::{RandomSearch, SearchSpace, SearchStrategy, SuccessiveHalving, TpeSearch};
use crate::{Device, StopSignal, TrainError};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A strategy of this library.
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

/// Options of a search. It ends after `trials` or `time`, or when every point of the space was tried, whichever comes
/// first.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// Seed of the strategy; trials train with their configuration's seed. Default: 42.
    pub seed: u64,
    /// How to choose points. Default: TPE.
    pub strategy: StrategyChoice,
    /// Epochs, ascending, at which [`SuccessiveHalving`] stops weak trials. Default: none.
    pub rungs: Vec<u32>,
    /// About one in this many trials continues at a rung; at least 2. Default: 3.
    pub reduction: u32,
    /// Maximum number of trials, including those of a resumed search; `None` for no limit. Default:
    /// 20.
    pub trials: Option<u32>,
    /// Maximum duration of this call, after which the current trial is cut short. Default: no
    /// limit.
    pub time: Option<Duration>,
    /// Folder of the record and the best configuration. Default: none, which writes neither.
    pub folder: Option<PathBuf>,
    /// Whether to continue the search in that folder. Default: false.
    pub resume: bool,
    /// The device that trials train on. Default: the best that works, a GPU before the CPU.
    pub device: Device,
    /// Ends the search when stopped; the current trial is then not recorded.
    pub stop: StopSignal,
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
            device: Device::default(),
            stop: StopSignal::new(),
        }
    }
}

impl SearchOptions {
    /// The strategy that these options describe.
    ///
    /// # Errors
    /// [`TrainError::Config`] with every issue of the options.
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
        let mut issues = Vec::new();
        let mut require = |holds: bool, issue: &str| {
            if !holds {
                issues.push(issue.to_owned());
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
            "a search can only be resumed from its folder; give the folder",
        );
        if issues.is_empty() {
            Ok(())
        } else {
            Err(TrainError::Config { issues })
        }
    }
}
