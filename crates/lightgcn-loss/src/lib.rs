//! Losses for recommenders as burn modules.
//!
//! | loss | formula | item |
//! |---|---|---|
//! | BPR, one or several negatives | `mean −ln σ(f⁺ − f⁻)` | [`bpr_loss`], [`BprLoss`] |
//! | sampled softmax (SL), in-batch and extra negatives | `mean −s⁺/τ + ln Σ exp(s⁻/τ)`, s a cosine | [`SoftmaxLoss`] |
//! | bilateral softmax (BSL) | `mean −s⁺/τ + t₂ · ln Σ exp(s⁻/τ)` | [`SoftmaxLoss`] |
//! | popularity correction (logQ) | `s⁻/τ − κ · ln q⁻` instead of `s⁻/τ` | [`SoftmaxLoss`] |
//! | SL@K | pairs weighted by `σ((s⁺ − β) / τ_w)` | [`SoftmaxLoss`] |
//! | L2 on the rows of a batch | `½ · Σ‖e‖² / batch` | [`l2_regularization`] |
//! | what a training step minimizes | `BPR + λ · L2` | [`RecommendationLoss`] |
//! | | `softmax + λ · L2` | [`SoftmaxRecommendationLoss`] |
//!
//! [`bpr_loss`] and [`l2_regularization`] take plain tensors on any burn backend. The others take
//! whole embedding tables and a batch, [`TripleRows`] for BPR and [`PairRows`] for the softmax
//! losses, whose pairs share their negatives. They read the rows by
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
mod error;
mod l2;
mod pairs;
mod recommendation;
mod softmax;
mod softmax_recommendation;
#[cfg(all(test, feature = "flex"))]
mod test_support;
mod triples;

pub use bpr::{BprLoss, bpr_loss, bpr_loss_weighted};
pub use error::{LossError, LossFault};
pub use l2::l2_regularization;
pub use pairs::PairRows;
pub use recommendation::{LossTerms, RecommendationLoss, RecommendationLossConfig};
pub use softmax::{SoftmaxLoss, SoftmaxLossConfig, TopKWeighting};
pub use softmax_recommendation::{SoftmaxRecommendationLoss, SoftmaxRecommendationLossConfig};
pub use triples::{TripleRows, triple_scores};
