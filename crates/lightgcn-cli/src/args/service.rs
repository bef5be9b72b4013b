//! The options of `serve`, `events` and `forget`.

use super::local;
use clap::{Args, Subcommand};
use lightgcn::serve::listen_address;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Write all events as a log that `prepare` reads, in the format set by [prepare.format] in
    /// --config; the service may keep running
    Export(EventsExportArgs),
    /// Write all events as a log, then remove those a model was trained on; stop the service first
    Prune(EventsPruneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EventsExportArgs {
    /// The service's event file
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// The CSV log to write; `export` replaces an existing one atomically, `prune` requires a new
    /// one
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct EventsPruneArgs {
    #[command(flatten)]
    pub(crate) export: EventsExportArgs,
    /// Remove the events that this model was trained on
    #[arg(long, value_name = "MODEL", value_parser = local())]
    pub(crate) trained: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The person's id in the log
    pub(crate) user: String,
    /// The service's event file; it is rewritten
    #[arg(long, value_name = "STORE")]
    pub(crate) events: Option<PathBuf>,
    /// A prepared dataset, including DATASET.whole if it exists; may be repeated
    #[arg(long = "dataset", value_name = "DATASET")]
    pub(crate) datasets: Vec<PathBuf>,
    /// A trained model, including the checkpoints in MODEL.run; may be repeated
    #[arg(
        long = "model",
        value_name = "MODEL",
        value_parser = local(),
        required_unless_present_any = ["events", "datasets"]
    )]
    pub(crate) models: Vec<PathBuf>,
}

/// Every option is also a key of the table `[serve]` in the --config file, and an environment
/// variable: LIGHTGCN_SERVE_ followed by the key (LIGHTGCN_SERVE_LIMITS__K for `k` in
/// `[serve.limits]`). The environment overrides the file, and flags override both.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A model that `train` wrote, or the URL of one in an object store or on a web server, which is then watched for
    /// changes; without it, every model in the --models folder is served as a shop of the same name
    #[arg(required_unless_present = "models")]
    pub(crate) model: Option<PathBuf>,
    /// Address of the public listener [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address)]
    pub(crate) bind: Option<SocketAddr>,
    /// Do not serve the page or its routes, which list users and their histories
    #[arg(long)]
    pub(crate) no_page: bool,
    /// Hide user histories: no user search, no user's items, no explanations from past items
    #[arg(long)]
    pub(crate) privacy: bool,
    /// Threads that score [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Requests that may wait for a thread; any more get 503 [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) queue: Option<usize>,
    /// Open connections; any more wait [default: 8192]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// Seconds to keep accepting connections after the stop signal [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_delay: Option<f64>,
    /// File for posted events, created if missing; without it they are kept in memory and lost when
    /// the service stops. Without MODEL, a folder with one such file per shop
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Address of the admin listener, which needs a token unless on loopback [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address)]
    pub(crate) admin_bind: Option<SocketAddr>,
    /// File with the admin token (or set LIGHTGCN_SERVE_ADMIN__TOKEN)
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Run no admin listener
    #[arg(long)]
    pub(crate) no_admin: bool,
    /// The folder whose models may be loaded or, without MODEL, are served [default: the folder
    /// containing MODEL]
    #[arg(long, value_name = "FOLDER", value_parser = local())]
    pub(crate) models: Option<PathBuf>,
    /// Retrain MODEL while serving it: daily (at 03:00 UTC), daily@HH:MM (UTC), or an interval such as 6h;
    /// more options are in the table [refit] in --config
    #[arg(long, value_name = "WHEN", requires = "model")]
    pub(crate) refit: Option<String>,
    /// The shop's log to retrain on, as for `prepare`, in addition to the posted events; may be repeated
    #[arg(long = "refit-log", value_name = "LOG")]
    pub(crate) refit_logs: Vec<String>,
    /// Models to keep in memory, including the active one [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) keep_models: Option<usize>,
}
