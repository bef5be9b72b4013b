//! A web server for the files of a folder, with entity tags and faults, on this machine.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What is wrong with a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The status of every answer, such as `403 Forbidden`.
    Status(&'static str),
    /// Half of it arrives.
    Cut,
}

/// A running server, which closes the connection after each answer.
pub(crate) struct FolderServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    /// By the name of the file.
    faults: Mutex<HashMap<String, Fault>>,
    /// Methods and targets, such as `GET /model/manifest.json?sig=x`, and the statuses of the answers.
    requests: Mutex<Vec<String>>,
}

impl FolderServer {
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            faults: Mutex::default(),
            requests: Mutex::default(),
        });
        let answering = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // The client may hang up before it has read everything.
                drop(stream.and_then(|stream| answering.answer(stream)));
            }
        });
        Self { address, shared }
    }

    /// The URL of a path in the folder.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Sets what is wrong with the files of that name from now on.
    pub(crate) fn fault(&self, name: &str, fault: Option<Fault>) {
        let mut faults = self.shared.faults.lock().unwrap();
        match fault {
            Some(fault) => faults.insert(name.to_owned(), fault),
            None => faults.remove(name),
        };
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let mut known = None;
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or_default();
            if name.eq_ignore_ascii_case("if-none-match") {
                known = Some(value.to_owned());
            }
        }
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = target
            .split('?')
            .next()
            .unwrap_or("")
            .trim_start_matches('/');
        let name = path.rsplit('/').next().unwrap_or("");
        let fault = self.faults.lock().unwrap().get(name).copied();
        let bytes = std::fs::read(self.root.join(path));
        let mut hasher = DefaultHasher::new();
        bytes.as_deref().unwrap_or_default().hash(&mut hasher);
        let tag = format!("\"{:x}\"", hasher.finish());
        let (status, body) = match (fault, bytes) {
            (Some(Fault::Status(status)), _) => (status, Vec::new()),
            (_, Err(_)) => ("404 Not Found", Vec::new()),
            (_, Ok(_)) if known.as_ref() == Some(&tag) => ("304 Not Modified", Vec::new()),
            (_, Ok(bytes)) => ("200 OK", bytes),
        };
        let mut requests = self.requests.lock().unwrap();
        requests.push(format!("{method} {target} {}", &status[..3]));
        drop(requests);
        // Without a tag, a client does not ask for the rest of what was cut.
        let tag = match fault {
            None => format!("etag: {tag}\r\n"),
            Some(_) => String::new(),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{tag}connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        let sent = match (method, fault) {
            ("HEAD", _) => 0,
            (_, Some(Fault::Cut)) => length / 2,
            _ => length,
        };
        stream.write_all(&body[..sent])
    }
}
