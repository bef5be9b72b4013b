//! Turns events into weighted pairs, and selects those that the k-core keeps.

pub(crate) mod k_core;
pub(crate) mod pairs;
