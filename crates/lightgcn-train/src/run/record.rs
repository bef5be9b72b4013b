//! The record of a run: one JSON object per line.

use crate::TrainError;
use lightgcn_core::Lineage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The metrics of an epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean loss per pair.
    pub loss: f64,
    /// Learning rate of the last batch.
    pub learning_rate: f64,
    /// Number of positive pairs.
    pub pairs: u64,
    /// Duration in seconds, without validation.
    pub seconds: f64,
    /// Validation metrics by name, such as `recall@20`; empty if the epoch was not validated.
    pub validation: BTreeMap<String, f64>,
    /// Whether it is the best epoch so far.
    pub best: bool,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// All epochs are done.
    Finished,
    /// Validation stopped improving.
    EarlyStopping,
    /// The run was asked to stop; its state is in the checkpoint.
    Interrupted,
    /// Time ran out; the run's state is in the checkpoint.
    OutOfTime,
}

impl EndReason {
    /// Whether training would have continued.
    #[must_use]
    pub fn is_early(self) -> bool {
        matches!(self, Self::Interrupted | Self::OutOfTime)
    }
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunLine {
    /// A run started or was resumed.
    Start {
        /// Seconds since 1970.
        unix_time: u64,
        /// The first epoch to train, from 1.
        from_epoch: u32,
        /// The device.
        device: String,
        /// Number of CPU threads.
        threads: usize,
        /// Everything that the result depends on.
        lineage: Lineage,
    },
    /// An epoch ended.
    Epoch(EpochRecord),
    /// The run ended.
    End {
        /// Seconds since 1970.
        unix_time: u64,
        /// Why.
        reason: EndReason,
        /// The epoch whose model is kept, from 1; 0 if none was completed.
        best_epoch: u32,
    },
}

/// Seconds since 1970 by the system's clock.
pub(crate) fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |t| t.as_secs())
}

/// Appends lines to `run.jsonl`; each line is flushed before training goes on.
#[derive(Debug)]
pub(crate) struct RunWriter(Option<(File, PathBuf)>);

impl RunWriter {
    pub(crate) const FILE: &'static str = "run.jsonl";

    /// A writer to `folder/run.jsonl`, or one that writes nothing if there is no folder. A fresh run starts
    /// a new file, a resumed one appends.
    pub(crate) fn open(folder: Option<&Path>, resume: bool) -> Result<Self, TrainError> {
        let Some(folder) = folder else {
            return Ok(Self(None));
        };
        std::fs::create_dir_all(folder).map_err(TrainError::io("creating", folder))?;
        let path = folder.join(Self::FILE);
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(resume)
            .truncate(!resume)
            .open(&path)
            .map_err(TrainError::io("opening", &path))?;
        Ok(Self(Some((file, path))))
    }

    pub(crate) fn write(&mut self, line: &RunLine) -> Result<(), TrainError> {
        let Some((file, path)) = &mut self.0 else {
            return Ok(());
        };
        let json = serde_json::to_string(line).map_err(std::io::Error::from);
        json.and_then(|json| file.write_all(format!("{json}\n").as_bytes()))
            .map_err(TrainError::io("writing to", path))
    }
}

/// Reads a record. Ignores a last line truncated by a crash.
///
/// # Errors
/// [`TrainError::Io`] if the file cannot be read.
pub fn read_run_record(path: &Path) -> Result<Vec<RunLine>, TrainError> {
    let text = std::fs::read_to_string(path).map_err(TrainError::io("reading", path))?;
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let line = |epoch| {
            RunLine::Epoch(EpochRecord {
                epoch,
                loss: 0.5,
                ..Default::default()
            })
        };
        RunWriter::open(Some(folder.path()), false)
            .unwrap()
            .write(&line(1))
            .unwrap();
        RunWriter::open(Some(folder.path()), true)
            .unwrap()
            .write(&line(2))
            .unwrap();
        let path = folder.path().join(RunWriter::FILE);
        assert_eq!(read_run_record(&path).unwrap(), [line(1), line(2)]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        assert_eq!(read_run_record(&path).unwrap(), [line(1)]);
        RunWriter::open(Some(folder.path()), false).unwrap();
        assert!(read_run_record(&path).unwrap().is_empty());
        assert!(RunWriter::open(Some(&path.join("under-a-file")), false).is_err());
    }
}
