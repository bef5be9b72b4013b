//! `/v1/recommendations`

use super::answers::{AnswerOrError, Asked, check, request_id};
use super::batch;
use super::query::filtered_query;
use crate::answer::Versioned;
use crate::api_error::{ApiError, ErrorBody};
use crate::extract::{self, Path, Query};
use crate::service::Service;
use crate::work::Cost;
use axum::extract::{FromRequest, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use lightgcn_recommend::{
    Answer, ContextEvent, Familiarity, Hide, RecommendOptions, RecommendRequest, Source, lenient,
};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

filtered_query! {
    /// Which items to recommend.
    RecommendQuery {
        /// Which of the user's items to hide. Default: `bought`.
        #[serde(default)]
        #[param(required = false)]
        hide: Hide,
        /// Whether to recommend items that the user has interacted with before, new ones or both:
        /// `familiar`, `new` or `any`. Default: `any`.
        #[serde(default)]
        #[param(required = false)]
        familiarity: Familiarity,
        /// From 0 to 1: how much to prefer items that differ from those above them. Default: 0.
        #[serde(default)]
        #[param(required = false)]
        diversity: f64,
        /// From 0 to 1: the probability that a place goes to a random item. Default: 0.
        #[serde(default)]
        #[param(required = false)]
        exploration: f64,
        /// From 0 to 1: the weight of expected revenue. Default: 0.
        #[serde(default)]
        #[param(required = false)]
        revenue: f64,
        /// The seed of exploration. Default: 0.
        #[serde(default)]
        #[param(required = false)]
        seed: u64,
    }
}

impl From<RecommendQuery> for RecommendOptions {
    fn from(mut query: RecommendQuery) -> Self {
        Self {
            filter: query.take_filter(),
            k: query.k,
            hide: query.hide,
            familiarity: query.familiarity,
            diversity: query.diversity,
            exploration: query.exploration,
            revenue: query.revenue,
            seed: query.seed,
            chain: Source::CHAIN.to_vec(),
        }
    }
}

/// Requests for many users.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// The requests; each may have its own options.
    requests: Vec<RecommendRequest>,
}

/// One request or a batch of them.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged, try_from = "Fields")]
pub(crate) enum OneOrMany {
    /// A batch, answered in order.
    Many(Batch),
    /// One request.
    One(Box<RecommendRequest>),
}

/// The fields of both. A field that appears twice is an error, at any depth.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, deserialize_with = "lenient::optional_id")]
    user: Option<String>,
    events: Option<Vec<ContextEvent>>,
    options: Option<RecommendOptions>,
    requests: Option<Vec<RecommendRequest>>,
}

impl TryFrom<Fields> for OneOrMany {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match fields {
            Fields {
                user: None,
                events: None,
                options: None,
                requests: Some(requests),
            } => Ok(Self::Many(Batch { requests })),
            Fields {
                requests: Some(_), ..
            } => Err(
                "a batch has only the field `requests`; user, events and options are fields of its \
                requests",
            ),
            one => Ok(Self::One(Box::new(RecommendRequest {
                user: one.user.unwrap_or_default(),
                events: one.events.unwrap_or_default(),
                options: one.options.unwrap_or_default(),
            }))),
        }
    }
}

impl FromRequest<Service> for OneOrMany {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Service) -> Result<Self, ApiError> {
        let bytes = extract::body(request, service).await?;
        // Counted first: in memory, a request is far larger than `{}`.
        let Counted { requests } = extract::object(&bytes)?;
        let n = requests.map_or(0, |Length(n)| n);
        let most = service.shared.config.limits.batch;
        if n > most {
            let message = format!("the batch has {n} requests; at most {most} are allowed");
            return Err(ApiError::bad("batch_too_large", message));
        }
        extract::object(&bytes)
    }
}

/// How many requests a batch has.
#[derive(Deserialize)]
struct Counted {
    requests: Option<Length>,
}

/// The length of a list, whose elements are skipped.
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of requests")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Length, A::Error> {
                let mut n = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    n += 1;
                }
                Ok(Length(n))
            }
        }
        from.deserialize_seq(Counter)
    }
}

/// The answers to a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Answers {
    /// In the order of the requests.
    answers: Vec<AnswerOrError>,
}

/// The answer to one request, or the answers to a batch.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes")]
pub(crate) enum OneOrManyAnswers {
    /// That of one request.
    One(Versioned<Answer>),
    /// Those of a batch.
    Many(Versioned<Answers>),
}

/// Recommends items for a user. An unknown user is answered by the next source that has items.
#[utoipa::path(get, path = "/v1/recommendations/{user}", operation_id = "recommend", tag = "answers",
    params(
        ("user" = String, Path, description = "The user's id in the log."),
        RecommendQuery,
        ("x-request-id" = Option<String>, Header, description = "Names the list, for events that follow from it."),
        ("x-not-shown" = Option<String>, Header, description = "With any value, the list does not count as shown."),
    ),
    responses(
        (status = 200, body = Versioned<Answer>),
        (status = 400, description = "Invalid option.", body = ErrorBody),
        (status = 503, description = "Too many requests are waiting.", body = ErrorBody),
    ))]
pub(crate) async fn one(
    State(service): State<Service>,
    Path(user): Path<String>,
    Query(query): Query<RecommendQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let request = RecommendRequest::new(user).with_options(query.into());
    single(&service, request, request_id(&headers)).await
}

/// Recommends items for one user or many, with recent events, filters and options. A valid batch
/// has status 200; a failed request in it has its error in place of an answer.
#[utoipa::path(post, path = "/v1/recommendations", operation_id = "recommend_with_events", tag = "answers", request_body = OneOrMany,
    params(
        ("x-request-id" = Option<String>, Header, description = "Names the lists, for events that follow from them."),
        ("x-not-shown" = Option<String>, Header, description = "With any value, the lists do not count as shown."),
    ),
    responses(
        (status = 200, description = "The answer to one request, or all answers of a batch.", body = OneOrManyAnswers),
        (status = 400, description = "Invalid request.", body = ErrorBody),
        (status = 413, description = "Body too large.", body = ErrorBody),
        (status = 422, description = "Together, the requests are too expensive.", body = ErrorBody),
        (status = 503, description = "Too many requests are waiting.", body = ErrorBody),
    ))]
pub(crate) async fn batch(
    State(service): State<Service>,
    headers: HeaderMap,
    asked: OneOrMany,
) -> Result<Response, ApiError> {
    let requests = match asked {
        OneOrMany::One(request) => {
            return single(&service, *request, request_id(&headers)).await;
        }
        OneOrMany::Many(Batch { requests }) => requests,
    };
    batch::respond(&service, requests, request_id(&headers)).await
}

async fn single(
    service: &Service,
    request: RecommendRequest,
    request_id: String,
) -> Result<Response, ApiError> {
    check(&service.shared.config, &request)?;
    let chosen = service.shared.model_for(&request.user);
    service
        .ask_of(
            chosen,
            request,
            Cost::of_answer,
            move |shared, chosen, request| {
                let asked = Asked {
                    shared,
                    chosen,
                    request_id: &request_id,
                };
                asked.answer(request)
            },
        )
        .await
}
