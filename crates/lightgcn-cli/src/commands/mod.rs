//! One file per command.

pub(crate) mod compare;
pub(crate) mod evaluate;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod forget;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod prepare;
pub(crate) mod recommend;
pub(crate) mod recommend_all;
pub(crate) mod retrain;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod tune;

mod costs;
mod data;
mod ensemble;
mod evaluator;
mod interrupt;
mod refit;
mod remote;
mod rolling;
mod runs;
mod seeds;

pub(crate) use refit::RefitConfig;
