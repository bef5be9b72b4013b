//! Single events of a pair.

use crate::{BehaviorId, SessionMark};

/// One event of a (user, item) pair: what the user did, and when, and in which session if the log
/// says so.
///
/// It takes 8 bytes, so that a log's events can stay in memory along with its pairs. Events order
/// by time, then by behavior, then by the mark of the session.
///
/// ```
/// use lightgcn_core::{BehaviorId, PairEvent};
///
/// let view = PairEvent::new(BehaviorId(0), 1_571_000_000);
/// assert_eq!((view.behavior(), view.time()), (BehaviorId(0), 1_571_000_000));
/// assert!(view < PairEvent::new(BehaviorId(3), 1_571_000_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PairEvent(i64);

impl PairEvent {
    /// The latest time that fits, in seconds since 1970: four million years from now.
    const MAX_TIME: i64 = i64::MAX >> 16;

    /// An event at `time`, in seconds since 1970-01-01 UTC, in an unknown session. Times four
    /// million years away are clamped.
    #[must_use]
    pub const fn new(behavior: BehaviorId, time: i64) -> Self {
        let time = if time > Self::MAX_TIME {
            Self::MAX_TIME
        } else if time < -Self::MAX_TIME {
            -Self::MAX_TIME
        } else {
            time
        };
        Self((time << 16) | ((behavior.0 as i64) << 8))
    }

    /// The same event in another session.
    #[must_use]
    pub const fn in_session(self, session: SessionMark) -> Self {
        Self((self.0 & !0xff) | session.to_byte() as i64)
    }

    /// What the user did.
    #[must_use]
    pub const fn behavior(self) -> BehaviorId {
        BehaviorId((self.0 >> 8 & 0xff) as u8)
    }

    /// In which of the user's sessions.
    #[must_use]
    pub const fn session(self) -> SessionMark {
        SessionMark::from_byte((self.0 & 0xff) as u8)
    }

    /// When, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn time(self) -> i64 {
        self.0 >> 16
    }

    /// Time and behavior in one number, for files.
    #[must_use]
    pub const fn to_bits(self) -> i64 {
        self.0 >> 8
    }

    /// The inverse of [`PairEvent::to_bits`], in an unknown session.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self::new(BehaviorId((bits & 0xff) as u8), bits >> 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_behaviors_and_sessions_survive(
            time in -(1i64 << 46)..1 << 46, behavior: u8, session: u8, other: u8,
        ) {
            let event = PairEvent::new(BehaviorId(behavior), time);
            prop_assert_eq!((event.behavior().0, event.time()), (behavior, time));
            prop_assert_eq!(event.to_bits(), time << 8 | i64::from(behavior));
            prop_assert_eq!(PairEvent::from_bits(event.to_bits()), event);
            prop_assert_eq!(event.session(), SessionMark::UNKNOWN);
            let marked = event.in_session(SessionMark::from_byte(other));
            let marked = marked.in_session(SessionMark::from_byte(session));
            prop_assert_eq!((marked.behavior().0, marked.time()), (behavior, time));
            prop_assert_eq!(marked.session().to_byte(), session);
            prop_assert_eq!(marked.to_bits(), event.to_bits());
        }
    }

    #[test]
    fn far_times_are_clamped() {
        let event = PairEvent::new(BehaviorId(7), i64::MAX);
        assert_eq!(
            (event.behavior(), event.time()),
            (BehaviorId(7), PairEvent::MAX_TIME)
        );
        assert!(PairEvent::new(BehaviorId(7), i64::MIN) < event);
    }
}
