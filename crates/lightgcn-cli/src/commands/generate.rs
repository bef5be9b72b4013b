//! `lightgcn generate`

use crate::args::GenerateArgs;
use crate::config::Config;
use crate::output::Output;
use crate::progress;
use anyhow::Context;
use lightgcn::data::synthetic::{file_statistics, generate_to_path};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Outcome {
    path: PathBuf,
    rows: u64,
    behaviors: BTreeMap<&'static str, u64>,
    duplicates: u64,
    users: u64,
    items: u64,
    sessions: u64,
    seed: u64,
}

pub(crate) fn run(args: &GenerateArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    if let Some(log) = &args.statistics {
        return show_statistics(log, output);
    }
    let path = args
        .out
        .as_ref()
        .context("give the log to write with --out")?;
    let mut shop = config.generate.clone();
    shop.n_events = args.events.unwrap_or(shop.n_events);
    shop.n_users = args.users.or(shop.n_users);
    shop.n_items = args.items.or(shop.n_items);
    let bar = progress::bar(shop.n_events, "events");
    let summary = generate_to_path(&shop.check()?, path, |rows| bar.set_position(rows))?;
    bar.finish_and_clear();
    let outcome = Outcome {
        path: path.clone(),
        rows: summary.rows,
        behaviors: summary.by_behavior().collect(),
        duplicates: summary.duplicates,
        users: summary.users,
        items: summary.items,
        sessions: summary.sessions,
        seed: shop.seed,
    };
    let acts: Vec<String> = summary
        .by_behavior()
        .map(|(name, rows)| format!("{rows} {name}"))
        .collect();
    let text = format!(
        "{} rows ({}; {} exact duplicates) of {} users, {} items and {} sessions written to {}",
        outcome.rows,
        acts.join(", "),
        outcome.duplicates,
        outcome.users,
        outcome.items,
        outcome.sessions,
        path.display()
    );
    output.result(&outcome, &text)
}

fn show_statistics(log: &Path, output: &Output) -> anyhow::Result<()> {
    let found = file_statistics(log)?;
    output.result(&found, &serde_json::to_string_pretty(&found)?)
}
