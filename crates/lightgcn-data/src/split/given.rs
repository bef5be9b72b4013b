//! The split whose held-out targets are given as files.

use super::{HeldOut, Parts};
use crate::error::shorten;
use crate::log::catalogue::skip_row;
use crate::log::inputs::expand;
use crate::log::table::Table;
use crate::log::tables::Tables;
use crate::log::wanted::Wanted;
use crate::{DataError, EventLog, Place as At, ReadConfig, RowIssue};
use hashbrown::HashMap;
use lightgcn_core::{BehaviorId, BehaviorWeights, InputFile, ItemId, StageReport, UserId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How the log and the files are read.
pub(super) struct Given<'a> {
    pub(super) log: &'a EventLog,
    pub(super) behaviors: &'a BehaviorWeights,
    pub(super) config: &'a ReadConfig,
}

/// The held-out pairs of one part.
struct Part {
    held: HeldOut,
    /// The first position of each pair of `held`.
    places: HashMap<(u32, u32), Place>,
}

#[derive(Clone, Copy)]
struct Place {
    file: usize,
    line: u64,
}

impl Given<'_> {
    pub(super) fn split(&self, validation: &[String], test: &[String]) -> Result<Parts, DataError> {
        let (mut inputs, mut paths) = (Vec::new(), Vec::new());
        let validation = self.read("validation", validation, &mut inputs, &mut paths)?;
        let test = self.read("test", test, &mut inputs, &mut paths)?;
        self.refuse_overlap(&validation, &test, &paths)?;

        let log = self.log;
        let mut report = StageReport::new("split", "events");
        report.rows_in = log.n_events() as u64;
        let mut trains = vec![true; log.n_events()];
        for (event, trains) in trains.iter_mut().enumerate() {
            let pair = (log.users()[event], log.items()[event]);
            if !self.behaviors.is_target(BehaviorId(log.behaviors()[event])) {
                continue;
            }
            for (part, reason) in [
                (&validation, "target of a validation pair"),
                (&test, "target of a test pair"),
            ] {
                if part.places.contains_key(&pair) {
                    *trains = false;
                    report.drop(reason, 1);
                }
            }
        }
        report.kept = trains.iter().filter(|&&trains| trains).count() as u64;
        Ok(Parts {
            trains,
            validation: validation.held,
            test: test.held,
            report,
            found: Vec::new(),
            inputs,
        })
    }

    /// The pairs of a part's files, each once.
    fn read(
        &self,
        part: &str,
        files: &[String],
        inputs: &mut Vec<InputFile>,
        paths: &mut Vec<PathBuf>,
    ) -> Result<Part, DataError> {
        let mut part = Part {
            held: HeldOut::new(part, "rows"),
            places: HashMap::new(),
        };
        if files.is_empty() {
            return Ok(part);
        }
        let labels = self.config.format.labels(self.behaviors);
        let format = &self.config.format;
        let needed = [&*format.user_id, &format.product_id, &format.event_type];
        let wanted = Wanted::Named(&needed);
        let mut tables = Tables::new(expand(files)?, self.config, &wanted)?;
        inputs.append(&mut tables.inputs);
        while let Some(mut table) = tables.next()? {
            let columns = Columns::find(&table, self.config)?;
            while table.next_row()? {
                part.held.report.rows_in += 1;
                let place = Place {
                    file: paths.len(),
                    line: match table.place() {
                        At::Line(n) | At::Row(n) => n,
                    },
                };
                match self.target(&table, &columns, &labels) {
                    Ok(Ok(pair)) => part.add(pair, place),
                    Ok(Err(reason)) => part.held.report.drop(reason, 1),
                    Err(issue) => skip_row(&table, issue, self.config, &mut part.held.report)?,
                }
            }
            paths.push(table.path().to_owned());
            inputs.push(table.finish()?);
        }
        Ok(part)
    }

    /// The row's pair, or the reason not to hold it out.
    fn target(
        &self,
        table: &Table,
        columns: &Columns,
        labels: &BTreeMap<String, Option<BehaviorId>>,
    ) -> Result<Result<(u32, u32), &'static str>, RowIssue> {
        table.check_shape()?;
        let (user, item) = (table.id(columns.user)?, table.id(columns.item)?);
        if let Some(column) = columns.behavior {
            let label = table.text(column)?;
            match labels.get(label) {
                Some(Some(behavior)) if self.behaviors.is_target(*behavior) => {}
                Some(Some(_)) => return Ok(Err("not a target")),
                Some(None) => return Ok(Err("ignored behavior")),
                None => {
                    return Err(RowIssue::UnknownBehavior {
                        column: table.column_name(column),
                        value: table.shown(column),
                        known: labels.keys().cloned().collect(),
                    });
                }
            }
        }
        let user = self.log.user_ids().get(user);
        let item = self.log.item_ids().get(item);
        Ok(match (user, item) {
            (Some(user), Some(item)) => Ok((user.0, item.0)),
            (None, _) => Err("user unseen in training"),
            (_, None) => Err("item unseen in training"),
        })
    }

    fn refuse_overlap(
        &self,
        validation: &Part,
        test: &Part,
        paths: &[PathBuf],
    ) -> Result<(), DataError> {
        let mut pairs = test.held.pairs.iter();
        let shared = pairs.find_map(|pair| Some((pair, validation.places.get(pair)?)));
        let Some((&(user, item), other)) = shared else {
            return Ok(());
        };
        let place = test.places[&(user, item)];
        let name = |name: Option<&str>| shorten(name.unwrap_or_default()).into();
        Err(DataError::PairOverlap {
            path: paths[place.file].clone(),
            line: place.line,
            user: name(self.log.user_ids().name(UserId(user))),
            item: name(self.log.item_ids().name(ItemId(item))),
            other: paths[other.file].clone(),
        })
    }
}

impl Part {
    fn add(&mut self, pair: (u32, u32), place: Place) {
        match self.places.try_insert(pair, place) {
            Ok(_) => self.held.pairs.push(pair),
            Err(_) => self.held.report.drop("repeated pair", 1),
        }
    }
}

/// The columns of a file of held-out targets.
struct Columns {
    user: usize,
    item: usize,
    behavior: Option<usize>,
}

impl Columns {
    fn find(table: &Table, config: &ReadConfig) -> Result<Self, DataError> {
        let format = &config.format;
        Ok(Self {
            user: table.required(&format.user_id, "user_id")?,
            item: table.required(&format.product_id, "product_id")?,
            behavior: table.optional(&format.event_type)?,
        })
    }
}

#[cfg(test)]
mod tests;
