//! The `lightgcn` command: generate, prepare, train, tune, evaluate, recommend, explain, serve.
#![forbid(unsafe_code)]

mod args;
mod baselines;
mod commands;
mod config;
mod output;
mod progress;

use anyhow::Context;
use args::{Cli, Command};
use clap::Parser;
use lightgcn::train::Preset;
use output::Output;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Training frees and takes large buffers at every step; this allocator keeps them, where the
/// system's gives each back to the kernel and pays for fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => usage(&error),
    };
    // Looking for GPUs tries OpenGL too, whose absence is no news.
    let levels = [
        "warn,wgpu_hal::gles=off",
        "info,wgpu_hal::gles=off",
        "debug",
    ];
    let level = levels[usize::from(cli.common.verbose.min(2))];
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let output = Output::new(cli.common.json);
    match run(&cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, or prints the help that it asks for, and ends.
fn usage(error: &clap::Error) -> ! {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        Output::new(true).error_object(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    }
    error.exit()
}

fn run(cli: &Cli, output: &Output) -> anyhow::Result<()> {
    let preset = match &cli.command {
        Command::Train(args) => args.preset.into(),
        _ => Preset::default(),
    };
    let config = config::load(&cli.common, preset)?;
    let threads = config.threads.unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("starting the threads of the CPU")?;
    match &cli.command {
        Command::Generate(args) => commands::generate::run(args, config, output),
        Command::Prepare(args) => commands::prepare::run(args, config, output),
        Command::Train(args) => commands::train::run(args, config, output),
        Command::Tune(args) => commands::tune::run(args, &cli.common, config, output),
        Command::Evaluate(args) => commands::evaluate::run(args, config, output),
        Command::Recommend(args) => commands::recommend::run(args, config.seed(), output),
        Command::Explain(args) => commands::explain::run(args, output),
        Command::Serve(args) => commands::serve::run(args, config.serve, output),
    }
}
