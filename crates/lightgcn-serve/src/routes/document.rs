//! The OpenAPI documents, completed with what all routes of a listener have in common.

use crate::access;
use crate::answer::VERSION_HEADER;
use crate::api_error::PROBLEM;
use crate::cached;
use crate::config::ServeConfig;
use crate::keys::Scope;
use axum::http::{Method, StatusCode};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, HeaderBuilder, Object, OpenApi, Ref, RefOr, Required, Response,
    ResponseBuilder, Type,
};

/// The tags of routes that do not use the model.
const STORED: [&str; 3] = ["events", "catalogue", "shops"];
/// The route that no model answers.
const LIST_OF_SHOPS: &str = "/v1/shops";
/// The routes that need a key even where no other does.
const GUARDED: [&str; 2] = ["put_catalogue", "forget_user"];
/// The routes with lists that may tell of histories alone.
const MAY_BE_PRIVATE: [&str; 2] = ["recommend", "recommend_with_events"];
/// The prefix of the routes of a shop on the public listener.
const PUBLIC: &str = "/v1";
/// The schema of a failed request.
const SCHEMA: &str = "Problem";
/// The name of the way in which keys and tokens are sent.
const SCHEME: &str = "bearer";

/// A status, and what it means.
type Failure = (StatusCode, &'static str);

/// The statuses that every answer may have.
const ALL: [Failure; 3] = [
    (StatusCode::BAD_REQUEST, "Invalid request."),
    NO_METHOD,
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "An error of the service.",
    ),
];
const NO_METHOD: Failure = (
    StatusCode::METHOD_NOT_ALLOWED,
    "The path does not have this method; see Allow.",
);
/// The failures of the public listener.
const OVERLOADED: Failure = (
    StatusCode::SERVICE_UNAVAILABLE,
    "Too many requests are waiting, or it took too long; see Retry-After.",
);
const FOREIGN_HOST: Failure = (
    StatusCode::MISDIRECTED_REQUEST,
    "The service does not answer for the host of the request.",
);
/// The failure of a shop whose requests are limited.
const TOO_MANY: Failure = (
    StatusCode::TOO_MANY_REQUESTS,
    "The shop gets more requests than it may; see Retry-After.",
);
/// The failures of requests that need a key or a token.
const NO_KEY: Failure = (StatusCode::UNAUTHORIZED, "No valid key.");
const NO_SCOPE: Failure = (StatusCode::FORBIDDEN, "The key lacks the scope.");
const PRIVATE: Failure = (
    StatusCode::FORBIDDEN,
    "It reveals histories, which this service hides.",
);
const NO_TOKEN: Failure = (StatusCode::UNAUTHORIZED, "No valid token or key.");
const NOT_LOCAL: Failure = (
    StatusCode::FORBIDDEN,
    "Without a token, the host of a request must be this machine.",
);
/// The failure of paths with a name.
const NOT_FOUND: Failure = (
    StatusCode::NOT_FOUND,
    "The path names something unknown, or does not exist.",
);
/// The failure of computed answers.
const COMPUTED: Failure = (
    StatusCode::UNPROCESSABLE_ENTITY,
    "The request is too expensive.",
);
/// Those of requests with a body.
const WITH_BODY: [Failure; 3] = [
    (
        StatusCode::REQUEST_TIMEOUT,
        "The body did not arrive in time.",
    ),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON."),
];

/// Describes every response of the public routes, and adds their failures, in their media type, what key they need, and
/// the header with the model's version.
pub(super) fn complete(document: &mut OpenApi, config: &ServeConfig) {
    add_scheme(document);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            describe(operation);
            let Some(scope) = access::scope(&method, path) else {
                add_failures(operation, &[NO_METHOD]);
                continue;
            };
            let is = |ids: &[&str]| {
                ids.iter()
                    .any(|id| operation.operation_id.as_deref() == Some(id))
            };
            let mut failures = vec![NO_METHOD, FOREIGN_HOST, OVERLOADED];
            if config.privacy && is(&MAY_BE_PRIVATE) {
                failures.push(PRIVATE);
            }
            if !config.keys.is_empty() || is(&GUARDED) {
                failures.extend([NO_KEY, NO_SCOPE]);
                operation.security = Some(vec![SecurityRequirement::new(SCHEME, [scope.name()])]);
            }
            add_failures(operation, &failures);
            if path.starts_with("/v1/") {
                complete_answer(path, operation);
            }
        }
    }
}

/// Adds what only answers of a model may return.
fn complete_answer(path: &str, operation: &mut Operation) {
    add_failures(operation, &of_request(path, operation));
    let is_stored = |tag: &String| STORED.contains(&tag.as_str());
    if !operation.tags.iter().flatten().any(is_stored) {
        add_failures(operation, &[COMPUTED]);
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response {
            match status.starts_with('2') {
                true if path != LIST_OF_SHOPS => add_version(response),
                true => {}
                false => as_problem(response),
            }
        }
    }
    if cached::ROUTES.contains(&path) {
        let same = "The client's answer, identified by its entity tag, is still valid.";
        let same = ResponseBuilder::new().description(same).build();
        responses.insert("304".to_owned(), RefOr::T(same));
    }
}

/// Describes every response of the admin routes and adds their failures and the token.
pub(super) fn complete_admin(document: &mut OpenApi, config: &ServeConfig) {
    add_scheme(document);
    for (path, item) in &mut document.paths.paths {
        for (_, operation) in operations(item) {
            describe(operation);
            match config.admin.token {
                Some(_) => {
                    let scopes = [Scope::Admin.name()];
                    operation.security = Some(vec![SecurityRequirement::new(SCHEME, scopes)]);
                    add_failures(operation, &[NO_TOKEN]);
                }
                None => add_failures(operation, &[NOT_LOCAL]),
            }
            add_failures(operation, &of_request(path, operation));
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && !status.starts_with('2')
                {
                    as_problem(response);
                }
            }
        }
    }
}

/// The failures that a request can have.
fn of_request(path: &str, operation: &Operation) -> Vec<Failure> {
    let mut failures = ALL.to_vec();
    if path.contains('{') {
        failures.push(NOT_FOUND);
    }
    if operation.request_body.is_some() {
        failures.extend(WITH_BODY);
    }
    failures
}

fn add_scheme(document: &mut OpenApi) {
    let text = "A key, or on the admin listener the token. The roles are the scopes of keys.";
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(text))
        .build();
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
}

/// Moves the routes under a path, such as `/v1`, to those of shops, and drops the others.
pub(super) fn move_to_shops(document: &mut OpenApi, under: &str) {
    let shop = ParameterBuilder::new()
        .name("shop")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The shop's name, as in /v1/shops."))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    for (path, mut item) in std::mem::take(&mut document.paths.paths) {
        let rest = path.strip_prefix(under);
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        for (_, operation) in operations(&mut item) {
            let parameters = operation.parameters.get_or_insert_default();
            parameters.insert(0, RefOr::T(shop.clone()));
            let missing = failure("Unknown shop, user or item.");
            let responses = &mut operation.responses.responses;
            responses.insert("404".to_owned(), RefOr::T(missing));
            if under == PUBLIC {
                add_failures(operation, &[TOO_MANY]);
            }
        }
        let path = format!("{under}/shops/{{shop}}/{rest}");
        document.paths.paths.insert(path, item);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::DELETE, &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
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

/// Adds failures; what a route says of itself stays.
fn add_failures(operation: &mut Operation, failures: &[Failure]) {
    let responses = &mut operation.responses.responses;
    for (status, description) in failures {
        responses
            .entry(status.as_str().to_owned())
            .or_insert_with(|| RefOr::T(failure(description)));
    }
}

fn failure(description: &str) -> Response {
    let mut response = ResponseBuilder::new().description(description).build();
    as_problem(&mut response);
    response
}

/// Gives a failure its media type: what a route says of itself has the general one.
fn as_problem(response: &mut Response) {
    let problem = Content::new(Some(Ref::from_schema_name(SCHEMA)));
    response.content.clear();
    response
        .content
        .insert(PROBLEM.to_owned(), RefOr::T(problem));
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
