//! `/v1/explanations`

use crate::answer::Versioned;
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::{check_ages, check_text};
use crate::config::Limits;
use crate::extract::{Json, Path, Query};
use crate::service::Service;
use crate::work::Cost;
use axum::extract::State;
use axum::response::Response;
use lightgcn_recommend::{ExplainOptions, ExplainRequest, Explanation};
use serde::Deserialize;

/// How much of an explanation to return.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainQuery {
    /// The maximum number of paths, and of contributions; the rest is combined in one `remainder`.
    /// Default: 5.
    limit: Option<usize>,
    /// The maximum number of edges of a path: 1, 3 or 5. Default: 5.
    max_hops: Option<usize>,
}

/// Explains why an item suits a user: what each item of the history adds to the score, and the strongest paths
/// through the graph.
#[utoipa::path(get, path = "/v1/explanations/{user}/{item}", operation_id = "explain", tag = "answers",
    params(
        ("user" = String, Path, description = "The user's id in the log."),
        ("item" = String, Path, description = "The item's id in the log."),
        ExplainQuery,
    ),
    responses(
        (status = 200, body = Versioned<Explanation>),
        (status = 400, description = "Invalid option.", body = ErrorBody),
        (status = 404, description = "Unknown user or item.", body = ErrorBody),
        (status = 503, description = "Too many requests are waiting.", body = ErrorBody),
    ))]
pub(crate) async fn one(
    State(service): State<Service>,
    Path((user, item)): Path<(String, String)>,
    Query(query): Query<ExplainQuery>,
) -> Result<Response, ApiError> {
    let default = ExplainOptions::default();
    let options = ExplainOptions {
        limit: query.limit.unwrap_or(default.limit),
        max_hops: query.max_hops.unwrap_or(default.max_hops),
        min_users: default
            .min_users
            .max(service.shared.config.limits.min_users),
    };
    let request = ExplainRequest {
        user,
        item,
        events: Vec::new(),
        options,
    };
    explain(&service, request).await
}

/// Explains an item for a user with additional events; the user may be unknown.
#[utoipa::path(post, path = "/v1/explanations", operation_id = "explain_with_events", tag = "answers", request_body = ExplainRequest,
    responses(
        (status = 200, body = Versioned<Explanation>),
        (status = 400, description = "Invalid request.", body = ErrorBody),
        (status = 404, description = "Unknown user or item.", body = ErrorBody),
        (status = 503, description = "Too many requests are waiting.", body = ErrorBody),
    ))]
pub(crate) async fn with_events(
    State(service): State<Service>,
    Json(request): Json<ExplainRequest>,
) -> Result<Response, ApiError> {
    explain(&service, request).await
}

async fn explain(service: &Service, request: ExplainRequest) -> Result<Response, ApiError> {
    check(&service.shared.config.limits, &request)?;
    let chosen = service.shared.model_for(&request.user);
    service
        .ask_of(
            chosen,
            request,
            Cost::of_explanation,
            |shared, chosen, mut request| {
                let model = &chosen.model;
                check_ages(&model.recommender, &request.events)?;
                shared.add_recent(model, &request.user, &mut request.events);
                let mut explanation = model.recommender.explain_request(&request)?;
                explanation.limit_contributions(request.options.limit);
                shared.config.hide_in_explanation(&mut explanation);
                Ok(explanation)
            },
        )
        .await
}

/// Checks a request against the limits.
fn check(limits: &Limits, request: &ExplainRequest) -> Result<(), ApiError> {
    check_text("user", &request.user)?;
    check_text("item", &request.item)?;
    limits.check_events(&request.events)?;
    let ExplainOptions {
        limit, min_users, ..
    } = request.options;
    if limit > limits.paths {
        let most = limits.paths;
        let message = format!("limit is {limit}; at most {most} are allowed");
        return Err(ApiError::bad("bad_options", message));
    }
    if min_users < limits.min_users {
        let least = limits.min_users;
        let message = format!(
            "min_users is {min_users}; fewer than {least} could reveal what individuals did"
        );
        return Err(ApiError::bad("bad_options", message));
    }
    Ok(())
}
