//! The second half of a preparation: from events to a dataset.

use crate::ClusterError;
use crate::k_core::k_core;
use crate::read::Preparation;
use crate::rows::{numbers, texts};
use crate::split::{Parts, split};
use crate::weight::{BEHAVIORS, MARKS, PairWeight, WeightSpec, event_of};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use datafusion::arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use lightgcn_core::{
    BehaviorWeights, Catalogue, CoreError, Dataset, Interactions, InteractionsBuilder, ItemId,
    LabelColumn, NodeId, Split, StageReport, Truth, UserId, Vocabulary, reference_time,
};
use lightgcn_data::{DataError, ValidPrepareConfig, add_knowledge, time};
use std::collections::HashSet;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// The users or items of the training part in their order: their numbers in the tables, and their ids.
struct Ends<I: NodeId> {
    numbers: Vec<i64>,
    ids: Vocabulary<I>,
}

impl<I: NodeId> Ends<I> {
    fn row(&self, number: i64) -> Option<I> {
        let row = self.numbers.binary_search(&number).ok()?;
        Some(I::from_row(row as u32))
    }
}

impl Preparation {
    /// Turns the log into a dataset. `config` must be the one that the log was read with, but for its split, seed,
    /// history, k-core and knowledge.
    ///
    /// # Errors
    /// Those of [`lightgcn_data::prepare_log`], and those of a step.
    pub async fn dataset(&self, config: &ValidPrepareConfig) -> Result<Dataset, ClusterError> {
        if self.n_targets == 0 {
            let targets = config.behaviors().behaviors().iter().filter(|b| b.target);
            let targets = targets.map(|b| b.name.clone()).collect();
            return Err(DataError::NoTargets { targets }.into());
        }
        let session = &self.session;
        let mut parts = split(self, config).await?;
        let mut stages = self.stages.clone();
        stages.push(parts.report.clone());
        let now = self.limit_history(config, &mut parts, &mut stages).await?;
        let pairs = format!("SELECT u, i FROM ({}) GROUP BY u, i", parts.train);
        let n_pairs = session.keep("pairs", &pairs).await?;
        let core = k_core(session, n_pairs, &config.config().k_core, &mut stages).await?;
        let users = self.users(&core).await?;
        let (items, catalogue) = self.items(&core).await?;
        let train = self
            .train(&parts, &core, config, now, (&users, &items))
            .await?;
        if train.n_targets() == 0 {
            let report = sentences(&stages);
            return Err(DataError::NothingToTrain { report }.into());
        }
        let [validation, test] = self.truths(&parts, (&users, &items), &mut stages).await?;
        let split = &config.config().split;
        if test.is_empty() && split.has_test() {
            return Err(DataError::NothingToTest {
                report: sentences(&stages[stages.len() - 1..]),
                advice: split.advice(),
            }
            .into());
        }
        session.forget(&core)?;
        parts.forget(session)?;
        let dataset = Dataset::new(
            Split::new(train, validation, test)?,
            users.ids,
            items.ids,
            catalogue,
            config.behaviors().clone(),
            config.lineage(parts.found, self.inputs.clone(), stages),
        )?;
        let known = match config.config().knowledge.is_empty() {
            true => HashSet::new(),
            false => self.item_ids().await?,
        };
        Ok(add_knowledge(dataset, &config.config().knowledge, |id| {
            known.contains(id)
        })?)
    }

    /// Leaves out training events before the history, and returns the time that ages count from.
    async fn limit_history(
        &self,
        config: &ValidPrepareConfig,
        parts: &mut Parts,
        stages: &mut Vec<StageReport>,
    ) -> Result<i64, ClusterError> {
        let history = config.config().history_days;
        if history.is_none() && config.config().weights.half_life_days.is_none() {
            return Ok(0);
        }
        let sql = format!("SELECT time, count(*) FROM ({}) GROUP BY time", parts.train);
        let mut times = Vec::new();
        for batch in self.session.rows("times of training", &sql).await? {
            let counts = numbers(&batch, 1).values().iter();
            times.extend(
                numbers(&batch, 0)
                    .values()
                    .iter()
                    .copied()
                    .zip(counts.copied()),
            );
        }
        let all = || {
            times
                .iter()
                .flat_map(|&(time, n)| std::iter::repeat_n(time, n as usize))
        };
        let now = reference_time(all()).unwrap_or(0);
        let Some(days) = history else {
            return Ok(now);
        };
        let from = now.saturating_sub((days * SECONDS_PER_DAY) as i64);
        let mut report = StageReport::new("history", "events");
        report.rows_in = all().count() as u64;
        report.kept = all().filter(|&time| time >= from).count() as u64;
        let dropped = report.rows_in - report.kept;
        report.drop(&format!("before {}", time::display(from)), dropped);
        stages.push(report);
        parts.train = format!("SELECT * FROM ({}) WHERE time >= {from}", parts.train);
        let rest = all().filter(move |&time| time >= from);
        Ok(reference_time(rest).unwrap_or(0))
    }

    async fn users(&self, core: &str) -> Result<Ends<UserId>, ClusterError> {
        let sql = format!(
            "SELECT u, user_id FROM users LEFT SEMI JOIN {core} ON users.u = {core}.u ORDER BY u"
        );
        let rows = self.session.rows("users", &sql).await?;
        ends(&rows)
    }

    async fn items(&self, core: &str) -> Result<(Ends<ItemId>, Catalogue), ClusterError> {
        let sql = format!(
            "SELECT i, item_id, item_category_id, item_category_code, item_brand, item_price FROM items \
             LEFT SEMI JOIN {core} ON items.i = {core}.i ORDER BY i"
        );
        let rows = self.session.rows("items", &sql).await?;
        let ends: Ends<ItemId> = ends(&rows)?;
        let listed = self.listed.as_ref();
        let of_files = listed.map(|files| ends.ids.iter().map(|id| files.items.get(id)));
        let of_files: Vec<Option<ItemId>> = of_files.into_iter().flatten().collect();
        // What the log does not say may be in the files.
        let other = |item: usize| Some((listed?, of_files.get(item).copied().flatten()?));
        let labels = |n: usize, column: fn(&Catalogue) -> &LabelColumn| {
            let labels = rows.iter().flat_map(|batch| texts(batch, n).iter());
            let labels = labels.enumerate().map(|(item, label)| {
                label.or_else(|| {
                    other(item).and_then(|(files, id)| column(&files.catalogue).get(id))
                })
            });
            LabelColumn::from_labels(labels)
        };
        let prices = rows
            .iter()
            .flat_map(|batch| batch.column(5).as_primitive::<Float64Type>());
        let prices = prices.enumerate().map(|(item, price)| {
            price.or_else(|| {
                other(item).and_then(|(files, id)| files.catalogue.prices()[id.index()])
            })
        });
        let catalogue = Catalogue::from_columns(
            labels(2, Catalogue::category_id),
            labels(3, Catalogue::category_code),
            labels(4, Catalogue::brand),
            prices.collect(),
        )?;
        let catalogue = match listed {
            Some(files) => {
                let rows: Vec<u32> = of_files.iter().flatten().map(|id| id.0).collect();
                catalogue.with_listings(files.catalogue.listings().select(&rows))?
            }
            None => catalogue,
        };
        Ok((ends, catalogue))
    }

    async fn train(
        &self,
        parts: &Parts,
        core: &str,
        config: &ValidPrepareConfig,
        now: i64,
        (users, items): (&Ends<UserId>, &Ends<ItemId>),
    ) -> Result<Interactions, ClusterError> {
        let weights = config.config().weights.clone();
        let function = PairWeight::udf(WeightSpec { weights, now });
        let function = function.map_err(|error| self.session.error("weights", &error))?;
        self.session.add_function(function);
        let sql = format!(
            "SELECT u, i, pair_weight(events), events FROM (SELECT t.u, t.i, \
             array_agg((t.time * {BEHAVIORS} + t.behavior) * {MARKS} + t.mark ORDER BY t.position) AS events FROM ({}) t \
             LEFT SEMI JOIN {core} c ON t.u = c.u AND t.i = c.i GROUP BY t.u, t.i) ORDER BY u, i",
            parts.train
        );
        let mut rows = self.session.stream("weights", &sql).await?;
        let mut builder = builder(config.behaviors())?;
        let to_error = |error| self.session.error("weights", &error);
        while let Some(batch) = rows.try_next().await.map_err(to_error)? {
            push(&mut builder, &batch, users, items)?;
        }
        Ok(builder.build(users.numbers.len(), items.numbers.len())?)
    }

    /// The truths of validation and test: the held-out pairs whose user and item are in training.
    async fn truths(
        &self,
        parts: &Parts,
        (users, items): (&Ends<UserId>, &Ends<ItemId>),
        stages: &mut Vec<StageReport>,
    ) -> Result<[Truth; 2], ClusterError> {
        let mut reports = parts.held_reports.clone();
        let mut known = [Vec::new(), Vec::new()];
        for batch in self.session.rows("held-out pairs", &parts.held).await? {
            let columns = [0, 1, 2].map(|n| numbers(&batch, n).values());
            for ((&part, &user), &item) in columns[0].iter().zip(columns[1]).zip(columns[2]) {
                let part = usize::from(part == 1);
                match (users.row(user), items.row(item)) {
                    (None, _) => reports[part].drop("user unseen in training", 1),
                    (_, None) => reports[part].drop("item unseen in training", 1),
                    (Some(user), Some(item)) => known[part].push((user, item)),
                }
            }
        }
        let (n_users, n_items) = (users.numbers.len(), items.numbers.len());
        let [validation, test] = known;
        let truths = [
            Truth::from_pairs(n_users, n_items, validation)?,
            Truth::from_pairs(n_users, n_items, test)?,
        ];
        for (report, truth) in reports.into_iter().zip(&truths) {
            stages.push(StageReport {
                kept: truth.n_pairs() as u64,
                ..report
            });
        }
        Ok(truths)
    }

    async fn item_ids(&self) -> Result<HashSet<String>, ClusterError> {
        let rows = self
            .session
            .rows("items", "SELECT item_id FROM items")
            .await?;
        let ids = rows
            .iter()
            .flat_map(|batch| texts(batch, 0).iter().flatten());
        Ok(ids.map(str::to_owned).collect())
    }
}

/// Users or items from the first two columns.
fn ends<I: NodeId>(rows: &[RecordBatch]) -> Result<Ends<I>, ClusterError> {
    let ids = rows
        .iter()
        .flat_map(|batch| texts(batch, 1).iter().flatten());
    let values = rows.iter().flat_map(|batch| numbers(batch, 0).values());
    Ok(Ends {
        numbers: values.copied().collect(),
        ids: Vocabulary::from_names(ids)?,
    })
}

fn builder(behaviors: &BehaviorWeights) -> Result<InteractionsBuilder, CoreError> {
    let table = behaviors.behaviors();
    let names: Vec<&str> = table.iter().map(|b| b.name.as_str()).collect();
    let targets = table.iter().filter(|b| b.target);
    let targets: Vec<&str> = targets.map(|b| b.name.as_str()).collect();
    InteractionsBuilder::from_names(&names, &targets)
}

/// Adds the pairs of a batch with the columns `u`, `i`, weight and events.
fn push(
    builder: &mut InteractionsBuilder,
    batch: &RecordBatch,
    users: &Ends<UserId>,
    items: &Ends<ItemId>,
) -> Result<(), CoreError> {
    let weights = batch.column(2).as_primitive::<Float64Type>().values();
    let lists = batch.column(3).as_list::<i32>();
    let mut events = Vec::new();
    for (row, &weight) in weights.iter().enumerate() {
        let (user, item) = (numbers(batch, 0).value(row), numbers(batch, 1).value(row));
        let (Some(user), Some(item)) = (users.row(user), items.row(item)) else {
            return Err(CoreError::Damaged {
                what: "pair",
                detail: format!("its user {user} or its item {item} is unknown"),
            });
        };
        if !((weight as f32).is_finite() && weight as f32 > 0.0) {
            let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
            return Err(CoreError::PairWeight {
                user: name(users.ids.name(user)),
                item: name(items.ids.name(item)),
                weight,
            });
        }
        events.clear();
        let list = lists.value(row);
        let list = list.as_primitive::<Int64Type>().values().iter();
        events.extend(list.map(|&number| event_of(number)));
        builder.push_events(user, item, weight as f32, &events)?;
    }
    Ok(())
}

fn sentences(stages: &[StageReport]) -> String {
    let stages: Vec<String> = stages.iter().map(StageReport::to_string).collect();
    stages.join("; ")
}
