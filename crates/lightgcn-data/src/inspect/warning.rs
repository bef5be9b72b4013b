//! Anomalies of a log.

use serde::Serialize;
use std::fmt;

/// More events than a person produces in a day.
pub(super) const BUSY: u64 = 1_000;

/// Users or items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Users.
    User,
    /// Items.
    Item,
}

/// Something to check before training. Shares are of all events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// No event is a target.
    NoTargets,
    /// A behavior in the table never occurs.
    NoEvents {
        /// The behavior.
        behavior: String,
    },
    /// A behavior with at least 20 pairs never comes before, or with, a purchase of the same item.
    NeverConverts {
        /// The behavior.
        behavior: String,
        /// How many pairs have it.
        pairs: u64,
    },
    /// Users with more than 1,000 events in a day: crawlers, or the shop's own programs.
    BusyUsers {
        /// How many there are.
        users: u64,
        /// The busiest.
        busiest: String,
        /// Their busiest day.
        day: String,
        /// Their events on that day.
        events: u64,
    },
    /// An id that looks like a placeholder, such as `0` or `guest`, with a hundredth of all events
    /// and at least 10 times the mean number.
    Nobody {
        /// Whether it is a user or an item.
        side: Side,
        /// The id.
        id: String,
        /// Its share of all events.
        share: f64,
    },
    /// One user or item has a tenth of all events and at least 10 times the mean number, or half of all events and
    /// at least twice the mean number.
    Large {
        /// Whether it is a user or an item.
        side: Side,
        /// The id.
        id: String,
        /// Its share of all events.
        share: f64,
    },
    /// Ids differ from others only in case, in invisible characters, in spaces or quotes around them, in leading zeros or
    /// in a `.0`, and count as different.
    Spellings {
        /// Whether they are users or items.
        side: Side,
        /// An example.
        id: String,
        /// The other id.
        other: String,
        /// How many there are.
        ids: u64,
    },
    /// Ids have spaces or quotes around them, which are part of the ids.
    Wrapped {
        /// Whether they are users or items.
        side: Side,
        /// An example.
        id: String,
        /// How many there are.
        ids: u64,
    },
    /// Ids look like numbers that a spreadsheet has rounded.
    Rounded {
        /// Whether they are users or items.
        side: Side,
        /// An example, such as `5.8E+11`.
        id: String,
        /// How many there are.
        ids: u64,
    },
    /// No event for 7 days or more: a file may be missing.
    Gap {
        /// The last day before the longest gap.
        after: String,
        /// The first day after it.
        before: String,
        /// The days without an event.
        days: u64,
    },
    /// All times are midnight: events within a day are in row order.
    DatesOnly,
    /// The log starts before 1995: the time column or its unit may be wrong.
    Old {
        /// The first time.
        first: String,
    },
    /// The test part of a split by time would have fewer than 100 targets.
    FewTestTargets {
        /// How many it would have.
        targets: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTargets => f.write_str("no event is a target; check the behavior labels"),
            Self::NoEvents { behavior } => {
                write!(f, "{behavior:?} never occurs; remove it from the weights")
            }
            Self::NeverConverts { behavior, pairs } => write!(
                f,
                "none of the {pairs} pairs with {behavior:?} was bought then or later; check its label \
                 and the times, or ignore it"
            ),
            Self::BusyUsers {
                users,
                busiest,
                day,
                events,
            } => write!(
                f,
                "{} more than {BUSY} events in a day, {busiest:?} {events} on {day}; {}",
                match users {
                    1 => "1 user has".to_owned(),
                    users => format!("{users} users have"),
                },
                match users {
                    1 => "it may be a program",
                    _ => "they may be programs",
                }
            ),
            Self::Nobody { side, id, share } => write!(
                f,
                "{side} {id:?} has {:.1}% of all events and may be a placeholder; remove its rows",
                share * 100.0
            ),
            Self::Large { side, id, share } => write!(
                f,
                "{side} {id:?} has {:.1}% of all events; check what it is",
                share * 100.0
            ),
            Self::Spellings {
                side,
                id,
                other,
                ids,
            } => write!(
                f,
                "ids of {side}s have two spellings, such as {id:?} and {other:?} ({ids} in total), which count as \
                 different; use one spelling if they are the same"
            ),
            Self::Wrapped { side, id, ids } => write!(
                f,
                "ids of {side}s have spaces or quotes around them, such as {id:?} ({ids} in total), which are part of \
                 the ids; remove them if other programs write the ids without"
            ),
            Self::Rounded { side, id, ids } => write!(
                f,
                "ids of {side}s look like numbers that a spreadsheet has rounded, such as {id:?} ({ids} in total); \
                 export them as text"
            ),
            Self::Gap {
                after,
                before,
                days,
            } => write!(
                f,
                "no event on the {days} days between {after} and {before}; a file may be missing"
            ),
            Self::DatesOnly => {
                f.write_str("all times are midnight; events within a day are in row order")
            }
            Self::Old { first } => write!(
                f,
                "the log starts at {first}; check the time column and its unit"
            ),
            Self::FewTestTargets { targets } => write!(
                f,
                "a split by time would test on {targets} targets; differences between models will \
                 hardly be significant"
            ),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Item => "item",
        })
    }
}
