//! `lightgcn events`

use crate::args::{EventsCommand, EventsExportArgs, EventsPruneArgs};
use crate::config::Config;
use crate::output::Output;
use anyhow::Context;
use lightgcn::recommend::Recommender;
use lightgcn::serve::{
    EventReader, EventStore, EventStoreConfig, EventStoreError, ExportFormat, ExportReport,
    PruneReport, TrainedEvents, check_archive_path, check_export_path,
};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Outcome {
    path: PathBuf,
    #[serde(flatten)]
    report: ExportReport,
    /// What was removed; absent for an export.
    #[serde(flatten)]
    pruned: Option<PruneReport>,
}

pub(crate) fn run(command: &EventsCommand, config: &Config, output: &Output) -> anyhow::Result<()> {
    // The log format that the configuration reads.
    let format = ExportFormat::from_options(&config.prepare.check()?.options());
    match command {
        EventsCommand::Export(args) => export(args, &format, output),
        EventsCommand::Prune(args) => prune(args, &format, output),
    }
}

fn export(args: &EventsExportArgs, format: &ExportFormat, output: &Output) -> anyhow::Result<()> {
    check_export_path(&args.store, &args.out)?;
    let reader = EventReader::open(&args.store)?;
    let report = write(args, true, |file| reader.export(format, file))?;
    print(&args.out, report, None, output)
}

fn prune(args: &EventsPruneArgs, format: &ExportFormat, output: &Output) -> anyhow::Result<()> {
    let model = Recommender::open(&args.trained)?;
    let trained = TrainedEvents::new(&model).with_context(|| {
        format!(
            "the model in {} has no event times, so it is unknown which events it was trained on",
            args.trained.display()
        )
    })?;
    let path = &args.export.store;
    // EventStore::open would create a missing store.
    if !path.exists() {
        let path = path.clone();
        return Err(EventStoreError::Missing { path }.into());
    }
    check_archive_path(path, &args.export.out)?;
    let store = EventStore::open(path, EventStoreConfig::default())?;
    let report = write(&args.export, false, |file| store.export(format, file))?;
    let pruned = match report.last {
        Some(last) => trained.prune(&store, last)?,
        None => PruneReport::default(),
    };
    print(&args.export.out, report, Some(pruned), output)
}

/// Writes a file next to its destination, flushes it and renames it; an existing file is replaced
/// only with `replace`. For a damaged store, writes what can be read and returns an error.
fn write(
    args: &EventsExportArgs,
    replace: bool,
    export: impl FnOnce(&File) -> Result<ExportReport, EventStoreError>,
) -> anyhow::Result<ExportReport> {
    let path = &args.out;
    let what = || format!("cannot write {}", path.display());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(what)?;
    let report = export(file.as_file())?;
    file.as_file().sync_all().with_context(what)?;
    let renamed = match replace {
        true => file.persist(path),
        false => file.persist_noclobber(path),
    };
    renamed.with_context(what)?;
    report
        .check(&args.store)
        .with_context(|| format!("{} has only some of the events", path.display()))?;
    Ok(report)
}

fn print(
    path: &Path,
    report: ExportReport,
    pruned: Option<PruneReport>,
    output: &Output,
) -> anyhow::Result<()> {
    let mut text = format!(
        "wrote {} events to {} ({} rows)\n",
        report.n_events,
        path.display(),
        report.n_rows
    );
    if let Some(pruned) = pruned {
        text += &format!("removed {} of them from the store\n", pruned.n_pruned);
        if pruned.n_kept_older > 0 {
            text += &format!(
                "kept {} that are older than the model but were not part of its training\n",
                pruned.n_kept_older
            );
        }
    }
    let outcome = Outcome {
        path: path.to_owned(),
        report,
        pruned,
    };
    output.result(&outcome, &text)
}
