//! The dataset of a command: a prepared one, or pair files.

use crate::args::DataArgs;
use anyhow::bail;
use lightgcn::core::Dataset;
use lightgcn::data::PairFiles;
use lightgcn::store::load_dataset;

/// Loads the dataset of the arguments. Stage reports go to standard error.
pub(crate) fn dataset(args: &DataArgs) -> anyhow::Result<Dataset> {
    let dataset = match (&args.dataset, &args.pairs_train) {
        (Some(path), _) => return Ok(load_dataset(path)?),
        (None, Some(train)) => PairFiles {
            validation: args.pairs_valid.clone(),
            test: args.pairs_test.clone(),
            keep_unseen: args.keep_unseen,
            ..PairFiles::new(train)
        }
        .read()?,
        (None, None) => bail!("give a dataset, or pair files with --pairs-train"),
    };
    for stage in &dataset.lineage.stages {
        eprintln!("{stage}");
    }
    Ok(dataset)
}
