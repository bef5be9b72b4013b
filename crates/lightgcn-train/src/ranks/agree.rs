//! Refuses ranks that would not train the same model.

use crate::TrainError;
use crate::ranks::Ranks;
use crate::run::checkpoint::hex;
use crate::run::job::FitJob;
use lightgcn_core::Dataset;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::sync::OnceLock;

/// Compares named values that all ranks must have alike. Collective.
///
/// # Errors
/// [`TrainError::RanksDiffer`], the same on every rank, with the first rank that differs from rank 0
/// and the first value in which it does.
pub fn agree(ranks: &dyn Ranks, values: &[(String, String)]) -> Result<(), TrainError> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let message = serde_json::to_vec(values).map_err(TrainError::unwritable)?;
    let messages = ranks.gather(message);
    let mut all = messages.iter().map(|message| {
        // Another build may write something else.
        serde_json::from_slice::<Vec<(String, String)>>(message).unwrap_or_default()
    });
    let first = all.next().unwrap_or_default();
    for (rank, values) in (1..).zip(all) {
        if let Some((what, found, expected)) = difference(&values, &first) {
            return Err(TrainError::RanksDiffer {
                rank,
                what,
                found,
                expected,
            });
        }
    }
    Ok(())
}

const NONE: &str = "none";

/// The name of the first value that differs, and what it is and should be.
fn difference(
    found: &[(String, String)],
    expected: &[(String, String)],
) -> Option<(String, String, String)> {
    let of = |values: &[(String, String)], name: &str| {
        let value = values.iter().find(|(other, _)| other == name);
        value.map_or(NONE, |(_, value)| value).to_owned()
    };
    let names = expected.iter().chain(found).map(|(name, _)| name);
    names
        .map(|name| (name.clone(), of(found, name), of(expected, name)))
        .find(|(_, found, expected)| found != expected)
}

/// Compares the builds, the data and the options of all ranks. Collective.
///
/// # Errors
/// [`TrainError::RanksDiffer`].
pub(crate) fn check<L>(
    ranks: &dyn Ranks,
    job: &FitJob<'_, L>,
    ranking: &impl Serialize,
) -> Result<(), TrainError> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let ranking = serde_json::to_string(ranking).unwrap_or_default();
    let mut values = vec![
        ("build".to_owned(), build().to_owned()),
        ("data".to_owned(), data(job)),
        ("layout of tables".to_owned(), layout(job).to_owned()),
        ("seed".to_owned(), job.lineage.seed.to_string()),
        ("resume".to_owned(), job.run.resume.to_string()),
        ("ranking".to_owned(), ranking),
    ];
    let options = job.lineage.options.iter();
    values.extend(options.map(|(name, value)| (name.clone(), value.clone())));
    agree(ranks, &values)
}

/// Checks that all ranks have the same embeddings after an epoch, if they have any in common: processors
/// of several kinds may round differently. Collective.
///
/// # Errors
/// [`TrainError::RanksDiffer`].
pub(crate) fn agree_on_embeddings(
    ranks: &dyn Ranks,
    embeddings: &[f32],
    epoch: u32,
) -> Result<(), TrainError> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let mut hash = Sha256::new();
    for x in embeddings {
        hash.update(x.to_le_bytes());
    }
    let what = format!("digest of the embeddings after epoch {epoch}");
    agree(ranks, &[(what, hex(hash.finalize()))])
}

/// The version of this library and the digest of this program.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(read_build)
}

fn read_build() -> String {
    let program = std::env::current_exe().and_then(File::open);
    let digest = program.and_then(digest_of);
    let digest = digest.unwrap_or_else(|_| "unknown".to_owned());
    format!("{} ({digest})", env!("CARGO_PKG_VERSION"))
}

fn digest_of(mut file: File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// How this rank would share the tables: ranks that split them all compute them on the CPU, and all take
/// part in keeping them.
fn layout<L>(job: &FitJob<'_, L>) -> &'static str {
    match (job.shards, &job.run.folder) {
        (None, _) => "whole",
        (Some(_), Some(_)) => "by user",
        (Some(_), None) => "by user, without a folder for the run",
    }
}

/// The digest of everything that the steps read from the data.
fn data<L>(job: &FitJob<'_, L>) -> String {
    let mut hash = Sha256::new();
    hash.update(digest(job.dataset));
    // Parts of graphs differ, and are made of the pairs alone.
    let adjacencies = match job.shards {
        Some(_) => &[],
        None => job.adjacencies,
    };
    for adjacency in adjacencies {
        for offset in adjacency.row_offsets() {
            hash.update(offset.to_le_bytes());
        }
        for column in adjacency.columns() {
            hash.update(column.to_le_bytes());
        }
        for value in adjacency.values() {
            hash.update(value.to_le_bytes());
        }
    }
    hex(hash.finalize())
}

/// The SHA-256 of the pairs of a dataset, with their weights and counts. The test part is left out.
pub(crate) fn digest(dataset: &Dataset) -> String {
    let train = dataset.split.train.interactions();
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| hash.update(bytes);
    for count in [train.n_users(), train.n_items(), train.n_pairs()] {
        put(&(count as u64).to_le_bytes());
    }
    for (name, &target) in train.behaviors().iter().zip(train.target_behaviors()) {
        put(name.as_bytes());
        put(&[0, u8::from(target)]);
    }
    train.offsets().iter().for_each(|x| put(&x.to_le_bytes()));
    train.items().iter().for_each(|x| put(&x.0.to_le_bytes()));
    train.weights().iter().for_each(|x| put(&x.to_le_bytes()));
    train.counts().iter().for_each(|x| put(&x.to_le_bytes()));
    for (user, item) in dataset.split.validation.truth().iter() {
        put(&user.0.to_le_bytes());
        put(&item.0.to_le_bytes());
    }
    hex(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::SingleRank;
    use crate::ranks::threads::on_ranks;

    fn values(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn every_rank_is_told_the_first_that_differs() {
        let cases: [(&[(&str, &str)], _); 4] = [
            (&[("build", "1"), ("epochs", "6")], ("epochs", "6", "5")),
            (&[("build", "2"), ("epochs", "6")], ("build", "2", "1")),
            (&[("build", "1")], ("epochs", "none", "5")),
            (
                &[("build", "1"), ("epochs", "5"), ("patience", "9")],
                ("patience", "9", "none"),
            ),
        ];
        for (other, (name, its, first)) in cases {
            let results = on_ranks(4, |ranks| {
                let own = match ranks.rank() {
                    2 => values(other),
                    _ => values(&[("build", "1"), ("epochs", "5")]),
                };
                agree(&*ranks, &own)
            });
            for result in results {
                let Err(TrainError::RanksDiffer {
                    rank,
                    what,
                    found,
                    expected,
                }) = result
                else {
                    panic!("{other:?} must be refused")
                };
                assert_eq!(
                    (rank, &*what, &*found, &*expected),
                    (2, name, its, first),
                    "{other:?}"
                );
            }
        }
    }

    #[test]
    fn equal_ranks_agree() {
        let own = values(&[("build", "1")]);
        let results = on_ranks(3, |ranks| agree(&*ranks, &own).is_ok());
        assert_eq!(results, [true; 3]);
        assert!(agree(&SingleRank, &own).is_ok());
    }
}
