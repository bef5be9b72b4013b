//! Turns device failures in the middle of a run into errors.

use crate::TrainError;
use crate::engine::step::StepContext;
use burn::tensor::Tensor;
use lightgcn_kernels::TrainingBackend;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl StepContext<'_> {
    fn device_failed(self, detail: String) -> TrainError {
        TrainError::DeviceFailed {
            device: self.device.to_owned(),
            epoch: self.epoch,
            batch: self.batch,
            detail,
        }
    }

    /// Runs an action that may use a GPU. burn reports a failed device by a panic, on any thread,
    /// which becomes an error; on the CPU a panic is a bug and stays a panic.
    pub(crate) fn guard<B: TrainingBackend, T>(
        self,
        action: impl FnOnce() -> T,
    ) -> Result<T, TrainError> {
        if !B::runs_steps_on_device() {
            return Ok(action());
        }
        catch_unwind(AssertUnwindSafe(action)).map_err(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            self.device_failed(text.unwrap_or_else(|| "the device's thread died".to_owned()))
        })
    }

    /// The numbers of a tensor. Reading them surfaces earlier failures too.
    pub(crate) fn read<B: TrainingBackend, const D: usize>(
        self,
        tensor: Tensor<B, D>,
    ) -> Result<Vec<f32>, TrainError> {
        #[cfg(test)]
        if injected::is_due() {
            return Err(self.device_failed("out of memory, as a test asked for".to_owned()));
        }
        let data = self.guard::<B, _>(|| tensor.try_into_data())?;
        let data = data.map_err(|error| self.device_failed(error.to_string()))?;
        let numbers = data.convert::<f32>().into_vec();
        numbers.map_err(|error| self.device_failed(format!("{error:?}")))
    }
}

/// Failures on purpose.
#[cfg(test)]
pub(crate) mod injected {
    use std::cell::Cell;

    thread_local! {
        static READS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Makes the read after the next `n` of this thread fail, once.
    pub(crate) fn fail_after(n: u32) {
        READS_LEFT.set(Some(n));
    }

    pub(super) fn is_due() -> bool {
        match READS_LEFT.get() {
            Some(0) => {
                READS_LEFT.set(None);
                true
            }
            Some(n) => {
                READS_LEFT.set(Some(n - 1));
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
