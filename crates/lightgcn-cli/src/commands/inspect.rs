//! `lightgcn inspect`

use super::data;
use crate::args::InspectArgs;
use crate::config::Config;
use crate::output::Output;
use anyhow::Context;
use lightgcn::data::{Inspection, PrepareConfig, TrainingMemory, read_log};
use lightgcn::train::training_size;
use std::path::Path;

pub(crate) fn run(args: &InspectArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    if let Some(folder) = &args.plots {
        data::refuse_stored(folder)?;
    }
    let stored = match &args.inputs[..] {
        [folder] => data::stored(Path::new(folder))?,
        _ => None,
    };
    let mut inspection = match stored {
        Some((dataset, _)) => {
            let pairs = dataset.split.train.interactions();
            Inspection::of(pairs, &dataset.users, &dataset.items)
        }
        None => of_logs(args, config.prepare.clone())?,
    };
    if let Some(folder) = &args.plots {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating the folder {}", folder.display()))?;
        for plot in inspection.plots()? {
            let path = folder.join(plot.name).with_extension("svg");
            std::fs::write(&path, plot.svg)
                .with_context(|| format!("writing the plot {}", path.display()))?;
        }
    }
    inspection.training = Some(training_memory(&inspection, &config));
    output.result(&inspection, &inspection.to_string())
}

/// The resources that training on all of it would take.
fn training_memory(inspection: &Inspection, config: &Config) -> TrainingMemory {
    let n_nodes = inspection.users.count + inspection.items.count;
    let size = training_size(&config.model, &config.train, n_nodes, inspection.pairs);
    TrainingMemory {
        table: size.table(),
        optimizer: size.optimizer(),
        graph: size.graph(),
        peak: size.peak(),
    }
}

/// Reads logs as `fit` does: with a table of behaviors that matches the log.
fn of_logs(args: &InspectArgs, mut config: PrepareConfig) -> anyhow::Result<Inspection> {
    if let Some(preset) = args.preset {
        preset.apply(&mut config);
    }
    config.skip_bad_rows |= args.skip_bad_rows;
    let log = read_log(&args.inputs, &mut config, args.target.as_deref())?;
    for stage in log.stages() {
        eprintln!("{stage}");
    }
    Ok(Inspection::of_log(&log, config.check()?.behaviors())?)
}
