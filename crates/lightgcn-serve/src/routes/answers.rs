//! How questions are answered, one by one or many at once.

use crate::api_error::{ApiError, ErrorBody};
use crate::checks::{check_filter, check_text};
use crate::config::Limits;
use crate::models::Model;
use crate::service::Shared;
use lightgcn_recommend::{Answer, RecommendRequest};
use serde::Serialize;

/// One answer of a batch, or its error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum AnswerOrError {
    /// The answer.
    Answer(Answer),
    /// What is wrong with the request.
    Error(ErrorBody),
}

impl From<ApiError> for AnswerOrError {
    fn from(error: ApiError) -> Self {
        Self::Error(error.body())
    }
}

/// Answers all requests at once or, if one of them is invalid, each on its own.
pub(super) fn answers(
    shared: &Shared,
    model: &Model,
    mut requests: Vec<RecommendRequest>,
) -> Vec<AnswerOrError> {
    let checked = requests.iter_mut().map(|request| {
        check(&shared.config.limits, request)?;
        shared.add_recent(model, &request.user, &mut request.events);
        Ok(())
    });
    let checked: Vec<Result<(), ApiError>> = checked.collect();
    if checked.iter().all(Result::is_ok)
        && let Ok(found) = model.recommender.answer_many(&requests)
    {
        found.iter().for_each(|answer| count(shared, answer));
        return found.into_iter().map(AnswerOrError::Answer).collect();
    }
    let each = requests.iter().zip(checked).map(|(request, checked)| {
        let answered = checked.and_then(|()| Ok(model.recommender.answer(request)?));
        match answered {
            Ok(answer) => {
                count(shared, &answer);
                AnswerOrError::Answer(answer)
            }
            Err(error) => error.into(),
        }
    });
    each.collect()
}

/// Counts where the items of an answer are from.
pub(super) fn count(shared: &Shared, answer: &Answer) {
    shared
        .metrics
        .items(answer.items.iter().map(|item| item.source));
}

/// Checks a request against the limits.
pub(super) fn check(limits: &Limits, request: &RecommendRequest) -> Result<(), ApiError> {
    check_text("user", &request.user)?;
    limits.check_k(request.options.k)?;
    check_filter(&request.options.filter)?;
    limits.check_events(&request.events)
}
