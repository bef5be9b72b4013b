//! `lightgcn recommend --all`: a list for every consumer, streamed into a file.

use crate::output::Output;
use crate::progress::bar;
use anyhow::Context;
use lightgcn::recommend::{RecommendOptions, Recommender};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// Consumers answered at a time.
const BLOCK: usize = 8192;

#[derive(Serialize)]
struct Written {
    consumers: usize,
    rows: u64,
    seconds: f64,
    file: String,
}

/// Writes the rows of all consumers, in their order. The file appears under its name when it is whole.
pub(crate) fn run(
    recommender: &Recommender,
    options: &RecommendOptions,
    out: &Path,
    output: &Output,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let consumers = &recommender.artifact().users;
    let name = out
        .file_name()
        .with_context(|| format!("{} names no file", out.display()))?;
    let part = out.with_file_name(format!("{}.part", name.to_string_lossy()));
    let writing = || format!("writing {}", out.display());
    let file = File::create(&part).with_context(writing)?;
    let progress = bar(consumers.len() as u64, "consumers");
    let mut file = BufWriter::new(file);
    let written = write_all(recommender, options, &mut file, |done| progress.inc(done));
    let kept = written.and_then(|rows| {
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&part, out)?;
        Ok(rows)
    });
    progress.finish_and_clear();
    if kept.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    let rows = kept.with_context(writing)?;
    let written = Written {
        consumers: consumers.len(),
        rows,
        seconds: begun.elapsed().as_secs_f64(),
        file: out.display().to_string(),
    };
    let text = format!(
        "{} consumers, {} rows in {:.1} s ({:.0} consumers a second): {}",
        written.consumers,
        written.rows,
        written.seconds,
        written.consumers as f64 / written.seconds.max(1e-9),
        written.file
    );
    output.result(&written, &text)
}

fn write_all(
    recommender: &Recommender,
    options: &RecommendOptions,
    out: &mut impl Write,
    done: impl Fn(u64),
) -> anyhow::Result<u64> {
    writeln!(out, "consumer,rank,product,score,source")?;
    let mut consumers = recommender.artifact().users.iter();
    let mut rows = 0;
    loop {
        let block: Vec<&str> = consumers.by_ref().take(BLOCK).collect();
        if block.is_empty() {
            return Ok(rows);
        }
        for answer in recommender.recommend_many(&block, options)? {
            let consumer = field(&answer.consumer);
            for item in &answer.items {
                let product = field(&item.product);
                let (rank, score, source) = (item.rank, item.score, item.source);
                writeln!(out, "{consumer},{rank},{product},{score},{source}")?;
            }
            rows += answer.items.len() as u64;
        }
        done(block.len() as u64);
    }
}

/// A field as CSV has it (RFC 4180): in quotes where it needs them.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_quoted_where_they_must() {
        assert_eq!(field("5802432"), "5802432");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("a\"b\n"), "\"a\"\"b\n\"");
    }
}
