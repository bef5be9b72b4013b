//! The OpenAPI document, completed with what all routes have in common.

use crate::answer::VERSION_HEADER;
use crate::api_error::PROBLEM;
use crate::cached;
use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{
    Content, HeaderBuilder, Object, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Type,
};

/// The tags of routes that do not use the model.
const STORED: [&str; 3] = ["events", "catalogue", "shops"];
/// The route that no model answers.
const LIST_OF_SHOPS: &str = "/v1/shops";
/// The schema of a failed request.
const SCHEMA: &str = "Problem";

/// The statuses that every answer may have, and why.
const ALL: [(StatusCode, &str); 3] = [
    (StatusCode::BAD_REQUEST, "Invalid request."),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "An error of the service.",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many requests are waiting, or it took too long; see Retry-After.",
    ),
];
/// The status of computed answers.
const COMPUTED: (StatusCode, &str) = (
    StatusCode::UNPROCESSABLE_ENTITY,
    "The request is too \
    expensive.",
);
/// Those of requests with a body.
const WITH_BODY: [(StatusCode, &str); 3] = [
    (
        StatusCode::REQUEST_TIMEOUT,
        "The body did not arrive in time.",
    ),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON."),
];

/// Describes every response, and adds to the routes under `/v1` their failures, in their media type, and the header with
/// the model's version.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            describe(operation);
            if !path.starts_with("/v1/") {
                continue;
            }
            let has_body = operation.request_body.is_some();
            let mut failures = ALL.to_vec();
            if operation
                .tags
                .as_ref()
                .is_none_or(|tags| !tags.iter().any(|tag| STORED.contains(&tag.as_str())))
            {
                failures.push(COMPUTED);
            }
            if has_body {
                failures.extend(WITH_BODY);
            }
            add_failures(operation, &failures);
            if path == LIST_OF_SHOPS {
                operation
                    .responses
                    .responses
                    .values_mut()
                    .for_each(without_version);
            }
            if cached::ROUTES.contains(&path.as_str()) {
                let same =
                    failure("The client's answer, identified by its entity tag, is still valid.");
                let responses = &mut operation.responses.responses;
                responses.insert("304".to_owned(), RefOr::T(same));
            }
        }
    }
}

/// Moves the routes under `/v1` to those of shops, and drops the others.
pub(super) fn move_to_shops(document: &mut OpenApi) {
    let shop = ParameterBuilder::new()
        .name("shop")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The shop's name, as in /v1/shops."))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    for (path, mut item) in std::mem::take(&mut document.paths.paths) {
        let Some(rest) = path.strip_prefix("/v1/") else {
            continue;
        };
        for operation in operations(&mut item) {
            let parameters = operation.parameters.get_or_insert_default();
            parameters.insert(0, RefOr::T(shop.clone()));
            let mut missing = failure("Unknown shop, user or item.");
            missing
                .content
                .insert(PROBLEM.to_owned(), RefOr::T(problem()));
            let responses = &mut operation.responses.responses;
            responses.insert("404".to_owned(), RefOr::T(missing));
        }
        let path = format!("/v1/shops/{{shop}}/{rest}");
        document.paths.paths.insert(path, item);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// Adds missing descriptions of responses: the document would be invalid without them.
fn describe(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if response.description.is_empty() {
            let status = StatusCode::from_bytes(status.as_bytes()).ok();
            let name = status.and_then(|status| status.canonical_reason());
            response.description = match name {
                Some("OK") | None => "The answer.".to_owned(),
                Some(name) => format!("{name}."),
            };
        }
    }
}

fn add_failures(operation: &mut Operation, failures: &[(StatusCode, &str)]) {
    let responses = &mut operation.responses.responses;
    for (status, description) in failures {
        let failure = || RefOr::T(failure(description));
        responses
            .entry(status.as_str().to_owned())
            .or_insert_with(failure);
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else {
            continue;
        };
        match status.starts_with('2') {
            true => add_version(response),
            false => {
                // Responses declared by a route itself have the general media type.
                response.content.clear();
                response
                    .content
                    .insert(PROBLEM.to_owned(), RefOr::T(problem()));
            }
        }
    }
}

fn problem() -> Content {
    Content::new(Some(Ref::from_schema_name(SCHEMA)))
}

fn failure(description: &str) -> Response {
    ResponseBuilder::new().description(description).build()
}

fn without_version(response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response {
        response.headers.remove(VERSION_HEADER.as_str());
    }
}

fn add_version(response: &mut Response) {
    let text = HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::String)))
        .description(Some("The version of the model that answered."))
        .build();
    response
        .headers
        .insert(VERSION_HEADER.to_string(), RefOr::T(text));
}
