//! `lightgcn serve`: from a trained model to answers over HTTP, and an orderly end.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;
mod serving;

use common::{Workplace, assert_messages, trained_shop};
use serving::{Serving, body};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TOKEN: &str = "a-token-of-some-length";

#[test]
fn a_trained_model_is_served_until_the_signal() {
    let (work, parts) = trained_shop();
    let user = parts.best_customer();
    let serving = Serving::start(
        &work.path(""),
        &["lightgcn"],
        &[("LIGHTGCN_SERVE_ADMIN__TOKEN", TOKEN)],
    );
    let answer = body(&serving.get(&format!("/v1/recommendations/{user}?k=20")));
    let printed = work.json(&["recommend", "lightgcn", user]);
    assert_eq!(answer["items"], printed["answers"][0]["items"]);
    assert_eq!(answer["model_version"], serving.listening["model_version"]);
    assert!(serving.get("/").contains("<html"));
    // The run's record is beside the model.
    let model = body(&serving.get("/v1/model"));
    assert!(
        !model["figures"]["curve"].as_array().unwrap().is_empty(),
        "{model}"
    );

    assert!(serving.load("lightgcn", None).starts_with("HTTP/1.1 401"));
    assert!(
        serving
            .load("../lightgcn", Some(TOKEN))
            .starts_with("HTTP/1.1 400")
    );
    body(&serving.load("lightgcn", Some(TOKEN)));

    // A request is on its way when the signal comes: its body follows, and it is answered.
    let mut open = TcpStream::connect(serving.address("address")).unwrap();
    let text = format!("{{\"user\": \"{user}\"}}");
    let head = format!(
        "POST /v1/recommendations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        text.len()
    );
    open.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    serving.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        TcpStream::connect(serving.address("address")).is_err(),
        "it still accepts"
    );
    open.write_all(text.as_bytes()).unwrap();
    let mut reply = String::new();
    open.read_to_string(&mut reply).unwrap();
    body(&reply);
    let (code, said) = serving.end();
    assert_eq!((code, said.contains(TOKEN)), (Some(0), false), "{said}");
}

#[test]
fn flags_are_over_the_environment_and_that_over_the_file() {
    let (work, _) = trained_shop();
    work.write(
        "serve.toml",
        "[serve]\nqueue = 0\n[serve.limits]\nk = 3\nbatch = 5\n",
    );
    let given = ["lightgcn", "--config", "serve.toml", "--queue", "9"];
    let serving = Serving::start(&work.path(""), &given, &[("LIGHTGCN_SERVE_LIMITS__K", "2")]);
    assert!(serving.get("/v1/popular?k=2").starts_with("HTTP/1.1 200"));
    let reply = serving.get("/v1/popular?k=3");
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    serving.signal("-INT");
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn unusable_services_are_errors() {
    let mut work = Workplace::new();
    work.refused(&["serve", "nowhere"], &["nowhere"]);
    work.refused(&["serve", "nowhere", "--bind", "here"], &["here"]);
    work.refused(
        &["serve", "nowhere", "--admin-bind", "0.0.0.0:0"],
        &["token"],
    );
    work.refused(
        &["serve", "nowhere", "--drain-delay", "NaN"],
        &["drain_delay_seconds"],
    );
    work.write("serve.toml", "[serve]\nbond = 3\n");
    work.refused(&["serve", "nowhere", "--config", "serve.toml"], &["bond"]);
    work.environment
        .insert("LIGHTGCN_SERVE_QUEUE", "many".to_owned());
    work.refused(&["serve", "nowhere"], &["LIGHTGCN_SERVE_QUEUE"]);
    assert_messages();
}
