//! `lightgcn rollback`

use crate::args::RollbackArgs;
use crate::output::Output;
use lightgcn::store::{Artifact, KeptModel, kept_models, roll_back, version_of};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Serialize)]
struct Outcome {
    path: PathBuf,
    /// The version before; absent if the earlier versions are only listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_version: Option<String>,
    /// The version that is now at the path.
    version: String,
    /// The versions that are kept, latest first.
    kept: Vec<String>,
}

pub(crate) fn run(args: &RollbackArgs, output: &Output) -> anyhow::Result<()> {
    let path = &args.model;
    let before = Artifact::identity_at(path)?;
    if !args.list {
        roll_back(path, args.to.as_deref())?;
    }
    let kept = kept_models(path)?;
    let outcome = Outcome {
        path: path.clone(),
        version: Artifact::identity_at(path)?,
        previous_version: (!args.list).then_some(before),
        kept: kept.iter().map(|kept| kept.version.clone()).collect(),
    };
    output.result(&outcome, &text(&outcome, &kept))
}

fn text(outcome: &Outcome, kept: &[KeptModel]) -> String {
    let path = outcome.path.display();
    let mut text = match &outcome.previous_version {
        Some(_) => format!(
            "{path} is version {} again; load it where it is served\n",
            version_of(&outcome.version)
        ),
        None => format!("{path} is version {}\n", version_of(&outcome.version)),
    };
    for kept in kept {
        text += &format!("kept: {} in {}\n", kept.version, kept.path.display());
    }
    if kept.is_empty() {
        text += "no earlier version is kept\n";
    }
    text
}
