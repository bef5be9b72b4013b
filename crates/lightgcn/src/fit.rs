//! Turns a log into a model and compares it with simpler methods, in one call.

mod trials;

use crate::Error;
use crate::baselines::Baselines;
use crate::spare::Spare;
use lightgcn_core::Dataset;
use lightgcn_data::{DataError, PrepareConfig, SplitConfig, prepare_log, read_log};
use lightgcn_linear::{Filter, FilterConfigs};
use lightgcn_metrics::Metric;
use lightgcn_nn::AnyModelConfig;
use lightgcn_recommend::{
    Comparison, Evaluation, EvaluationOptions, RankingConfig, RankingReport, compare,
};
use lightgcn_store::Artifact;
use lightgcn_train::{
    Chosen, Device, EndReason, Observer, StopSignal, TrainConfig, TrainError, Trained, Trainer,
    WarmStart,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The cutoff of the verdict.
const K: usize = 20;
/// The filters to compare with.
pub(crate) const FILTERS: [Filter; 2] = [Filter::ItemKnn, Filter::Ease];
/// The share of the time for training before the refit, which takes just as long.
const TRAINING: f64 = 0.4;
/// The same for logs whose refit continues from the chosen model.
const TRAINING_OF_LARGE: f64 = 0.55;
/// From this many training pairs on, the refit continues from the chosen model instead of starting from scratch.
const CONTINUED_PAIRS: usize = 5_000_000;
/// It then takes the number of epochs divided by this.
const CONTINUED_EPOCHS: u32 = 3;
/// Differences with a larger p-value are not called better or worse.
const SIGNIFICANCE: f64 = 0.05;

/// Turns a log into a model: prepares and splits it, trains, learns a ranking, compares the ranking
/// with rules and filters on test data, and refits everything on the whole log.
///
/// The defaults work for any log. The same seed gives the same artifact bytes on the CPU.
///
/// ```no_run
/// use lightgcn::prelude::*;
///
/// let fitted = Fit::new(&["events.csv"]).run()?;
/// println!("{fitted}");
/// let recommender = Recommender::from_artifact(fitted.artifact)?;
/// # Ok::<(), lightgcn::Error>(())
/// ```
#[must_use = "nothing happens until `run`"]
pub struct Fit<'a> {
    logs: Vec<PathBuf>,
    prepare: PrepareConfig,
    target: Option<String>,
    model: AnyModelConfig,
    train: TrainConfig,
    ranking: RankingConfig,
    filters: FilterConfigs,
    device: Device,
    observer: Option<&'a mut dyn Observer>,
    time: Option<Duration>,
    memory: Option<u64>,
    folder: Option<PathBuf>,
    stop: StopSignal,
    refit: bool,
}

impl<'a> Fit<'a> {
    /// Fits these logs: files or patterns.
    pub fn new<P: AsRef<Path>>(logs: &[P]) -> Self {
        Self {
            logs: logs.iter().map(|path| path.as_ref().to_owned()).collect(),
            prepare: PrepareConfig::default(),
            target: None,
            model: AnyModelConfig::default(),
            train: TrainConfig::default(),
            ranking: RankingConfig::default(),
            filters: FilterConfigs::default(),
            device: Device::default(),
            observer: None,
            time: None,
            memory: None,
            folder: None,
            stop: StopSignal::new(),
            refit: true,
        }
    }

    /// Prepares the log like this. Default: the shop log's columns, split by time. A log whose
    /// behaviors do not match the default table gets its own table (see [`read_log`]).
    pub fn prepare(mut self, config: PrepareConfig) -> Self {
        self.prepare = config;
        self
    }

    /// Recommends for this behavior. Default: the target in the table of behaviors, or the one that
    /// means a purchase.
    pub fn target(mut self, behavior: impl Into<String>) -> Self {
        self.target = Some(behavior.into());
        self
    }

    /// Trains this model. Default: LightGCN.
    pub fn model(mut self, model: impl Into<AnyModelConfig>) -> Self {
        self.model = model.into();
        self
    }

    /// Sets the training configuration.
    pub fn train(mut self, config: TrainConfig) -> Self {
        self.train = config;
        self
    }

    /// Sets the configuration of the ranking.
    pub fn ranking(mut self, config: RankingConfig) -> Self {
        self.ranking = config;
        self
    }

    /// Sets the configuration of the filters to compare with.
    pub fn filters(mut self, configs: FilterConfigs) -> Self {
        self.filters = configs;
        self
    }

    /// Trains on this device. Default: the best that works.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the observer of training.
    pub fn observer(mut self, observer: &'a mut dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Takes about this long in total: training ends early enough to refit on the whole log. The
    /// number of epochs depends on the machine. Default: no limit.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Refuses to train on the CPU if that would take more than this many bytes of memory: see
    /// [`Trainer::memory`]. Default: no limit.
    pub fn memory(mut self, limit: u64) -> Self {
        self.memory = Some(limit);
        self
    }

    /// Keeps the record of training (`run.jsonl`, which the service's page draws) and its checkpoint in this folder: see
    /// [`Trainer::folder`]. Default: none, which writes neither.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the signal that ends the work early, with the best model so far: during training, a
    /// model without a ranking; later, one fitted on the training part only.
    pub fn stop(mut self, stop: StopSignal) -> Self {
        self.stop = stop;
        self
    }

    /// Whether to refit everything on the whole log at the end, with the chosen settings. Otherwise
    /// the artifact is fitted on the training part only. Default: true.
    pub fn refit(mut self, refit: bool) -> Self {
        self.refit = refit;
        self
    }

    /// Runs all steps.
    ///
    /// # Errors
    /// Those of [`prepare`](crate::data::prepare), [`Trainer::run`], [`RankingConfig::fit`] and
    /// [`evaluate_test`](lightgcn_recommend::evaluate_test); [`Error::Interrupted`] if it was stopped before there was a model.
    pub fn run(mut self) -> Result<Fitted, Error> {
        let start = Instant::now();
        let (dataset, whole) = self.prepared()?;
        let stop = match self.time {
            Some(time) => {
                let left = time.saturating_sub(start.elapsed());
                self.stop.within(left.mul_f64(match is_large(&dataset) {
                    true => TRAINING_OF_LARGE,
                    false => TRAINING,
                }))
            }
            None => self.stop.clone(),
        };
        self.train = self.chosen(&dataset, &stop)?;
        let folder = self.folder.take();
        let mut trainer = self.trainer(&dataset).stop(stop);
        if let Some(folder) = folder {
            trainer = trainer.folder(folder);
        }
        let mut trained = trainer.run()?;
        let interrupted = trained.reason == EndReason::Interrupted;
        if interrupted && trained.best_epoch == 0 {
            return Err(Error::Interrupted);
        }
        if !interrupted {
            trained.learn_ranking(&*self.train.weights.apply(&dataset)?, &self.ranking)?;
        }
        let baselines = Baselines {
            filters: if interrupted { &[] } else { &FILTERS },
            configs: &self.filters,
            ease_items: self.ranking.ease_items,
            options: self.evaluation(),
        };
        let answers = trained.evaluate_on_test(&dataset, &baselines.options)?;
        let evaluations = baselines.evaluate(&dataset, &trained, answers)?;
        let comparison = Comparison::new(&evaluations, Metric::Recall, K, self.prepare.seed)?;
        let verdict = Verdict::new(&evaluations, self.prepare.seed)?;
        let ranking = trained.ranking()?.map(|ranking| ranking.report);
        drop((dataset, evaluations));
        let (artifact, knows_whole_log) = match whole {
            Some(whole) if !interrupted => self.refitted(whole, trained)?,
            _ => (trained.artifact, false),
        };
        Ok(Fitted {
            artifact,
            knows_whole_log,
            comparison,
            verdict,
            ranking,
        })
    }

    /// Reads the logs and makes their dataset, and that of the whole log if it is needed.
    fn prepared(&mut self) -> Result<(Dataset, Option<Spare<Dataset>>), Error> {
        if self.prepare.split == SplitConfig::None {
            let issue = "split.kind is none, but `fit` compares on a test part; choose by-time, \
                leave-last-out or random (everything is refitted on the whole log at the end)";
            return Err(DataError::Config {
                issues: vec![issue.to_owned()],
            }
            .into());
        }
        let log = read_log(&self.logs, &mut self.prepare, self.target.as_deref())?;
        for warning in log.warnings() {
            tracing::warn!("{warning}");
        }
        let prepare = self.prepare.check()?;
        let whole = match self.refit {
            true => Some(Spare::new(prepare_log(&log, &prepare.whole())?)),
            false => None,
        };
        let dataset = prepare_log(&log, &prepare)?;
        for stage in &dataset.lineage.stages {
            tracing::info!("{stage}");
        }
        Ok((dataset, whole))
    }

    fn trainer<'b>(&'b mut self, dataset: &'b Dataset) -> Trainer<'b> {
        let mut trainer = Trainer::new(dataset)
            .model(self.model.clone())
            .config(self.train.clone())
            .device(self.device)
            .memory(self.memory)
            .ranking(None);
        if let Some(observer) = self.observer.as_deref_mut() {
            trainer = trainer.observer(observer);
        }
        trainer
    }

    fn evaluation(&self) -> EvaluationOptions {
        EvaluationOptions {
            ks: vec![10, K],
            seed: self.prepare.seed,
            ..EvaluationOptions::default()
        }
    }

    /// The model and the ranking's members fitted to the whole log or, if that was interrupted, to
    /// the training part; and whether they know the whole log.
    fn refitted(
        &mut self,
        whole: Spare<Dataset>,
        trained: Trained,
    ) -> Result<(Artifact, bool), Error> {
        let chosen = trained.chosen()?;
        let spare = Spare::new(trained.artifact);
        let dataset = whole.take()?;
        let refitted = match is_large(&dataset) {
            true => self.continued(&dataset, &chosen, spare.copy()?)?,
            false => None,
        };
        let stop = self.stop.clone();
        let refitted = match refitted {
            Some(refitted) => refitted,
            None => self.trainer(&dataset).stop(stop).refit(&chosen).run()?,
        };
        Ok(match refitted.reason.is_early() {
            true => (spare.take()?, false),
            false => (refitted.artifact, true),
        })
    }

    /// Continues training the chosen model on the whole log; `None` if it has parameters other than its embeddings.
    fn continued(
        &mut self,
        dataset: &Dataset,
        chosen: &Chosen,
        model: Artifact,
    ) -> Result<Option<Trained>, Error> {
        let epochs = chosen.epochs().div_ceil(CONTINUED_EPOCHS);
        let chosen = chosen.clone().with_epochs(epochs);
        let stop = self.stop.clone();
        let trainer = self.trainer(dataset).stop(stop).refit(&chosen);
        match trainer.warm_start(WarmStart::new(Arc::new(model))).run() {
            Ok(trained) => Ok(Some(trained)),
            // An artifact does not keep the other parameters.
            Err(TrainError::WarmStart { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the refit continues from the chosen model.
fn is_large(dataset: &Dataset) -> bool {
    dataset.split.train.interactions().n_pairs() >= CONTINUED_PAIRS
}

/// The result of [`Fit`].
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model with its ranking, ready to be saved and to answer.
    pub artifact: Artifact,
    /// Whether it was fitted on the whole log; otherwise on the training part only.
    pub knows_whole_log: bool,
    /// The ranking compared with the trained model, rules, filters and popularity, on test data.
    pub comparison: Comparison,
    /// Whether the ranking beats the best simpler method.
    pub verdict: Verdict,
    /// The report of the learned ranking, from the training part; `None` if there was nothing to
    /// learn from.
    pub ranking: Option<RankingReport>,
}

impl fmt::Display for Fitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ranking) = &self.ranking {
            writeln!(f, "{ranking}")?;
        }
        write!(f, "{}\n\n{}", self.comparison, self.verdict)
    }
}

/// How the ranking compares with the best rule, filter or popularity list on the test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Recall@20 of the ranking.
    pub recall: f64,
    /// The best of the others by Recall@20, excluding the model that the ranking may use.
    pub best_other: String,
    /// Its Recall@20.
    pub other_recall: f64,
    /// The p-value of the difference: a paired, two-sided sign-flip test over users.
    pub p_value: f64,
}

impl Verdict {
    /// The first evaluation against the best of those from the third on.
    fn new(evaluations: &[Evaluation], seed: u64) -> Result<Self, Error> {
        let recall = |evaluation: &Evaluation| evaluation.mean(Metric::Recall, K);
        let first = &evaluations[0];
        let has_ranking = evaluations.len() > 1 && first.ranker() == "learned ranking";
        let mut best = (f64::NEG_INFINITY, first);
        for other in &evaluations[1 + usize::from(has_ranking)..] {
            let figure = recall(other)?;
            if figure > best.0 {
                best = (figure, other);
            }
        }
        let test = compare(first, best.1, Metric::Recall, K, seed)?;
        Ok(Self {
            recall: recall(first)?,
            best_other: best.1.ranker().to_owned(),
            other_recall: best.0,
            p_value: test.p_value,
        })
    }
}

impl Verdict {
    /// How much higher the ranking's recall is than that of the best other, as a share of the latter; `None` if the
    /// difference is not significant.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        let change = self.recall / self.other_recall - 1.0;
        (self.p_value <= SIGNIFICANCE && change.is_finite()).then_some(change)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recall@{K} {:.4}: ", self.recall)?;
        let (other, p) = (&self.best_other, self.p_value);
        let Some(change) = self.change() else {
            return write!(
                f,
                "not significantly different from the best of the others, \"{other}\" with {:.4} (p = {p:.4})",
                self.other_recall
            );
        };
        let (by, direction) = (
            100.0 * change.abs(),
            if change > 0.0 { "better" } else { "worse" },
        );
        write!(
            f,
            "{by:.0} % {direction} than the best of the others, \"{other}\" with {:.4} (p = {p:.4})",
            self.other_recall
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_nn::NgcfConfig;

    #[test]
    fn large_logs_are_refitted_from_the_chosen_model() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.csv");
        let mut rows = "event_time,event_type,product_id,user_id\n".to_owned();
        for n in 0..400u32 {
            let (user, round) = (n % 20, n / 20);
            let item = (user * 7 + round * 11) % 60;
            rows += &format!("{},purchase,{item},{user}\n", 1_600_000_000 + n * 600);
        }
        std::fs::write(&log, rows).unwrap();
        let paths = [&log];
        let prepare = PrepareConfig::default();
        let dataset = crate::data::prepare(&paths, &prepare).unwrap();
        let whole = PrepareConfig {
            split: SplitConfig::None,
            ..prepare
        };
        let whole = crate::data::prepare(&paths, &whole).unwrap();
        let train = TrainConfig {
            epochs: 5,
            ..TrainConfig::default()
        };
        let trained = |fit: &mut Fit<'_>| fit.trainer(&dataset).run().unwrap();

        let mut fit = Fit::new(&paths).train(train.clone()).device(Device::Cpu);
        let chosen = trained(&mut fit);
        let what = chosen.chosen().unwrap();
        let refitted = fit.continued(&whole, &what, chosen.artifact.clone());
        let refitted = refitted.unwrap().unwrap();
        assert_eq!(refitted.best_epoch, chosen.best_epoch.div_ceil(3));
        let options = &refitted.artifact.lineage.options;
        let identity = chosen.artifact.identity().unwrap();
        assert_eq!(options["warm_start.previous"], identity);
        assert_eq!(options["refit"], "true");
        assert_eq!(
            refitted.artifact.train.n_pairs(),
            whole.split.train.interactions().n_pairs()
        );

        // NGCF has weights that its artifact does not keep.
        let mut fit = fit.model(NgcfConfig::default());
        let chosen = trained(&mut fit);
        let what = chosen.chosen().unwrap();
        let refitted = fit.continued(&whole, &what, chosen.artifact).unwrap();
        assert!(refitted.is_none());
    }

    #[test]
    fn verdicts_are_better_worse_or_neither() {
        let verdict = |recall, p_value| Verdict {
            recall,
            best_other: "popularity".to_owned(),
            other_recall: 0.2,
            p_value,
        };
        let change = |recall, p| verdict(recall, p).change();
        assert!((change(0.25, 0.001).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(change(0.1, 0.001), Some(-0.5));
        assert_eq!(change(0.25, 0.2), None);
        // No other ranker finds anything.
        let alone = Verdict {
            other_recall: 0.0,
            ..verdict(0.25, 0.001)
        };
        assert_eq!(alone.change(), None);
    }
}
