//! From log files to a dataset in one call.

use crate::log::catalogue;
use crate::log::reader::read_events_with_progress;
use crate::split::{HeldOut, split};
use crate::weigh::pairs::{NO_ROW, Pairs, Rows, SECONDS_PER_DAY, Weighing, check_behaviors};
use crate::{
    DataError, Duplicates, EventLog, FutureRows, KCoreConfig, LogFormat, Progress, ReadConfig,
    SplitConfig, add_knowledge, k_core, time,
};
use lightgcn_core::{
    BehaviorId, BehaviorWeights, BehaviorWeightsConfig, CoreError, Dataset, InputFile, ItemId,
    Lineage, Split, StageReport, Truth, UserId, Vocabulary, reference_time,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// How to turn a log into a dataset. By default: the shop log's columns, the reference system's weights,
/// exact duplicates dropped, every user and item kept, and a split by time with a tenth of the
/// purchases for validation and a tenth for test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepareConfig {
    /// The seed of the random split.
    pub seed: u64,
    /// What to do with exact duplicates.
    pub duplicates: Duplicates,
    /// Whether to count and drop invalid rows instead of stopping at the first one.
    pub skip_bad_rows: bool,
    /// What to do with rows whose time is more than a day from now.
    pub future_rows: FutureRows,
    /// Catalogue files, folders, patterns or URLs, see [`ReadConfig::catalogue`].
    pub catalogue: Vec<String>,
    /// Files of triples about the items, see [`add_knowledge`].
    pub knowledge: Vec<String>,
    /// The names of columns and behaviors.
    pub format: LogFormat,
    /// The behaviors and their weights.
    pub weights: BehaviorWeightsConfig,
    /// How much of the past to train on, in days before the last training event (counted as the ages of decay are,
    /// see [`lightgcn_core::reference_time`]); `None` means all. Default: all.
    pub history_days: Option<f64>,
    /// The minimum number of training pairs per user and per item.
    pub k_core: KCoreConfig,
    /// How to split the log.
    pub split: SplitConfig,
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            duplicates: Duplicates::default(),
            skip_bad_rows: false,
            future_rows: FutureRows::default(),
            catalogue: Vec::new(),
            knowledge: Vec::new(),
            format: LogFormat::default(),
            weights: BehaviorWeightsConfig::shop_log(),
            history_days: None,
            k_core: KCoreConfig::default(),
            split: SplitConfig::default(),
        }
    }
}

/// A checked [`PrepareConfig`].
#[derive(Debug, Clone, PartialEq)]
pub struct ValidPrepareConfig {
    config: PrepareConfig,
    behaviors: BehaviorWeights,
}

impl PrepareConfig {
    /// Checks all options.
    ///
    /// # Errors
    /// [`DataError::Config`] with every issue found.
    pub fn check(&self) -> Result<ValidPrepareConfig, DataError> {
        let mut issues = self.split.issues();
        if let Some(days) = self.history_days
            && !(days > 0.0 && days.is_finite())
        {
            issues.push(format!(
                "history_days is {days}; use a number above 0, or leave it out to train on everything"
            ));
        }
        let behaviors = match self.weights.clone().check() {
            Ok(behaviors) => {
                issues.extend(self.format.issues(&behaviors));
                Some(behaviors)
            }
            Err(CoreError::BehaviorWeights { issues: found }) => {
                issues.extend(found);
                None
            }
            Err(other) => return Err(other.into()),
        };
        match behaviors {
            Some(behaviors) if issues.is_empty() => Ok(ValidPrepareConfig {
                config: self.clone(),
                behaviors,
            }),
            _ => Err(DataError::Config { issues }),
        }
    }

    /// The options for reading.
    #[must_use]
    pub fn read_config(&self) -> ReadConfig {
        ReadConfig {
            format: self.format.clone(),
            duplicates: self.duplicates,
            skip_bad_rows: self.skip_bad_rows,
            future_rows: self.future_rows,
            now: None,
            catalogue: self.catalogue.clone(),
        }
    }
}

impl ValidPrepareConfig {
    /// The options as given.
    #[must_use]
    pub fn config(&self) -> &PrepareConfig {
        &self.config
    }

    /// The checked table of behaviors.
    #[must_use]
    pub fn behaviors(&self) -> &BehaviorWeights {
        &self.behaviors
    }

    /// The same options without held-out parts.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self {
            config: PrepareConfig {
                split: SplitConfig::None,
                ..self.config.clone()
            },
            behaviors: self.behaviors.clone(),
        }
    }

    /// The lineage of a dataset with these options, the times that its split `found`, its inputs and its stages.
    #[must_use]
    pub fn lineage(
        &self,
        found: Vec<(&'static str, String)>,
        inputs: Vec<InputFile>,
        stages: Vec<StageReport>,
    ) -> Lineage {
        let found = found.into_iter();
        let mut options = self.options();
        options.extend(found.map(|(name, text)| (name.to_owned(), text)));
        Lineage {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.config.seed,
            inputs,
            options,
            stages,
            figures: BTreeMap::new(),
        }
    }

    /// Every option as text, by name.
    #[must_use]
    pub fn options(&self) -> BTreeMap<String, String> {
        let config = &self.config;
        let duplicates = match config.duplicates {
            Duplicates::Drop => "drop",
            Duplicates::Keep => "keep",
        };
        let core = &config.k_core;
        let mut options: BTreeMap<String, String> = [
            ("duplicates", duplicates.to_owned()),
            ("skip_bad_rows", config.skip_bad_rows.to_string()),
            ("future_rows", config.future_rows.name().to_owned()),
            ("k_core.min_user_pairs", core.min_user_pairs.to_string()),
            ("k_core.min_item_pairs", core.min_item_pairs.to_string()),
        ]
        .map(|(option, value)| (option.to_owned(), value))
        .into();
        let weights = &config.weights;
        for behavior in &weights.behaviors {
            let name = format!("weights.{}", behavior.name);
            if let Some(cap) = behavior.cap {
                options.insert(format!("{name}.cap"), cap.to_string());
            }
            if behavior.target {
                options.insert(format!("{name}.target"), "true".to_owned());
            }
            options.insert(name, behavior.weight.to_string());
        }
        let ceiling = weights.ceiling;
        for (option, value) in [
            ("ceiling.above", ceiling.map(|c| c.above)),
            ("ceiling.with_target", ceiling.map(|c| c.with_target)),
            ("ceiling.without_target", ceiling.map(|c| c.without_target)),
            ("floor", weights.floor),
            ("half_life_days", weights.half_life_days),
        ] {
            if let Some(value) = value {
                options.insert(format!("weights.{option}"), value.to_string());
            }
        }
        if let Some(days) = config.history_days {
            options.insert("history_days".to_owned(), days.to_string());
        }
        config.format.describe(&mut options);
        config.split.describe(&mut options);
        options
    }
}

/// Turns event logs into a dataset: reads the files, splits the events, and filters and weights the
/// training pairs. `paths` are files, folders, patterns or URLs (see
/// [`expand_paths`](crate::expand_paths)).
///
/// ```no_run
/// use lightgcn_data::{PrepareConfig, prepare};
///
/// let dataset = prepare(&["2019-*.csv"], &PrepareConfig::default())?;
/// # Ok::<(), lightgcn_data::DataError>(())
/// ```
///
/// # Errors
/// [`DataError::Config`] with every problem of the options; those of [`read_events`](crate::read_events)
/// and of [`prepare_log`].
pub fn prepare<P: AsRef<Path>>(paths: &[P], config: &PrepareConfig) -> Result<Dataset, DataError> {
    prepare_with_progress(paths, config, |_| {})
}

/// Like [`prepare`], but calls `progress` periodically while reading.
///
/// # Errors
/// Those of [`prepare`].
pub fn prepare_with_progress<P: AsRef<Path>>(
    paths: &[P],
    config: &PrepareConfig,
    mut progress: impl FnMut(Progress),
) -> Result<Dataset, DataError> {
    let config = config.check()?;
    let read = config.config().read_config();
    let log = read_events_with_progress(paths, &read, config.behaviors(), &mut progress)?;
    for warning in log.warnings() {
        tracing::warn!("{warning}");
    }
    prepare_log(&log, &config)
}

/// The second half of [`prepare`], for a log already in memory. It must have been read with the same
/// table of behaviors.
///
/// Stages, in order: split, drop training events before the history, group the training events, take the k-core of the training pairs, assign
/// dense rows to the remaining users and items (in the order of the log's vocabularies), truth, weights. Ages for time
/// decay count from the last training event before the k-core; see [`lightgcn_core::reference_time`].
///
/// # Errors
/// [`DataError::NoTargets`] if the log has no target, [`DataError::NothingToTrain`] and
/// [`DataError::NothingToTest`] if a part has none,
/// those of [`add_knowledge`] for files of triples, [`DataError::SplitTime`] if the split's times do not fit the log,
/// [`DataError::NothingAfter`] if it has no target after the start of validation, [`DataError::PairOverlap`] if a given
/// target is in both validation and test, the errors of [`read_events`](crate::read_events) for files with
/// given targets, [`CoreError::PairWeight`] with
/// the shop's own ids if a weight is not positive and finite, [`DataError::Config`] if the log has
/// behaviors without a weight.
pub fn prepare_log(log: &EventLog, config: &ValidPrepareConfig) -> Result<Dataset, DataError> {
    let behaviors = config.behaviors();
    let options = config.config();
    check_behaviors(log, behaviors)?;
    check_targets(log, behaviors)?;
    let read = options.read_config();
    let mut parts = split(log, &options.split, behaviors, &read, options.seed)?;
    let mut stages = log.stages().to_vec();
    stages.push(parts.report.clone());
    if let Some(days) = options.history_days {
        stages.push(forget_older(log, &mut parts.trains, days));
    }
    let pairs = Pairs::group(log, |event| parts.trains[event]);
    let keep = thin(log, &pairs, &options.k_core, &mut stages);

    let kept = || pairs.ids().iter().zip(&keep).filter(|pair| *pair.1);
    let users = Rows::dense(log.user_ids().len(), kept().map(|pair| pair.0.0));
    let items = Rows::dense(log.item_ids().len(), kept().map(|pair| pair.0.1));
    let weighing = Weighing {
        log,
        behaviors,
        now: pairs.reference_time(log),
        users: &users.new_of,
        items: &items.new_of,
    };
    let train = weighing.interactions(&pairs, |pair| keep[pair], users.len(), items.len())?;
    if train.n_targets() == 0 {
        return Err(DataError::NothingToTrain {
            report: sentences(&stages),
        });
    }

    let found = std::mem::take(&mut parts.found);
    let inputs = [log.inputs(), &parts.inputs].concat();
    let validation = truth(parts.validation, &users, &items, &mut stages)?;
    let test = truth(parts.test, &users, &items, &mut stages)?;
    if test.is_empty() && options.split.has_test() {
        return Err(DataError::NothingToTest {
            report: sentences(&stages[stages.len() - 1..]),
            advice: options.split.advice(),
        });
    }
    for stage in &stages[log.stages().len()..] {
        tracing::info!("{stage}");
    }
    let dataset = Dataset::new(
        Split::new(train, validation, test)?,
        names(log.user_ids(), &users)?,
        names(log.item_ids(), &items)?,
        catalogue::select(log.catalogue(), &items.old_of)?,
        behaviors.clone(),
        config.lineage(found, inputs, stages),
    )?;
    let is_known = |id: &str| log.item_ids().get(id).is_some();
    add_knowledge(dataset, &options.knowledge, is_known)
}

fn check_targets(log: &EventLog, behaviors: &BehaviorWeights) -> Result<(), DataError> {
    let mut events = log.behaviors().iter();
    if events.any(|&behavior| behaviors.is_target(BehaviorId(behavior))) {
        return Ok(());
    }
    let targets = behaviors.behaviors().iter().filter(|b| b.target);
    Err(DataError::NoTargets {
        targets: targets.map(|b| b.name.clone()).collect(),
    })
}

/// Takes events out of training that are more than `days` older than the time that ages count from.
fn forget_older(log: &EventLog, trains: &mut [bool], days: f64) -> StageReport {
    let training = || log.times().iter().zip(&*trains).filter(|event| *event.1);
    let now = reference_time(training().map(|event| *event.0)).unwrap_or(0);
    let from = now.saturating_sub((days * SECONDS_PER_DAY) as i64);
    let mut report = StageReport::new("history", "events");
    report.rows_in = training().count() as u64;
    report.kept = training().filter(|event| *event.0 >= from).count() as u64;
    report.drop(
        &format!("before {}", time::display(from)),
        report.rows_in - report.kept,
    );
    for (trains, time) in trains.iter_mut().zip(log.times()) {
        *trains &= *time >= from;
    }
    report
}

/// Which pairs the k-core keeps.
fn thin(
    log: &EventLog,
    pairs: &Pairs,
    config: &KCoreConfig,
    stages: &mut Vec<StageReport>,
) -> Vec<bool> {
    if config.is_trivial() {
        return vec![true; pairs.len()];
    }
    let ids = pairs.ids().iter();
    let ids: Vec<(UserId, ItemId)> = ids.map(|&(u, i)| (UserId(u), ItemId(i))).collect();
    let core = k_core(log.user_ids().len(), log.item_ids().len(), &ids, config);
    stages.extend(core.stages);
    core.keep
}

/// The truth of a held-out part: its pairs whose user and item are in training.
pub(crate) fn truth(
    held: HeldOut,
    users: &Rows,
    items: &Rows,
    stages: &mut Vec<StageReport>,
) -> Result<Truth, DataError> {
    let HeldOut { pairs, mut report } = held;
    let mut known = Vec::with_capacity(pairs.len());
    for (user, item) in pairs {
        let (user, item) = (users.new_of[user as usize], items.new_of[item as usize]);
        if user == NO_ROW {
            report.drop("user unseen in training", 1);
        } else if item == NO_ROW {
            report.drop("item unseen in training", 1);
        } else {
            known.push((UserId(user), ItemId(item)));
        }
    }
    let n_known = known.len();
    let truth = Truth::from_pairs(users.len(), items.len(), known)?;
    report.kept = truth.n_pairs() as u64;
    report.drop("repeated pair", (n_known - truth.n_pairs()) as u64);
    stages.push(report);
    Ok(truth)
}

pub(crate) fn names<I: lightgcn_core::NodeId>(
    ids: &Vocabulary<I>,
    rows: &Rows,
) -> Result<Vocabulary<I>, DataError> {
    let kept = rows
        .old_of
        .iter()
        .filter_map(|&old| ids.name(I::from_row(old)));
    Ok(Vocabulary::from_names(kept)?)
}

pub(crate) fn sentences(stages: &[StageReport]) -> String {
    let stages: Vec<String> = stages.iter().map(StageReport::to_string).collect();
    stages.join("; ")
}

#[cfg(test)]
mod tests;
