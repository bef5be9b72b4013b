//! `/v1/recommendations`

use crate::Service;
use crate::config::Limits;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text, read_json};
use crate::model::Model;
use crate::query::Query;
use crate::service::Shared;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::Request;
use axum::response::Response;
use lightgcn_recommend::{
    Answer, ContextEvent, Hide, ItemFilter, RecommendOptions, RecommendRequest, Source,
};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Items of a list, where the address does not say.
pub(super) const USUAL_K: usize = 20;

/// Questions for many users.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// The questions; each may have its own options.
    requests: Vec<RecommendRequest>,
}

/// One question or many.
#[derive(Debug, utoipa::ToSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    clippy::large_enum_variant,
    reason = "it stands for the body in the document and is never made"
)]
pub(crate) enum Questions {
    /// Many, answered in order.
    Many(Batch),
    /// One.
    One(RecommendRequest),
}

/// The answers to a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Answers {
    /// In the order of the requests.
    answers: Vec<AnswerOrFault>,
}

/// One answer of a batch, or why there is none.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum AnswerOrFault {
    /// The answer.
    Answer(Answer),
    /// What is wrong with the question.
    Fault(FaultBody),
}

/// The best items for a user. One who is unknown gets an answer too, from the next source that has one.
#[utoipa::path(get, path = "/v1/recommendations/{user}", tag = "answers",
    params(
        ("user" = String, Path, description = "The user's id as the shop writes it."),
        ("k" = Option<usize>, Query, description = "How many items; 20 unless told."),
        ("hide" = Option<Hide>, Query, description = "Which items met before are left out."),
        ("diversity" = Option<f64>, Query, description = "In [0, 1]; 0 unless told."),
        ("exploration" = Option<f64>, Query, description = "In [0, 1]; 0 unless told."),
        ("revenue" = Option<f64>, Query, description = "In [0, 1]; 0 unless told."),
        ("seed" = Option<u64>, Query, description = "The seed of exploration."),
        ("category" = Option<Vec<String>>, Query, description = "Only these categories; may stand several times."),
        ("brand" = Option<Vec<String>>, Query, description = "Only these brands; may stand several times."),
        ("price_min" = Option<f64>, Query, description = "The lowest price."),
        ("price_max" = Option<f64>, Query, description = "The highest price."),
    ),
    responses(
        (status = 200, body = Versioned<Answer>),
        (status = 400, description = "A bad option.", body = FaultBody),
        (status = 503, description = "Too many questions wait.", body = FaultBody),
    ))]
pub(crate) async fn one(
    State(service): State<Service>,
    PathIds(user): PathIds<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let options = options(query.as_deref())?;
    let request = RecommendRequest::new(user).with_options(options);
    service
        .ask(move |shared, model| single(shared, model, request))
        .await
}

fn options(query: Option<&str>) -> Result<RecommendOptions, Fault> {
    let mut query = Query::parse(query)?;
    let usual = RecommendOptions::default();
    let options = RecommendOptions {
        k: query.one("k")?.unwrap_or(USUAL_K),
        hide: match query.one::<String>("hide")?.as_deref() {
            None | Some("bought") => Hide::Bought,
            Some("seen") => Hide::Seen,
            Some("nothing") => Hide::Nothing,
            Some(_) => {
                return Err(Fault::bad(
                    "bad_query",
                    "hide must be bought, seen or nothing",
                ));
            }
        },
        diversity: query.one("diversity")?.unwrap_or(usual.diversity),
        exploration: query.one("exploration")?.unwrap_or(usual.exploration),
        revenue: query.one("revenue")?.unwrap_or(usual.revenue),
        seed: query.one("seed")?.unwrap_or(usual.seed),
        filter: query.filter()?,
        chain: Source::CHAIN.to_vec(),
    };
    query.finish()?;
    Ok(options)
}

/// The best items for one user or for many, with what they did lately, filters and options. A batch
/// always has status 200 once it can be read; each question that cannot be answered has its fault in its place.
#[utoipa::path(post, path = "/v1/recommendations", tag = "answers", request_body = Questions,
    responses(
        (status = 200, description = "For one question its answer, for a batch all answers.", body = Versioned<Answers>),
        (status = 400, description = "Not to be understood.", body = FaultBody),
        (status = 413, description = "Too large.", body = FaultBody),
        (status = 503, description = "Too many questions wait.", body = FaultBody),
    ))]
pub(crate) async fn batch(
    State(service): State<Service>,
    request: Request<Body>,
) -> Result<Response, Fault> {
    let config = &service.shared.config;
    let value: serde_json::Value = read_json(
        request,
        config.limits.body_bytes,
        config.body_timeout_seconds,
    )
    .await?;
    let wrong = |error: serde_json::Error| Fault::bad("bad_json", format!("the body: {error}"));
    if value.get("requests").is_none() {
        let request = serde_json::from_value(value).map_err(wrong)?;
        return service
            .ask(move |shared, model| single(shared, model, request))
            .await;
    }
    let Batch { requests } = serde_json::from_value(value).map_err(wrong)?;
    let most = config.limits.batch;
    if requests.len() > most {
        let text = format!(
            "the batch has {} requests, and {most} are the most",
            requests.len()
        );
        return Err(Fault::bad("batch_too_large", text));
    }
    service
        .ask(move |shared, model| {
            let answers = many(shared, model, requests);
            shared.metrics.items(answers.iter().flat_map(sources));
            Ok(answer(model, Answers { answers }))
        })
        .await
}

fn sources(answer: &AnswerOrFault) -> impl Iterator<Item = Source> + '_ {
    let items = match answer {
        AnswerOrFault::Answer(answer) => answer.items.as_slice(),
        AnswerOrFault::Fault(_) => &[],
    };
    items.iter().map(|item| item.source)
}

fn single(
    shared: &Shared,
    model: &Model,
    mut request: RecommendRequest,
) -> Result<Response, Fault> {
    prepare(shared, model, &mut request)?;
    let found = model.recommender.answer(&request)?;
    shared
        .metrics
        .items(found.items.iter().map(|item| item.source));
    Ok(answer(model, found))
}

/// All in one go; where one is wrong, one by one.
fn many(shared: &Shared, model: &Model, mut requests: Vec<RecommendRequest>) -> Vec<AnswerOrFault> {
    let prepared: Vec<Result<(), Fault>> = requests
        .iter_mut()
        .map(|request| prepare(shared, model, request))
        .collect();
    if prepared.iter().all(Result::is_ok)
        && let Ok(answers) = model.recommender.answer_many(&requests)
    {
        return answers.into_iter().map(AnswerOrFault::Answer).collect();
    }
    let each = requests.iter().zip(prepared).map(|(request, prepared)| {
        let answered = prepared.and_then(|()| Ok(model.recommender.answer(request)?));
        match answered {
            Ok(answer) => AnswerOrFault::Answer(answer),
            Err(fault) => AnswerOrFault::Fault(fault.body()),
        }
    });
    each.collect()
}

/// Checks a question against the limits, and adds what the user did since training.
fn prepare(shared: &Shared, model: &Model, request: &mut RecommendRequest) -> Result<(), Fault> {
    let limits = &shared.config.limits;
    check_text("the user's id", &request.user, limits)?;
    check_k(request.options.k, limits)?;
    check_filter(&request.options.filter, limits)?;
    check_events(&request.events, limits)?;
    shared.add_news(model, &request.user, &mut request.events);
    Ok(())
}

pub(crate) fn check_k(k: usize, limits: &Limits) -> Result<(), Fault> {
    if (1..=limits.k).contains(&k) {
        return Ok(());
    }
    Err(Fault::bad(
        "bad_k",
        format!("k is {k}; it must lie between 1 and {}", limits.k),
    ))
}

pub(crate) fn check_filter(filter: &ItemFilter, limits: &Limits) -> Result<(), Fault> {
    let allow = filter.allow.iter().flatten();
    let labels = [
        &filter.deny,
        &filter.categories,
        &filter.deny_categories,
        &filter.brands,
        &filter.deny_brands,
    ];
    let mut texts = allow.chain(labels.into_iter().flatten());
    texts.try_for_each(|text| check_text("a name of the filter", text, limits))
}

/// Checks the events of a question as far as the model is not needed.
pub(crate) fn check_events(events: &[ContextEvent], limits: &Limits) -> Result<(), Fault> {
    let most = limits.context_events;
    if events.len() > most {
        let text = format!(
            "the question has {} events, and {most} are the most",
            events.len()
        );
        return Err(Fault::bad("too_many_events", text));
    }
    for event in events {
        check_text("an event's item", &event.item, limits)?;
        check_text("an event's behavior", &event.behavior, limits)?;
        if let Some(time) = event.time {
            check_time(time, limits)?;
        }
    }
    Ok(())
}

/// Refuses times before 1970 and in the future.
pub(crate) fn check_time(time: i64, limits: &Limits) -> Result<(), Fault> {
    let latest = now().saturating_add_unsigned(limits.future_seconds);
    if (0..=latest).contains(&time) {
        return Ok(());
    }
    let text =
        format!("an event's time is {time}; it must be seconds since 1970, and not in the future");
    Err(Fault::bad("bad_time", text))
}

/// Seconds since 1970 by the system's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
