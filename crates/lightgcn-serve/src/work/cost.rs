//! Estimates the cost of a request before any work is done for it.

use crate::api_error::ApiError;
use crate::models::Model;
use lightgcn_recommend::{ExplainRequest, ItemOptions, RecommendRequest};
use std::time::Duration;

/// The expected cost of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Time on one thread.
    pub(crate) time: Duration,
    /// Memory for its answer.
    pub(crate) bytes: usize,
}

/// Jobs that take less are never large.
const LARGE: Duration = Duration::from_millis(5);
/// A large job takes at least the time of this many ordinary requests.
const ORDINARY: u32 = 5;

/// Bytes of an answer without its list.
const HEAD: usize = 1024;
/// Bytes of a listed item.
const ITEM: usize = 320;
/// Bytes of an item of a history, with what was done and what it adds.
const MET: usize = 512;
/// Bytes of a path.
const PATH: usize = 4096;

/// Nanoseconds to compare an id with a search text.
const COMPARE: u64 = 60;
/// Nanoseconds for a neighbor's neighbor in a graph.
const STEP: u64 = 30;

impl Cost {
    fn new(time: Duration, bytes: usize) -> Self {
        Self { time, bytes }
    }

    pub(crate) fn of_answer(model: &Model, request: &RecommendRequest) -> Self {
        let k = request.options.k.min(model.recommender.n_items());
        let time = model.recommender.cost_of_answer(request);
        Self::new(time, HEAD + k * ITEM)
    }

    pub(crate) fn of_explanation(model: &Model, request: &ExplainRequest) -> Self {
        let met = history_length(model, &request.user) + request.events.len();
        let time = model.recommender.cost_of_explanation(request);
        Self::new(time, HEAD + met * MET + request.options.limit * PATH)
    }

    pub(crate) fn of_items(model: &Model, options: &ItemOptions) -> Self {
        let k = options.k.min(model.recommender.n_items());
        Self::new(model.recommender.cost_of_items(options), HEAD + k * ITEM)
    }

    /// A search among `n` ids with at most `limit` results.
    pub(crate) fn of_search(n: usize, limit: usize) -> Self {
        let time = Duration::from_nanos(n as u64 * COMPARE);
        Self::new(time, HEAD + limit.min(n) * ITEM)
    }

    pub(crate) fn of_history(model: &Model, user: &str) -> Self {
        let time = model.recommender.cost_of_history(user);
        Self::new(time, HEAD + history_length(model, user) * MET)
    }

    /// A graph with up to `near` items of the history, each with up to `far` other ones. It reads
    /// the items' users, and the items of up to `users` of them.
    pub(crate) fn of_graph(model: &Model, near: usize, far: usize, users: usize) -> Self {
        let train = &model.recommender.artifact().train;
        let mean = train.n_pairs() / train.n_users().max(1) + 1;
        let steps = near * (users * mean + far * model.most_users);
        let time = Duration::from_nanos(steps as u64 * STEP);
        Self::new(time, HEAD + near * (1 + far) * 2 * ITEM)
    }

    pub(crate) fn is_large(&self, model: &Model) -> bool {
        self.time > LARGE.max(model.ordinary * ORDINARY)
    }

    /// The amount of small work that is best done in one job.
    pub(crate) fn slice(model: &Model) -> Duration {
        LARGE.max(model.ordinary)
    }

    /// Rejects anything expected to take more than `most` on one thread.
    pub(crate) fn check(&self, most: Duration) -> Result<(), ApiError> {
        if self.time <= most {
            return Ok(());
        }
        Err(ApiError::too_expensive(self.time, most))
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.bytes += other.bytes;
    }
}

fn history_length(model: &Model, user: &str) -> usize {
    let recommender = &model.recommender;
    let row = recommender.user(user);
    row.map_or(0, |row| recommender.artifact().train.items_of(row).len())
}
