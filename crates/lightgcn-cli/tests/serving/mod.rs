//! A running `lightgcn serve`.
#![allow(dead_code, reason = "each test file uses a part")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// A service under way; it is ended with the test.
pub(crate) struct Serving {
    child: Child,
    pub(crate) listening: Value,
    stderr: NamedTempFile,
}

impl Serving {
    pub(crate) fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let free = [
            "--bind",
            "127.0.0.1:0",
            "--admin-bind",
            "127.0.0.1:0",
            "--json",
        ];
        let stderr = NamedTempFile::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lightgcn"))
            .arg("serve")
            .args(arguments)
            .args(free)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let listening = serde_json::from_str(&line);
        let listening = listening.unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self {
            child,
            listening,
            stderr,
        }
    }

    pub(crate) fn address(&self, name: &str) -> &str {
        self.listening[name].as_str().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.ask("address", path)
    }

    /// The answer of the admin listener.
    pub(crate) fn admin(&self, path: &str) -> String {
        self.ask("admin", path)
    }

    fn ask(&self, listener: &str, path: &str) -> String {
        exchange(
            self.address(listener),
            &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
        )
    }

    pub(crate) fn load(&self, name: &str, token: Option<&str>) -> String {
        let body = format!("{{\"path\": \"{name}\"}}");
        let token = token.map_or_else(String::new, |t| format!("authorization: Bearer {t}\r\n"));
        let request = format!(
            "POST /admin/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{token}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(self.address("admin"), &request)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.stderr.path()).unwrap()
    }

    /// What it says at its end, and its exit code.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.said());
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

pub(crate) fn body(reply: &str) -> Value {
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap()
}
