//! Tries a list of configurations.

use crate::{Candidate, Device, Observer, StopSignal, TrainError, Trained, Trainer};
use lightgcn_core::Dataset;

/// The result of [`tune`].
#[derive(Debug, Clone)]
pub struct Tuned {
    /// The model of the best candidate.
    pub best: Trained,
    /// The best candidate's index.
    pub best_candidate: usize,
    /// The validation metrics of the trained candidates.
    pub figures: Vec<f64>,
}

/// Trains every candidate and keeps the first with the best validation metric. Candidates should
/// have the same metric and K. The test part is not used.
///
/// `stop` ends the current candidate early; the best one so far is kept.
///
/// # Errors
/// [`TrainError::Config`] if there is no candidate or no validation data; otherwise the errors of training.
pub fn tune(
    dataset: &Dataset,
    candidates: &[Candidate],
    device: Device,
    stop: &StopSignal,
    observer: &mut dyn Observer,
) -> Result<Tuned, TrainError> {
    if dataset.split.validation.truth().is_empty() {
        return Err(TrainError::config(
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
            .ranking(None)
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
    let (best_candidate, best) =
        best.ok_or_else(|| TrainError::config("there is no candidate to try"))?;
    Ok(Tuned {
        best,
        best_candidate,
        figures,
    })
}
