//! Anomalies of a log.

use serde::Serialize;
use std::fmt;
use thiserror::Error;

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
#[derive(Debug, Clone, PartialEq, Serialize, Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// No event is a target.
    #[error("no event is a target; check the behavior labels")]
    NoTargets,
    /// A behavior in the table never occurs.
    #[error("{behavior:?} never occurs; remove it from the weights")]
    NoEvents {
        /// The behavior.
        behavior: String,
    },
    /// A behavior with at least 20 pairs never comes before, or with, a purchase of the same item.
    #[error(
        "none of the {pairs} pairs with {behavior:?} was bought then or later; check its label and the times, or \
         ignore it"
    )]
    NeverConverts {
        /// The behavior.
        behavior: String,
        /// How many pairs have it.
        pairs: u64,
    },
    /// Users with more than 1,000 events in a day: crawlers, or the shop's own programs.
    #[error("{} in a day, {busiest:?} {events} on {day}; {}", busy(*.users), programs(*.users))]
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
    #[error("{side} {id:?} has {:.1}% of all events and may be a placeholder; remove its rows", .share * 100.0)]
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
    #[error("{side} {id:?} has {:.1}% of all events; check what it is", .share * 100.0)]
    Large {
        /// Whether it is a user or an item.
        side: Side,
        /// The id.
        id: String,
        /// Its share of all events.
        share: f64,
    },
    /// Ids are the same text as others in another Unicode form, and count as different.
    #[error(
        "ids of {side}s are the same text in different Unicode forms, such as {id:?} and {other:?} ({ids} in total), which \
         count as different; set the format's normalize_ids to \"nfc\" if they are the same"
    )]
    UnicodeForms {
        /// Whether they are users or items.
        side: Side,
        /// An example.
        id: String,
        /// The other id.
        other: String,
        /// How many there are.
        ids: u64,
    },
    /// Ids differ from others only in case, in invisible characters, in spaces or quotes around them, in leading zeros or
    /// in a `.0`, and count as different.
    #[error(
        "ids of {side}s have two spellings, such as {id:?} and {other:?} ({ids} in total), which count as different; use \
         one spelling if they are the same"
    )]
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
    #[error(
        "ids of {side}s have spaces or quotes around them, such as {id:?} ({ids} in total), which are part of the ids; \
         remove them if other programs write the ids without"
    )]
    Wrapped {
        /// Whether they are users or items.
        side: Side,
        /// An example.
        id: String,
        /// How many there are.
        ids: u64,
    },
    /// Ids look like numbers that a spreadsheet has rounded.
    #[error(
        "ids of {side}s look like numbers that a spreadsheet has rounded, such as {id:?} ({ids} in total); export them as \
         text"
    )]
    Rounded {
        /// Whether they are users or items.
        side: Side,
        /// An example, such as `5.8E+11`.
        id: String,
        /// How many there are.
        ids: u64,
    },
    /// No event for 7 days or more: a file may be missing.
    #[error("no event on the {days} days between {after} and {before}; a file may be missing")]
    Gap {
        /// The last day before the longest gap.
        after: String,
        /// The first day after it.
        before: String,
        /// The days without an event.
        days: u64,
    },
    /// All times are midnight: events within a day are in row order.
    #[error("all times are midnight; events within a day are in row order")]
    DatesOnly,
    /// The log starts before 1995: the time column or its unit may be wrong.
    #[error("the log starts at {first}; check the time column and its unit")]
    Old {
        /// The first time.
        first: String,
    },
    /// All times are more than 15 years old and, as seconds since 2001, would be of the last 15 years.
    #[error(
        "the log starts at {first}, and {since_2001} if its times are seconds since 2001, as Apple's programs write them; if \
         so, set the format's time_unit to \"seconds-since-2001\""
    )]
    Since2001 {
        /// The first time as it was read.
        first: String,
        /// The first time, if numbers count from 2001.
        since_2001: String,
    },
    /// The test part of a split by time would have fewer than 100 targets.
    #[error(
        "a split by time would test on {targets} targets; differences between models will hardly be significant"
    )]
    FewTestTargets {
        /// How many it would have.
        targets: u64,
    },
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Item => "item",
        })
    }
}

fn busy(users: u64) -> String {
    match users {
        1 => format!("1 user has more than {BUSY} events"),
        users => format!("{users} users have more than {BUSY} events"),
    }
}

fn programs(users: u64) -> &'static str {
    match users {
        1 => "it may be a program",
        _ => "they may be programs",
    }
}
