//! The best of a list of configurations.

use crate::{Device, Observer, StopSignal, TrainConfig, TrainError, Trained, Trainer};
use lightgcn_core::Dataset;
use lightgcn_nn::AnyModelConfig;
use serde::{Deserialize, Serialize};

/// One configuration to try.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Candidate {
    /// The model and its options.
    pub model: AnyModelConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

/// The outcome of [`tune`].
#[derive(Debug, Clone)]
pub struct Tuned {
    /// The model of the best candidate.
    pub best: Trained,
    /// The best candidate's place in the list.
    pub best_candidate: usize,
    /// The validation figure of each candidate that was trained.
    pub figures: Vec<f64>,
}

/// Trains every candidate and keeps the one with the best validation figure (of its own metric and
/// K; candidates should agree on them). The first of equals wins. The test part is not looked at.
///
/// Raising `stop` ends the candidate in hand early; the best one so far is kept.
///
/// # Errors
/// [`TrainError::Config`] if there is no candidate or no validation data; else what training gives.
pub fn tune(
    dataset: &Dataset,
    candidates: &[Candidate],
    device: Device,
    stop: &StopSignal,
    observer: &mut dyn Observer,
) -> Result<Tuned, TrainError> {
    let fault = |fault: &str| TrainError::Config {
        faults: vec![fault.to_owned()],
    };
    if dataset.split.validation.truth().is_empty() {
        return Err(fault(
            "tuning needs validation data; give a share of the pairs to validation",
        ));
    }
    let mut best: Option<(usize, Trained)> = None;
    let mut figures: Vec<f64> = Vec::new();
    for (n, candidate) in candidates.iter().enumerate() {
        if stop.is_stopped() && best.is_some() {
            break;
        }
        let Candidate { model, train } = candidate;
        let trained = Trainer::new(dataset)
            .model(model.clone())
            .config(train.clone())
            .device(device)
            .observer(observer)
            .stop(stop.clone())
            .run()?;
        let figure = match &trained.validation {
            Some(evaluation) => evaluation.mean(train.metric, train.metric_k)?,
            None => f64::NEG_INFINITY,
        };
        if best.as_ref().is_none_or(|&(b, _)| figure > figures[b]) {
            best = Some((n, trained));
        }
        figures.push(figure);
    }
    let (best_candidate, best) = best.ok_or_else(|| fault("there is no candidate to try"))?;
    Ok(Tuned {
        best,
        best_candidate,
        figures,
    })
}
