//! The errors of this crate, and the faults that a client is told.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lightgcn_recommend::RecommendError;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// Why the service cannot start or a model cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration has faults.
    #[error("the service's configuration is not usable: {}", faults.join("; "))]
    Config {
        /// Every fault found, each a sentence that says how to fix it.
        faults: Vec<String>,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address or stop what has it")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A name means no artifact that may be loaded.
    #[error("{name:?} names no model: {detail}")]
    ModelName {
        /// The name as given.
        name: String,
        /// What is wrong with it, and how to fix it.
        detail: String,
    },
    /// No loaded model has this version.
    #[error("no model of version {version:?} is loaded; load it by its name")]
    UnknownVersion {
        /// The version as given.
        version: String,
    },
    /// A model changed while it was read.
    #[error("the model {path} changed while it was read; load it again")]
    Changed {
        /// Where it is.
        path: PathBuf,
    },
    /// A thread or a signal cannot be had.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The file of events cannot be opened.
    #[error(transparent)]
    Events(#[from] crate::EventStoreError),
    /// The model is not usable.
    #[error(transparent)]
    Recommend(#[from] RecommendError),
    /// The artifact cannot be read or is not valid.
    #[error(transparent)]
    Store(#[from] lightgcn_store::StoreError),
}

/// What a client did wrong, or what it has to wait for: a status, a code for programs and a text for people.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) faults: Vec<String>,
}

/// A fault as JSON has it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct FaultBody {
    /// What went wrong.
    error: FaultDetail,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultDetail {
    /// For programs, such as `unknown_item`.
    #[schema(example = "unknown_item")]
    code: &'static str,
    /// For people: what, where and how to fix it.
    message: String,
    /// Each single fault, where there are several.
    faults: Vec<String>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn with_faults(mut self, faults: Vec<String>) -> Self {
        self.faults = faults;
        self
    }

    pub(crate) fn no_method() -> Self {
        let text = "this address has another method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "no_method", text)
    }

    pub(crate) fn overloaded() -> Self {
        let text = "as many questions wait as may; ask again after the seconds of Retry-After";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", text)
    }

    pub(crate) fn timeout() -> Self {
        let text = "the answer was not ready in time; ask for less or again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", text)
    }

    pub(crate) fn internal() -> Self {
        let text = "the service failed at this question; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
    }

    pub(crate) fn body(&self) -> FaultBody {
        FaultBody {
            error: FaultDetail {
                code: self.code,
                message: self.message.clone(),
                faults: self.faults.clone(),
            },
        }
    }
}

impl From<RecommendError> for Fault {
    fn from(error: RecommendError) -> Self {
        let message = error.to_string();
        match error {
            RecommendError::UnknownUser { .. } => {
                Self::new(StatusCode::NOT_FOUND, "unknown_user", message)
            }
            RecommendError::UnknownItem { .. } => {
                Self::new(StatusCode::NOT_FOUND, "unknown_item", message)
            }
            RecommendError::UnknownLabel { kind, .. } => {
                let code = if kind == "brand" {
                    "unknown_brand"
                } else {
                    "unknown_category"
                };
                Self::bad(code, message)
            }
            RecommendError::ContextEvent { .. } => Self::bad("bad_event", message),
            RecommendError::Options { faults } => {
                Self::bad("bad_options", message).with_faults(faults)
            }
            RecommendError::ZeroK | RecommendError::ZeroLimit | RecommendError::MaxHops { .. } => {
                Self::bad("bad_options", message)
            }
            _ => {
                tracing::error!(%message, "a question failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = crate::extract::json(self.status, &self.body());
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(
            self.status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE
        ) {
            // What is left of the body is not read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
