//! `lightgcn recommend --all`: a list for every user, or for one shard of them, streamed into a
//! file.

use crate::lists::{Format, Lists};
use crate::output::Output;
use crate::progress::bar;
use anyhow::Context;
use lightgcn::recommend::{RecommendOptions, Recommender, Shard};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The number of users answered at a time.
const BLOCK: usize = 8192;

#[derive(Serialize)]
struct Written {
    users: usize,
    rows: u64,
    seconds: f64,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<PathBuf>,
}

/// Which part of all users' lists a file has. Files whose manifests agree in everything except
/// `shard`, `users`, `rows` and `file` belong to one job.
#[derive(Serialize)]
struct Manifest<'a> {
    /// The identity of the model.
    model: String,
    options: &'a RecommendOptions,
    shard: Shard,
    users: usize,
    rows: u64,
    file: &'a str,
}

/// Writes the rows of all users, in their order. The file gets its name when it is complete.
pub(crate) fn run(
    recommender: &Recommender,
    options: &RecommendOptions,
    shard: Option<Shard>,
    (out, format): (&Path, Format),
    output: &Output,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let users = recommender.artifact().users.iter();
    let users = users.filter(|user| shard.is_none_or(|shard| shard.contains(user)));
    let users: Vec<&str> = users.collect();
    let name = out
        .file_name()
        .with_context(|| format!("{} is not a file name", out.display()))?;
    let name = name.to_string_lossy();
    let part = out.with_file_name(format!("{name}.part"));
    let written = write_part(recommender, options, &users, (&part, format));
    let kept = written.and_then(|rows| {
        std::fs::rename(&part, out)?;
        Ok(rows)
    });
    if kept.is_err() {
        // Report the first error, not this one.
        let _ = std::fs::remove_file(&part);
    }
    let rows = kept.with_context(|| format!("writing {}", out.display()))?;
    let manifest = shard.map(|shard| {
        let manifest = Manifest {
            model: recommender.artifact().identity()?,
            options,
            shard,
            users: users.len(),
            rows,
            file: &name,
        };
        manifest.write(out.with_file_name(format!("{name}.json")))
    });
    let written = Written {
        users: users.len(),
        rows,
        seconds: begun.elapsed().as_secs_f64(),
        file: out.display().to_string(),
        manifest: manifest.transpose()?,
    };
    let text = format!(
        "{} users, {} rows in {:.1} s ({:.0} users a second): {}",
        written.users,
        written.rows,
        written.seconds,
        written.users as f64 / written.seconds.max(1e-9),
        written.file
    );
    output.result(&written, &text)
}

impl Manifest<'_> {
    fn write(&self, path: PathBuf) -> anyhow::Result<PathBuf> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// Writes the lists of these users into a file, and returns the number of rows.
fn write_part(
    recommender: &Recommender,
    options: &RecommendOptions,
    users: &[&str],
    (path, format): (&Path, Format),
) -> anyhow::Result<u64> {
    let mut out = Lists::new(File::create(path)?, format)?;
    let progress = bar(users.len() as u64, "users");
    let mut rows = 0;
    for block in users.chunks(BLOCK) {
        let lists = recommender.list_many(block, options)?;
        rows += out.write(recommender, block, &lists)?;
        progress.inc(block.len() as u64);
    }
    out.finish()?;
    progress.finish_and_clear();
    Ok(rows)
}
