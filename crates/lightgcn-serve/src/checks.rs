//! Checks of requests against the limits.

use crate::api_error::ApiError;
use crate::config::Limits;
use lightgcn_recommend::{ContextEvent, ItemFilter};
use std::time::{SystemTime, UNIX_EPOCH};

impl Limits {
    /// Checks an id, a label or a search text: its length, and that it has no control characters.
    pub(crate) fn check_text(&self, what: &str, text: &str) -> Result<(), ApiError> {
        if text.len() > self.id_bytes {
            let message = format!("{what} is longer than {} bytes", self.id_bytes);
            return Err(ApiError::bad("id_too_long", message));
        }
        if text.chars().any(char::is_control) {
            let message = format!("{what} contains a control character");
            return Err(ApiError::bad("bad_id", message));
        }
        Ok(())
    }

    pub(crate) fn check_k(&self, k: usize) -> Result<(), ApiError> {
        if (1..=self.k).contains(&k) {
            return Ok(());
        }
        let message = format!("k is {k}; it must be between 1 and {}", self.k);
        Err(ApiError::bad("bad_k", message))
    }

    pub(crate) fn check_filter(&self, filter: &ItemFilter) -> Result<(), ApiError> {
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
            .try_for_each(|text| self.check_text("an entry of the filter", text))
    }

    /// Checks the events of a request as far as that needs no model.
    pub(crate) fn check_events(&self, events: &[ContextEvent]) -> Result<(), ApiError> {
        let (n, most) = (events.len(), self.context_events);
        if n > most {
            let message = format!("the request has {n} events; at most {most} are allowed");
            return Err(ApiError::bad("too_many_events", message));
        }
        for event in events {
            self.check_text("the item of an event", &event.item)?;
            self.check_text("the behavior of an event", &event.behavior)?;
            if let Some(time) = event.time {
                self.check_time(time)?;
            }
        }
        Ok(())
    }

    /// Refuses times before 1970 and in the future.
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

/// Seconds since 1970 by the system's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
