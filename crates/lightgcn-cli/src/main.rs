//! The `lightgcn` command: generate, inspect, prepare, train, retrain, rollback, tune, compare, evaluate, recommend, explain, serve,
//! events, forget.
#![forbid(unsafe_code)]

mod args;
mod baselines;
mod commands;
mod config;
mod lists;
mod output;
mod progress;
mod ranks;

use anyhow::Context;
use args::{Cli, Command, LogFormat};
use clap::Parser;
#[cfg(feature = "otlp")]
use lightgcn::serve::OtlpExport;
use lightgcn::train::{Preset, Ranks};
use output::Output;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Training frees and allocates large buffers at every step. This allocator keeps them; the
/// system's returns each one to the kernel and then pays for fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => usage(&error),
    };
    let output = Output::new(cli.common.json);
    let ranks = match ranks::join(&cli.command) {
        Ok(ranks) => ranks,
        Err(error) => {
            output.error(&error);
            return ExitCode::FAILURE;
        }
    };
    // wgpu also tries OpenGL; its absence is not worth a warning.
    let levels = [
        "warn,wgpu_hal::gles=off",
        "info,wgpu_hal::gles=off",
        "debug",
    ];
    // Rank 0 speaks for all.
    let verbose = if ranks.rank() == 0 {
        cli.common.verbose
    } else {
        0
    };
    let level = levels[usize::from(verbose.min(2))];
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let log = match cli.common.log_format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    };
    let logged = tracing_subscriber::registry().with(log.with_filter(filter));
    #[cfg(feature = "otlp")]
    let (logged, _export) = match exported(&cli.command) {
        Ok(export) => (logged.with(export.as_ref().map(OtlpExport::layer)), export),
        Err(error) => {
            output.error(&error);
            return ExitCode::FAILURE;
        }
    };
    logged.init();
    match run(&cli, &output, &ranks) {
        Ok(code) => code,
        Err(error) => {
            ranks::fail(&*ranks, &output, error);
            ExitCode::FAILURE
        }
    }
}

/// The export of a service's traces, if the environment names a collector.
#[cfg(feature = "otlp")]
fn exported(command: &Command) -> anyhow::Result<Option<OtlpExport>> {
    let is_wanted = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ]
    .iter()
    .any(|name| std::env::var_os(name).is_some());
    match command {
        Command::Serve(_) if is_wanted => Ok(Some(OtlpExport::start()?)),
        _ => Ok(None),
    }
}

/// Reports a usage error, or prints the requested help, and exits.
fn usage(error: &clap::Error) -> ! {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        Output::new(true).error_object(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    }
    error.exit()
}

fn run(cli: &Cli, output: &Output, ranks: &Arc<dyn Ranks>) -> anyhow::Result<ExitCode> {
    let preset = match &cli.command {
        Command::Train(args) => args.preset.into(),
        _ => Preset::default(),
    };
    let config = config::load(&cli.common, preset.candidate())?;
    let threads = config.threads.unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("starting the threads of the CPU")?;
    let done = match &cli.command {
        Command::Generate(args) => commands::generate::run(args, config, output),
        Command::Prepare(args) => return commands::prepare::run(args, config, output),
        Command::Export(args) => commands::export::run(args, output),
        Command::Inspect(args) => commands::inspect::run(args, config, output),
        Command::Fit(args) => commands::fit::run(args, config, output),
        Command::Train(args) => commands::train::run(args, config, output, ranks),
        Command::Retrain(args) => {
            return commands::retrain::run(args, &cli.common, config, output);
        }
        Command::Rollback(args) => commands::rollback::run(args, output),
        Command::Events(args) => commands::events::run(args, &config, output),
        Command::Forget(args) => commands::forget::run(args, output),
        Command::Tune(args) => commands::tune::run(args, &cli.common, config, output),
        Command::Compare(args) => commands::compare::run(args, config, output),
        Command::Evaluate(args) => commands::evaluate::run(args, config, output),
        Command::Recommend(args) => commands::recommend::run(args, &config, output),
        Command::Explain(args) => commands::explain::run(args, &config, output),
        Command::Serve(args) => commands::serve::run(args, &cli.common, config, output),
    };
    done.map(|()| ExitCode::SUCCESS)
}
