//! Answers requests, one by one or many at once.

use crate::api_error::{ApiError, ErrorBody};
use crate::checks::{check_ages, check_filter, check_text, now};
use crate::config::ServeConfig;
use crate::events::{Impression, ShownRecord};
use crate::models::Chosen;
use crate::observe::REQUEST_ID;
use crate::service::Shared;
use axum::http::{HeaderMap, HeaderName};
use lightgcn_recommend::{Answer, RecommendRequest};
use serde::Serialize;

/// One answer of a batch, or its error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum AnswerOrError {
    /// The answer.
    Answer(ArmAnswer),
    /// What is wrong with the request.
    Error(ErrorBody),
}

impl From<ApiError> for AnswerOrError {
    fn from(error: ApiError) -> Self {
        Self::Error(error.body())
    }
}

/// An answer of a batch. In an experiment, each is answered by its user's model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ArmAnswer {
    #[serde(flatten)]
    answer: Answer,
    /// The version of the model that answered; absent without an experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
    /// The experiment and the arm; absent without an experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<String>,
}

/// The model and arm that make lists, and the request they answer.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Shared,
    pub(super) chosen: &'a Chosen,
    /// Empty where the lists do not count as shown.
    pub(super) request_id: &'a str,
}

/// The header of requests whose lists no customer sees, such as those of the page, with any value.
const NOT_SHOWN: HeaderName = HeaderName::from_static("x-not-shown");

/// The id of a request; empty where its lists do not count as shown.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    if headers.contains_key(NOT_SHOWN) {
        return String::new();
    }
    let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

impl Asked<'_> {
    /// Answers all requests at once or, if one of them is invalid, each on its own.
    pub(super) fn answers(&self, mut requests: Vec<RecommendRequest>) -> Vec<AnswerOrError> {
        let (shared, model) = (self.shared, &self.chosen.model);
        let checked = requests.iter_mut().map(|request| {
            check(&shared.config, request)?;
            check_ages(&model.recommender, &request.events)?;
            shared.add_recent(model, &request.user, &mut request.events);
            Ok(())
        });
        let checked: Vec<Result<(), ApiError>> = checked.collect();
        if checked.iter().all(Result::is_ok)
            && let Ok(found) = model.recommender.answer_many(&requests)
        {
            let answers = found.into_iter().map(|answer| self.of_batch(answer));
            return answers.collect();
        }
        let each = requests.iter().zip(checked).map(|(request, checked)| {
            let answered = checked.and_then(|()| Ok(model.recommender.answer(request)?));
            match answered {
                Ok(answer) => self.of_batch(answer),
                Err(error) => error.into(),
            }
        });
        each.collect()
    }

    /// Answers one checked request.
    pub(super) fn answer(&self, mut request: RecommendRequest) -> Result<Answer, ApiError> {
        let model = &self.chosen.model;
        check_ages(&model.recommender, &request.events)?;
        self.shared
            .add_recent(model, &request.user, &mut request.events);
        let answer = model.recommender.answer(&request)?;
        if let Some(shadow) = &self.shared.shadow {
            shadow.ask(request, &answer);
        }
        Ok(self.finished(answer))
    }

    fn of_batch(&self, answer: Answer) -> AnswerOrError {
        let arm = self.chosen.arm.as_deref().map(str::to_owned);
        AnswerOrError::Answer(ArmAnswer {
            answer: self.finished(answer),
            model_version: arm.is_some().then(|| self.chosen.model.version.clone()),
            arm,
        })
    }

    /// Counts the sources of an answer's items, records the answer, and removes what is hidden.
    fn finished(&self, mut answer: Answer) -> Answer {
        let shared = self.shared;
        shared
            .metrics
            .items(answer.items.iter().map(|item| item.source));
        let recorder = shared.recorder.as_ref();
        if let Some(recorder) = recorder.filter(|_| !self.request_id.is_empty()) {
            let items = answer.items.iter();
            let items = items.map(|item| (item.item.clone(), item.source.name().to_owned()));
            let model = &self.chosen.model;
            recorder.record(ShownRecord::Shown(Impression {
                request_id: self.request_id.to_owned(),
                user: model.recommender.normalized_id(&answer.user).into_owned(),
                model: model.version.clone(),
                arm: self.chosen.arm.as_deref().unwrap_or_default().to_owned(),
                time: now(),
                items: items.collect(),
            }));
        }
        shared.config.hide_in_answer(&mut answer);
        answer
    }
}

/// Checks a request against the limits, and that it requests nothing hidden.
pub(super) fn check(config: &ServeConfig, request: &RecommendRequest) -> Result<(), ApiError> {
    let limits = &config.limits;
    config.check_familiarity(request.options.familiarity)?;
    check_text("user", &request.user)?;
    limits.check_k(request.options.k)?;
    check_filter(&request.options.filter)?;
    limits.check_events(&request.events)
}
