//! The whole pipeline, from a raw event log to explained recommendations.
//!
//! ```text
//! cargo run --release --example quickstart                 # a synthetic shop of 200,000 events
//! cargo run --release --example quickstart -- my-log.csv   # your own log, in the nine columns
//! cargo run --release --example quickstart -- --serve      # and then the page, until Ctrl-C
//! ```
//!
//! It holds out each buyer's last two new items, trains LightGCN, learns a ranking, and prints the
//! ranking next to the model, rules, filters and popularity on test data, with a verdict. Then it
//! refits everything on the whole log, shows one user's history, 20 items for that user and why the
//! first three are recommended, and saves the model. With `--serve` it then serves a page and an
//! HTTP API at the address that it prints.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use clap::Parser;
use lightgcn::data::synthetic::{ShopConfig, generate_to_path};
use lightgcn::prelude::*;
use lightgcn_serve::{ServeConfig, Server, Service, stop_signal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Training frees and takes large buffers at every step; this allocator keeps them, while the
/// system's returns each to the kernel and pays for fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From a raw event log to explained recommendations.
#[derive(Parser)]
struct Args {
    /// Event logs in the nine columns of the shop log; without one a synthetic shop is made
    logs: Vec<PathBuf>,
    /// Events of the synthetic shop
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// The folder for the log, the dataset and the model
    #[arg(long, default_value = "target/quickstart")]
    out: PathBuf,
    /// The seed of every random choice
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// auto, cpu, wgpu[:N] or cuda[:N]
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Serve the model and its page afterwards, until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Where to serve it
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let start = Instant::now();
    std::fs::create_dir_all(&args.out)?;
    let logs = match args.logs.is_empty() {
        true => vec![synthetic_log(&args)?],
        false => args.logs.clone(),
    };
    // A split by time leaves so few known buyers in the test period of a small shop that no difference
    // could be told from luck. So each buyer's last new item is the test here, and the one before it
    // validation; neither is known to training in any way.
    let prepare = PrepareConfig {
        seed: args.seed,
        split: SplitConfig::leave_last_out(),
        ..PrepareConfig::default()
    };
    let train = TrainConfig {
        seed: args.seed,
        // A quick look does not wait for the last gains.
        patience: Some(1),
        ..TrainConfig::default()
    };
    // The page shows the contents of the run folder next to the model.
    let run = args.out.join("model.run");
    // An earlier quickstart's run is replaced.
    if run.exists() {
        std::fs::remove_dir_all(&run)?;
    }
    let fitted = Fit::new(&logs)
        .prepare(prepare)
        .train(train)
        .device(args.device)
        .folder(&run)
        .observer(&mut ConsoleProgress::brief())
        .run()?;
    println!("\n{fitted}");
    if args.logs.is_empty() {
        println!(
            "(a synthetic shop: the metrics show that the pipeline works, not how your shop will do)"
        );
    }

    let path = args.out.join("model");
    fitted.artifact.save(&path)?;
    std::fs::write(
        run.join("evaluation.json"),
        serde_json::to_string(&fitted.comparison)?,
    )?;
    show_one_user(fitted.artifact)?;
    println!(
        "\nThe model is in {}; {:.0} s in all.",
        path.display(),
        start.elapsed().as_secs_f64()
    );
    if args.serve {
        serve(&args, &path)?;
    }
    Ok(())
}

/// Answers over HTTP until the program is told to stop.
fn serve(args: &Args, model: &Path) -> anyhow::Result<()> {
    let mut config = ServeConfig {
        bind: args.bind,
        ..ServeConfig::default()
    };
    config.admin.enabled = false;
    let service = Service::open(model, config)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let server = Server::bind(service).await?;
        println!(
            "\nThe page is at http://{}/ until Ctrl-C.",
            server.address()
        );
        server.run(stop_signal()?).await?;
        Ok(())
    })
}

fn synthetic_log(args: &Args) -> anyhow::Result<PathBuf> {
    let path = args.out.join("shop.csv");
    let shop = ShopConfig {
        n_events: args.events,
        seed: args.seed,
        ..ShopConfig::default()
    };
    generate_to_path(&shop.check()?, &path, |_| {})?;
    println!(
        "a synthetic shop of {} events is in {}",
        args.events,
        path.display()
    );
    Ok(path)
}

/// The user with the most pairs.
fn show_one_user(artifact: Artifact) -> anyhow::Result<()> {
    let train = &artifact.train;
    let users = (0..train.n_users() as u32).map(UserId);
    let user = users.max_by_key(|&user| (train.items_of(user).len(), std::cmp::Reverse(user)));
    let Some(user) = user.and_then(|user| artifact.users.name(user)) else {
        return Ok(());
    };
    let user = &user.to_owned();
    let recommender = Recommender::from_artifact(artifact)?;

    println!("\nUser {user}: the latest of the history");
    for item in recommender.history(user)?.iter().take(8) {
        let acts: Vec<String> = item
            .behaviors
            .iter()
            .map(|b| format!("{} x{}", b.behavior, b.count))
            .collect();
        let brand = item.details.brand.as_deref().unwrap_or("no brand");
        println!("  {} ({brand}): {}", item.item, acts.join(", "));
    }
    let options = RecommendOptions {
        k: 20,
        ..RecommendOptions::default()
    };
    let answer = recommender.recommend(user, &options)?;
    println!("\n20 items for {user}");
    for item in &answer.items {
        let brand = item.details.brand.as_deref().unwrap_or("no brand");
        let price = item
            .details
            .price
            .map_or_else(String::new, |p| format!(", {p:.2}"));
        println!(
            "  {:>2}. {} ({brand}{price}) score {:.3}",
            item.rank, item.item, item.score
        );
    }
    println!("\nWhy the first three");
    for item in answer.items.iter().take(3) {
        let options = ExplainOptions {
            limit: 3,
            ..ExplainOptions::default()
        };
        println!("{}", recommender.explain(user, &item.item, &options)?);
    }
    Ok(())
}
