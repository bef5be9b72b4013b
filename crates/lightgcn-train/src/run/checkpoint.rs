//! Checkpoints: everything that a run needs to continue to the same bits, written atomically.

use crate::TrainError;
use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Record, Recorder};
use burn::tensor::backend::{AutodiffBackend, Backend};
use lightgcn_loss::LossNeeds;
use lightgcn_store::write_folder_atomically;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const FORMAT: &str = "lightgcn-checkpoint";
const FORMAT_VERSION: u32 = 1;
/// The thresholds of SL@K, little-endian numbers of 32 bits.
const THRESHOLDS: &str = "thresholds.f32";

/// Where the loop stands. Randomness is counter-based, so these numbers are its whole state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoopState {
    /// Epochs that are complete.
    pub(crate) epoch: u32,
    /// Batches of the epoch in hand that are done.
    pub(crate) next_batch: usize,
    /// Optimizer steps done.
    pub(crate) steps: u64,
    /// Sum of the losses of the epoch in hand, each times its pairs.
    pub(crate) loss_sum: f64,
    /// Pairs of the epoch in hand that were visited.
    pub(crate) pairs: u64,
    /// The best epoch (from 1) and its validation figure.
    pub(crate) best: Option<(u32, f64)>,
    /// Validations since then.
    pub(crate) without_improvement: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    format_version: u32,
    /// What the run was asked to do: configuration, model and data, as JSON.
    job: String,
    state: LoopState,
    /// SHA-256 of each file.
    files: Vec<(String, String)>,
}

/// Options with which a run may be continued otherwise than it began.
pub(crate) const LIMITS: [&str; 2] = ["train.patience", "train.checkpoint_every"];
/// Another such one, where the step size does not depend on it.
pub(crate) const EPOCHS: &str = "train.epochs";

/// The checkpoint of one run.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    job: String,
}

/// What a checkpoint holds, loaded.
pub(crate) struct Restored<M, O> {
    pub(crate) model: M,
    pub(crate) optimizer: O,
    pub(crate) best: Option<M>,
    pub(crate) state: LoopState,
    /// The thresholds of SL@K, one a user, if the run has any.
    pub(crate) thresholds: Option<Vec<f32>>,
}

/// What a run is saved of.
pub(crate) struct Saved<'a, M, O> {
    pub(crate) model: &'a M,
    pub(crate) optimizer: &'a O,
    pub(crate) best: Option<&'a M>,
    pub(crate) state: &'a LoopState,
    /// The thresholds of SL@K, one a user; empty where the run has none.
    pub(crate) thresholds: &'a [f32],
}

fn to_bytes<B: Backend, R: Record<B>>(record: R) -> Result<Vec<u8>, String> {
    let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::default();
    Recorder::<B>::record(&recorder, record, ()).map_err(|error| error.to_string())
}

fn from_bytes<B: Backend, R: Record<B>>(bytes: Vec<u8>, device: &B::Device) -> Result<R, String> {
    let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::default();
    Recorder::<B>::load(&recorder, bytes, device).map_err(|error| error.to_string())
}

fn floats(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if rest.is_empty() {
        Ok(numbers.iter().map(|n| f32::from_le_bytes(*n)).collect())
    } else {
        Err(format!("{THRESHOLDS} does not hold whole numbers"))
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Checkpoint {
    /// The checkpoint `folder/checkpoint` of the run that `job` describes.
    pub(crate) fn new(folder: &Path, job: String) -> Self {
        Self {
            path: folder.join("checkpoint"),
            job,
        }
    }

    /// The checkpoint in `folder`, of whatever run.
    pub(crate) fn of_any_run(folder: &Path) -> Self {
        Self::new(folder, String::new())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the run that wrote it was asked to do.
    pub(crate) fn written_job(&self) -> Result<String, TrainError> {
        self.manifest().map(|manifest| manifest.job)
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.join("manifest.json").exists()
    }

    /// Writes the whole state beside the old checkpoint and then puts it in its place.
    pub(crate) fn save<B, M, O>(&self, run: &Saved<'_, M, O>) -> Result<(), TrainError>
    where
        B: AutodiffBackend,
        M: AutodiffModule<B>,
        O: Optimizer<M, B>,
    {
        let fault = |detail| TrainError::CheckpointDamaged {
            path: self.path.clone(),
            detail,
        };
        let mut parts = vec![
            (
                "model.mpk",
                to_bytes::<B, _>(run.model.clone().into_record()).map_err(fault)?,
            ),
            (
                "optimizer.mpk",
                to_bytes::<B, _>(run.optimizer.to_record()).map_err(fault)?,
            ),
        ];
        if let Some(best) = run.best {
            parts.push((
                "best.mpk",
                to_bytes::<B, _>(best.clone().into_record()).map_err(fault)?,
            ));
        }
        if !run.thresholds.is_empty() {
            let numbers = run.thresholds.iter();
            let bytes = numbers.flat_map(|number| number.to_le_bytes()).collect();
            parts.push((THRESHOLDS, bytes));
        }
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            job: self.job.clone(),
            state: run.state.clone(),
            files: parts
                .iter()
                .map(|(name, b)| ((*name).to_owned(), sha256(b)))
                .collect(),
        };
        let json = serde_json::to_vec_pretty(&manifest).map_err(|e| fault(e.to_string()))?;
        parts.push(("manifest.json", json));
        write_folder_atomically(&self.path, FORMAT, |folder| {
            for (name, bytes) in &parts {
                let path = folder.join(name);
                std::fs::write(&path, bytes).map_err(TrainError::io("writing", &path))?;
            }
            Ok(())
        })
    }

    /// Reads the state back into a model and an optimizer of the same shapes.
    pub(crate) fn load<B, M, O>(
        &self,
        model: M,
        optimizer: O,
        device: &B::Device,
    ) -> Result<Restored<M, O>, TrainError>
    where
        B: AutodiffBackend,
        M: AutodiffModule<B>,
        O: Optimizer<M, B>,
    {
        if !self.exists() {
            return Err(TrainError::NoCheckpoint {
                path: self.path.clone(),
            });
        }
        let manifest = self.manifest()?;
        if manifest.job != self.job {
            let what = "data, model or configuration";
            return Err(TrainError::CheckpointMismatch {
                path: self.path.clone(),
                what,
            });
        }
        self.restore(&manifest, model, optimizer, device)
    }

    /// The same of whatever run: the shapes must be those of its model.
    pub(crate) fn load_any<B, M, O>(
        &self,
        model: M,
        optimizer: O,
        device: &B::Device,
    ) -> Result<Restored<M, O>, TrainError>
    where
        B: AutodiffBackend,
        M: AutodiffModule<B>,
        O: Optimizer<M, B>,
    {
        self.restore(&self.manifest()?, model, optimizer, device)
    }

    fn restore<B, M, O>(
        &self,
        manifest: &Manifest,
        model: M,
        optimizer: O,
        device: &B::Device,
    ) -> Result<Restored<M, O>, TrainError>
    where
        B: AutodiffBackend,
        M: AutodiffModule<B>,
        O: Optimizer<M, B>,
    {
        let damaged = |detail: String| TrainError::CheckpointDamaged {
            path: self.path.clone(),
            detail,
        };
        let mut parts = std::collections::BTreeMap::new();
        for (name, sum) in &manifest.files {
            let path = self.path.join(name);
            let bytes = std::fs::read(&path).map_err(TrainError::io("reading", &path))?;
            if sha256(&bytes) != *sum {
                return Err(damaged(format!("{name} does not match its checksum")));
            }
            parts.insert(name.as_str(), bytes);
        }
        let mut take = |name: &str| parts.remove(name);
        let missing = |name: &str| damaged(format!("{name} is missing"));
        let best = take("best.mpk")
            .map(|bytes| from_bytes::<B, M::Record>(bytes, device).map_err(damaged))
            .transpose()?
            .map(|record| model.clone().load_record(record));
        let bytes = take("model.mpk").ok_or_else(|| missing("model.mpk"))?;
        let model = model.load_record(from_bytes::<B, _>(bytes, device).map_err(damaged)?);
        let bytes = take("optimizer.mpk").ok_or_else(|| missing("optimizer.mpk"))?;
        let optimizer = optimizer.load_record(from_bytes::<B, _>(bytes, device).map_err(damaged)?);
        let thresholds = take(THRESHOLDS)
            .map(|bytes| floats(&bytes).map_err(damaged))
            .transpose()?;
        Ok(Restored {
            model,
            optimizer,
            best,
            state: manifest.state.clone(),
            thresholds,
        })
    }

    /// The thresholds of a restored run, which has them exactly where its loss is SL@K and a batch was
    /// begun.
    pub(crate) fn thresholds(
        &self,
        restored: Option<Vec<f32>>,
        needs: &LossNeeds,
        n_users: usize,
    ) -> Result<Vec<f32>, TrainError> {
        let thresholds = restored.unwrap_or_default();
        let needed = if needs.top_k.is_some() { n_users } else { 0 };
        if thresholds.len() == needed {
            return Ok(thresholds);
        }
        Err(TrainError::CheckpointDamaged {
            path: self.path.clone(),
            detail: format!(
                "it has {} thresholds of SL@K, not {needed}",
                thresholds.len()
            ),
        })
    }

    fn manifest(&self) -> Result<Manifest, TrainError> {
        let damaged = |detail| TrainError::CheckpointDamaged {
            path: self.path.clone(),
            detail,
        };
        let path = self.path.join("manifest.json");
        let bytes = std::fs::read(&path).map_err(TrainError::io("reading", &path))?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|e| damaged(format!("manifest.json: {e}")))?;
        if manifest.format != FORMAT || manifest.format_version != FORMAT_VERSION {
            return Err(damaged(format!(
                "it is of format {} {}, this version reads {FORMAT} {FORMAT_VERSION}",
                manifest.format, manifest.format_version
            )));
        }
        let known = ["model.mpk", "optimizer.mpk", "best.mpk", THRESHOLDS];
        if let Some((name, _)) = manifest
            .files
            .iter()
            .find(|(n, _)| !known.contains(&n.as_str()))
        {
            return Err(damaged(format!("it names an unknown file {name:?}")));
        }
        Ok(manifest)
    }
}
