//! Batches: many questions in one request, answered in order while they are computed.
//!
//! A batch is many jobs in the queue, a few at a time, so that other requests go between them. Its answers are sent as
//! they are made; when the client reads slowly, the next ones wait, and when it is gone they are never made.

use super::answers::{AnswerOrError, answers};
use crate::answer::{answered, to_json};
use crate::api_error::ApiError;
use crate::config::seconds;
use crate::models::Model;
use crate::service::{Service, Shared};
use crate::work::{Cost, Reservation, Ticket};
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::future::BoxFuture;
use futures_util::stream;
use lightgcn_recommend::RecommendRequest;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout_at;

/// Answers all questions, in their order.
///
/// # Errors
/// 422 if they cost too much together, 503 if too much waits already. Once the first answer is made, failures stand in
/// the place of answers.
pub(super) async fn respond(
    service: &Service,
    questions: Vec<RecommendRequest>,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&service.shared);
    let model = shared.registry.active();
    let groups = groups(&model, shared.config.limits.k, questions);
    let mut total = Cost::default();
    groups.iter().for_each(|group| total += group.cost);
    let mut batch = Batch {
        ticket: shared.admit(&model, total)?,
        until: Instant::now() + seconds(shared.config.request_timeout_seconds),
        // One more than can run: no thread waits for the batch.
        window: shared.pool.workers() + 1,
        shared,
        model: Arc::clone(&model),
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
    Ok(answered(&model, Body::from_stream(rest)))
}

/// Questions that one job answers, and what stands around their answers.
struct Group {
    questions: Vec<RecommendRequest>,
    cost: Cost,
    frame: Frame,
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

/// Puts neighbors together as long as they take little time: many users at once take less than each alone.
fn groups(model: &Model, max_k: usize, questions: Vec<RecommendRequest>) -> Vec<Group> {
    let slice = Cost::slice(model);
    let mut groups = vec![Group {
        questions: Vec::new(),
        cost: Cost::default(),
        frame: Frame {
            before: format!("{{\"model_version\":\"{}\",\"answers\":[", model.version),
            after: "",
        },
    }];
    for question in questions {
        // A list that is too long is refused, and costs nothing.
        let cost = match question.options.k <= max_k {
            true => Cost::of_answer(model, &question),
            false => Cost::default(),
        };
        match groups.last_mut() {
            Some(last) if last.questions.is_empty() || last.cost.time + cost.time <= slice => {
                last.cost += cost;
                last.questions.push(question);
            }
            _ => groups.push(Group {
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

/// The work on a batch; dropping it cancels what has not begun.
struct Batch {
    shared: Arc<Shared>,
    model: Arc<Model>,
    ticket: Ticket,
    /// When its time is over.
    until: Instant,
    left: VecDeque<Group>,
    /// The jobs in the queue and on threads, in order.
    running: VecDeque<BoxFuture<'static, Bytes>>,
    /// The most of them.
    window: usize,
}

impl Batch {
    /// The next part of the body; none after the last.
    async fn next(&mut self) -> Option<Bytes> {
        while self.running.len() < self.window
            && let Some(group) = self.left.pop_front()
        {
            let unread = &self.shared.unread;
            if let Some(reserved) = unread.try_reserve(group.cost.bytes) {
                let job = self.submit(group, reserved);
                self.running.push_back(job);
            } else if self.running.is_empty() {
                // The clients of other answers have to read first.
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
            questions,
            cost,
            frame,
        } = group;
        let (shared, model) = (Arc::clone(&self.shared), Arc::clone(&self.model));
        let (n, failing) = (questions.len(), frame.clone());
        let work = move || frame.around(&answers(&shared, &model, questions));
        let is_large = cost.is_large(&self.model);
        let job = self.ticket.submit(cost.time, is_large, work);
        Box::pin(async move {
            match job.await.and_then(|part| part) {
                Ok(part) => reserved.hold(part),
                Err(error) => failing.failed(n, &error),
            }
        })
    }
}
