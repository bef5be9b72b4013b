//! The options of `serve` and `events`.

use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Write all events as a log that `prepare` reads; the service may go on meanwhile
    Export(EventsExportArgs),
    /// Write all events as a log, then remove those that a model was trained on; the service must be
    /// stopped
    Prune(EventsPruneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EventsExportArgs {
    /// The file of the service's events
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// The CSV log to write; it is replaced in one step
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct EventsPruneArgs {
    #[command(flatten)]
    pub(crate) export: EventsExportArgs,
    /// Remove events up to the latest one that this model was trained on
    #[arg(long, value_name = "MODEL")]
    pub(crate) trained: PathBuf,
}

/// Every option is a key of the table `[serve]` of --config, and of the environment as LIGHTGCN_SERVE_ and its
/// name (LIGHTGCN_SERVE_LIMITS__K for `k` of `[serve.limits]`); the environment is over the file, and flags are
/// over both.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A model that `train` wrote
    pub(crate) model: PathBuf,
    /// Where to answer [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<SocketAddr>,
    /// Serve no page, nor what only the page asks: lists and histories of users
    #[arg(long)]
    pub(crate) no_page: bool,
    /// Threads that score [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Questions that may wait for a thread before 503 is answered [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) queue: Option<usize>,
    /// Connections at once [default: 8192]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// Seconds between the signal to stop and the end of accepting [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_delay: Option<f64>,
    /// Keep posted events in this file, which is made where there is none; without it they are kept in memory
    /// and gone when the service ends
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Where models are loaded and switched; a token is needed unless on loopback [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_bind: Option<SocketAddr>,
    /// A file with the token for loading and switching models (or LIGHTGCN_SERVE_ADMIN__TOKEN)
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Have no listener for models
    #[arg(long)]
    pub(crate) no_admin: bool,
    /// The folder whose models may be loaded [default: the folder that holds MODEL]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) models: Option<PathBuf>,
    /// Models kept in memory to switch back to, the one in use included [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) keep_models: Option<usize>,
}
