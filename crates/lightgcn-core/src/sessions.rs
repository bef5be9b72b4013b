//! Which events of a user belong to one session.

use std::collections::BTreeMap;

/// The number of different marks.
const PERIOD: i64 = 255;

/// Which session of its user an event belongs to, in one byte: the number of the session in the
/// order of their first events, modulo 255. A session is recognized by its mark unless it goes on
/// after more than 127 others of the same user began.
///
/// ```
/// use lightgcn_core::SessionMark;
///
/// assert_eq!(SessionMark::of_number(255), SessionMark::of_number(0));
/// assert_ne!(SessionMark::of_number(1), SessionMark::of_number(0));
/// assert!(!SessionMark::UNKNOWN.is_known());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionMark(u8);

impl SessionMark {
    /// The log does not say; pauses tell sessions apart.
    pub const UNKNOWN: Self = Self(0);

    /// The mark of a user's session number `number`, from 0.
    #[must_use]
    pub const fn of_number(number: u64) -> Self {
        Self((number % PERIOD as u64) as u8 + 1)
    }

    /// Whether the log names the session.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.0 != Self::UNKNOWN.0
    }

    /// The mark as a number, for files; 0 if unknown.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// The inverse of [`SessionMark::to_byte`].
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// How many sessions later than `before` this one began, from −127 to 127; both must be known.
    fn since(self, before: Self) -> i64 {
        let later = (i64::from(self.0) - i64::from(before.0)).rem_euclid(PERIOD);
        if later > PERIOD / 2 {
            later - PERIOD
        } else {
            later
        }
    }
}

/// Tells the sessions of one user apart: the session of each event, numbered from 0 in the order of
/// their first events.
///
/// `marks` are those of the user's events in order of time, and `is_after_pause(n)` says whether a
/// long pause precedes event n, which is at least 1. An event with a mark belongs to the session of
/// that mark, whatever the pauses and whatever other sessions have events in between. An event
/// without one belongs to the session of the event before it, unless a pause precedes it.
/// O(events · log of the user's sessions).
///
/// ```
/// use lightgcn_core::{SessionMark, session_numbers};
///
/// let times = [0, 60, 7_200, 7_260, 90_000];
/// let is_after_pause = |n: usize| times[n] - times[n - 1] > 1_800;
/// let unknown = [SessionMark::UNKNOWN; 5];
/// assert_eq!(session_numbers(unknown, is_after_pause), [0, 0, 1, 1, 2]);
///
/// // Two devices at the same time, and the first one again after an hour.
/// let marks = [0, 1, 0, 0, 2].map(SessionMark::of_number);
/// assert_eq!(session_numbers(marks, is_after_pause), [0, 1, 0, 0, 2]);
/// ```
pub fn session_numbers(
    marks: impl IntoIterator<Item = SessionMark>,
    is_after_pause: impl Fn(usize) -> bool,
) -> Vec<u32> {
    // By their numbers in the log, counted from that of the first mark.
    let mut marked: BTreeMap<i64, u32> = BTreeMap::new();
    let mut latest: Option<(SessionMark, i64)> = None;
    let mut n_sessions = 0;
    let mut begin = || {
        n_sessions += 1;
        n_sessions - 1
    };
    let mut numbers: Vec<u32> = Vec::new();
    for (n, mark) in marks.into_iter().enumerate() {
        let number = if mark.is_known() {
            let place = latest.map_or(0, |(before, place)| place + mark.since(before));
            latest = Some((mark, place));
            *marked.entry(place).or_insert_with(&mut begin)
        } else {
            match numbers.last() {
                Some(&before) if !is_after_pause(n) => before,
                _ => begin(),
            }
        };
        numbers.push(number);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sessions of events with a time in minutes and the number of the session, if it is known.
    fn numbers(events: &[(i64, Option<u64>)]) -> Vec<u32> {
        let mark =
            |number: Option<u64>| number.map_or(SessionMark::UNKNOWN, SessionMark::of_number);
        session_numbers(events.iter().map(|event| mark(event.1)), |n| {
            events[n].0 - events[n - 1].0 > 30
        })
    }

    #[test]
    fn marks_count_where_there_are_any_and_pauses_elsewhere() {
        assert_eq!(numbers(&[]), [0u32; 0]);
        assert_eq!(numbers(&[(5, None)]), [0]);
        assert_eq!(numbers(&[(5, Some(254))]), [0]);
        // 30 minutes are no pause, 31 are.
        assert_eq!(numbers(&[(0, None), (30, None), (61, None)]), [0, 0, 1]);
        // Hours within a session, and none between two.
        let events = [(0, Some(0)), (600, Some(0)), (600, Some(1)), (601, Some(1))];
        assert_eq!(numbers(&events), [0, 0, 1, 1]);
        // Without a mark: of the event before it, however that is known; then a session by itself,
        // which the next mark does not extend.
        let events = [
            (0, Some(3)),
            (10, None),
            (20, None),
            (90, None),
            (95, Some(3)),
            (99, None),
        ];
        assert_eq!(numbers(&events), [0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn sessions_at_the_same_time_stay_apart() {
        let events = [0u64, 1, 0, 2, 1, 0].map(|session| (0, Some(session)));
        assert_eq!(numbers(&events), [0, 1, 0, 2, 1, 0]);
    }

    #[test]
    fn ten_thousand_sessions_are_as_many() {
        let events: Vec<(i64, Option<u64>)> = (0..10_000).map(|n| (0, Some(n))).collect();
        let expected: Vec<u32> = (0..10_000).collect();
        assert_eq!(numbers(&events), expected);
        let one = vec![(0, Some(4)); 10_000];
        assert_eq!(numbers(&one), [0; 10_000]);
    }

    #[test]
    fn a_session_goes_on_after_127_others_and_not_after_128() {
        let after = |n_others: u64| {
            let others = (1..=n_others).map(|n| (0, Some(n)));
            let events: Vec<_> = [(0, Some(0))].into_iter().chain(others).collect();
            numbers(&[&events[..], &[(0, Some(0))]].concat()).pop()
        };
        assert_eq!(after(127), Some(0));
        // It counts as a later one.
        assert_eq!(after(128), Some(129));
    }

    proptest! {
        /// Any sessions of which at most 100 are open at a time are told apart.
        #[test]
        fn marked_sessions_are_recognized(steps in prop::collection::vec((any::<bool>(), 0u64..100), 1..600)) {
            let mut n_begun = 0u64;
            let mut sessions = Vec::new();
            for (is_new, back) in steps {
                if is_new || n_begun == 0 {
                    sessions.push(n_begun);
                    n_begun += 1;
                } else {
                    sessions.push(n_begun - 1 - back.min(n_begun - 1));
                }
            }
            let events: Vec<_> = sessions.iter().map(|&session| (0, Some(session))).collect();
            let expected: Vec<u32> = sessions.iter().map(|&session| session as u32).collect();
            prop_assert_eq!(numbers(&events), expected);
        }
    }
}
