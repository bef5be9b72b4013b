//! Pair files, the research benchmarks' format: one line per user, `user item item ...`.

use crate::error::shorten;
use crate::log::stream::StoredFile;
use crate::prepare::{names, sentences, truth};
use crate::split::HeldOut;
use crate::weigh::pairs::{NO_ROW, Rows};
use crate::{DataError, expand_paths, time};
use hashbrown::HashMap;
use lightgcn_core::{
    BehaviorWeights, BehaviorWeightsConfig, Catalogue, CoreError, Dataset, InputFile, Interactions,
    InteractionsBuilder, ItemId, Lineage, NodeId, Split, StageReport, UserId, Vocabulary, check_id,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use foreign::{Evidence, foreign};
use shape::Shape;

/// The name of the one behavior of pair files.
const BEHAVIOR: &str = "interaction";

/// What to do with pairs that are in both the validation and the training file, like all of
/// Gowalla's validation pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationInTrain {
    /// Remove them from training, and count them.
    #[default]
    Remove,
    /// Fail.
    Refuse,
}

/// A dataset in pair files: each line is a user and their items, separated by spaces or tabs. There
/// are no times and there is one behavior, of weight 1. Plain, gzip or zstd, recognized by content.
///
/// Ids are any text that [`check_id`] accepts. If all ids are whole numbers, rows follow their numeric order (so ids
/// `0..n` without gaps are their own rows), otherwise the order of first appearance. A user may have
/// several lines, or one without items; a pair repeated within a file counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairFiles {
    /// The training pairs.
    pub train: PathBuf,
    /// The pairs for validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// The pairs for the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// What to do with pairs in both the validation and the training file.
    #[serde(default)]
    pub validation_in_train: ValidationInTrain,
    /// Whether users and items without a training pair keep a row, and their pairs stay in
    /// validation and test, where a model that learns from pairs can only miss them. By default
    /// they are dropped and counted. Keep them to compare with published results, which count them
    /// as misses.
    #[serde(default)]
    pub keep_unseen: bool,
}

impl PairFiles {
    /// A training file only.
    pub fn new(train: impl Into<PathBuf>) -> Self {
        Self {
            train: train.into(),
            validation: None,
            test: None,
            validation_in_train: ValidationInTrain::default(),
            keep_unseen: false,
        }
    }

    /// Adds a validation file.
    #[must_use]
    pub fn with_validation(mut self, path: impl Into<PathBuf>) -> Self {
        self.validation = Some(path.into());
        self
    }

    /// Adds a test file.
    #[must_use]
    pub fn with_test(mut self, path: impl Into<PathBuf>) -> Self {
        self.test = Some(path.into());
        self
    }

    /// Reads the files and checks that their parts are disjoint.
    ///
    /// # Errors
    /// Those of opening and decompressing; [`DataError::PairNotUtf8`]; [`DataError::PairId`];
    /// [`DataError::NotPairs`] if a line is of another format, or nearly all are `user item rating time` or the like; [`DataError::NoPairs`] if
    /// a file has no pair; [`DataError::PairOverlap`] if a pair is in two parts, with file and
    /// line; [`DataError::NothingToTest`] if every test pair has an unseen user or item.
    pub fn read(&self) -> Result<Dataset, DataError> {
        let mut raw = RawIds::default();
        let mut inputs = Vec::new();
        let mut stages = Vec::new();
        let mut part = |name: &str, path: &Path| {
            let part = PairFile::read(path, &mut raw, &mut inputs)?;
            stages.push(part.report(name));
            Ok::<_, DataError>(part)
        };
        let mut train = part("read training", &self.train)?;
        let read = |path: &Option<PathBuf>| path.clone();
        let validation = read(&self.validation)
            .map(|path| part("read validation", &path))
            .transpose()?;
        let test = read(&self.test)
            .map(|path| part("read test", &path))
            .transpose()?;

        if let Some(test) = &test {
            test.refuse_overlap(&train, &raw)?;
            if let Some(validation) = &validation {
                test.refuse_overlap(validation, &raw)?;
            }
        }
        if let Some(validation) = &validation {
            match self.validation_in_train {
                ValidationInTrain::Refuse => validation.refuse_overlap(&train, &raw)?,
                ValidationInTrain::Remove => stages.push(train.remove(validation)),
            }
        }
        self.assemble(ReadParts {
            raw,
            train,
            validation,
            test,
            inputs,
            stages,
        })
    }

    fn assemble(&self, parts: ReadParts) -> Result<Dataset, DataError> {
        let ReadParts {
            raw,
            train,
            validation,
            test,
            inputs,
            stages,
        } = parts;
        let (users, user_ids) = ordered(&raw.users, self.keep_unseen, || {
            train.pairs.iter().map(|p| p.0).collect()
        })?;
        let (items, item_ids) = ordered(&raw.items, self.keep_unseen, || {
            train.pairs.iter().map(|p| p.1).collect()
        })?;
        if train.pairs.is_empty() {
            return Err(DataError::NothingToTrain {
                report: sentences(&stages),
            });
        }
        let mut builder = InteractionsBuilder::from_names(&[BEHAVIOR], &[BEHAVIOR])?;
        for &(user, item) in &train.pairs {
            let user = UserId(users.new_of[user as usize]);
            let item = ItemId(items.new_of[item as usize]);
            builder.push(user, item, 1.0, &[1], None)?;
        }
        let interactions = builder.build(users.len(), items.len())?;
        let has_test = test.is_some();
        let held_out = |file: Option<PairFile>| file.map(|file| file.pairs).unwrap_or_default();
        let dataset = Assembly {
            users,
            user_ids,
            items,
            item_ids,
            train: interactions,
            validation: held_out(validation),
            test: held_out(test),
            behaviors: BehaviorWeightsConfig::single(BEHAVIOR).check()?,
            inputs,
            options: self.options(),
            stages,
        }
        .dataset()?;
        if has_test && dataset.split.test.truth().is_empty() {
            let stages = &dataset.lineage.stages;
            return Err(DataError::NothingToTest {
                report: sentences(&stages[stages.len() - 1..]),
                advice: "use users and items that the training file has, or keep unseen ones",
            });
        }
        Ok(dataset)
    }

    fn options(&self) -> BTreeMap<String, String> {
        let validation_in_train = match self.validation_in_train {
            ValidationInTrain::Remove => "remove",
            ValidationInTrain::Refuse => "refuse",
        };
        [
            ("validation_in_train", validation_in_train.to_owned()),
            ("keep_unseen", self.keep_unseen.to_string()),
        ]
        .map(|(option, value)| (option.to_owned(), value))
        .into()
    }
}

/// Pairs whose user and item both have a row.
struct Assembly {
    users: Rows,
    user_ids: Vocabulary<UserId>,
    items: Rows,
    item_ids: Vocabulary<ItemId>,
    train: Interactions,
    /// Held-out pairs, as numbers before rows.
    validation: Vec<(u32, u32)>,
    test: Vec<(u32, u32)>,
    behaviors: BehaviorWeights,
    inputs: Vec<InputFile>,
    options: BTreeMap<String, String>,
    stages: Vec<StageReport>,
}

impl Assembly {
    /// The dataset. Held-out pairs whose user or item has no row are dropped and counted; the last stage is that of
    /// the test part.
    fn dataset(mut self) -> Result<Dataset, DataError> {
        let mut held_out = |part: &str, pairs: Vec<(u32, u32)>| {
            let mut report = StageReport::new(part, "pairs");
            report.rows_in = pairs.len() as u64;
            let held = HeldOut { pairs, report };
            truth(held, &self.users, &self.items, &mut self.stages)
        };
        let validation = held_out("validation", self.validation)?;
        let test = held_out("test", self.test)?;
        let lineage = Lineage {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: 0,
            inputs: self.inputs,
            options: self.options,
            stages: self.stages,
            figures: BTreeMap::new(),
        };
        let split = Split::new(self.train, validation, test).map_err(|error| match error {
            CoreError::Leak {
                user,
                item,
                first,
                second,
            } => {
                let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
                DataError::PairLeak {
                    user: name(self.user_ids.name(UserId(user))),
                    item: name(self.item_ids.name(ItemId(item))),
                    first,
                    second,
                }
            }
            error => error.into(),
        })?;
        Ok(Dataset::new(
            split,
            self.user_ids,
            self.item_ids,
            Catalogue::unknown(self.items.len()),
            self.behaviors,
            lineage,
        )?)
    }
}

/// The files as read, before rows are assigned.
struct ReadParts {
    raw: RawIds,
    train: PairFile,
    validation: Option<PairFile>,
    test: Option<PairFile>,
    inputs: Vec<InputFile>,
    stages: Vec<StageReport>,
}

/// All ids of all files, in order of first appearance.
#[derive(Default)]
struct RawIds {
    users: Vocabulary<UserId>,
    items: Vocabulary<ItemId>,
}

/// The pairs of one file.
struct PairFile {
    path: PathBuf,
    /// User and item in order of first appearance, each once.
    pairs: Vec<(u32, u32)>,
    /// The line of each pair.
    lines: Vec<u64>,
    /// The position of each pair.
    positions: HashMap<(u32, u32), u32>,
    n_repeated: u64,
}

impl PairFile {
    fn read(path: &Path, raw: &mut RawIds, inputs: &mut Vec<InputFile>) -> Result<Self, DataError> {
        if path.is_dir() {
            return Err(DataError::Folder {
                path: path.to_owned(),
            });
        }
        let path = expand_paths(&[path])?.swap_remove(0);
        let mut stored = StoredFile::open(&path)?;
        let mut file = Self {
            path,
            pairs: Vec::new(),
            lines: Vec::new(),
            positions: HashMap::new(),
            n_repeated: 0,
        };
        let mut shape = Shape::new(time::now());
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            match stored.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => file.read_line(number, &line, &mut shape, raw)?,
                Err(error) => return Err(stored.error(error)),
            }
        }
        inputs.push(stored.finish()?);
        if let Some(evidence) = shape.evidence() {
            return Err(file.not_pairs(evidence));
        }
        if file.pairs.is_empty() {
            return Err(DataError::NoPairs { path: file.path });
        }
        Ok(file)
    }

    fn read_line(
        &mut self,
        number: u64,
        line: &[u8],
        shape: &mut Shape,
        raw: &mut RawIds,
    ) -> Result<(), DataError> {
        let line = if number == 1 {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        let text = std::str::from_utf8(line).map_err(|_| DataError::PairNotUtf8 {
            path: self.path.clone(),
            line: number,
        })?;
        // A carriage return within a line would join two lines into one.
        let ids = text.trim_ascii().split([' ', '\t']);
        let mut ids = ids.filter(|id| !id.is_empty());
        let Some(user) = ids.next() else {
            return Ok(());
        };
        if let Some(evidence) = foreign(number, text) {
            return Err(self.not_pairs(evidence));
        }
        shape.add(number, text);
        let path = &self.path;
        let pair_id = |id: &str, issue| DataError::PairId {
            path: path.clone(),
            line: number,
            id: shorten(id).into(),
            issue,
        };
        check_id(user).map_err(|issue| pair_id(user, issue))?;
        let user = raw.users.insert(user)?;
        for item in ids {
            check_id(item).map_err(|issue| pair_id(item, issue))?;
            let pair = (user.0, raw.items.insert(item)?.0);
            let position = self.pairs.len() as u32;
            if *self.positions.entry(pair).or_insert(position) == position {
                self.pairs.push(pair);
                self.lines.push(number);
            } else {
                self.n_repeated += 1;
            }
        }
        Ok(())
    }

    fn not_pairs(&self, evidence: Evidence) -> DataError {
        let Evidence {
            line,
            looks,
            advice,
        } = evidence;
        DataError::NotPairs {
            path: self.path.clone(),
            line,
            looks,
            advice,
        }
    }

    fn report(&self, stage: &str) -> StageReport {
        let mut report = StageReport::new(stage, "pairs");
        report.kept = self.pairs.len() as u64;
        report.rows_in = report.kept + self.n_repeated;
        report.drop("repeated pair", self.n_repeated);
        report
    }

    fn refuse_overlap(&self, other: &Self, raw: &RawIds) -> Result<(), DataError> {
        let shared = |pair: &&(u32, u32)| other.positions.contains_key(*pair);
        let Some(&(user, item)) = self.pairs.iter().find(shared) else {
            return Ok(());
        };
        let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
        Err(DataError::PairOverlap {
            path: self.path.clone(),
            line: self.lines[self.positions[&(user, item)] as usize],
            user: name(raw.users.name(UserId(user))),
            item: name(raw.items.name(ItemId(item))),
            other: other.path.clone(),
        })
    }

    /// Removes the pairs of `other`. Lines and positions still refer to the file.
    fn remove(&mut self, other: &Self) -> StageReport {
        let mut report = StageReport::new("training without validation", "pairs");
        report.rows_in = self.pairs.len() as u64;
        self.pairs
            .retain(|pair| !other.positions.contains_key(pair));
        report.kept = self.pairs.len() as u64;
        report.drop("held out for validation", report.rows_in - report.kept);
        report
    }
}

/// Rows for the ids: all of them, or those in `used`.
fn ordered<I: NodeId>(
    raw: &Vocabulary<I>,
    all: bool,
    used: impl Fn() -> Vec<u32>,
) -> Result<(Rows, Vocabulary<I>), DataError> {
    let mut old_of: Vec<u32> = if all {
        (0..raw.len() as u32).collect()
    } else {
        let mut used = used();
        used.sort_unstable();
        used.dedup();
        used
    };
    let number = |old: u32| raw.name(I::from_row(old)).and_then(whole_number);
    if old_of.iter().all(|&old| number(old).is_some()) {
        // `7` and `07` are different ids with the same number: break the tie by order of appearance.
        old_of.sort_by_key(|&old| (number(old), old));
    }
    let mut new_of = vec![NO_ROW; raw.len()];
    for (new, &old) in old_of.iter().enumerate() {
        new_of[old as usize] = new as u32;
    }
    let rows = Rows { new_of, old_of };
    let ids = names(raw, &rows)?;
    Ok((rows, ids))
}

/// The value of an all-digit id.
fn whole_number(id: &str) -> Option<u64> {
    id.bytes()
        .all(|c| c.is_ascii_digit())
        .then(|| id.parse().ok())
        .flatten()
}

mod foreign;
mod shape;
pub(crate) mod table;
#[cfg(test)]
mod tests;
