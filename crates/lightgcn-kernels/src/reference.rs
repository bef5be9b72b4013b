//! Every operation in plain burn tensor operations, on any burn backend, with or without autodiff.
//!
//! Tests compare the fast implementations with these, and a backend without a fast implementation
//! runs them. They are not meant to be fast.

pub use crate::adam::reference::adam_step;
pub use crate::batch_loss::reference::{bpr_loss_gradient, softmax_loss_gradient};
pub use crate::gather_rows::reference::{add_rows, gather_rows, segment_sum_rows};
pub use crate::node_batch::reference::cut_batch;
pub use crate::node_loss::reference::{bpr_slot_gradient, softmax_slot_gradient};
pub use crate::pair_cosines::reference::pair_cosines;
pub use crate::pair_dots::reference::pair_dots;
pub use crate::propagate::reference::propagate;
pub use crate::propagate_rows::reference::{propagate_rows, propagate_rows_transposed};
pub use crate::sorted_slots::reference::{add_l2, sort_slots, sum_slots};
pub use crate::sparse_dense::reference::sparse_dense;
