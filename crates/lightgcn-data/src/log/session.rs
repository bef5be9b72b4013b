//! The sessions that a log names.

use lightgcn_core::{Rows, SessionMark, check_id};
use xxhash_rust::xxh3::xxh3_64;

/// A session's id as a number, by which the sessions of one user are told apart.
///
/// It is a hash of 32 bits: two sessions of a user are taken for one with a probability of 2^−32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct SessionId(u32);

impl SessionId {
    /// The row has no session id.
    pub(crate) const NONE: Self = Self(0);

    /// The session of a field; none if it is not a valid id, such as an empty text or `null`.
    #[inline]
    pub(crate) fn of(field: &[u8]) -> Self {
        let id = field.trim_ascii();
        match std::str::from_utf8(id).map(check_id) {
            Ok(Ok(())) => Self((xxh3_64(id) as u32).max(1)),
            _ => Self::NONE,
        }
    }

    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// The number; 0 for none.
    pub(crate) fn to_number(self) -> u32 {
        self.0
    }
}

/// The mark of each event's session, given its user, time and session id. A user's sessions are
/// numbered by their first event, those that begin at the same time by their ids, so the order of
/// the log does not matter. O(events · log(events of a user)).
pub(crate) fn session_marks(
    n_users: usize,
    users: &[u32],
    times: &[i64],
    sessions: &[SessionId],
) -> Vec<SessionMark> {
    let named = (0u32..)
        .zip(users)
        .filter(|&(event, _)| sessions[event as usize].is_some());
    let of_users: Rows<u32> =
        Rows::group(n_users, named.map(|(event, &user)| (user as usize, event)));
    let mut marks = vec![SessionMark::UNKNOWN; users.len()];
    let mut first: Vec<(SessionId, i64)> = Vec::new();
    let mut order: Vec<(i64, SessionId)> = Vec::new();
    let mut numbered: Vec<(SessionId, u64)> = Vec::new();
    for events in of_users.iter() {
        let event = |&event: &u32| (sessions[event as usize], times[event as usize]);
        first.clear();
        first.extend(events.iter().map(event));
        first.sort_unstable();
        first.dedup_by_key(|event| event.0);
        order.clear();
        order.extend(first.iter().map(|&(session, time)| (time, session)));
        order.sort_unstable();
        numbered.clear();
        numbered.extend((0..).zip(&order).map(|(number, event)| (event.1, number)));
        numbered.sort_unstable();
        for &event in events {
            let session = sessions[event as usize];
            if let Ok(n) = numbered.binary_search_by_key(&session, |event| event.0) {
                marks[event as usize] = SessionMark::of_number(numbered[n].1);
            }
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_any_text_but_none() {
        let zeros = "00000000-0000-0000-0000-000000000000";
        for none in ["", "  ", "null", "NaN", "\\N", zeros] {
            assert_eq!(SessionId::of(none.as_bytes()), SessionId::NONE, "{none:?}");
        }
        assert_eq!(SessionId::of(b"\xff"), SessionId::NONE);
        let id = SessionId::of(b"26dd6e6e-4dac-4778-8d2c-92e149dab885");
        assert!(id.is_some());
        assert_eq!(SessionId::of(b" 26dd6e6e-4dac-4778-8d2c-92e149dab885"), id);
        assert_ne!(SessionId::of(b"26dd6e6e-4dac-4778-8d2c-92e149dab886"), id);
        assert_ne!(SessionId::of(b"0"), SessionId::NONE);
    }

    /// Events as (user, time, session); session "" is none.
    fn marks(events: &[(u32, i64, &str)]) -> Vec<Option<u64>> {
        let users: Vec<u32> = events.iter().map(|event| event.0).collect();
        let times: Vec<i64> = events.iter().map(|event| event.1).collect();
        let ids = events.iter().map(|event| SessionId::of(event.2.as_bytes()));
        let ids: Vec<SessionId> = ids.collect();
        let marks = session_marks(3, &users, &times, &ids);
        let number =
            |mark: SessionMark| (0..255).find(|&number| SessionMark::of_number(number) == mark);
        marks.into_iter().map(number).collect()
    }

    #[test]
    fn sessions_are_numbered_by_their_first_events_for_each_user() {
        let found = marks(&[
            (0, 50, "b"),
            (0, 10, "a"),
            (0, 90_000, "a"),
            (0, 20, ""),
            (2, 10, "b"), // the id of another user's session is another session
            (0, 60, "b"),
            (0, 70, "c"),
        ]);
        let expected = [1, 0, 0, 99, 0, 1, 2];
        let expected = expected.map(|n| Some(n).filter(|&n| n != 99));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let mut events = vec![
            (0, 5, "x"),
            (0, 5, "y"),
            (0, 5, "z"),
            (0, 6, "x"),
            (0, 4, "w"),
        ];
        let forth = marks(&events);
        events.reverse();
        let mut back = marks(&events);
        back.reverse();
        assert_eq!(forth, back);
        assert_eq!((forth[4], forth[0]), (Some(0), forth[3]));
        let mut three = [forth[0], forth[1], forth[2]];
        three.sort_unstable();
        assert_eq!(three, [Some(1), Some(2), Some(3)]);
    }
}
