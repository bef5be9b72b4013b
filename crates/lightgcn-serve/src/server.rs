//! Listening: connections within limits, and an orderly end.

use crate::config::seconds;
use crate::socket::Socket;
use crate::{ServeError, Service};
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

/// Connections that the system may hold before they are accepted.
const BACKLOG: u32 = 4096;
/// Bytes of a request's header at most.
const HEADER_BYTES: usize = 32 * 1024;
/// Lines of a request's header at most.
const HEADERS: usize = 64;
/// Connections of the admin listener at once.
const ADMIN_CONNECTIONS: usize = 64;
/// The wait after a connection could not be accepted, as where descriptors are spent.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A [`Service`] on listeners of its own.
#[derive(Debug)]
pub struct Server {
    service: Service,
    listener: TcpListener,
    address: SocketAddr,
    admin: Option<(TcpListener, SocketAddr)>,
}

impl Server {
    /// Listens where the service's configuration says; nothing is answered before [`Server::run`].
    ///
    /// # Errors
    /// [`ServeError::Bind`] if an address cannot be listened on.
    pub async fn bind(service: Service) -> Result<Self, ServeError> {
        let config = &service.shared.config;
        let (listener, address) = listen(config.bind)?;
        let admin = config
            .admin
            .enabled
            .then(|| listen(config.admin.bind))
            .transpose()?;
        Ok(Self {
            service,
            listener,
            address,
            admin,
        })
    }

    /// Where questions are answered.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where models are loaded and switched, if anywhere.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// Answers until `stop` is done; then `/health/ready` says no, after the delay of the configuration nothing
    /// more is accepted, and open requests are ended within the timeout. Connections that are still open
    /// then are cut.
    ///
    /// # Errors
    /// None at present: what fails concerns single connections, and is logged.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let config = self.service.shared.config.clone();
        let (end, ended) = watch::channel(false);
        let questions = Listening {
            router: self.service.router(),
            permits: Arc::new(Semaphore::new(config.max_connections)),
            service: self.service.clone(),
            ended: ended.clone(),
        };
        let mut tasks = vec![tokio::spawn(questions.accept(self.listener))];
        if let Some((listener, _)) = self.admin {
            let admin = Listening {
                router: self.service.admin_router(),
                permits: Arc::new(Semaphore::new(ADMIN_CONNECTIONS)),
                service: self.service.clone(),
                ended,
            };
            tasks.push(tokio::spawn(admin.accept(listener)));
        }
        stop.await;
        tracing::info!("stopping: not ready any more");
        self.service.set_ready(false);
        tokio::time::sleep(seconds(config.drain_delay_seconds)).await;
        let _ = end.send(true);
        for task in tasks {
            let _ = task.await;
        }
        Ok(())
    }
}

/// A listener's ways, without the listener.
struct Listening {
    router: Router,
    permits: Arc<Semaphore>,
    service: Service,
    ended: watch::Receiver<bool>,
}

impl Listening {
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
                Ok((stream, _)) => self.serve(stream, permit, &graceful, is_cut.clone()),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let timeout = seconds(self.service.shared.config.drain_timeout_seconds);
        if tokio::time::timeout(timeout, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were cut, since they did not end in time");
        }
        drop(cut);
    }

    /// Serves a connection until it ends, or until the sender of `is_cut` is gone.
    fn serve(
        &self,
        stream: TcpStream,
        permit: impl Send + 'static,
        graceful: &GracefulShutdown,
        mut is_cut: watch::Receiver<()>,
    ) {
        let config = &self.service.shared.config;
        // Answers are written whole: nothing is to be waited for.
        let _ = stream.set_nodelay(true);
        let socket = Socket::new(stream, seconds(config.write_timeout_seconds));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(seconds(config.header_timeout_seconds))
            .max_buf_size(HEADER_BYTES)
            .max_headers(HEADERS)
            .serve_connection(
                TokioIo::new(socket),
                TowerToHyperService::new(self.router.clone()),
            );
        let watched = graceful.watch(connection);
        let connections = self.service.shared.metrics.connections.clone();
        connections.increment(1.0);
        tokio::spawn(async move {
            tokio::select! {
                ended = watched => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection broke");
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

/// Done when the process is told to stop, by SIGTERM or SIGINT (Ctrl-C).
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

/// Lets the process have as many descriptors as it may: each connection takes one, and the usual limit of
/// 1024 is soon spent. Gives the limit, where the system tells it.
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
