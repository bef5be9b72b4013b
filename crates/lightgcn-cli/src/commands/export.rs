//! `lightgcn export`

use super::data;
use crate::args::ExportArgs;
use crate::output::Output;
use anyhow::Context;
use lightgcn::data::export::{Embedding, write_catalogue, write_embeddings, write_pairs};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Serialize)]
struct Outcome {
    path: PathBuf,
    /// The number of rows by file.
    rows: BTreeMap<&'static str, u64>,
}

pub(crate) fn run(args: &ExportArgs, output: &Output) -> anyhow::Result<()> {
    data::refuse_stored(&args.out)?;
    let stored = data::stored(&args.from)?;
    let (dataset, embeddings) = stored.with_context(|| {
        let from = args.from.display();
        format!("{from} is neither a dataset nor a model; `prepare` and `train` write these")
    })?;
    let out = &args.out;
    std::fs::create_dir_all(out)
        .with_context(|| format!("creating the folder {}", out.display()))?;
    let mut rows = BTreeMap::new();
    let mut wrote = |name, n| rows.insert(name, n);
    wrote(
        "pairs.parquet",
        write_pairs(&dataset, &out.join("pairs.parquet"))?,
    );
    let catalogue = out.join("catalogue.parquet");
    wrote(
        "catalogue.parquet",
        write_catalogue(&dataset.items, &dataset.catalogue, &catalogue)?,
    );
    if let Some(table) = embeddings {
        let users = dataset.users.iter().map(|id| ("user", id));
        let ids = users.chain(dataset.items.iter().map(|id| ("item", id)));
        let rows = ids.zip(table.data().chunks_exact(table.dimension()));
        let rows = rows.map(|((kind, id), vector)| Embedding { kind, id, vector });
        wrote(
            "embeddings.parquet",
            write_embeddings(rows, &out.join("embeddings.parquet"))?,
        );
    }
    let files = rows.iter().map(|(name, n)| format!("{name} ({n} rows)"));
    let files = files.collect::<Vec<_>>().join(", ");
    let text = format!("wrote {files} to {}\n", out.display());
    let path = out.clone();
    output.result(&Outcome { path, rows }, &text)
}
