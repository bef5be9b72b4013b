//! Traces, as a collector receives them. It is the only test of its process, which has one subscriber and the
//! environment of the exporter.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{send, service};
use lightgcn_serve::OtlpExport;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Reads a request with a length and answers it.
fn receive(mut stream: TcpStream) -> (String, Vec<u8>) {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut chunk).unwrap();
        assert!(n > 0, "the exporter went away");
        bytes.extend_from_slice(&chunk[..n]);
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        let body = &bytes[end + 4..];
        if body.len() == length {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            return (head, body.to_vec());
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn spans_reach_the_collector_in_their_trace() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in collector.incoming() {
            sender.send(receive(stream.unwrap())).unwrap();
        }
    });
    // The exporter reads its endpoint from the environment: this process starts again with it.
    if std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").is_err() {
        let again = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "spans_reach_the_collector_in_their_trace"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .status();
        assert!(again.unwrap().success());
        let (head, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(head.starts_with("post /v1/traces "), "{head}");
        assert!(
            head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
        for part in [
            "http.route",
            "/v1/popular",
            "http.response.status_code",
            "lightgcn",
        ] {
            assert!(contains(&body, part.as_bytes()), "{part}");
        }
        assert!(contains(&body, &hex(TRACE)) && contains(&body, &hex(PARENT)));
        // Those of a trace that its sender does not record stay out, and so do users' ids.
        assert!(!contains(&body, &hex(&TRACE.replace('4', "5"))));
        assert!(!contains(&body, b"secret-user"));
        return;
    }
    let export = OtlpExport::start().unwrap();
    let subscriber = tracing_subscriber::registry().with(export.layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let router = service().router();
        for (path, trace, flags) in [
            ("/v1/popular", TRACE.to_owned(), "01"),
            ("/v1/popular", TRACE.replace('4', "5"), "00"),
            ("/v1/recommendations/secret-user", TRACE.to_owned(), "01"),
        ] {
            let request = axum::http::Request::get(path)
                .header("traceparent", format!("00-{trace}-{PARENT}-{flags}"));
            let request = request.body(axum::body::Body::empty()).unwrap();
            assert_eq!(send(&router, request).await.status, 200);
        }
    });
    drop(export);
}
