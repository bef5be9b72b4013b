//! Every operation on every backend, compared with loops in `f64` and with the reference bodies.

mod adam;
mod backends;
mod batch_loss;
mod cases;
mod gather_rows;
#[cfg(feature = "wgpu")]
mod memory;
mod node_batch;
mod pair_cosines;
mod pair_dots;
mod propagate;
mod propagate_rows;
mod sparse_dense;
