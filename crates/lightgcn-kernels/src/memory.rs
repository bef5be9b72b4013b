//! Estimates how much device memory training takes, before it starts.

use std::fmt;

use thiserror::Error;

/// Bytes of a stored number.
const FLOAT: u64 = 4;
const INDEX: u64 = 4;
/// Bytes of a positive pair: user, item, weight, and its position in the orders of two epochs, since one is
/// uploaded while the other is still in use.
const PAIR: u64 = 20;

/// What a training run has on a device at its peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingSize {
    /// Rows of the table: users and items.
    pub n_nodes: u64,
    /// Stored entries of the adjacency: twice the pairs.
    pub n_edges: u64,
    /// Whether the adjacency is its own transpose and stored once.
    pub symmetric: bool,
    /// Numbers of an embedding.
    pub dim: u64,
    /// Tables `[n_nodes, dim]` that exist at once: [`FUSED_TABLES`](Self::FUSED_TABLES) for models
    /// whose propagation is linear and runs fused.
    pub tables: u64,
    /// Positive pairs.
    pub n_pairs: u64,
    /// Rows of the table that a batch reads: for BPR `batch · (2 + negatives)`.
    pub batch_rows: u64,
    /// Scores of a softmax batch, `batch · candidates`; 0 for BPR.
    pub batch_scores: u64,
}

/// The memory of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceMemory {
    /// Bytes of the largest buffer that it allows.
    pub largest_buffer: u64,
    /// Total bytes, if the driver reports them.
    pub total: Option<u64>,
}

/// The memory that a device's allocator holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryInUse {
    /// Bytes of live buffers.
    pub used: u64,
    /// Bytes taken from the driver, including buffers kept for reuse.
    pub reserved: u64,
}

/// Why a run does not fit a device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The run needs more memory than the device has.
    #[error(
        "training needs about {} of device memory ({size}), but the device has {}; {}",
        bytes(*needed), bytes(*available), hint(*fitting_dim)
    )]
    Total {
        /// Bytes needed.
        needed: u64,
        /// Bytes available.
        available: u64,
        /// The size of the run.
        size: TrainingSize,
        /// The largest dimension that fits, if any does.
        fitting_dim: Option<u64>,
    },
    /// The run needs more host memory than allowed.
    #[error(
        "training needs about {} of memory ({size}; {} are already in use), but the limit is {}; \
        {}",
        bytes(*needed), bytes(*in_use), bytes(*limit), host_hint(*fitting_dim)
    )]
    Host {
        /// Bytes needed, with those in use.
        needed: u64,
        /// Bytes in use before training starts: the program and its data.
        in_use: u64,
        /// The maximum bytes that may be in use.
        limit: u64,
        /// The size of the run.
        size: TrainingSize,
        /// The largest dimension that fits, if any does.
        fitting_dim: Option<u64>,
    },
    /// A single buffer exceeds what the device allows.
    #[error(
        "training needs a buffer of {} ({size}), but the device allows at most {}; {}",
        bytes(*needed), bytes(*available), hint(*fitting_dim)
    )]
    Buffer {
        /// Bytes of the largest buffer needed.
        needed: u64,
        /// Bytes of the largest buffer that the device allows.
        available: u64,
        /// The size of the run.
        size: TrainingSize,
        /// The largest dimension that fits, if any does.
        fitting_dim: Option<u64>,
    },
}

fn hint(fitting_dim: Option<u64>) -> String {
    fitting_dim.map_or_else(
        || "no dimension fits: drop rare users and items, or train on the CPU".to_owned(),
        |dim| format!("dimension {dim} fits, or train on the CPU"),
    )
}

fn host_hint(fitting_dim: Option<u64>) -> String {
    fitting_dim.map_or_else(
        || "no dimension fits: drop rare users and items, or raise the limit".to_owned(),
        |dim| format!("dimension {dim} fits, or raise the limit"),
    )
}

impl fmt::Display for DeviceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            Some(total) => write!(f, "{} in total", bytes(total))?,
            None => f.write_str("an unknown total")?,
        }
        write!(f, ", buffers of at most {}", bytes(self.largest_buffer))
    }
}

fn bytes(n: u64) -> String {
    format!("{:.2} GiB", n as f64 / (1u64 << 30) as f64)
}

impl fmt::Display for TrainingSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            n_nodes,
            n_edges,
            dim,
            ..
        } = self;
        write!(f, "{n_nodes} nodes and {n_edges} edges at dimension {dim}")
    }
}

impl TrainingSize {
    /// Tables in the middle of a fused step with two layers or more: parameters, two moments, the best model so
    /// far, and in the backward pass the summed gradients of the batch, the layer being computed and the one
    /// before it.
    pub const FUSED_TABLES: u64 = 7;

    /// Bytes of the table of embeddings.
    #[must_use]
    pub fn table(&self) -> u64 {
        self.n_nodes.saturating_mul(self.dim).saturating_mul(FLOAT)
    }

    /// Bytes of the optimizer: Adam's two moments of each number of the table.
    #[must_use]
    pub fn optimizer(&self) -> u64 {
        self.table().saturating_mul(2)
    }

    /// Bytes of the graph: the column and the weight of each edge, and where each node's edges begin.
    #[must_use]
    pub fn graph(&self) -> u64 {
        let directions = if self.symmetric { 1 } else { 2 };
        (self.n_edges.saturating_mul(INDEX + FLOAT))
            .saturating_add((self.n_nodes + 1).saturating_mul(INDEX))
            .saturating_mul(directions)
    }

    /// Bytes of the largest single buffer.
    pub fn largest_buffer(&self) -> u64 {
        let edges = self.n_edges.saturating_mul(FLOAT.max(INDEX));
        let scores = self.batch_scores.saturating_mul(FLOAT);
        self.table().max(edges).max(scores)
    }

    /// Peak bytes of the run; a device's allocator may round it up.
    pub fn peak(&self) -> u64 {
        // Embeddings, their gradient slot by slot, and both once more as unit rows.
        let batch = self
            .batch_rows
            .saturating_mul(self.dim)
            .saturating_mul(4 * FLOAT);
        self.table()
            .saturating_mul(self.tables)
            .saturating_add(self.graph())
            .saturating_add(self.n_pairs.saturating_mul(PAIR))
            .saturating_add(batch)
            .saturating_add(self.batch_scores.saturating_mul(2 * FLOAT))
    }

    /// Checks that the run fits.
    ///
    /// # Errors
    ///
    /// [`MemoryError`] with the largest dimension that would fit.
    pub fn check(&self, device: &DeviceMemory) -> Result<(), MemoryError> {
        let Some(mut error) = self.exceeded(device) else {
            return Ok(());
        };
        let fitting = self.fitting_dim(|size| size.exceeded(device).is_none());
        if let MemoryError::Total { fitting_dim, .. } | MemoryError::Buffer { fitting_dim, .. } =
            &mut error
        {
            *fitting_dim = fitting;
        }
        Err(error)
    }

    /// Checks that the run fits the host's memory, of which `in_use` bytes are already in use.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Host`] with the largest dimension that would fit.
    pub fn check_host(&self, in_use: u64, limit: u64) -> Result<(), MemoryError> {
        let needed = |size: &Self| in_use.saturating_add(size.peak());
        if needed(self) <= limit {
            return Ok(());
        }
        Err(MemoryError::Host {
            needed: needed(self),
            in_use,
            limit,
            size: *self,
            fitting_dim: self.fitting_dim(|size| needed(size) <= limit),
        })
    }

    /// The largest dimension that fits, if any does.
    fn fitting_dim(&self, fits: impl Fn(&Self) -> bool) -> Option<u64> {
        // The memory grows with the dimension, so bisection finds the largest that fits.
        let (mut low, mut high) = (0, self.dim);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(&Self {
                dim: middle,
                ..*self
            }) {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low > 0).then_some(low)
    }

    fn exceeded(&self, device: &DeviceMemory) -> Option<MemoryError> {
        let (needed, available) = (self.largest_buffer(), device.largest_buffer);
        if needed > available {
            return Some(MemoryError::Buffer {
                needed,
                available,
                size: *self,
                fitting_dim: None,
            });
        }
        let (needed, available) = (self.peak(), device.total?);
        (needed > available).then_some(MemoryError::Total {
            needed,
            available,
            size: *self,
            fitting_dim: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// 1.64 million users, 54 thousand items and 10 million pairs.
    fn large(dim: u64) -> TrainingSize {
        TrainingSize {
            n_nodes: 1_694_000,
            n_edges: 20_000_000,
            symmetric: true,
            dim,
            tables: TrainingSize::FUSED_TABLES,
            n_pairs: 10_000_000,
            batch_rows: 3 * 2048,
            batch_scores: 0,
        }
    }

    #[test]
    fn the_large_graph_fits_in_8_gib_at_dimension_90() {
        let device = DeviceMemory {
            largest_buffer: 2 * GIB,
            total: Some(8 * GIB),
        };
        let size = large(90);
        assert_eq!(size.largest_buffer(), 1_694_000 * 90 * 4);
        // Seven tables, column and weight of each edge, the offsets, five numbers a pair, and four
        // forms of the batch.
        let graph = 20_000_000 * 8 + 1_694_001 * 4;
        let expected = 7 * 609_840_000 + graph + 10_000_000 * 20 + 6_144 * 90 * 16;
        assert_eq!(size.peak(), expected);
        assert_eq!(size.check(&device), Ok(()));
    }

    #[test]
    fn the_computers_memory_holds_what_is_in_use_and_the_run() {
        let (size, in_use) = (large(90), GIB);
        let needed = in_use + size.peak();
        assert_eq!(size.check_host(in_use, needed), Ok(()));
        let error = size.check_host(in_use, needed - 1).unwrap_err();
        let fitting_dim = Some(89);
        let limit = needed - 1;
        assert_eq!(
            error,
            MemoryError::Host {
                needed,
                in_use,
                limit,
                size,
                fitting_dim,
            }
        );
    }

    #[test]
    fn the_error_names_the_largest_dimension_that_fits() {
        let total = DeviceMemory {
            largest_buffer: 4 * GIB,
            total: Some(2 * GIB),
        };
        let buffer = DeviceMemory {
            largest_buffer: 256 << 20,
            total: None,
        };
        for device in [total, buffer] {
            let error = large(90).check(&device).unwrap_err();
            let (MemoryError::Total { fitting_dim, .. } | MemoryError::Buffer { fitting_dim, .. }) =
                error.clone()
            else {
                panic!("{error}");
            };
            let dim = fitting_dim.unwrap();
            assert_eq!(large(dim).check(&device), Ok(()));
            assert!(large(dim + 1).check(&device).is_err());
        }
        let tiny = DeviceMemory {
            largest_buffer: 1 << 20,
            total: None,
        };
        let error = large(90).check(&tiny).unwrap_err();
        assert!(matches!(
            error,
            MemoryError::Buffer {
                fitting_dim: None,
                ..
            }
        ));
    }

    #[test]
    fn sizes_beyond_64_bits_do_not_wrap() {
        let size = TrainingSize {
            n_nodes: u64::MAX / 2,
            ..large(1 << 40)
        };
        assert_eq!((size.largest_buffer(), size.peak()), (u64::MAX, u64::MAX));
    }
}
