//! Batches: many requests in one, answered in order and streamed as they are computed.
//!
//! A batch is many jobs in the queue, a few at a time, so that other requests go between them. Its
//! answers are streamed as they are computed; if the client reads slowly, the next ones wait, and
//! if it disconnects, they are never computed.

use super::answers::{AnswerOrError, Asked};
use crate::answer::{answered, to_json};
use crate::api_error::ApiError;
use crate::config::seconds;
use crate::models::{Chosen, Model};
use crate::service::{Service, Shared};
use crate::work::{Cost, Reservation, Ticket};
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use lightgcn_recommend::RecommendRequest;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout_at;

/// Answers all requests, in order.
///
/// # Errors
/// 422 if together they cost too much, 503 if too much is already waiting. After the first answer,
/// failures take the place of answers.
pub(super) async fn respond(
    service: &Service,
    questions: Vec<RecommendRequest>,
    request_id: String,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&service.shared);
    let model = shared.registry.active();
    let groups = groups(&shared, &model, questions);
    let mut total = Cost::default();
    groups.iter().for_each(|group| total += group.cost);
    let mut batch = Batch {
        ticket: shared.admit(&model, total)?,
        until: Instant::now() + seconds(shared.config.request_timeout_seconds),
        // One more than can run, so no thread waits for the batch.
        window: shared.pool.workers() + 1,
        shared,
        request_id: request_id.into(),
        left: groups.into(),
        running: VecDeque::new(),
    };
    // The status is known once there is an answer.
    let first = batch.next().await;
    let rest = stream::unfold((first, batch), |(ready, mut batch)| async move {
        let ready = ready?;
        let next = batch.next().await;
        Some((Ok::<_, Infallible>(ready), (next, batch)))
    });
    // Compression asks again after the end.
    Ok(answered(&model, Body::from_stream(rest.fuse())))
}

/// Requests that one job answers, and the text around their answers.
struct Group {
    chosen: Chosen,
    questions: Vec<RecommendRequest>,
    cost: Cost,
    frame: Frame,
}

impl Group {
    /// Whether that model and arm answer it.
    fn is_by(&self, chosen: &Chosen) -> bool {
        Arc::ptr_eq(&self.chosen.model, &chosen.model) && self.chosen.arm == chosen.arm
    }
}

#[derive(Clone)]
struct Frame {
    before: String,
    after: &'static str,
}

impl Frame {
    /// A part of the body.
    fn around(&self, answers: &[AnswerOrError]) -> Result<Vec<u8>, ApiError> {
        let mut part = self.before.clone().into_bytes();
        for (n, answer) in answers.iter().enumerate() {
            if n > 0 {
                part.push(b',');
            }
            to_json(&mut part, answer)?;
        }
        part.extend_from_slice(self.after.as_bytes());
        Ok(part)
    }

    /// A part with an error in the place of each answer.
    fn failed(&self, n: usize, error: &ApiError) -> Bytes {
        let answers: Vec<AnswerOrError> = (0..n).map(|_| error.clone().into()).collect();
        Bytes::from(self.around(&answers).unwrap_or_default())
    }
}

/// Groups neighbors as long as they take little time: many users at once are cheaper than one by
/// one.
fn groups(shared: &Shared, active: &Arc<Model>, questions: Vec<RecommendRequest>) -> Vec<Group> {
    let max_k = shared.config.limits.k;
    let mut groups = vec![Group {
        chosen: Chosen::alone(Arc::clone(active)),
        questions: Vec::new(),
        cost: Cost::default(),
        frame: Frame {
            before: format!("{{\"model_version\":\"{}\",\"answers\":[", active.version),
            after: "",
        },
    }];
    for question in questions {
        let chosen = shared.model_beside(active, &question.user);
        let model = &chosen.model;
        // A list that is too long is rejected and costs nothing.
        let cost = match question.options.k <= max_k {
            true => Cost::of_answer(model, &question),
            false => Cost::default(),
        };
        let slice = Cost::slice(model);
        match groups.last_mut() {
            Some(last) if last.questions.is_empty() => {
                last.chosen = chosen;
                last.cost += cost;
                last.questions.push(question);
            }
            Some(last) if last.cost.time + cost.time <= slice && last.is_by(&chosen) => {
                last.cost += cost;
                last.questions.push(question);
            }
            _ => groups.push(Group {
                chosen,
                questions: vec![question],
                cost,
                frame: Frame {
                    before: ",".to_owned(),
                    after: "",
                },
            }),
        }
    }
    if let Some(last) = groups.last_mut() {
        last.frame.after = "]}";
    }
    groups
}

/// The work on a batch; dropping it cancels jobs that have not started.
struct Batch {
    shared: Arc<Shared>,
    request_id: Arc<str>,
    ticket: Ticket,
    /// Its deadline.
    until: Instant,
    left: VecDeque<Group>,
    /// The jobs in the queue and on threads, in order.
    running: VecDeque<BoxFuture<'static, Bytes>>,
    /// The maximum number of them.
    window: usize,
}

impl Batch {
    /// The next part of the body; `None` after the last.
    async fn next(&mut self) -> Option<Bytes> {
        while self.running.len() < self.window
            && let Some(group) = self.left.pop_front()
        {
            let unread = &self.shared.unread;
            if let Some(reserved) = unread.try_reserve(group.cost.bytes) {
                let job = self.submit(group, reserved);
                self.running.push_back(job);
            } else if self.running.is_empty() {
                // The clients of other answers must read first.
                let waiting = unread.reserve(group.cost.bytes);
                let Ok(reserved) = timeout_at(self.until.into(), waiting).await else {
                    return Some(
                        group
                            .frame
                            .failed(group.questions.len(), &ApiError::timeout()),
                    );
                };
                let job = self.submit(group, reserved);
                self.running.push_back(job);
            } else {
                self.left.push_front(group);
                break;
            }
        }
        Some(self.running.pop_front()?.await)
    }

    /// Queues a job.
    fn submit(&mut self, group: Group, reserved: Reservation) -> BoxFuture<'static, Bytes> {
        let Group {
            chosen,
            questions,
            cost,
            frame,
        } = group;
        let (shared, request_id) = (Arc::clone(&self.shared), Arc::clone(&self.request_id));
        let (n, failing) = (questions.len(), frame.clone());
        let is_large = cost.is_large(&chosen.model);
        let work = move || {
            let asked = Asked {
                shared: &shared,
                chosen: &chosen,
                request_id: &request_id,
            };
            frame.around(&asked.answers(questions))
        };
        let job = self.ticket.submit(cost.time, is_large, work);
        Box::pin(async move {
            match job.await.and_then(|part| part) {
                Ok(part) => reserved.hold(part),
                Err(error) => failing.failed(n, &error),
            }
        })
    }
}
