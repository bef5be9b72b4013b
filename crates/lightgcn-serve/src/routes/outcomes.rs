//! `GET /v1/outcomes`

use super::events::not_stored;
use crate::answer::{Versioned, answer};
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::now;
use crate::events::{OutcomeCounts, OutcomeKey};
use crate::extract::Query;
use crate::models::Arms;
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::DateTime;
use lightgcn_metrics::{Proportion, SequentialComparison, SequentialTest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The maximum number of days in a request.
const MAX_DAYS: u32 = 366;

/// Which days to return.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutcomesQuery {
    /// The number of days, including today, up to 366. Default: 30.
    #[serde(default = "default_days")]
    #[param(required = false)]
    days: u32,
}

fn default_days() -> u32 {
    30
}

/// The outcomes of the lists that were shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Outcomes {
    /// By day (latest first), arm, model and source.
    days: Vec<OutcomesOfDay>,
    /// How the arms compare since the experiment started; null without an experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment: Option<ExperimentOutcomes>,
}

/// The outcomes of one model and source on one day.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OutcomesOfDay {
    /// The day on which the lists were shown, in UTC, such as `2020-03-01`.
    day: String,
    /// The version of the model.
    model: String,
    /// The experiment and the arm, as `EXPERIMENT/ARM`; absent without an experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<String>,
    /// The source of the items that are counted; absent if whole lists are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(flatten)]
    rates: Rates,
}

/// How many lists or items were shown, and what users did with them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Rates {
    /// How many were shown.
    shown: u64,
    /// With how many the user did something, at least a view.
    clicked: u64,
    /// Of how many the user bought something.
    converted: u64,
    /// `clicked` of `shown`, in [0, 1].
    click_through: f64,
    /// `converted` of `shown`, in [0, 1].
    conversion: f64,
}

impl From<OutcomeCounts> for Rates {
    fn from(counts: OutcomeCounts) -> Self {
        let (clicks, conversions) = proportions(counts);
        Self {
            shown: counts.shown,
            clicked: counts.clicked,
            converted: counts.converted,
            click_through: clicks.share(),
            conversion: conversions.share(),
        }
    }
}

/// How the arms of the running experiment compare.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ExperimentOutcomes {
    /// Its name.
    name: String,
    /// The lists of each arm, in the order of the configuration.
    arms: Vec<ArmOutcomes>,
}

/// The outcomes of an arm, by whole lists.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArmOutcomes {
    /// The experiment and the arm, as `EXPERIMENT/ARM`.
    arm: String,
    #[serde(flatten)]
    rates: Rates,
    /// Its click-through minus that of the first arm; absent for the first arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    click_through_test: Option<ArmComparison>,
    /// Its conversion minus that of the first arm; absent for the first arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion_test: Option<ArmComparison>,
}

/// A rate of an arm compared with the first arm's, by a sequential test that may be read at any
/// time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArmComparison {
    /// The rate minus that of the first arm.
    difference: f64,
    /// The lower end of its confidence interval.
    low: f64,
    /// The upper end.
    high: f64,
    /// The p-value, in (0, 1].
    p_value: f64,
    /// Whether the difference is significant.
    is_different: bool,
}

impl From<SequentialComparison> for ArmComparison {
    fn from(found: SequentialComparison) -> Self {
        Self {
            difference: found.difference,
            low: found.low,
            high: found.high,
            p_value: found.p_value,
            is_different: found.is_different,
        }
    }
}

/// Returns how often users interacted with and bought what they were shown, by day, model and
/// source, and by arm of the experiment. Only if the setting `impressions` is on. A list or item
/// counts once, on the day it was shown.
#[utoipa::path(get, path = "/v1/outcomes", operation_id = "outcomes", tag = "events", params(OutcomesQuery),
    responses(
        (status = 200, body = Versioned<Outcomes>),
        (status = 400, description = "Invalid number of days.", body = ErrorBody),
        (status = 404, description = "Impressions are off.", body = ErrorBody),
        (status = 503, description = "The store cannot be read.", body = ErrorBody),
    ))]
pub(crate) async fn show(
    State(service): State<Service>,
    Query(query): Query<OutcomesQuery>,
) -> Result<Response, ApiError> {
    if !(1..=MAX_DAYS).contains(&query.days) {
        let days = query.days;
        let message = format!("days is {days}; it must be between 1 and {MAX_DAYS}");
        return Err(ApiError::bad("bad_query", message));
    }
    let shared = &service.shared;
    let Some(recorder) = &shared.recorder else {
        let text = "outcomes are not counted; see the setting impressions";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "no_outcomes", text));
    };
    recorder.flush().await;
    let sink = Arc::clone(&shared.events);
    let all = shared.writer.run(move || sink.outcomes()).await?;
    let all = all.map_err(|error| not_stored(&error))?;
    let today = u32::try_from(now().div_euclid(86_400)).unwrap_or(0);
    let first = (today + 1).saturating_sub(query.days);
    let recent = all.iter().rev().filter(|(key, _)| key.day >= first);
    let outcomes = Outcomes {
        days: recent.map(|(key, counts)| of_day(key, *counts)).collect(),
        experiment: shared.arms.as_ref().map(|arms| compare(arms, &all)),
    };
    answer(&shared.registry.active(), outcomes)
}

fn of_day(key: &OutcomeKey, counts: OutcomeCounts) -> OutcomesOfDay {
    let day = DateTime::from_timestamp(i64::from(key.day) * 86_400, 0);
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    OutcomesOfDay {
        day: day.map_or_else(String::new, |day| day.format("%Y-%m-%d").to_string()),
        model: key.model.clone(),
        arm: some(&key.arm),
        source: some(&key.source),
        rates: counts.into(),
    }
}

/// Clicks and conversions.
fn proportions(counts: OutcomeCounts) -> (Proportion, Proportion) {
    let of = |hits| Proportion {
        n: counts.shown,
        hits,
    };
    (of(counts.clicked), of(counts.converted))
}

/// The lists of each arm, over all days, and how they compare with those of the first.
fn compare(arms: &Arms, all: &[(OutcomeKey, OutcomeCounts)]) -> ExperimentOutcomes {
    let counts_of = |label: &str| {
        let mut sum = OutcomeCounts::default();
        let lists = all
            .iter()
            .filter(|(key, _)| key.source.is_empty() && key.arm == label);
        lists.for_each(|(_, counts)| sum.add(*counts));
        sum
    };
    let config = &arms.config;
    // Correct for several comparisons, any of which may err.
    let n_tests = config.arms.len().saturating_sub(1).max(1);
    let test = SequentialTest::new(config.alpha / n_tests as f64, config.effect).ok();
    let labels: Vec<&str> = arms.labels().map(|label| &**label).collect();
    let control = labels
        .first()
        .map_or_else(OutcomeCounts::default, |label| counts_of(label));
    let (clicks, conversions) = proportions(control);
    let arms = labels.iter().enumerate().map(|(n, label)| {
        let counts = counts_of(label);
        let own = proportions(counts);
        let test = test.filter(|_| n > 0);
        let against =
            |a: Proportion, b: Proportion| test.map(|test| ArmComparison::from(test.compare(a, b)));
        ArmOutcomes {
            arm: (*label).to_owned(),
            rates: counts.into(),
            click_through_test: against(clicks, own.0),
            conversion_test: against(conversions, own.1),
        }
    });
    ExperimentOutcomes {
        name: config.name.clone(),
        arms: arms.collect(),
    }
}
