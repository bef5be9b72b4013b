//! What a service that keeps histories to itself leaves out.

use crate::api_error::ApiError;
use crate::config::ServeConfig;
use crate::service::Service;
use axum::http::StatusCode;
use axum::routing::get;
use lightgcn_recommend::{Answer, Explanation, Familiarity};
use utoipa_axum::router::OpenApiRouter;

/// The routes that are about histories alone.
const HIDDEN: [&str; 4] = [
    "/v1/users",
    "/v1/users/{user}",
    "/v1/graph/{user}",
    "/v1/events",
];

/// Adds routes in the place of those that are about histories alone, which say why they are not there.
pub(super) fn refusing(routes: OpenApiRouter<Service>) -> OpenApiRouter<Service> {
    HIDDEN.into_iter().fold(routes, |routes, path| {
        routes.route(path, get(|| async { hidden("this route") }))
    })
}

fn hidden(what: &str) -> ApiError {
    let message = format!(
        "{what} tells of users' histories, which this service hides; see its setting privacy"
    );
    ApiError::new(StatusCode::FORBIDDEN, "private", message)
}

impl ServeConfig {
    /// Refuses to list familiar items alone where histories are hidden: that is a history.
    pub(super) fn check_familiarity(&self, familiarity: Familiarity) -> Result<(), ApiError> {
        match familiarity {
            Familiarity::Familiar if self.privacy => Err(hidden("familiarity=familiar")),
            _ => Ok(()),
        }
    }

    /// Takes out of an answer what is hidden.
    pub(super) fn hide_in_answer(&self, answer: &mut Answer) {
        if self.privacy {
            answer.hide_history();
        }
    }

    /// Takes out of an explanation what is hidden.
    pub(super) fn hide_in_explanation(&self, explanation: &mut Explanation) {
        if self.privacy {
            explanation.hide_history();
        }
    }
}
