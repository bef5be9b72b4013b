//! Embeds the service in another axum program, next to its own routes.
//!
//! ```text
//! cargo run --release --example service                    # a small synthetic shop, trained in seconds
//! cargo run --release --example service -- shop.model      # your own model
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use lightgcn::data::synthetic::{ShopConfig, generate_to_path};
use lightgcn::prelude::*;
use lightgcn_serve::{MemoryEvents, ServeConfig, Service, stop_signal};
use std::path::Path;
use std::sync::Arc;

fn main() -> anyhow::Result<()> {
    let recommender = match std::env::args().nth(1) {
        Some(model) => Recommender::open(model)?,
        None => small_shop(Path::new("target/service"))?,
    };
    // No page, which lists users, and no admin listener.
    let mut config = ServeConfig {
        page: false,
        ..ServeConfig::default()
    };
    config.admin.enabled = false;
    let events = Arc::new(MemoryEvents::default());
    let service = Service::from_recommender(recommender, config, events)?;
    let app = Router::new()
        .route(
            "/",
            get(|| async { "our own shop; recommendations are under /shop" }),
        )
        .nest("/shop", service.router());
    let runtime = tokio::runtime::Runtime::new().context("starting the threads")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
        println!("ask http://{}/shop/v1/popular", listener.local_addr()?);
        // axum::serve limits neither connections nor slow headers: put it behind a proxy that does.
        axum::serve(listener, app)
            .with_graceful_shutdown(stop_signal()?)
            .await?;
        Ok(())
    })
}

fn small_shop(folder: &Path) -> anyhow::Result<Recommender> {
    std::fs::create_dir_all(folder)?;
    let log = folder.join("shop.csv");
    let shop = ShopConfig {
        n_events: 20_000,
        ..ShopConfig::default()
    };
    generate_to_path(&shop.check()?, &log, |_| {})?;
    let dataset = prepare(&[&log], &PrepareConfig::default())?;
    let config = TrainConfig {
        epochs: 5,
        ..TrainConfig::default()
    };
    let trained = Trainer::new(&dataset).config(config).run()?;
    Ok(Recommender::from_artifact(trained.artifact)?)
}
