//! The errors that clients get.

use crate::json::json;
use crate::plain::plain;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::QueryRejection;
use lightgcn_recommend::RecommendError;
use serde::Serialize;
use std::time::Duration;

/// A failed request: a status, a code for programs and a message for people.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) issues: Vec<String>,
    /// Seconds after which a request that met an overload may be sent again.
    retry_after: u64,
}

/// The maximum `Retry-After`, in seconds.
const MAX_RETRY_AFTER: f64 = 60.0;

/// The media type of [`ErrorBody`].
pub(crate) const PROBLEM: &str = "application/problem+json";

/// The JSON body of a failed request: a problem by RFC 9457, with the same in the member `error`, which came first.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ErrorBody {
    /// Always `about:blank`: the code says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The name of the status.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// The status.
    #[schema(example = 404)]
    status: u16,
    /// What is wrong and how to fix it.
    detail: String,
    /// The code, message and issues.
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorDetail {
    /// A stable code for programs, such as `unknown_item`.
    #[schema(example = "unknown_item")]
    code: &'static str,
    /// What is wrong and how to fix it.
    message: String,
    /// Each problem on its own, if there are several.
    issues: Vec<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            issues: Vec::new(),
            retry_after: 1,
        }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn with_issues(mut self, issues: Vec<String>) -> Self {
        self.issues = issues;
        self
    }

    /// Tells the client when to send the request again, at the earliest.
    pub(crate) fn with_retry_after(mut self, seconds: f64) -> Self {
        self.retry_after = seconds.clamp(1.0, MAX_RETRY_AFTER).ceil() as u64;
        self
    }

    pub(crate) fn no_route() -> Self {
        let text = "no such route; /openapi.json lists all routes";
        Self::new(StatusCode::NOT_FOUND, "no_route", text)
    }

    pub(crate) fn no_method() -> Self {
        let text = "this route does not support the method; see the Allow header";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "no_method", text)
    }

    pub(crate) fn overloaded() -> Self {
        let text = "too many requests are waiting; retry after the time in Retry-After";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", text)
    }

    pub(crate) fn unread() -> Self {
        let text = "too many answers wait for their clients to read them; retry after the time in Retry-After";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unread_answers", text)
    }

    pub(crate) fn too_expensive(time: Duration, most: Duration) -> Self {
        let text = format!(
            "the request is expected to take {} ms of computing; at most {} ms are allowed (limits.cost_ms): ask \
             fewer questions at once, or lower k, diversity or max_hops, or shorten the filters",
            time.as_millis(),
            most.as_millis()
        );
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_expensive", text)
    }

    pub(crate) fn timeout() -> Self {
        let text = "the request timed out; ask for less or retry later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", text)
    }

    pub(crate) fn slow_body() -> Self {
        let text = "the body did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow_body", text)
    }

    pub(crate) fn body_too_large() -> Self {
        let text = "the body is too large; send less at once";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text)
    }

    pub(crate) fn internal() -> Self {
        let text = "internal error; see the service's log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
    }

    pub(crate) fn body(&self) -> ErrorBody {
        ErrorBody {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.message.clone(),
            error: ErrorDetail {
                code: self.code,
                message: self.message.clone(),
                issues: self.issues.clone(),
            },
        }
    }
}

impl From<RecommendError> for ApiError {
    fn from(error: RecommendError) -> Self {
        let message = error.to_string();
        match error {
            RecommendError::UnknownUser { .. } => {
                Self::new(StatusCode::NOT_FOUND, "unknown_user", message)
            }
            RecommendError::UnknownItem { .. } => {
                Self::new(StatusCode::NOT_FOUND, "unknown_item", message)
            }
            RecommendError::ContextEvent { .. } => Self::bad("bad_event", message),
            RecommendError::Options { issues } => {
                Self::bad("bad_options", message).with_issues(issues)
            }
            RecommendError::ZeroK | RecommendError::ZeroLimit | RecommendError::MaxHops { .. } => {
                Self::bad("bad_options", message)
            }
            _ => {
                tracing::error!(%message, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::bad("bad_path", plain(&rejection.body_text()))
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad("bad_query", plain(&rejection.body_text()))
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large(),
            _ => Self::bad(
                "bad_body",
                "the body cannot be read; check its length or its chunks",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, json(&self.body())).into_response();
        let kind = HeaderValue::from_static(PROBLEM);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        let extra = match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                let seconds = HeaderValue::from(self.retry_after);
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
                None
            }
            // The rest of the body is not read.
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE => {
                Some((header::CONNECTION, "close"))
            }
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        if let Some((name, value)) = extra {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
