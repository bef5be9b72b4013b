//! The record of a search, `trials.jsonl`: a line about the search, then one line per trial.

use super::Point;
use crate::TrainError;
use crate::ranks::digest;
use crate::run::record::unix_time;
use lightgcn_core::Dataset;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrialEnd {
    /// All epochs are done.
    Finished,
    /// Validation stopped improving.
    EarlyStopping,
    /// The strategy stopped it: too weak at a rung.
    Halted,
    /// The time limit was reached; the best metric so far counts.
    Cut,
    /// The configuration is invalid, or training diverged.
    Failed,
}

impl fmt::Display for TrialEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Finished => "finished",
            Self::EarlyStopping => "early stopping",
            Self::Halted => "halted",
            Self::Cut => "cut",
            Self::Failed => "failed",
        })
    }
}

/// The record of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// Its number, from 1.
    pub number: u32,
    /// Its parameter values.
    pub point: Point,
    /// The best validation metric; `None` if the trial failed or was cut short before its first
    /// validation.
    pub figure: Option<f64>,
    /// The epoch of that metric, from 1; 0 if there is none.
    pub best_epoch: u32,
    /// The epoch, from 1, and the metric of every validation.
    pub curve: Vec<(u32, f64)>,
    /// Duration in seconds.
    pub seconds: f64,
    /// Why it ended.
    pub reason: TrialEnd,
    /// The error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What identifies a search: a record can only be resumed with an equal one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchHeader {
    /// The version of the library, for information.
    pub(crate) version: String,
    /// Seconds since 1970, for information.
    pub(crate) unix_time: u64,
    pub(crate) metric: String,
    pub(crate) seed: u64,
    /// The description of the strategy.
    pub(crate) strategy: String,
    /// The SHA-256 of the training and validation data.
    pub(crate) data: String,
    /// The declared space.
    pub(crate) space: Value,
}

impl SearchHeader {
    pub(crate) fn new(
        metric: &str,
        seed: u64,
        strategy: String,
        dataset: &Dataset,
        space: &Value,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            unix_time: unix_time(),
            metric: metric.to_owned(),
            seed,
            strategy,
            data: digest(dataset),
            space: space.clone(),
        }
    }

    /// The names of the fields that differ.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("space", self.space != other.space),
            ("data", self.data != other.data),
            ("seed", self.seed != other.seed),
            ("strategy", self.strategy != other.strategy),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line {
    Search(SearchHeader),
    Trial(TrialRecord),
}

/// Appends trials to `trials.jsonl`; each is on disk before the next one starts.
#[derive(Debug)]
pub(crate) struct SearchLog {
    file: File,
    path: PathBuf,
}

impl SearchLog {
    pub(crate) const FILE: &'static str = "trials.jsonl";

    /// Starts a record in a folder that has none.
    pub(crate) fn begin(folder: &Path, header: &SearchHeader) -> Result<Self, TrainError> {
        std::fs::create_dir_all(folder).map_err(TrainError::io("creating", folder))?;
        let path = folder.join(Self::FILE);
        let file = match OpenOptions::new().append(true).create_new(true).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(TrainError::SearchExists { path });
            }
            other => other.map_err(TrainError::io("creating", &path))?,
        };
        let mut log = Self { file, path };
        log.write_line(&Line::Search(header.clone()))?;
        Ok(log)
    }

    /// Continues the record in a folder. Drops a last line truncated by a crash.
    pub(crate) fn resume(
        folder: &Path,
        header: &SearchHeader,
    ) -> Result<(Self, Vec<TrialRecord>), TrainError> {
        let path = folder.join(Self::FILE);
        if !path.exists() {
            return Err(TrainError::NoSearch { path });
        }
        let content = read(&path)?;
        if let Some(other) = &content.header {
            let what = header.differences(other);
            if !what.is_empty() {
                return Err(TrainError::SearchMismatch { path, what });
            }
        }
        let io = |action| TrainError::io(action, &path);
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(io("opening"))?;
        if content.torn {
            tracing::warn!("dropping the truncated last line of {}", path.display());
        }
        file.set_len(content.whole).map_err(io("shortening"))?;
        file.seek(SeekFrom::End(0)).map_err(io("opening"))?;
        let mut log = Self { file, path };
        if content.header.is_none() {
            log.write_line(&Line::Search(header.clone()))?;
        }
        Ok((log, content.trials))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&mut self, trial: &TrialRecord) -> Result<(), TrainError> {
        self.write_line(&Line::Trial(trial.clone()))
    }

    fn write_line(&mut self, line: &Line) -> Result<(), TrainError> {
        serde_json::to_string(line)
            .map_err(std::io::Error::from)
            .and_then(|json| self.file.write_all(format!("{json}\n").as_bytes()))
            .and_then(|()| self.file.sync_data())
            .map_err(TrainError::io("writing to", &self.path))
    }
}

/// The content of a record.
struct Content {
    header: Option<SearchHeader>,
    trials: Vec<TrialRecord>,
    /// Bytes up to the end of the last complete line.
    whole: u64,
    /// Whether an incomplete line follows.
    torn: bool,
}

fn read(path: &Path) -> Result<Content, TrainError> {
    let bytes = std::fs::read(path).map_err(TrainError::io("reading", path))?;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let mut content = Content {
        header: None,
        trials: Vec::new(),
        whole: 0,
        torn: false,
    };
    for (n, line) in lines.iter().enumerate() {
        let damaged = |detail: String| TrainError::SearchDamaged {
            path: path.to_owned(),
            line: n + 1,
            detail,
        };
        let parsed = match serde_json::from_slice::<Line>(line) {
            Ok(parsed) if line.ends_with(b"\n") => parsed,
            Err(error) if n + 1 < lines.len() => return Err(damaged(error.to_string())),
            _ => {
                content.torn = true;
                break;
            }
        };
        match parsed {
            Line::Search(header) if n == 0 => content.header = Some(header),
            Line::Trial(trial) if n > 0 && trial.number as usize == n => content.trials.push(trial),
            Line::Search(_) => return Err(damaged("a second search starts here".to_owned())),
            Line::Trial(trial) => {
                let number = trial.number;
                return Err(damaged(format!(
                    "found trial {number}, but expected trial {n}"
                )));
            }
        }
        content.whole += line.len() as u64;
    }
    Ok(content)
}

/// Reads the trials of a search's record, `trials.jsonl`, in order. Ignores a last line truncated
/// by a crash.
///
/// # Errors
/// [`TrainError::Io`] if it cannot be read, [`TrainError::SearchDamaged`] if it is not a record.
pub fn read_trials(path: &Path) -> Result<Vec<TrialRecord>, TrainError> {
    Ok(read(path)?.trials)
}

#[cfg(test)]
mod tests;
