//! A client that reuses its connections.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a connection may be idle before it is replaced; the service closes it after
/// `header_timeout_seconds`, 5 by default.
const LONGEST_IDLE: Duration = Duration::from_secs(3);

/// A connection that is kept open.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    bytes: Vec<u8>,
    used: Instant,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            address,
            stream,
            bytes: Vec::new(),
            used: Instant::now(),
        })
    }

    /// The status and the body. A connection that was idle for long is replaced, since the service may be closing it.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> anyhow::Result<(u16, &[u8])> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if self.used.elapsed() > LONGEST_IDLE {
            *self = Self::open(self.address).await?;
        }
        self.stream.write_all(request.as_bytes()).await?;
        self.bytes.clear();
        self.used = Instant::now();
        loop {
            ensure!(
                self.stream.read_buf(&mut self.bytes).await? > 0,
                "the connection was cut"
            );
            let Some(end) = self.bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(&self.bytes[..end])?;
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("a response without a length")?.parse()?;
            let status = head.get(9..12).context("no status")?.parse()?;
            while self.bytes.len() < end + 4 + length {
                ensure!(
                    self.stream.read_buf(&mut self.bytes).await? > 0,
                    "the connection was cut"
                );
            }
            return Ok((status, &self.bytes[end + 4..]));
        }
    }

    pub(crate) async fn json(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> anyhow::Result<Value> {
        let (status, bytes) = self.send(method, path, body).await?;
        ensure!(
            status == 200,
            "{method} {path}: {status} {}",
            String::from_utf8_lossy(bytes)
        );
        Ok(serde_json::from_slice(bytes)?)
    }
}
