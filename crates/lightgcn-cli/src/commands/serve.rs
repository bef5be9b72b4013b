//! `lightgcn serve`

use super::refit::Refitter;
use super::remote::Remote;
use crate::args::{Common, ServeArgs};
use crate::config::Config;
use crate::output::Output;
use anyhow::{Context, bail};
use lightgcn::serve::{
    ServeConfig, ServeError, Server, Service, Shops, raise_descriptor_limit, stop_signal,
};
use serde::Serialize;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What to print once the service listens.
#[derive(Serialize)]
struct Listening {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
    /// The shops, if each model of a folder is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    shops: Option<Vec<String>>,
}

/// The signal that ends the service.
type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// What is served.
enum App {
    One(Service),
    Many(Shops),
}

pub(crate) fn run(
    args: &ServeArgs,
    common: &Common,
    Config {
        serve: table,
        refit,
        ..
    }: Config,
    output: &Output,
) -> anyhow::Result<()> {
    let config = config(args, table)?;
    let refit = Refitter::new(args, common, refit, config.events.as_deref())?;
    raise_descriptor_limit();
    let remote = Remote::of(args.model.as_deref(), &config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the service")?;
    let Some((app, stop)) = open(args, config, remote.as_ref(), &runtime)? else {
        runtime.shutdown_background();
        return Ok(());
    };
    let refitter = refit.map(|(schedule, refitter)| {
        let refitter = Arc::new(refitter);
        if let App::One(service) = &app {
            let (service, refitter) = (service.clone(), Arc::clone(&refitter));
            runtime.spawn(async move { service.refit_on(schedule, move || refitter.run()).await });
        }
        refitter
    });
    let served = runtime.block_on(serve(app, stop, output));
    if let Some(refitter) = refitter {
        refitter.stop();
    }
    // A model that is still loading writes nothing, so it need not finish.
    runtime.shutdown_background();
    served
}

/// Loads what is served, and listens for the signal that ends it; `None` if that comes while a model is downloaded.
fn open(
    args: &ServeArgs,
    config: ServeConfig,
    remote: Option<&Remote>,
    runtime: &Runtime,
) -> anyhow::Result<Option<(App, Stop)>> {
    let stop = || runtime.block_on(async { Ok::<Stop, ServeError>(Box::pin(stop_signal()?)) });
    if let Some(remote) = remote {
        let mut stop = stop()?;
        let Some(service) = runtime.block_on(remote.service(config, &mut stop))? else {
            return Ok(None);
        };
        let watched = service.clone();
        runtime.spawn(async move { watched.follow().await });
        return Ok(Some((App::One(service), stop)));
    }
    let app = match (&args.model, &args.models) {
        (Some(model), _) => App::One(Service::open(model, config)?),
        (None, Some(folder)) => App::Many(Shops::open(folder, config)?),
        (None, None) => bail!("give a MODEL, or a folder of models with --models"),
    };
    // Before binding, so that a signal during startup is not lost.
    Ok(Some((app, stop()?)))
}

async fn serve(app: App, stop: Stop, output: &Output) -> anyhow::Result<()> {
    let (server, model_version, shops) = match app {
        App::One(service) => {
            let version = service.model_version();
            (Server::bind(service).await?, Some(version), None)
        }
        App::Many(shops) => {
            let names = shops.names()?;
            (Server::bind_shops(shops).await?, None, Some(names))
        }
    };
    let listening = Listening {
        address: server.address(),
        admin: server.admin_address(),
        model_version,
        shops,
    };
    let address = listening.address;
    let (what, path) = match (&listening.model_version, &listening.shops) {
        (Some(version), _) => (format!("model {version} at http://{address}/"), "models"),
        (None, shops) => {
            let n = shops.as_ref().map_or(0, Vec::len);
            let what = format!("{n} shops at http://{address}/v1/shops");
            (what, "shops/NAME/models")
        }
    };
    let admin = match listening.admin {
        Some(address) => format!("; switch models at http://{address}/admin/{path}"),
        None => String::new(),
    };
    let text = format!("serving {what}{admin}");
    output.result(&listening, &text)?;
    server.run(stop).await?;
    Ok(())
}

/// The file's table, overridden by the environment, overridden by flags.
fn config(args: &ServeArgs, table: toml::Table) -> anyhow::Result<ServeConfig> {
    // Variables that are not UTF-8 are not ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut config = ServeConfig::from_layers(table, environment)?;
    config.bind = args.bind.unwrap_or(config.bind);
    config.page &= !args.no_page;
    config.privacy |= args.privacy;
    config.workers = args.workers.unwrap_or(config.workers);
    config.queue = args.queue.unwrap_or(config.queue);
    config.max_connections = args.max_connections.unwrap_or(config.max_connections);
    config.drain_delay_seconds = args.drain_delay.unwrap_or(config.drain_delay_seconds);
    if let Some(path) = &args.events {
        config.events = Some(path.clone());
    }
    config.admin.bind = args.admin_bind.unwrap_or(config.admin.bind);
    config.admin.enabled &= !args.no_admin;
    config.admin.keep = args.keep_models.unwrap_or(config.admin.keep);
    if let Some(path) = &args.admin_token_file {
        config.admin.token = None;
        config.admin.token_file = Some(path.clone());
    }
    if let Some(folder) = &args.models {
        config.admin.models = Some(folder.clone());
    }
    Ok(config)
}
