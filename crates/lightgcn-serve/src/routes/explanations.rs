//! `/v1/explanations`

use super::recommendations::check_events;
use crate::Service;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text, read_json};
use crate::model::Model;
use crate::query::Query;
use crate::service::Shared;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::Request;
use axum::response::Response;
use lightgcn_recommend::{ExplainOptions, ExplainRequest, Explanation};

/// Why an item may suit a user: what each item of the history adds to the score, and the strongest
/// paths through the graph.
#[utoipa::path(get, path = "/v1/explanations/{user}/{item}", tag = "answers",
    params(
        ("user" = String, Path, description = "The user's id as the shop writes it."),
        ("item" = String, Path, description = "The item's id as the shop writes it."),
        ("limit" = Option<usize>, Query, description = "How many paths at most; 5 unless told."),
        ("max_hops" = Option<usize>, Query, description = "Edges of a path at most: 1, 3 or 5; 5 unless told."),
    ),
    responses(
        (status = 200, body = Versioned<Explanation>),
        (status = 400, description = "A bad option.", body = FaultBody),
        (status = 404, description = "The user or the item is unknown.", body = FaultBody),
        (status = 503, description = "Too many questions wait.", body = FaultBody),
    ))]
pub(crate) async fn one(
    State(service): State<Service>,
    PathIds((user, item)): PathIds<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let mut query = Query::parse(query.as_deref())?;
    let usual = usual(&service);
    let options = ExplainOptions {
        limit: query.one("limit")?.unwrap_or(usual.limit),
        max_hops: query.one("max_hops")?.unwrap_or(usual.max_hops),
        ..usual
    };
    query.finish()?;
    let request = ExplainRequest {
        user,
        item,
        events: Vec::new(),
        options,
    };
    service
        .ask(move |shared, model| explain(shared, model, request))
        .await
}

/// The same for a user with events of the question, who may be unknown.
#[utoipa::path(post, path = "/v1/explanations", tag = "answers", request_body = ExplainRequest,
    responses(
        (status = 200, body = Versioned<Explanation>),
        (status = 400, description = "Not to be understood.", body = FaultBody),
        (status = 404, description = "The user or the item is unknown.", body = FaultBody),
        (status = 503, description = "Too many questions wait.", body = FaultBody),
    ))]
pub(crate) async fn with_events(
    State(service): State<Service>,
    request: Request<Body>,
) -> Result<Response, Fault> {
    let config = &service.shared.config;
    let request = read_json(
        request,
        config.limits.body_bytes,
        config.body_timeout_seconds,
    )
    .await?;
    service
        .ask(move |shared, model| explain(shared, model, request))
        .await
}

fn usual(service: &Service) -> ExplainOptions {
    let usual = ExplainOptions::default();
    ExplainOptions {
        min_users: usual.min_users.max(service.shared.config.limits.min_users),
        ..usual
    }
}

fn explain(shared: &Shared, model: &Model, mut request: ExplainRequest) -> Result<Response, Fault> {
    let limits = &shared.config.limits;
    check_text("the user's id", &request.user, limits)?;
    check_text("the item's id", &request.item, limits)?;
    check_events(&request.events, limits)?;
    let options = &request.options;
    if options.limit > limits.paths {
        let text = format!(
            "limit is {}; {} paths are the most",
            options.limit, limits.paths
        );
        return Err(Fault::bad("bad_options", text));
    }
    if options.min_users < limits.min_users {
        let least = limits.min_users;
        let text = format!(
            "min_users is {}; fewer than {least} would tell of single people",
            options.min_users
        );
        return Err(Fault::bad("bad_options", text));
    }
    shared.add_news(model, &request.user, &mut request.events);
    Ok(answer(model, model.recommender.explain_request(&request)?))
}
