//! Tables of pairs: one row per user and item, with their events already counted.

use super::{Assembly, BEHAVIOR, ordered};
use crate::error::shorten;
use crate::log::field_time::read_time;
use crate::log::hint;
use crate::log::inputs::expand;
use crate::log::table::Table;
use crate::log::wanted::Wanted;
use crate::prepare::sentences;
use crate::time::{self, TimeUnit};
use crate::{DataError, FutureRows, LogFormat, Place, RowIssue};
use lightgcn_core::{
    BehaviorId, BehaviorWeights, BehaviorWeightsConfig, CoreError, Dataset, InputFile,
    InteractionsBuilder, ItemId, StageReport, UserId, Vocabulary, reference_time,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The prefix of the count column of a behavior.
pub(crate) const COUNT: &str = "n_";

/// The time column.
const LAST_TIME: &str = "last_time";

const SECONDS_PER_DAY: f64 = 86_400.0;

/// A table of pairs that another program has counted, as CSV or Parquet: what `export::write_pairs` writes, or any
/// table with these columns, of which the first two are required:
///
/// - `user_id` and `item_id`, each pair once;
/// - `part`: `train` (the default), `validation` or `test`;
/// - `n_BEHAVIOR`, the number of events of a behavior, for any of the behaviors; an empty count is 0;
/// - `weight`, positive and finite; if it is empty, it follows from the counts, all as old as the last event;
/// - `last_time`: the time of the pair's last event, for all training pairs or for none; see
///   [`PairTable::future_rows`].
///
/// Without any count column, the table has one behavior, `interaction`, of weight 1. For validation
/// and test pairs, only the ids matter. Rows are assigned as in [`PairFiles`](crate::PairFiles).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairTable {
    /// The table's files, folders, patterns or URLs; see [`expand_paths`](crate::expand_paths).
    pub paths: Vec<PathBuf>,
    /// Whether users and items without a training pair keep a row; see
    /// [`PairFiles::keep_unseen`](crate::PairFiles::keep_unseen).
    #[serde(default)]
    pub keep_unseen: bool,
    /// What to do with rows whose `last_time` is more than a day from now.
    #[serde(default)]
    pub future_rows: FutureRows,
}

impl PairTable {
    /// A table in one file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            paths: vec![path.into()],
            keep_unseen: false,
            future_rows: FutureRows::default(),
        }
    }

    /// Reads the table. `behaviors` are the ones that its count columns may name.
    ///
    /// # Errors
    /// Those of [`expand_paths`](crate::expand_paths) and of opening a file;
    /// [`DataError::PairColumn`] if there is no column of users or items, or a name such as `purchase` for
    /// `n_purchase`;
    /// [`DataError::CountColumn`] for a count column of any other behavior; [`DataError::Row`] for
    /// an invalid row; [`DataError::NothingToTrain`] without training pairs;
    /// [`CoreError::PairWeight`] if a weight that follows from counts is not positive and finite;
    /// [`DataError::PairLeak`] if a held-out pair has a target event in training.
    pub fn read(&self, behaviors: &BehaviorWeights) -> Result<Dataset, DataError> {
        let mut reading = Reading {
            now: time::now(),
            future_rows: self.future_rows,
            ..Reading::default()
        };
        for file in expand(&self.paths)? {
            reading.read(&file.path, behaviors)?;
        }
        reading.check_times()?;
        let single = BehaviorWeightsConfig::single(BEHAVIOR);
        let behaviors = match reading.has_counts {
            true => behaviors.clone(),
            false => single.check()?,
        };
        self.assemble(reading, behaviors)
    }

    fn assemble(
        &self,
        mut reading: Reading,
        behaviors: BehaviorWeights,
    ) -> Result<Dataset, DataError> {
        let [train, validation, test] = std::mem::take(&mut reading.parts);
        let mut report = StageReport::new("read", "pairs");
        report.kept = (train.len() + validation.len() + test.len()) as u64;
        report.rows_in = report.kept;
        report.miss("time in the future", reading.cap_times());
        let stages = vec![report];
        if train.is_empty() {
            return Err(DataError::NothingToTrain {
                report: sentences(&stages),
            });
        }
        let (users, user_ids) = ordered(&reading.users, self.keep_unseen, || {
            train.iter().map(|pair| pair.0).collect()
        })?;
        let (items, item_ids) = ordered(&reading.items, self.keep_unseen, || {
            train.iter().map(|pair| pair.1).collect()
        })?;
        let rows = train.iter().map(|&(user, item)| {
            let user = UserId(users.new_of[user as usize]);
            (user, ItemId(items.new_of[item as usize]))
        });
        let builder = reading.interactions(rows.collect(), &behaviors, |(user, item)| {
            let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
            (name(user_ids.name(user)), name(item_ids.name(item)))
        })?;
        let interactions = builder.build(users.len(), items.len())?;
        Assembly {
            users,
            user_ids,
            items,
            item_ids,
            train: interactions,
            validation,
            test,
            behaviors,
            inputs: reading.inputs,
            options: [
                ("keep_unseen", self.keep_unseen.to_string()),
                ("future_rows", self.future_rows.name().to_owned()),
            ]
            .map(|(option, value)| (option.to_owned(), value))
            .into(),
            stages,
        }
        .dataset()
    }
}

/// What accumulates from file to file. Ids are numbered in order of first appearance.
#[derive(Default)]
struct Reading {
    users: Vocabulary<UserId>,
    items: Vocabulary<ItemId>,
    /// The pairs of training, validation and test.
    parts: [Vec<(u32, u32)>; 3],
    seen: HashSet<(u32, u32)>,
    /// Of each training pair.
    weights: Vec<Option<f32>>,
    counts: Vec<Vec<u32>>,
    times: Vec<Option<i64>>,
    has_counts: bool,
    /// The first training pair without a time.
    untimed: Option<(PathBuf, Place)>,
    inputs: Vec<InputFile>,
    now: i64,
    future_rows: FutureRows,
}

/// The parts by their names in the table.
const PARTS: [&str; 3] = ["train", "validation", "test"];

/// The positions of the columns in a file.
struct Columns {
    user: usize,
    item: usize,
    part: Option<usize>,
    weight: Option<usize>,
    time: Option<usize>,
    /// Of each behavior.
    counts: Vec<Option<usize>>,
}

impl Columns {
    fn find(table: &Table, behaviors: &BehaviorWeights) -> Result<Self, DataError> {
        let required = |name: &str| {
            table.optional(name)?.ok_or_else(|| {
                let present = table.columns();
                DataError::PairColumn {
                    path: table.path().to_owned(),
                    column: name.to_owned(),
                    advice: advice(&present, name),
                    present,
                }
            })
        };
        let names = behaviors.behaviors().iter().map(|b| b.name.clone());
        let names: Vec<String> = names.collect();
        let is_known = |behavior: &str| names.iter().any(|name| shorten(name) == behavior);
        let mut present = table.columns().into_iter();
        let unknown = present.find(|column| {
            column
                .strip_prefix(COUNT)
                .is_some_and(|name| !is_known(name))
        });
        if let Some(column) = unknown {
            return Err(DataError::CountColumn {
                path: table.path().to_owned(),
                column,
                known: names,
            });
        }
        check_names(table, &names)?;
        let counts = names
            .iter()
            .map(|name| table.optional(&format!("{COUNT}{name}")));
        Ok(Self {
            user: required("user_id")?,
            item: required("item_id")?,
            part: table.optional("part")?,
            weight: table.optional("weight")?,
            time: table.optional(LAST_TIME)?,
            counts: counts.collect::<Result<_, _>>()?,
        })
    }
}

/// Checks that no optional column is left out because of its name: `Part` for `part`, or `purchase` for `n_purchase`.
fn check_names(table: &Table, behaviors: &[String]) -> Result<(), DataError> {
    let present = table.columns();
    let counts = behaviors
        .iter()
        .map(|name| (format!("{COUNT}{name}"), name.as_str()));
    let others = ["part", "weight", LAST_TIME].map(|name| (name.to_owned(), name));
    for (column, short) in others.into_iter().chain(counts) {
        if table.optional(&column)?.is_some() {
            continue;
        }
        let meant = hint::similar(&present, &column).or_else(|| hint::similar(&present, short));
        if let Some(name) = meant {
            return Err(DataError::PairColumn {
                path: table.path().to_owned(),
                advice: format!("rename the column {name:?}"),
                column,
                present,
            });
        }
    }
    Ok(())
}

/// What to do about a table that lacks a column.
fn advice(present: &[String], column: &str) -> String {
    if let Some(name) = hint::similar(present, column) {
        return format!("rename the column {name:?}");
    }
    match hint::delimiter(present, column) {
        Some(_) => "separate the columns by commas".to_owned(),
        None => "rename the matching column".to_owned(),
    }
}

/// The columns as those of a log, which have the same types.
fn format() -> LogFormat {
    LogFormat {
        event_time: LAST_TIME.to_owned(),
        event_type: "part".to_owned(),
        product_id: "item_id".to_owned(),
        user_id: "user_id".to_owned(),
        category_id: None,
        category_code: None,
        brand: None,
        price: Some("weight".to_owned()),
        user_session: None,
        ..LogFormat::default()
    }
}

impl Reading {
    fn read(&mut self, path: &Path, behaviors: &BehaviorWeights) -> Result<(), DataError> {
        let names = behaviors.behaviors().iter();
        let counts: Vec<String> = names.map(|b| format!("{COUNT}{}", b.name)).collect();
        let mut wanted = vec!["user_id", "item_id", "part", "weight", LAST_TIME];
        wanted.extend(counts.iter().map(String::as_str));
        let mut table = Table::open(path, &format(), &Wanted::Named(&wanted))?;
        let columns = Columns::find(&table, behaviors)?;
        self.has_counts |= columns.counts.iter().any(Option::is_some);
        while table.next_row()? {
            match self.read_row(&table, &columns)? {
                Ok(()) => {}
                Err(issue) => return Err(table.row_error(issue)),
            }
        }
        self.inputs.push(table.finish()?);
        Ok(())
    }

    /// Adds a row. The outer error ends the read; the inner one concerns only this row.
    fn read_row(
        &mut self,
        table: &Table,
        columns: &Columns,
    ) -> Result<Result<(), RowIssue>, DataError> {
        let row = match self.parse(table, columns) {
            Ok(row) => row,
            Err(issue) => return Ok(Err(issue)),
        };
        let pair = (
            self.users.insert(row.user)?.0,
            self.items.insert(row.item)?.0,
        );
        let part = row.part;
        // A held-out pair may have other behaviors in training.
        if part == 0 && !self.seen.insert(pair) {
            return Ok(Err(RowIssue::RepeatedPair {
                user: row.user.to_owned(),
                item: row.item.to_owned(),
            }));
        }
        self.parts[part].push(pair);
        if part == 0 {
            if row.time.is_none() && self.untimed.is_none() {
                self.untimed = Some((table.path().to_owned(), table.place()));
            }
            self.weights.push(row.weight);
            self.counts.push(row.counts);
            self.times.push(row.time);
        }
        Ok(Ok(()))
    }

    /// Checks that either all training pairs have a time or none do.
    fn check_times(&self) -> Result<(), DataError> {
        match &self.untimed {
            Some((path, at)) if self.times.iter().any(Option::is_some) => Err(DataError::Row {
                path: path.clone(),
                at: *at,
                issue: RowIssue::Time {
                    column: LAST_TIME.to_owned(),
                    value: String::new(),
                },
            }),
            _ => Ok(()),
        }
    }

    /// The training pairs, whose rows are `rows`.
    fn interactions(
        &self,
        rows: Vec<(UserId, ItemId)>,
        behaviors: &BehaviorWeights,
        names: impl Fn((UserId, ItemId)) -> (String, String),
    ) -> Result<InteractionsBuilder, DataError> {
        let table = behaviors.behaviors();
        let all: Vec<&str> = table.iter().map(|b| b.name.as_str()).collect();
        let targets = table.iter().filter(|b| b.target);
        let targets: Vec<&str> = targets.map(|b| b.name.as_str()).collect();
        let mut builder = InteractionsBuilder::from_names(&all, &targets)?;
        let now = reference_time(self.times.iter().flatten().copied());
        for (n, &(user, item)) in rows.iter().enumerate() {
            let time = self.times[n];
            let single = [1];
            let counts = match self.has_counts {
                true => &self.counts[n][..],
                false => &single,
            };
            let weight = self.weights[n].map_or_else(
                || {
                    let age = now.zip(time).map_or(0, |(now, time)| now - time);
                    let decay = behaviors.decay(age as f64 / SECONDS_PER_DAY);
                    let decayed: Vec<f64> = counts.iter().map(|&n| f64::from(n) * decay).collect();
                    let mut met = (0..counts.len()).filter(|&b| counts[b] > 0);
                    let has_target = met.any(|b| behaviors.is_target(BehaviorId(b as u8)));
                    behaviors.combine(&decayed, has_target)
                },
                f64::from,
            );
            if !((weight as f32).is_finite() && weight as f32 > 0.0) {
                let (user, item) = names((user, item));
                return Err(CoreError::PairWeight { user, item, weight }.into());
            }
            builder.push(user, item, weight as f32, counts, time)?;
        }
        Ok(builder)
    }
}

/// A count; a float such as `3.0` is accepted.
fn count(text: &str) -> Option<u32> {
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        let is_whole = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        if is_whole { whole } else { text }
    });
    whole.parse().ok()
}

/// The fields of a row.
struct Row<'t> {
    user: &'t str,
    item: &'t str,
    part: usize,
    weight: Option<f32>,
    counts: Vec<u32>,
    time: Option<i64>,
}

impl Reading {
    fn parse<'t>(&self, table: &'t Table, columns: &Columns) -> Result<Row<'t>, RowIssue> {
        table.check_shape()?;
        let bad = |column: usize, needed| RowIssue::Value {
            column: table.column_name(column),
            value: table.shown(column),
            needed,
        };
        let part = columns.part.map_or(Ok(0), |column| {
            let part = PARTS
                .iter()
                .position(|part| part.as_bytes() == table.field(column));
            part.ok_or_else(|| bad(column, "train, validation or test"))
        })?;
        let text = |column: Option<usize>| -> Result<_, RowIssue> {
            let Some(column) = column else {
                return Ok(None);
            };
            let text = table.text(column)?;
            Ok((!text.is_empty()).then_some((column, text)))
        };
        let mut counts = Vec::with_capacity(columns.counts.len());
        for &column in &columns.counts {
            counts.push(match text(column)? {
                None => 0,
                Some((column, text)) => {
                    count(text).ok_or_else(|| bad(column, "a whole number from 0 to 4294967295"))?
                }
            });
        }
        let weight = match text(columns.weight)? {
            None => None,
            Some((column, text)) => {
                let weight = text.parse().ok();
                let weight = weight.filter(|weight: &f32| weight.is_finite() && *weight > 0.0);
                Some(weight.ok_or_else(|| bad(column, "a positive number"))?)
            }
        };
        let has_counts = columns.counts.iter().any(Option::is_some);
        if part == 0 && weight.is_none() && has_counts && counts.iter().all(|&n| n == 0) {
            return Err(RowIssue::NoEvents);
        }
        let time = match text(columns.time)? {
            None => None,
            Some((column, _)) => {
                let last = match self.future_rows {
                    FutureRows::Refuse => time::future_from(self.now),
                    FutureRows::Cap | FutureRows::Keep => i64::MAX,
                };
                Some(read_time(table, column, TimeUnit::Auto, self.now, last)?)
            }
        };
        Ok(Row {
            user: table.id(columns.user)?,
            item: table.id(columns.item)?,
            part,
            weight,
            counts,
            time,
        })
    }

    /// If future times are capped, moves them to the last time that is not in the future. Returns
    /// how many.
    fn cap_times(&mut self) -> u64 {
        if self.future_rows != FutureRows::Cap {
            return 0;
        }
        let limit = time::future_from(self.now);
        let present = self.times.iter().flatten().filter(|&&time| time <= limit);
        let last = present.max().copied().unwrap_or(limit);
        let mut n = 0;
        for time in self
            .times
            .iter_mut()
            .flatten()
            .filter(|time| **time > limit)
        {
            *time = last;
            n += 1;
        }
        n
    }
}
