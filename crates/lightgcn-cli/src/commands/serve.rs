//! `lightgcn serve`

use crate::args::ServeArgs;
use crate::output::Output;
use anyhow::Context;
use lightgcn::serve::{ServeConfig, Server, Service, raise_descriptor_limit, stop_signal};
use serde::Serialize;
use std::net::SocketAddr;

/// What is printed once the service listens.
#[derive(Serialize)]
struct Listening {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    model_version: String,
}

pub(crate) fn run(args: &ServeArgs, table: toml::Table, output: &Output) -> anyhow::Result<()> {
    let config = config(args, table)?;
    raise_descriptor_limit();
    let service = Service::open(&args.model, config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the service")?;
    let served = runtime.block_on(serve(service, output));
    // A model that is still loading writes nothing, so it need not finish.
    runtime.shutdown_background();
    served
}

async fn serve(service: Service, output: &Output) -> anyhow::Result<()> {
    // Before binding, so that a signal during startup is not lost.
    let stop = stop_signal()?;
    let server = Server::bind(service.clone()).await?;
    let listening = Listening {
        address: server.address(),
        admin: server.admin_address(),
        model_version: service.model_version(),
    };
    let admin = match listening.admin {
        Some(address) => format!("; switch models at http://{address}/admin/models"),
        None => String::new(),
    };
    let text = format!(
        "serving model {} at http://{}/{admin}",
        listening.model_version, listening.address
    );
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
