//! Retraining on a schedule inside the service, and going back.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, cut_log};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A model of the first half of a log, and the log in two files.
fn shop() -> Workplace {
    let work = Workplace::new();
    fs::create_dir(work.path("logs")).unwrap();
    cut_log(
        &work,
        &[("logs/a.csv", 50), ("new.csv", 80), ("newest.csv", 100)],
    );
    work.json(&["prepare", "logs/a.csv", "--out", "old"]);
    // It knows all of the first file.
    let train = [
        "train",
        "old",
        "--out",
        "shop.model",
        "--refit",
        "--dimension",
        "16",
    ];
    let small = ["--epochs", "4", "--validate-every", "2"];
    work.json(&[&train[..], &small].concat());
    work.write("shop.toml", "[refit]\nmargin = 0.9\nkeep = 2\n");
    work
}

/// A service under way; it is ended with the test.
struct Serving {
    child: Child,
    listening: Value,
    log: std::path::PathBuf,
}

impl Serving {
    fn start(work: &Workplace) -> Self {
        let log = work.path("service.log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_lightgcn"))
            .args(["serve", "shop.model", "--config", "shop.toml", "--json"])
            .args(["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"])
            .args(["--refit", "1s", "--refit-log", "logs/*.csv"])
            .args(["--events", "events.redb", "-v"])
            .env("LIGHTGCN_DEVICE", "cpu")
            .env_remove("RUST_LOG")
            .current_dir(work.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let listening = serde_json::from_str(&line).unwrap();
        Self {
            child,
            listening,
            log,
        }
    }

    /// The status and the body of a response.
    fn call(&self, listener: &str, head: &str, body: &str) -> (String, String) {
        let address = self.listening[listener].as_str().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head[9..12].to_owned(), body.to_owned())
    }

    /// The version that answers, which it must.
    fn version(&self) -> String {
        let (status, body) = self.call("address", "GET /v1/recommendations/nobody?k=3", "");
        assert_eq!(status, "200", "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["items"].as_array().unwrap().len(), 3);
        answer["model_version"].as_str().unwrap().to_owned()
    }

    /// How many retrainings ended so.
    fn refits(&self, outcome: &str) -> u64 {
        let (_, metrics) = self.call("address", "GET /metrics", "");
        let name = format!("lightgcn_refits_total{{outcome=\"{outcome}\"}} ");
        let mut lines = metrics.lines();
        let line = lines.find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
    }

    /// Waits until one more retraining ended so, while the service answers.
    fn wait_for(&self, outcome: &str) {
        let before = self.refits(outcome);
        let start = Instant::now();
        while self.refits(outcome) == before {
            self.version();
            let log = self.log();
            assert!(
                start.elapsed() < Duration::from_secs(300),
                "{outcome}: {log}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Its exit code after SIGTERM.
    fn end(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.unwrap().success());
        self.child.wait().unwrap().code()
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_service_retrains_its_model_and_goes_back() {
    let work = shop();
    let serving = Serving::start(&work);
    let first = serving.version();
    // The shop's log grows, and so do the posted events.
    let event = json!({"events": [{"user": "someone", "item": "something", "behavior": "view"}]});
    let (status, body) = serving.call("address", "POST /v1/events", &event.to_string());
    assert_eq!(status, "200", "{body}");
    fs::rename(work.path("new.csv"), work.path("logs/b.csv")).unwrap();
    serving.wait_for("published");
    let second = serving.version();
    assert_ne!(first, second);
    assert!(
        serving
            .log()
            .contains("retrained the model and switched to it")
    );
    let lineage = work.read_json("shop.model/lineage.json");
    let previous = lineage["options"]["warm_start.previous"].as_str().unwrap();
    assert!(previous.starts_with(&first), "{previous}");

    // Nothing was bought since.
    serving.wait_for("nothing_new");
    assert_eq!(serving.version(), second);

    // A log that cannot be read: the service says so, and answers on.
    work.write("logs/c.csv", "nonsense\n1,2,3\n");
    serving.wait_for("failed");
    assert_eq!(serving.version(), second);
    let log = serving.log();
    assert!(
        log.contains("the retraining failed; the active model stays"),
        "{log}"
    );
    assert!(log.contains("c.csv"), "{log}");
    assert_eq!(serving.call("address", "GET /health/ready", "").0, "200");

    // One request back, and one forward.
    let (status, body) = serving.call("admin", "POST /admin/rollback", "{}");
    assert_eq!(status, "200", "{body}");
    assert_eq!(serving.version(), first);
    let (status, body) = serving.call("admin", "POST /admin/rollback", "{\"version\": \"0x\"}");
    assert_eq!(status, "404", "{body}");
    assert!(body.contains(&second), "{body}");
    assert_eq!(serving.end(), Some(0));
    assert!(!work.path("shop.model.refit").exists());

    // The command does the same.
    let listed = work.json(&["rollback", "shop.model", "--list"]);
    assert_eq!(listed["kept"], json!([second]));
    assert!(listed["version"].as_str().unwrap().starts_with(&first));
    let forward = work.json(&["rollback", "shop.model", "--to", &second[..6]]);
    assert!(forward["version"].as_str().unwrap().starts_with(&second));
    assert_eq!(forward["kept"], json!([first]));
    assert!(work.path("shop.model.run/checkpoint").is_dir());
    let text = work.text(&["rollback", "shop.model"]);
    assert!(
        text.contains(&first) && text.contains("shop.model.kept"),
        "{text}"
    );
}

#[test]
fn unusable_schedules_are_errors() {
    let work = Workplace::new();
    work.refused(
        &["serve", "m", "--refit", "never", "--refit-log", "a"],
        &["never"],
    );
    work.refused(&["serve", "m", "--refit", "daily"], &["--refit-log"]);
    work.refused(&["serve", "m", "--refit-log", "a"], &["--refit"]);
    work.refused(&["serve", "--models", "m", "--refit", "daily"], &["MODEL"]);
    work.refused(&["rollback", "nowhere"], &["nowhere"]);
    common::assert_messages();
}
