//! The settings of one of many shops.

use super::Limits;
use crate::error::ConfigIssue;
use serde::{Deserialize, Serialize};

/// The settings of one of many shops ([`Shops`](crate::Shops)) that differ from the general ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopConfig {
    /// Requests per second that it may get, on average over a second; any more get 429. Default: no
    /// limit.
    pub requests_per_second: Option<f64>,
    /// Its limits. Default: the general ones.
    pub limits: ShopLimits,
}

/// The limits of a shop, where they differ from the general ones ([`Limits`]). The size of a body
/// and the memory for models are the same for all shops.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopLimits {
    /// As [`Limits::batch`].
    pub batch: Option<usize>,
    /// As [`Limits::k`].
    pub k: Option<usize>,
    /// As [`Limits::cost_ms`].
    pub cost_ms: Option<u64>,
    /// As [`Limits::events`].
    pub events: Option<usize>,
    /// As [`Limits::context_events`].
    pub context_events: Option<usize>,
    /// As [`Limits::paths`].
    pub paths: Option<usize>,
    /// As [`Limits::min_users`].
    pub min_users: Option<usize>,
    /// As [`Limits::catalogue_bytes`].
    pub catalogue_bytes: Option<usize>,
    /// As [`Limits::future_seconds`].
    pub future_seconds: Option<u64>,
}

impl ShopLimits {
    /// The general limits, overridden by these.
    #[must_use]
    pub fn over(&self, general: &Limits) -> Limits {
        Limits {
            body_bytes: general.body_bytes,
            batch: self.batch.unwrap_or(general.batch),
            k: self.k.unwrap_or(general.k),
            cost_ms: self.cost_ms.unwrap_or(general.cost_ms),
            events: self.events.unwrap_or(general.events),
            context_events: self.context_events.unwrap_or(general.context_events),
            paths: self.paths.unwrap_or(general.paths),
            min_users: self.min_users.unwrap_or(general.min_users),
            catalogue_bytes: self.catalogue_bytes.unwrap_or(general.catalogue_bytes),
            models_memory: general.models_memory,
            future_seconds: self.future_seconds.unwrap_or(general.future_seconds),
        }
    }
}

impl ShopConfig {
    /// Adds what is wrong with the settings of the shop `name`.
    pub(super) fn check(&self, name: &str, general: &Limits, issues: &mut Vec<ConfigIssue>) {
        let key = |key: &str| format!("shops.{name}.{key}");
        if let Some(rate) = self.requests_per_second
            && !(rate.is_finite() && rate > 0.0)
        {
            let problem = format!("{rate} is not a positive number");
            issues.push(ConfigIssue::new(key("requests_per_second"), problem));
        }
        self.limits.over(general).check(&key("limits"), issues);
    }
}
