//! The cost and scheduling of requests: estimates, the fair queue with its threads, and the bytes
//! of answers that clients have not read.

mod budget;
mod cost;
mod pool;
mod queue;

pub(crate) use budget::{Budget, Reservation};
pub(crate) use cost::Cost;
pub(crate) use pool::{Pool, PoolOptions, Ticket};
