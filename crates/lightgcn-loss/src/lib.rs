//! Losses for recommenders as burn modules.
//!
//! | loss | formula | item |
//! |---|---|---|
//! | BPR, one or several negatives | `mean −ln σ(f⁺ − f⁻)` | [`bpr_loss`], [`BprLoss`] |
//! | L2 on the rows of a batch | `½ · Σ‖e‖² / batch` | [`l2_regularization`] |
//! | what a training step minimizes | `BPR + λ · L2` | [`RecommendationLoss`] |
//!
//! The first two take plain tensors on any burn backend. [`RecommendationLoss`] takes whole
//! embedding tables and a batch of [`TripleRows`], and reads the rows by
//! [`gather_rows`](lightgcn_kernels::gather_rows), whose gradient is fast and deterministic.
//!
//! # Example
//!
//! A user prefers a seen item to an unseen one by a margin of ln 3, so that the model gives the
//! right order the probability σ(ln 3) = ¾:
//!
//! ```
//! use burn::backend::{Autodiff, Flex};
//! use burn::tensor::Tensor;
//! use lightgcn_loss::bpr_loss;
//!
//! type B = Autodiff<Flex>;
//! let device = Default::default();
//! let positive = Tensor::<B, 1>::from_floats([3.0_f32.ln()], &device).require_grad();
//! let negative = Tensor::<B, 2>::from_floats([[0.0]], &device);
//!
//! let loss = bpr_loss(positive.clone(), negative);
//! let gradients = loss.backward();
//!
//! assert!((loss.into_scalar() - (4.0_f32 / 3.0).ln()).abs() < 1e-6);
//! // Raising the positive score lowers the loss: the slope is −(1 − ¾).
//! let slope = positive.grad(&gradients).unwrap().into_scalar();
//! assert!((slope + 0.25).abs() < 1e-6);
//! ```
//!
//! # Determinism
//!
//! On the CPU the same batch gives the same bits at any thread count, as long as a batch has less
//! than four million pairs (burn's Flex sums longer vectors in parallel in no fixed order; rows are
//! reduced first, so that the dimension and the number of negatives do not count).
#![forbid(unsafe_code)]

mod bpr;
mod l2;
mod recommendation;
#[cfg(all(test, feature = "flex"))]
mod test_support;
mod triples;

pub use bpr::{BprLoss, bpr_loss, bpr_loss_weighted};
pub use l2::l2_regularization;
pub use recommendation::{LossTerms, RecommendationLoss, RecommendationLossConfig};
pub use triples::{TripleRows, triple_scores};
