//! The edges and vectors that a product's kernels walk over, and the factors of the result.

use burn_cubecl::cubecl::{self, prelude::*};

/// Every `step`-th edge from `start` to `end`.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Edges {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) step: u32,
}

/// Vector number `vector` of rows that have `vectors` of them.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Lane {
    pub(super) vector: u32,
    pub(super) vectors: u32,
}

/// The factors of a sum and of the base that is added to it.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Factors {
    pub(super) scale: f32,
    pub(super) alpha: f32,
}
