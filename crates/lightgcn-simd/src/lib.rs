//! The hot loops of graph recommenders on the CPU, over plain slices.
//!
//! | what | functions |
//! |---|---|
//! | sparse × dense product, and the K-layer propagation of LightGCN | [`sparse_dense`], [`propagate`], [`propagate_into`] |
//! | the product at a batch's rows alone, and its gradient | [`propagate_rows`], [`propagate_rows_transposed`], [`add_rows`] |
//! | losses of a batch with their gradients | [`bpr_loss`], [`softmax_loss`] |
//! | dot products and cosines of pairs of rows | [`pair_dots`], [`pair_cosines`] |
//! | embedding lookup and its gradient | [`gather_rows`], [`segment_sum_rows`] |
//! | optimizer | [`adam_step`] |
//! | faster products: rows in a better order, buffers in huge pages | [`OrderedRows`], [`zeros_in_huge_pages`], [`move_to_huge_pages`] |
//! | scores and exact masked ranking | [`dot`], [`scores`], [`top_k`], [`select_top_k`] |
//! | matrices stored in 16 bits, summed in 32 | [`round_to_bf16`], [`widen_bf16`], [`Operands::Bf16`]; [`sparse_dense`], [`dot`], [`scores`] and [`top_k`] take either [`Element`] type |
//!
//! Matrices are row-major slices of `f32`, or of [`Bf16`] where a function says so; a shape is written
//! `[rows, columns]`. A slice whose length does not match its shape panics; arrays that may come from a file
//! are checked by [`CsrView::new`], which returns a [`CsrError`].
//!
//! # Example
//!
//! ```
//! use lightgcn_simd::{CsrView, propagate, top_k};
//!
//! // Users 0 and 1, items 2 and 3; both users bought item 2, user 1 also 3.
//! let row_offsets = [0_u64, 1, 3, 5, 6];
//! let columns = [2_u32, 2, 3, 0, 1, 1];
//! let adjacency = CsrView::new(&row_offsets, &columns, &[0.5; 6], 4)?;
//!
//! // Two-dimensional embeddings, propagated through two layers.
//! let embeddings = [1.0, 0.0, 0.0, 1.0, 0.5, 0.5, 0.0, 1.0];
//! let propagated = propagate(adjacency, &embeddings, 2, &[1.0 / 3.0; 3]);
//!
//! // The best item that user 0 has not bought yet.
//! let (users, items) = propagated.split_at(4);
//! let best = top_k(&users[..2], items, 2, 1, |_user| &[0]);
//! assert_eq!(best[0][0].item, 1);
//! # Ok::<(), lightgcn_simd::CsrError>(())
//! ```
//!
//! # Threads and bits
//!
//! Everything runs on rayon's current pool (`ThreadPool::install` chooses another). One thread owns
//! a row of the result and adds in a fixed order, so a result has the same bits with any number of
//! threads. On x86-64 the kernels use AVX2 and FMA, and AVX-512 in places, if the machine has them
//! (detected at run time); elsewhere they are plain Rust that the compiler vectorizes. A fused
//! multiply-add rounds once instead of twice, so machines with and without it differ in the last
//! bits.
//!
//! # Layout
//!
//! One concept per file: `csr` (the sparse matrix), `sparse_dense` and `propagate`, `rows` (the product at
//! some rows), `bpr` and `softmax` (losses), `pair_dots`, `pair_cosines`, `gather`, `segment_sum`, `adam`, `bf16`
//! (rounding), `selection` (the bounded list of the best), `direct` and `tile` (the innermost loops of
//! scoring, for few and for many queries), `score` and `top_k`; `element` (how numbers are stored), `cpu`,
//! `parallel`, `shape`, `dense`, `exp` and `buffers` are shared. An `x86` file has the AVX2 version of its
//! parent.

mod adam;
mod bf16;
mod bpr;
mod buffers;
mod cpu;
mod csr;
mod dense;
mod direct;
mod element;
mod exp;
mod gather;
mod huge_pages;
mod index;
mod ordered_rows;
mod pair_cosines;
mod pair_dots;
mod parallel;
mod propagate;
mod propagate_rows;
mod rows;
mod score;
mod segment_sum;
mod selection;
mod shape;
mod softmax;
mod sparse_dense;
mod tile;
mod top_k;

pub use adam::{AdamOptions, AdamTables, adam_step};
pub use bf16::{round_to_bf16, widen_bf16};
pub use bpr::{BprTriples, bpr_loss};
pub use csr::{CsrError, CsrView};
pub use element::{Bf16, Element};
pub use gather::gather_rows;
pub use huge_pages::{move_to_huge_pages, zeros_in_huge_pages};
pub use index::CsrIndex;
pub use ordered_rows::OrderedRows;
pub use pair_cosines::pair_cosines;
pub use pair_dots::{RowsOf, pair_dots};
pub use propagate::{Polynomial, propagate, propagate_into};
pub use propagate_rows::{Operands, Scratch, propagate_rows, propagate_rows_transposed};
pub use rows::{RowValues, add_rows};
pub use score::{dot, scores};
pub use segment_sum::segment_sum_rows;
pub use selection::{Scored, select_top_k};
pub use softmax::{SoftmaxGradients, SoftmaxOptions, SoftmaxPairs, SoftmaxTables, softmax_loss};
pub use sparse_dense::sparse_dense;
pub use top_k::top_k;
