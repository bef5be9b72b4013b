//! A summary of a model's training data for the page's first screen.

use lightgcn_core::{Interactions, UserId};
use lightgcn_recommend::Recommender;
use std::cmp::Reverse;

/// The number of typical users to list.
const TYPICAL: usize = 6;
/// The number of days to count.
const DAYS: i64 = 60;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// The size of the training data, and users to start with.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// The number of events.
    pub(crate) n_events: u64,
    /// The time of the first known event; `None` if the model has no times.
    pub(crate) trained_from: Option<i64>,
    /// Users who bought something and have close to the median number of items of such users.
    pub(crate) typical: Vec<UserId>,
    /// The starts of the last days, with their number of events of each behavior; empty if single
    /// events are unknown.
    pub(crate) days: Vec<(i64, Vec<u32>)>,
}

impl Summary {
    pub(crate) fn of(recommender: &Recommender) -> Self {
        let train = &recommender.artifact().train;
        Self {
            n_events: train.counts().iter().map(|&count| u64::from(count)).sum(),
            trained_from: first_time(train),
            typical: typical(recommender),
            days: days(train),
        }
    }
}

/// The earliest of all events, or of the pairs' latest events if single ones are unknown.
fn first_time(train: &Interactions) -> Option<i64> {
    let last = train.last_times().iter().copied().min();
    let single = (0..train.n_pairs()).flat_map(|pair| train.events_of(pair));
    single.map(|event| event.time()).chain(last).min()
}

fn days(train: &Interactions) -> Vec<(i64, Vec<u32>)> {
    let events = || (0..train.n_pairs()).flat_map(move |pair| train.events_of(pair));
    let Some(last) = events().map(|event| event.time().div_euclid(DAY)).max() else {
        return Vec::new();
    };
    let first = last - DAYS + 1;
    let mut counts = vec![vec![0u32; train.behaviors().len()]; DAYS as usize];
    for event in events() {
        let day = event.time().div_euclid(DAY) - first;
        let count = usize::try_from(day)
            .ok()
            .and_then(|day| counts.get_mut(day));
        if let Some(count) = count.and_then(|day| day.get_mut(event.behavior().index())) {
            *count += 1;
        }
    }
    let days = (first..).map(|day| day * DAY).zip(counts);
    // Days before the first event do not count as days without events.
    days.skip_while(|(_, counts)| counts.iter().all(|&n| n == 0))
        .collect()
}

fn typical(recommender: &Recommender) -> Vec<UserId> {
    let train = &recommender.artifact().train;
    let users = (0..train.n_users() as u32).map(UserId);
    let mut buyers: Vec<(usize, UserId)> = users
        .filter(|&user| !recommender.bought().of(user).is_empty())
        .map(|user| (train.pairs_of(user).len(), user))
        .collect();
    let middle = buyers.len() / 2;
    if buyers.is_empty() {
        return Vec::new();
    }
    let median = buyers.select_nth_unstable(middle).1.0;
    // Of two equally far from the median, the one with more items.
    buyers.sort_by_key(|&(n, user)| (n.abs_diff(median), Reverse(n), user));
    buyers.truncate(TYPICAL);
    buyers.into_iter().map(|(_, user)| user).collect()
}
