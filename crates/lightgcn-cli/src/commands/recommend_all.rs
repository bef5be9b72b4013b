//! `lightgcn recommend --all`: a list for every user, streamed into a file.

use crate::lists::{Format, Lists};
use crate::output::Output;
use crate::progress::bar;
use anyhow::Context;
use lightgcn::recommend::{RecommendOptions, Recommender};
use serde::Serialize;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// The number of users answered at a time.
const BLOCK: usize = 8192;

#[derive(Serialize)]
struct Written {
    users: usize,
    rows: u64,
    seconds: f64,
    file: String,
}

/// Writes the rows of all users, in their order. The file gets its name when it is complete.
pub(crate) fn run(
    recommender: &Recommender,
    options: &RecommendOptions,
    (out, format): (&Path, Format),
    output: &Output,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let users = &recommender.artifact().users;
    let name = out
        .file_name()
        .with_context(|| format!("{} is not a file name", out.display()))?;
    let part = out.with_file_name(format!("{}.part", name.to_string_lossy()));
    let writing = || format!("writing {}", out.display());
    let file = File::create(&part).with_context(writing)?;
    let progress = bar(users.len() as u64, "users");
    let written = Lists::new(file, format)
        .and_then(|lists| write_all(recommender, options, lists, |done| progress.inc(done)));
    let kept = written.and_then(|rows| {
        std::fs::rename(&part, out)?;
        Ok(rows)
    });
    progress.finish_and_clear();
    if kept.is_err() {
        // Report the first error, not this one.
        let _ = std::fs::remove_file(&part);
    }
    let rows = kept.with_context(writing)?;
    let written = Written {
        users: users.len(),
        rows,
        seconds: begun.elapsed().as_secs_f64(),
        file: out.display().to_string(),
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

fn write_all(
    recommender: &Recommender,
    options: &RecommendOptions,
    mut out: Lists,
    done: impl Fn(u64),
) -> anyhow::Result<u64> {
    let mut users = recommender.artifact().users.iter();
    let mut rows = 0;
    loop {
        let block: Vec<&str> = users.by_ref().take(BLOCK).collect();
        if block.is_empty() {
            out.finish()?;
            return Ok(rows);
        }
        let lists = recommender.list_many(&block, options)?;
        rows += out.write(recommender, &block, &lists)?;
        done(block.len() as u64);
    }
}
