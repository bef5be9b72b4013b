//! Sessions: what one user did under one session id, or without a long gap.

use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{Interactions, Rows, SessionMark, UserId, session_numbers};
use rayon::prelude::*;

/// The sessions of all users, by user and then by the time of their last events.
///
/// Events are told apart by the sessions that the log names ([`session_numbers`]); where it names
/// none, a session ends when nothing follows for a while, for all behaviors and across midnight. The same
/// item several times in a row is one place. The order of events in the same second is unknown, so
/// they are ordered by a hash of the item, never by its row. If single events are unknown, each
/// pair is one event at its last time.
pub(crate) struct Sessions {
    /// The items of each session, in order.
    pub(crate) items: Rows<u32>,
    /// When each session ended, in seconds.
    pub(crate) ends: Vec<i64>,
    /// The sessions of each user.
    pub(crate) of_users: Vec<std::ops::Range<usize>>,
}

impl Sessions {
    /// Sessions of at least `least` places; one without a name ends when nothing follows for `gap_minutes`.
    /// The pairs must have times. O(events · log).
    pub(crate) fn new(pairs: &Interactions, gap_minutes: f64, least: usize) -> Self {
        let gap = gap_minutes * 60.0;
        let users: Vec<Vec<(i64, Vec<u32>)>> = (0..pairs.n_users() as u32)
            .into_par_iter()
            .map(|user| of_user(pairs, UserId(user), gap, least))
            .collect();
        let mut of_users = Vec::with_capacity(users.len());
        let mut ends = Vec::new();
        for sessions in &users {
            let start = ends.len();
            ends.extend(sessions.iter().map(|(end, _)| *end));
            of_users.push(start..ends.len());
        }
        let items = users.into_iter().flatten().map(|(_, items)| items);
        Self {
            items: items.collect(),
            ends,
            of_users,
        }
    }
}

fn of_user(pairs: &Interactions, user: UserId, gap: f64, least: usize) -> Vec<(i64, Vec<u32>)> {
    let mut events: Vec<(i64, u64, u32, SessionMark)> = Vec::new();
    for pair in pairs.pairs_of(user) {
        let item = pairs.items()[pair].0;
        let order = Random::new(0, Stream::Ties)
            .at(2, u64::from(item))
            .next_u64();
        let known = pairs.events_of(pair);
        let times = known.iter().map(|event| (event.time(), event.session()));
        let last = known.is_empty().then(|| pairs.last_times()[pair]);
        let last = last.map(|time| (time, SessionMark::UNKNOWN));
        let times = times.chain(last);
        events.extend(times.map(|(time, session)| (time, order, item, session)));
    }
    events.sort_unstable();
    let is_after_pause = |n: usize| events[n].0.saturating_sub(events[n - 1].0) as f64 > gap;
    let numbers = session_numbers(events.iter().map(|event| event.3), is_after_pause);
    let n_sessions = numbers.iter().max().map_or(0, |&last| last as usize + 1);
    let places = numbers.iter().map(|&number| number as usize);
    let by_session = Rows::group(n_sessions, places.zip(events.iter().copied()));
    let sessions = by_session.iter().map(|session| {
        let mut items: Vec<u32> = session.iter().map(|event| event.2).collect();
        items.dedup();
        let end = session.last().map_or(0, |event| event.0);
        (end, items)
    });
    let long = sessions.filter(|(_, items)| items.len() >= least);
    let mut sessions: Vec<(i64, Vec<u32>)> = long.collect();
    // One may go on while others begin and end.
    sessions.sort_by_key(|session| session.0);
    sessions
}
