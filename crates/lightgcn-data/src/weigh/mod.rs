//! From events to weighted pairs, and which of them the k-core keeps.

pub(crate) mod k_core;
pub(crate) mod pairs;
