//! A real S3 server and small HTTP servers, all on this machine.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a web server answers.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) path: &'static str,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// `body`, announced as `length` bytes.
    pub(crate) fn new(path: &'static str, body: &[u8], length: Option<usize>) -> Self {
        let length = length.map(|n| format!("content-length: {n}\r\n"));
        Self {
            path,
            head: format!("HTTP/1.1 200 OK\r\n{}", length.unwrap_or_default()),
            body: body.to_vec(),
        }
    }
}

/// A web server that closes the connection after each answer.
pub(crate) fn serve(answers: Vec<Answer>) -> SocketAddr {
    serve_after(0, answers).0
}

/// A web server that is busy for the first `n_busy` requests of each path, and how many requests it has had.
pub(crate) fn serve_after(n_busy: usize, answers: Vec<Answer>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let n_requests = Arc::new(AtomicUsize::new(0));
    let n = Arc::clone(&n_requests);
    std::thread::spawn(move || {
        let mut of_path = HashMap::new();
        for stream in listener.incoming() {
            n.fetch_add(1, Ordering::SeqCst);
            let mut is_busy = |path: &str| {
                let n = of_path.entry(path.to_owned()).or_insert(0);
                *n += 1;
                *n <= n_busy
            };
            // The client may hang up before it has read everything.
            drop(stream.and_then(|stream| answer(stream, &answers, &mut is_busy)));
        }
    });
    (address, n_requests)
}

fn answer(
    mut stream: TcpStream,
    answers: &[Answer],
    is_busy: &mut dyn FnMut(&str) -> bool,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    if is_busy(path) {
        let busy =
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";
        return stream.write_all(busy);
    }
    let Some(answer) = answers.iter().find(|answer| answer.path == path) else {
        let none = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return stream.write_all(none);
    };
    stream.write_all(answer.head.as_bytes())?;
    stream.write_all(b"connection: close\r\n\r\n")?;
    stream.write_all(&answer.body)
}

/// Starts an S3 server whose buckets are the folders of `root`.
pub(crate) fn serve_s3(root: &Path) -> SocketAddr {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    drop(
                        builder
                            .serve_connection(TokioIo::new(socket), service)
                            .await,
                    );
                });
            }
        });
    });
    address
}
