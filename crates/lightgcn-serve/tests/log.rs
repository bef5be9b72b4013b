//! What the log says of requests. It is the only test of its process, since the log is global.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::body::Body;
use axum::http::Request;
use common::{config, send, service_with};
use lightgcn_serve::{ApiKey, Scope, Token};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Fields = BTreeMap<String, String>;

/// Keeps every line with the fields of the span around it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    spans: Vec<Fields>,
    entered: Vec<usize>,
    lines: Vec<Fields>,
}

struct Keep<'a>(&'a mut Fields);

impl Visit for Keep<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}").trim_matches('"').to_owned();
        self.0.insert(field.name().to_owned(), text);
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("lightgcn_serve")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Keep(&mut fields));
        let mut state = self.0.lock().unwrap();
        state.spans.push(fields);
        Id::from_u64(state.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut state = self.0.lock().unwrap();
        let span = state.entered.last().copied();
        let mut fields = span.map_or_else(Fields::new, |span| state.spans[span - 1].clone());
        fields.insert("target".to_owned(), event.metadata().target().to_owned());
        event.record(&mut Keep(&mut fields));
        state.lines.push(fields);
    }

    fn enter(&self, span: &Id) {
        self.0
            .lock()
            .unwrap()
            .entered
            .push(span.into_u64() as usize);
    }

    fn exit(&self, span: &Id) {
        let span = span.into_u64() as usize;
        let entered = &mut self.0.lock().unwrap().entered;
        if let Some(last) = entered.iter().rposition(|other| *other == span) {
            entered.remove(last);
        }
    }
}

impl Log {
    /// The lines of a target, in order.
    fn of(&self, target: &str) -> Vec<Fields> {
        let lines = &self.0.lock().unwrap().lines;
        lines
            .iter()
            .filter(|line| line["target"] == target)
            .cloned()
            .collect()
    }
}

#[tokio::test]
async fn requests_are_logged_without_ids_of_users() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let mut config = config();
    // The key `writer`.
    config.keys = vec![ApiKey {
        name: "shop".to_owned(),
        sha256: "b93006774cbdd4b299389a03ac3d88c3a76b460d538795bc12718011a909fba5".to_owned(),
        scopes: vec![Scope::Read, Scope::Admin],
        shops: Vec::new(),
    }];
    config.admin.token = Some(Token::new("a-token-of-some-length"));
    let service = service_with(config);
    let request = Request::get("/v1/recommendations/secret?k=2")
        .header("x-request-id", "mine")
        .header("authorization", "Bearer writer")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
    send(&service.router(), request.body(Body::empty()).unwrap()).await;
    let mut access = log.of("lightgcn_serve::access");
    access.retain(|line| line.contains_key("status"));
    assert_eq!(access.len(), 1);
    for (field, value) in [
        ("method", "GET"),
        ("route", "/v1/recommendations/{user}"),
        ("request_id", "mine"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("parent_id", "00f067aa0ba902b7"),
        ("status", "200"),
    ] {
        assert_eq!(
            access[0].get(field).map(String::as_str),
            Some(value),
            "{access:?}"
        );
    }
    assert!(
        access[0]["bytes"].parse::<u64>().unwrap() > 100,
        "{access:?}"
    );
    assert!(access[0]["seconds"].parse::<f64>().unwrap() > 0.0);
    // A wrong token is logged, and is not in the log.
    let request = Request::get("/admin/models").header("authorization", "Bearer wrong-and-secret");
    let reply = send(
        &service.admin_router(),
        request.body(Body::empty()).unwrap(),
    )
    .await;
    assert_eq!(reply.error(401), "unauthorized");
    let refused = log
        .of("lightgcn_serve::access")
        .into_iter()
        .find(|line| line.get("reason").is_some_and(|reason| reason == "token"));
    assert_eq!(refused.unwrap()["route"], "/admin/models");
    // So is a model that cannot be loaded.
    assert!(service.load("nothing").is_err());
    let lines = log.of("lightgcn_serve::service");
    assert!(
        lines
            .iter()
            .any(|line| line["message"].contains("rejected")),
        "{lines:?}"
    );
    // So is it that somebody was forgotten, and not who.
    let request = Request::delete("/v1/users/secret").header("authorization", "Bearer writer");
    let reply = send(&service.router(), request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["events"]),
        (200, &0.into())
    );
    let forgotten = log.of("lightgcn_serve::routes::users");
    assert_eq!(forgotten.len(), 1, "{forgotten:?}");
    for (field, value) in [
        ("message", "removed a user from the event store"),
        ("events", "0"),
        ("method", "DELETE"),
        ("route", "/v1/users/{user}"),
    ] {
        let told = forgotten[0].get(field).map(String::as_str);
        assert_eq!(told, Some(value), "{forgotten:?}");
    }
    let all = format!("{:?}", log.0.lock().unwrap().lines);
    assert!(!all.contains("secret"), "{all}");
}
