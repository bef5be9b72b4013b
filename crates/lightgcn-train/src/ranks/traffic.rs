//! What steps send.

use crate::ranks::Ranks;

/// What this rank has sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    /// Steps of the optimizer.
    pub(crate) steps: u64,
    pub(crate) bytes: u64,
    /// Elements of the tables that were summed.
    pub(crate) elements: u64,
}

impl Traffic {
    /// Logs on rank 0 what it sent, and what it would have sent if no row had been zero.
    pub(crate) fn report(&self, ranks: &dyn Ranks) {
        if ranks.rank() > 0 || self.steps == 0 {
            return;
        }
        let size = ranks.size() as u64;
        tracing::info!(
            ranks = size,
            steps = self.steps,
            bytes = self.bytes,
            bytes_per_step = self.bytes / self.steps,
            dense_bytes_per_step = 8 * self.elements * (size - 1) / size / self.steps,
            "gradients sent"
        );
    }
}
