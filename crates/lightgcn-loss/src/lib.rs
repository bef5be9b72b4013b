//! Losses for recommenders on burn, behind one trait.
//!
//! | loss | formula | item |
//! |---|---|---|
//! | BPR, one or several negatives | `mean −ln σ(f⁺ − f⁻)` | [`Bpr`], [`bpr_loss`] |
//! | sampled softmax (SL), in-batch and shared negatives | `mean −s⁺/τ + ln Σ exp(s⁻/τ)`, s a cosine | [`SoftmaxConfig`] |
//! | bilateral softmax (BSL) | `mean −s⁺/τ + t₂ · ln Σ exp(s⁻/τ)` | [`SoftmaxConfig`] |
//! | popularity correction (logQ) | `s⁻/τ − κ · ln q⁻` instead of `s⁻/τ` | [`SoftmaxConfig`] |
//! | SL@K | pairs weighted by `σ((s⁺ − β) / τ_w)` | [`TopKConfig`] |
//! | L2 on the rows of a batch | `½ · Σ‖e‖² / batch` | [`Batch::l2`], [`l2_regularization`] |
//!
//! A [`Loss`] takes whole embedding tables and a [`Batch`] and declares what it needs in a batch;
//! [`LossConfig`] selects one of this crate's losses by its name in configurations. Another crate
//! may implement [`Loss`] for its own type and train with it. [`bpr_loss`] and
//! [`l2_regularization`] take plain tensors on any burn backend. A batch reads its rows with
//! [`gather_rows`](lightgcn_kernels::gather_rows), whose gradient is fast and deterministic.
//!
//! # Example
//!
//! The model scores a seen item ln 3 above an unseen one, so it gives the right order the
//! probability σ(ln 3) = ¾:
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
//! On the CPU the same batch gives the same bits with any number of threads, as long as it has
//! fewer than four million pairs (burn's Flex sums longer vectors in parallel in no fixed order;
//! rows are summed first, so only the number of pairs matters).
#![forbid(unsafe_code)]

mod batch;
mod bpr;
mod config;
mod error;
mod l2;
mod loss;
mod named;
mod softmax;
#[cfg(test)]
mod test_support;

pub use batch::{Batch, BatchIds, TableRows};
pub use bpr::{Bpr, bpr_loss, bpr_loss_weighted};
pub use config::{LossConfig, SoftmaxConfig, TopKConfig};
pub use error::{ConfigIssue, LossError};
pub use l2::l2_regularization;
pub use loss::{Loss, LossNeeds, Tables};
pub use softmax::MAX_SHARED_NEGATIVES;
