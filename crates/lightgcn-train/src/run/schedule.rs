//! The learning rate of each step, by burn's schedulers.

use crate::{Schedule, TrainConfig, TrainError};
use burn::lr_scheduler::LrScheduler;
use burn::lr_scheduler::cosine::{CosineAnnealingLrScheduler, CosineAnnealingLrSchedulerConfig};
use burn::lr_scheduler::linear::{LinearLrScheduler, LinearLrSchedulerConfig};

/// One of burn's schedulers, stepped once per batch.
enum Scheduler {
    Constant,
    Linear(LinearLrScheduler),
    Cosine(CosineAnnealingLrScheduler),
}

/// The learning rate of a run, step by step.
pub(crate) struct LearningRate {
    scheduler: Scheduler,
    current: f64,
}

impl LearningRate {
    /// The scheduler of a run of `epochs * n_batches` steps, as it stands after `done` of them: a
    /// scheduler is a function of its number of steps, so resuming replays them.
    pub(crate) fn new(
        config: &TrainConfig,
        n_batches: usize,
        done: u64,
    ) -> Result<Self, TrainError> {
        let steps = (config.epochs as usize).saturating_mul(n_batches).max(1);
        let rate = config.step_rate();
        let invalid = |issue: String| TrainError::Config {
            issues: vec![issue],
        };
        let scheduler = match config.schedule {
            Schedule::Constant => Scheduler::Constant,
            Schedule::Linear { final_share } => Scheduler::Linear(
                LinearLrSchedulerConfig::new(rate, rate * final_share, steps)
                    .init()
                    .map_err(invalid)?,
            ),
            Schedule::Cosine { final_share } => Scheduler::Cosine(
                CosineAnnealingLrSchedulerConfig::new(rate, steps)
                    .with_min_lr(rate * final_share)
                    .init()
                    .map_err(invalid)?,
            ),
        };
        let mut this = Self {
            scheduler,
            current: rate,
        };
        for _ in 0..done {
            this.next();
        }
        Ok(this)
    }

    /// The rate of the next step.
    pub(crate) fn next(&mut self) -> f64 {
        self.current = match &mut self.scheduler {
            Scheduler::Constant => self.current,
            Scheduler::Linear(scheduler) => scheduler.step(),
            Scheduler::Cosine(scheduler) => scheduler.step(),
        };
        self.current
    }

    /// The rate of the last step.
    pub(crate) fn current(&self) -> f64 {
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, done: u64) -> Vec<f64> {
        let config = TrainConfig {
            epochs: 2,
            learning_rate: 0.1,
            schedule,
            ..TrainConfig::default()
        };
        let mut rate = LearningRate::new(&config, 5, done).unwrap();
        (done..10).map(|_| rate.next()).collect()
    }

    #[test]
    fn schedules_fall_and_resume_where_they_were() {
        for schedule in [
            Schedule::Linear { final_share: 0.1 },
            Schedule::Cosine { final_share: 0.0 },
        ] {
            let whole = rates(schedule, 0);
            assert!(whole.is_sorted_by(|a, b| a >= b), "{whole:?}");
            assert!(
                (whole[0] - 0.1).abs() < 0.02 && whole[9] < 0.025,
                "{whole:?}"
            );
            assert_eq!(rates(schedule, 4), whole[4..]);
        }
        assert_eq!(rates(Schedule::Constant, 7), [0.1; 3]);
    }
}
