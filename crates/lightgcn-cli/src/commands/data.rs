//! The dataset of a command: a prepared one, or pair files.

use crate::args::DataArgs;
use anyhow::{Context, bail, ensure};
use lightgcn::core::{Dataset, Split, Truth};
use lightgcn::data::PairFiles;
use lightgcn::recommend::Recommender;
use lightgcn::store::{Artifact, DatasetFolder, EmbeddingTable, StoreError, beside};
use std::path::{Path, PathBuf};

/// Loads the dataset of the arguments. Stage reports of pair files go to standard error.
pub(crate) fn dataset(args: &DataArgs) -> anyhow::Result<Dataset> {
    let dataset = load(args)?;
    if args.dataset.is_none() {
        for stage in &dataset.lineage.stages {
            eprintln!("{stage}");
        }
    }
    Ok(dataset)
}

/// The same without reports.
pub(crate) fn load(args: &DataArgs) -> anyhow::Result<Dataset> {
    Ok(match (&args.dataset, &args.pairs_train) {
        (Some(path), _) => Dataset::load(path)?,
        (None, Some(train)) => PairFiles {
            validation: args.pairs_valid.clone(),
            test: args.pairs_test.clone(),
            keep_unseen: args.keep_unseen,
            ..PairFiles::new(train)
        }
        .read()?,
        (None, None) => bail!("give a dataset, or pair files with --pairs-train"),
    })
}

/// A dataset, or the training part of a model with its embeddings; `None` if the folder is neither.
pub(super) fn stored(folder: &Path) -> anyhow::Result<Option<(Dataset, Option<EmbeddingTable>)>> {
    if !folder.join("manifest.json").is_file() {
        return Ok(None);
    }
    let artifact = match Dataset::load(folder) {
        Err(StoreError::WrongFormat { .. }) => Artifact::load(folder)?,
        dataset => return Ok(Some((dataset?, None))),
    };
    let none = Truth::empty(artifact.users.len(), artifact.items.len());
    let dataset = Dataset::new(
        Split::new(artifact.train, none.clone(), none)?,
        artifact.users,
        artifact.items,
        artifact.catalogue,
        artifact.behaviors.check()?,
        artifact.lineage,
    )?;
    Ok(Some((dataset, Some(artifact.embeddings))))
}

/// # Errors
/// If the folder is a dataset or a model, which extra files would damage.
pub(super) fn refuse_stored(folder: &Path) -> anyhow::Result<()> {
    ensure!(
        !folder.join("manifest.json").exists(),
        "{} is a dataset, a model or another folder with a manifest; choose another folder",
        folder.display()
    );
    Ok(())
}

/// Where a dataset's whole log is, without held-out parts.
pub(super) fn whole_of(dataset: &Path) -> PathBuf {
    beside(dataset, ".whole")
}

/// The whole log of a dataset.
pub(super) fn load_whole(dataset: &Path) -> anyhow::Result<Dataset> {
    let from = whole_of(dataset);
    Dataset::load(&from).with_context(|| {
        format!(
            "the whole log of {} is not in {}; `prepare` writes it for a log that it splits, but \
            not for a table of pairs",
            dataset.display(),
            from.display()
        )
    })
}

/// What to retrain on once all settings are chosen: the dataset's whole log or, for pair files, all
/// of the training file.
pub(super) fn whole(args: &DataArgs, dataset: &Dataset) -> anyhow::Result<Dataset> {
    let Some(path) = &args.dataset else {
        let with_validation = DataArgs {
            pairs_valid: None,
            ..args.clone()
        };
        return self::dataset(&with_validation);
    };
    let whole = load_whole(path)?;
    // Files of held-out targets are inputs of the split only.
    let mut inputs = whole.lineage.inputs.iter();
    ensure!(
        inputs.all(|input| dataset.lineage.inputs.contains(input))
            && whole.behaviors == dataset.behaviors,
        "{} was not prepared together with {}; prepare the dataset again",
        whole_of(path).display(),
        path.display()
    );
    Ok(whole)
}

/// Opens a model that was trained on this dataset; any other may have seen the answers.
pub(crate) fn open_trained_on(dataset: &Dataset, path: &Path) -> anyhow::Result<Recommender> {
    let recommender = Recommender::open(path)?;
    let artifact = recommender.artifact();
    // A model that was retrained on the whole of a training file of pairs has not seen the test file.
    let knows_this_part = artifact.users == dataset.users
        && artifact.items == dataset.items
        && artifact.train == *dataset.split.train.interactions();
    ensure!(
        knows_this_part || !artifact.lineage.options.contains_key("refit"),
        "the model in {} was retrained on the whole log, so it has seen the test part; the metrics \
        of the chosen model are in its lineage.json. Train without --refit to evaluate here, or \
        use --windows",
        path.display()
    );
    ensure!(
        knows_this_part,
        "the model in {} was not trained on this dataset's training part, so its metrics would be \
        inflated; evaluate it on its own dataset, or train it on this one",
        path.display()
    );
    Ok(recommender)
}
