//! What a service that hides histories leaves out.

use crate::api_error::ApiError;
use crate::config::ServeConfig;
use crate::service::Service;
use axum::http::StatusCode;
use axum::routing::get;
use lightgcn_recommend::{Answer, Explanation, Familiarity};
use utoipa_axum::router::OpenApiRouter;

/// The routes that are only about histories.
const HIDDEN: [&str; 4] = [
    "/v1/users",
    "/v1/users/{user}",
    "/v1/graph/{user}",
    "/v1/events",
];

/// Replaces history-only routes with ones that explain why they are disabled.
pub(super) fn refusing(routes: OpenApiRouter<Service>) -> OpenApiRouter<Service> {
    HIDDEN.into_iter().fold(routes, |routes, path| {
        routes.route(path, get(|| async { hidden("this route") }))
    })
}

fn hidden(what: &str) -> ApiError {
    let message = format!(
        "{what} would reveal users' histories, which this service hides; see its setting privacy"
    );
    ApiError::new(StatusCode::FORBIDDEN, "private", message)
}

impl ServeConfig {
    /// Rejects lists of only familiar items if histories are hidden: such a list is a history.
    pub(super) fn check_familiarity(&self, familiarity: Familiarity) -> Result<(), ApiError> {
        match familiarity {
            Familiarity::Familiar if self.privacy => Err(hidden("familiarity=familiar")),
            _ => Ok(()),
        }
    }

    /// Removes what is hidden from an answer.
    pub(super) fn hide_in_answer(&self, answer: &mut Answer) {
        if self.privacy {
            answer.hide_history();
        }
    }

    /// Removes what is hidden from an explanation.
    pub(super) fn hide_in_explanation(&self, explanation: &mut Explanation) {
        if self.privacy {
            explanation.hide_history();
        }
    }
}
