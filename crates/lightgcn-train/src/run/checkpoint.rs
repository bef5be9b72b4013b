//! Checkpoints: everything a run needs to continue with the same bits, written atomically.

use crate::TrainError;
use crate::ranks::Shards;
use crate::run::parts::{Adam, AdamRecord, change_moments, part, whole, with_rows};
use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Record, Recorder};
use burn::tensor::backend::Backend;
use lightgcn_loss::LossNeeds;
use lightgcn_nn::{EmbeddingModel, GradientBackend};
use lightgcn_store::write_folder_atomically;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FORMAT: &str = "lightgcn-checkpoint";
const FORMAT_VERSION: u32 = 1;
/// The thresholds of SL@K, little-endian numbers of 32 bits.
const THRESHOLDS: &str = "thresholds.f32";

/// The state of the training loop. Randomness is counter-based, so these numbers are all of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoopState {
    /// Completed epochs.
    pub(crate) epoch: u32,
    /// Completed batches of the current epoch.
    pub(crate) next_batch: usize,
    /// Completed optimizer steps.
    pub(crate) steps: u64,
    /// Sum of the losses of the current epoch, each times its number of pairs.
    pub(crate) loss_sum: f64,
    /// Visited pairs of the current epoch.
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
    /// The run's configuration, model and data, as JSON.
    job: String,
    state: LoopState,
    /// SHA-256 of each file.
    files: Vec<(String, String)>,
}

/// Options that may change when a run is resumed.
pub(crate) const LIMITS: [&str; 2] = ["train.patience", "train.checkpoint_every"];
/// This one too, if the learning rate does not depend on it.
pub(crate) const EPOCHS: &str = "train.epochs";

/// The checkpoint of one run.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    /// The configuration, model and data of the run; `None` accepts any run.
    job: Option<String>,
    /// If the run's tables are split among ranks by user. The checkpoint has whole tables all the same,
    /// so that any number of ranks may resume it.
    shards: Option<Arc<Shards>>,
}

/// The loaded contents of a checkpoint.
pub(crate) struct Restored<M, O> {
    pub(crate) model: M,
    pub(crate) optimizer: O,
    pub(crate) best: Option<M>,
    pub(crate) state: LoopState,
    /// The thresholds of SL@K, one per user, if the run has any.
    pub(crate) thresholds: Option<Vec<f32>>,
}

/// The contents to save in a checkpoint.
pub(crate) struct Saved<'a, M, O> {
    pub(crate) model: &'a M,
    pub(crate) optimizer: &'a O,
    pub(crate) best: Option<&'a M>,
    pub(crate) state: &'a LoopState,
    /// The thresholds of SL@K, one per user, if the run has any.
    pub(crate) thresholds: Option<&'a [f32]>,
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
        Err(format!("{THRESHOLDS} ends within a number"))
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

/// A digest in hexadecimal digits.
pub(crate) fn hex(digest: impl AsRef<[u8]>) -> String {
    let bytes = digest.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

impl Checkpoint {
    /// The checkpoint `folder/checkpoint` of the run that `job` describes.
    pub(crate) fn new(folder: &Path, job: String, shards: Option<Arc<Shards>>) -> Self {
        Self {
            path: folder.join("checkpoint"),
            job: Some(job),
            shards,
        }
    }

    /// The checkpoint in `folder`, of any run.
    pub(crate) fn of_any_run(folder: &Path) -> Self {
        Self {
            path: folder.join("checkpoint"),
            job: None,
            shards: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration, model and data of the run that wrote it, as JSON.
    pub(crate) fn written_job(&self) -> Result<String, TrainError> {
        self.manifest().map(|manifest| manifest.job)
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.join("manifest.json").exists()
    }

    /// Writes the state next to the old checkpoint and then replaces it. If tables are split, rank 0
    /// does; collective.
    pub(crate) fn save<B, M>(&self, run: &Saved<'_, M, Adam<B, M>>) -> Result<(), TrainError>
    where
        B: GradientBackend,
        M: EmbeddingModel<B> + AutodiffModule<B>,
    {
        if self.shards.as_ref().is_some_and(|s| !s.is_first()) {
            return self.files(run, |_, _| Ok(()));
        }
        let invalid = |detail| self.damaged(detail);
        write_folder_atomically(&self.path, FORMAT, |folder| {
            let mut files = Vec::new();
            self.files(run, |name, bytes| {
                let path = folder.join(name);
                std::fs::write(&path, &bytes).map_err(TrainError::io("writing", &path))?;
                files.push((name.to_owned(), sha256(&bytes)));
                Ok(())
            })?;
            let manifest = Manifest {
                format: FORMAT.to_owned(),
                format_version: FORMAT_VERSION,
                job: self.job.clone().unwrap_or_default(),
                state: run.state.clone(),
                files,
            };
            let json = serde_json::to_vec_pretty(&manifest).map_err(|e| invalid(e.to_string()))?;
            let path = folder.join("manifest.json");
            std::fs::write(&path, json).map_err(TrainError::io("writing", &path))
        })
    }

    /// Makes the files one after the other, since each is as large as a table or two. If tables are
    /// split, only rank 0 has something to put into them; collective.
    fn files<B, M>(
        &self,
        run: &Saved<'_, M, Adam<B, M>>,
        mut put: impl FnMut(&str, Vec<u8>) -> Result<(), TrainError>,
    ) -> Result<(), TrainError>
    where
        B: GradientBackend,
        M: EmbeddingModel<B> + AutodiffModule<B>,
    {
        let invalid = |detail| self.damaged(detail);
        let shards = self.shards.as_deref();
        let whole_model = |model: &M| match shards {
            Some(shards) => {
                let whole = whole(model.layer0(), shards)?;
                Some(with_rows(model.clone(), whole).into_record())
            }
            None => Some(model.clone().into_record()),
        };
        if let Some(model) = whole_model(run.model) {
            put("model.mpk", to_bytes::<B, _>(model).map_err(invalid)?)?;
        }
        let mut optimizer = run.optimizer.to_record();
        if let Some(shards) = shards {
            let moments = optimizer.into_iter().map(|(id, moments)| {
                let whole = change_moments(moments, |moment| whole(moment, shards));
                whole.map(|whole| (id, whole))
            });
            optimizer = moments.flatten().collect();
        }
        if shards.is_none_or(Shards::is_first) {
            let optimizer = to_bytes::<B, _>(optimizer).map_err(invalid)?;
            put("optimizer.mpk", optimizer)?;
        }
        if let Some(best) = run.best.and_then(whole_model) {
            put("best.mpk", to_bytes::<B, _>(best).map_err(invalid)?)?;
        }
        let whole = |own: &[f32]| match shards {
            Some(shards) => shards.gather(own, 1),
            None => Some(own.to_vec()),
        };
        if let Some(thresholds) = run.thresholds.and_then(whole) {
            let numbers = thresholds.iter().flat_map(|number| number.to_le_bytes());
            put(THRESHOLDS, numbers.collect())?;
        }
        Ok(())
    }

    /// Reads the state back into a model and an optimizer, whose shapes must match the run; if tables
    /// are split, this rank's part of it.
    pub(crate) fn load<B, M>(
        &self,
        model: M,
        optimizer: Adam<B, M>,
        device: &B::Device,
    ) -> Result<Restored<M, Adam<B, M>>, TrainError>
    where
        B: GradientBackend,
        M: EmbeddingModel<B> + AutodiffModule<B>,
    {
        if !self.exists() {
            return Err(TrainError::NoCheckpoint {
                path: self.path.clone(),
            });
        }
        let manifest = self.manifest()?;
        if self.job.as_ref().is_some_and(|job| *job != manifest.job) {
            return Err(TrainError::CheckpointMismatch {
                path: self.path.clone(),
                what: "data, model or configuration",
            });
        }
        let damaged = |detail: String| self.damaged(detail);
        let shards = self.shards.as_deref();
        // One file after the other: each is as large as a table or two.
        let read = |name: &str| self.read(&manifest, name);
        let needed = |name: &str| read(name)?.ok_or_else(|| damaged(format!("{name} is missing")));
        let model_of = |bytes: Vec<u8>| {
            let record = from_bytes::<B, M::Record>(bytes, device).map_err(damaged)?;
            let model = model.clone().load_record(record);
            Ok::<M, TrainError>(match shards {
                Some(shards) => {
                    let part = part(model.layer0(), shards);
                    with_rows(model, part)
                }
                None => model,
            })
        };
        let best = read("best.mpk")?.map(model_of).transpose()?;
        let restored = model_of(needed("model.mpk")?)?;
        let record = needed("optimizer.mpk")?;
        let mut record = from_bytes::<B, AdamRecord<B, M>>(record, device).map_err(damaged)?;
        if let Some(shards) = shards {
            let moments = record.into_iter().map(|(id, moments)| {
                let part = change_moments(moments, |moment| Some(part(moment, shards)));
                part.map(|part| (id, part))
            });
            record = moments.flatten().collect();
        }
        let thresholds = read(THRESHOLDS)?;
        let thresholds = thresholds.map(|bytes| floats(&bytes).map_err(damaged));
        Ok(Restored {
            model: restored,
            optimizer: optimizer.load_record(record),
            best,
            state: manifest.state,
            thresholds: thresholds.transpose()?,
        })
    }

    /// The bytes of a file, if the checkpoint has it.
    fn read(&self, manifest: &Manifest, name: &str) -> Result<Option<Vec<u8>>, TrainError> {
        let Some((_, sum)) = manifest.files.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let bytes = std::fs::read(&path).map_err(TrainError::io("reading", &path))?;
        match sha256(&bytes) == *sum {
            true => Ok(Some(bytes)),
            false => Err(self.damaged(format!("{name} does not match its checksum"))),
        }
    }

    /// The thresholds of a restored run, which has them if its loss is SL@K; of this rank's users, if
    /// tables are split.
    pub(crate) fn thresholds(
        &self,
        restored: Option<Vec<f32>>,
        needs: &LossNeeds,
        n_users: usize,
    ) -> Result<Vec<f32>, TrainError> {
        let thresholds = restored.unwrap_or_default();
        let needed = if needs.top_k.is_some() { n_users } else { 0 };
        if thresholds.len() == needed {
            return Ok(match self.shards.as_deref().filter(|_| needed > 0) {
                Some(shards) => shards.cut(&thresholds, 1),
                None => thresholds,
            });
        }
        let found = thresholds.len();
        Err(self.damaged(format!("it has {found} thresholds of SL@K, not {needed}")))
    }

    fn damaged(&self, detail: String) -> TrainError {
        TrainError::CheckpointDamaged {
            path: self.path.clone(),
            detail,
        }
    }

    fn manifest(&self) -> Result<Manifest, TrainError> {
        let damaged = |detail| self.damaged(detail);
        let path = self.path.join("manifest.json");
        let bytes = std::fs::read(&path).map_err(TrainError::io("reading", &path))?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|e| damaged(format!("manifest.json: {e}")))?;
        if manifest.format != FORMAT || manifest.format_version != FORMAT_VERSION {
            return Err(damaged(format!(
                "it has format {} {}, but this version reads {FORMAT} {FORMAT_VERSION}",
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
