//! Checks of requests against the limits.

use crate::api_error::ApiError;
use crate::config::Limits;
use lightgcn_core::IdIssue;
use lightgcn_recommend::{ContextEvent, ItemFilter, Recommender};
use std::time::{SystemTime, UNIX_EPOCH};

/// 1995-01-01, before which there were no online shops.
const SHOPS_FROM: i64 = 788_918_400;

/// The number of training pairs that tell whether a model's times are those of a shop.
const TELLING_PAIRS: usize = 1_000;

/// Checks the id of something new: it must also be a valid id in a log.
pub(crate) fn check_id(what: &str, id: &str) -> Result<(), ApiError> {
    lightgcn_core::check_id(id).map_err(|issue| {
        let code = match issue {
            IdIssue::TooLong { .. } => "id_too_long",
            _ => "bad_id",
        };
        // Do not repeat a text that is too long.
        let text = match issue {
            IdIssue::TooLong { .. } => String::new(),
            _ => format!(" {id:?}"),
        };
        ApiError::bad(code, format!("{what}{text} is not a valid id: it {issue}"))
    })
}

/// Checks an id to look up, a label or a search text: its length, and that it has no control
/// characters. A text that is not a valid id, such as an empty one, simply matches nothing.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), ApiError> {
    match lightgcn_core::check_id(text) {
        Err(IdIssue::TooLong { .. } | IdIssue::Control { .. }) => check_id(what, text),
        _ => Ok(()),
    }
}

pub(crate) fn check_filter(filter: &ItemFilter) -> Result<(), ApiError> {
    let labels = [
        &filter.deny,
        &filter.categories,
        &filter.deny_categories,
        &filter.brands,
        &filter.deny_brands,
    ];
    let allow = filter.allow.iter().flatten();
    allow
        .chain(labels.into_iter().flatten())
        .try_for_each(|text| check_text("filter entry", text))
}

impl Limits {
    pub(crate) fn check_k(&self, k: usize) -> Result<(), ApiError> {
        if (1..=self.k).contains(&k) {
            return Ok(());
        }
        let message = format!("k is {k}; it must be between 1 and {}", self.k);
        Err(ApiError::bad("bad_k", message))
    }

    /// Checks everything about a request's events that does not need a model.
    pub(crate) fn check_events(&self, events: &[ContextEvent]) -> Result<(), ApiError> {
        let (n, most) = (events.len(), self.context_events);
        if n > most {
            let message = format!("the request has {n} events; at most {most} are allowed");
            return Err(ApiError::bad("too_many_events", message));
        }
        for event in events {
            check_text("item", &event.item)?;
            check_text("behavior", &event.behavior)?;
            if let Some(time) = event.time {
                self.check_time(time)?;
            }
        }
        Ok(())
    }

    /// Rejects times before 1970 and in the future.
    pub(crate) fn check_time(&self, time: i64) -> Result<(), ApiError> {
        let latest = now().saturating_add_unsigned(self.future_seconds);
        if (0..=latest).contains(&time) {
            return Ok(());
        }
        let message = format!(
            "the time of an event is {time}; it must be in seconds since 1970 and not in the future"
        );
        Err(ApiError::bad("bad_time", message))
    }
}

/// Rejects a time before 1995, unless the model's own are as old, as in logs with times from 0 on: it is a date such as
/// 20191001 or a count of days, and the event would count as the oldest of all.
pub(crate) fn check_age(recommender: &Recommender, time: i64) -> Result<(), ApiError> {
    let trained = recommender.artifact().train.last_times();
    let mut telling = trained.iter().take(TELLING_PAIRS);
    if time >= SHOPS_FROM || !telling.any(|&trained| trained >= SHOPS_FROM) {
        return Ok(());
    }
    let message = format!(
        "the time of an event is {time}, which is before 1995; send seconds since 1970, or a time with its offset such \
         as 2020-03-01T12:00:00Z"
    );
    Err(ApiError::bad("bad_time", message))
}

/// Checks the times of a request's events, as [`check_age`].
pub(crate) fn check_ages(
    recommender: &Recommender,
    events: &[ContextEvent],
) -> Result<(), ApiError> {
    let mut times = events.iter().filter_map(|event| event.time);
    times.try_for_each(|time| check_age(recommender, time))
}

/// Checks the number of events that a posted event represents: a recommender would reject any other,
/// and with it every request for its user.
pub(crate) fn check_count(count: f64) -> Result<(), ApiError> {
    if ContextEvent::is_count(count) {
        return Ok(());
    }
    let most = ContextEvent::MAX_COUNT;
    let message = format!("the count is {count:?}; use a positive number of at most {most}");
    Err(ApiError::bad("bad_event", message))
}

/// Seconds since 1970 by the system's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
