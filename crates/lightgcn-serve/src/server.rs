//! The listeners: connections within limits, and a graceful shutdown.

use crate::access::OnLoopback;
use crate::config::seconds;
use crate::error::ServeError;
use crate::front::Front;
use crate::observe::Peer;
use crate::service::Service;
use crate::shops::Shops;
use crate::socket::Socket;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tower::util::MapRequest;

/// Connections that the system queues before they are accepted.
const BACKLOG: u32 = 4096;
/// The maximum size of a request's header, in bytes.
const HEADER_BYTES: usize = 32 * 1024;
/// The maximum number of lines in a request's header.
const HEADERS: usize = 64;
/// Open connections of the admin listener.
const ADMIN_CONNECTIONS: usize = 64;
/// The pause after a failed accept, such as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server serves.
#[derive(Debug, Clone)]
enum App {
    One(Service),
    Many(Shops),
}

impl App {
    fn front(&self) -> Front {
        match self {
            Self::One(service) => service.front(),
            Self::Many(shops) => shops.front(),
        }
    }

    fn router(&self) -> Router {
        match self {
            Self::One(service) => service.router(),
            Self::Many(shops) => shops.router(),
        }
    }

    fn admin_router(&self) -> Router {
        match self {
            Self::One(service) => service.admin_router(),
            Self::Many(shops) => shops.admin_router(),
        }
    }

    /// Waits until all shown lists are recorded.
    async fn flush(&self) {
        let services = match self {
            Self::One(service) => vec![service.clone()],
            Self::Many(shops) => shops.services(),
        };
        for service in services {
            if let Some(recorder) = &service.shared.recorder {
                recorder.flush().await;
            }
        }
    }

    fn set_ready(&self, ready: bool) {
        match self {
            Self::One(service) => service.set_ready(ready),
            Self::Many(shops) => shops.set_ready(ready),
        }
    }
}

/// Runs a [`Service`] or many [`Shops`] on their own listeners.
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    admin: Option<(TcpListener, SocketAddr)>,
}

impl Server {
    /// Listens on the configured addresses; requests are answered once [`Server::run`] runs.
    ///
    /// # Errors
    /// [`ServeError::Bind`] if an address cannot be listened on.
    pub async fn bind(service: Service) -> Result<Self, ServeError> {
        Self::listen(App::One(service))
    }

    /// The same for many shops.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub async fn bind_shops(shops: Shops) -> Result<Self, ServeError> {
        Self::listen(App::Many(shops))
    }

    fn listen(app: App) -> Result<Self, ServeError> {
        let config = app.front().config;
        let (listener, address) = listen(config.bind)?;
        let admin = config
            .admin
            .enabled
            .then(|| listen(config.admin.bind))
            .transpose()?;
        Ok(Self {
            app,
            listener,
            address,
            admin,
        })
    }

    /// The address of the public listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the admin listener, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// Answers requests until `stop` completes. Then `/health/ready` fails; after the configured
    /// delay no more connections are accepted, and open requests may finish within the configured
    /// timeout. Connections that are still open after that are cut.
    ///
    /// # Errors
    /// None at present: failures of single connections are logged.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let front = self.app.front();
        let config = Arc::clone(&front.config);
        let (end, ended) = watch::channel(false);
        let public = Acceptor {
            router: self.app.router(),
            on_loopback: self.address.ip().is_loopback(),
            permits: Arc::new(Semaphore::new(config.max_connections)),
            front: front.clone(),
            ended: ended.clone(),
        };
        let mut tasks = vec![tokio::spawn(public.accept(self.listener))];
        if let Some((listener, address)) = self.admin {
            let admin = Acceptor {
                router: self.app.admin_router(),
                on_loopback: address.ip().is_loopback(),
                permits: Arc::new(Semaphore::new(ADMIN_CONNECTIONS)),
                front,
                ended,
            };
            tasks.push(tokio::spawn(admin.accept(listener)));
        }
        stop.await;
        tracing::info!("stopping");
        self.app.set_ready(false);
        tokio::time::sleep(seconds(config.drain_delay_seconds)).await;
        let _ = end.send(true);
        for task in tasks {
            let _ = task.await;
        }
        self.app.flush().await;
        Ok(())
    }
}

/// An accepted connection.
struct Incoming {
    stream: TcpStream,
    peer: SocketAddr,
}

/// What a listener needs to serve its connections.
struct Acceptor {
    router: Router,
    on_loopback: bool,
    permits: Arc<Semaphore>,
    front: Front,
    ended: watch::Receiver<bool>,
}

impl Acceptor {
    async fn accept(mut self, listener: TcpListener) {
        let graceful = GracefulShutdown::new();
        let (cut, is_cut) = watch::channel(());
        loop {
            let next = async {
                let permit = Arc::clone(&self.permits).acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                _ = self.ended.wait_for(|ended| *ended) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = Incoming { stream, peer };
                    self.serve(connection, permit, &graceful, is_cut.clone());
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let timeout = seconds(self.front.config.drain_timeout_seconds);
        if tokio::time::timeout(timeout, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("cut connections that did not finish in time");
        }
        drop(cut);
    }

    /// Serves a connection until it ends or the sender of `is_cut` is dropped.
    fn serve(
        &self,
        Incoming { stream, peer }: Incoming,
        permit: impl Send + 'static,
        graceful: &GracefulShutdown,
        mut is_cut: watch::Receiver<()>,
    ) {
        let config = &self.front.config;
        // Responses are written whole, so there is nothing to coalesce.
        let _ = stream.set_nodelay(true);
        let socket = Socket::new(stream, seconds(config.write_timeout_seconds));
        let on_loopback = self.on_loopback.then_some(OnLoopback);
        let with_peer = move |mut request: hyper::Request<hyper::body::Incoming>| {
            let extensions = request.extensions_mut();
            extensions.insert(Peer(peer));
            on_loopback.map(|mark| extensions.insert(mark));
            request
        };
        let router = MapRequest::new(self.router.clone(), with_peer);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(seconds(config.header_timeout_seconds))
            .max_buf_size(HEADER_BYTES)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
        let watched = graceful.watch(connection);
        let connections = self.front.metrics.connections.clone();
        connections.increment(1.0);
        tokio::spawn(async move {
            tokio::select! {
                ended = watched => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection failed");
                    }
                }
                _ = is_cut.changed() => {}
            }
            connections.decrement(1.0);
            drop(permit);
        });
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listen().map_err(|source| ServeError::Bind { address, source })
}

/// Completes when the process receives SIGTERM or SIGINT (Ctrl-C).
///
/// # Errors
/// [`ServeError::System`] if the signals cannot be waited for.
pub fn stop_signal() -> Result<impl Future<Output = ()>, ServeError> {
    let wait = |kind| {
        signal(kind).map_err(|source| ServeError::System {
            what: "wait for signals",
            source,
        })
    };
    let (mut terminate, mut interrupt) = (
        wait(SignalKind::terminate())?,
        wait(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Raises the limit of open files to what the system allows: each connection takes one, and the common limit of 1024 is
/// soon reached. Returns the new limit if the system reports one.
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}
