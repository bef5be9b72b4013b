//! Single events of a pair.

use crate::BehaviorId;

/// One event of a (user, item) pair: what the user did, and when.
///
/// It takes 8 bytes, so that a log's events can stay in memory along with its pairs. Events order
/// by time, then by behavior.
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
    /// The latest time that fits, in seconds since 1970: a billion years from now.
    const MAX_TIME: i64 = i64::MAX >> 8;

    /// An event at `time`, in seconds since 1970-01-01 UTC. Times a billion years away are clamped.
    #[must_use]
    pub const fn new(behavior: BehaviorId, time: i64) -> Self {
        let time = if time > Self::MAX_TIME {
            Self::MAX_TIME
        } else if time < -Self::MAX_TIME {
            -Self::MAX_TIME
        } else {
            time
        };
        Self((time << 8) | behavior.0 as i64)
    }

    /// What the user did.
    #[must_use]
    pub const fn behavior(self) -> BehaviorId {
        BehaviorId((self.0 & 0xff) as u8)
    }

    /// When, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn time(self) -> i64 {
        self.0 >> 8
    }

    /// Time and behavior in one number, for files.
    #[must_use]
    pub const fn to_bits(self) -> i64 {
        self.0
    }

    /// The inverse of [`PairEvent::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_and_behaviors_survive(time in -(1i64 << 50)..1 << 50, behavior: u8) {
            let event = PairEvent::new(BehaviorId(behavior), time);
            prop_assert_eq!((event.behavior().0, event.time()), (behavior, time));
            prop_assert_eq!(PairEvent::from_bits(event.to_bits()), event);
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
