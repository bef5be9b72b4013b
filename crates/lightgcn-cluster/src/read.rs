//! The first half of a preparation: from files to events.

use crate::rows::{numbers, single_row, texts};
use crate::scan::{FailureNote, FileNote, Kind, LogSpec, LogTable};
use crate::session::Session;
use crate::{ClusterError, ClusterOptions};
use lightgcn_core::{Catalogue, InputFile, ItemId, StageReport, TimeSpan, Vocabulary};
use lightgcn_data::{
    DataError, Duplicates, FutureRows, LogEvent, ValidPrepareConfig, log_files, read_catalogue,
    time,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log that was read, with the tables `users`, `items` and `events` on the cluster.
pub struct Preparation {
    pub(crate) session: Session,
    pub(crate) inputs: Vec<InputFile>,
    pub(crate) stages: Vec<StageReport>,
    pub(crate) n_events: u64,
    pub(crate) n_targets: u64,
    pub(crate) listed: Option<Listed>,
}

/// What catalogue files say about the items of the log.
pub(crate) struct Listed {
    pub(crate) items: Vocabulary<ItemId>,
    pub(crate) catalogue: Catalogue,
}

/// What the valid rows have in common.
struct Totals {
    kept: u64,
    n_targets: u64,
    n_future: u64,
    missing: Vec<u64>,
    first: i64,
    last: i64,
}

impl Preparation {
    /// Reads a log on the cluster. `logs` are files, folders, patterns or URLs, as in
    /// [`lightgcn_data::read_events`]; all executors must see them at the same paths.
    ///
    /// # Errors
    /// [`ClusterError::NoScheduler`] if none answers, [`ClusterError::Row`] for the first invalid row (unless the
    /// configuration skips them), [`ClusterError::Unreadable`] for a file that an executor cannot read,
    /// [`ClusterError::Data`] as on one machine, and those of a step.
    pub async fn read<P: AsRef<Path>>(
        logs: &[P],
        config: &ValidPrepareConfig,
        options: &ClusterOptions,
    ) -> Result<Self, ClusterError> {
        let read = config.config().read_config();
        let files = log_files(logs, &read)?;
        let files = files
            .into_iter()
            .map(|(path, is_found)| (absolute(path), is_found));
        let now = time::now();
        let spec = LogSpec {
            files: files.collect(),
            now,
            weights: config.config().weights.clone(),
            read,
        };
        let limit = match config.config().future_rows {
            FutureRows::Keep => i64::MAX,
            _ => time::future_from(now),
        };
        let session = Session::open(options).await?;
        session.add("log", Arc::new(LogTable(Arc::new(spec))))?;
        session.keep("read", "SELECT * FROM log").await?;
        let mut report = StageReport::new("read", "rows");
        let mut inputs = files_read(&session, &mut report).await?;
        drop_duplicates(&session, config, &mut report).await?;
        let totals = totals(&session, config, limit).await?;
        describe(&mut report, &totals, limit);
        if totals.kept == 0 {
            let report = report.to_string();
            return Err(DataError::NoEvents { report }.into());
        }
        number(&session, limit, &totals).await?;
        let mut stages = vec![report];
        let listed = match config.config().catalogue.is_empty() {
            true => None,
            false => Some(listed(&session, config, &mut inputs, &mut stages).await?),
        };
        Ok(Self {
            session,
            inputs,
            stages,
            n_events: totals.kept,
            n_targets: totals.n_targets,
            listed,
        })
    }
}

/// Paths that mean the same to executors, which may run in other folders.
fn absolute(path: PathBuf) -> PathBuf {
    let is_url = path.to_str().is_some_and(|path| path.contains("://"));
    match is_url {
        true => path,
        false => std::path::absolute(&path).unwrap_or(path),
    }
}

/// Checks that all files were read, once, and counts their rows and those dropped.
async fn files_read(
    session: &Session,
    report: &mut StageReport,
) -> Result<Vec<InputFile>, ClusterError> {
    let of_files = format!(
        "SELECT kind, note FROM read WHERE kind >= {} ORDER BY position",
        Kind::File as i64
    );
    let mut inputs = Vec::new();
    for batch in session.rows("files", &of_files).await? {
        for (kind, note) in numbers(&batch, 0).iter().zip(texts(&batch, 1)) {
            let note = note.unwrap_or_default();
            if kind == Some(Kind::Failure as i64) {
                return Err(failure(note));
            }
            let file: FileNote =
                serde_json::from_str(note).map_err(|error| ClusterError::Step {
                    step: "files".to_owned(),
                    detail: error.to_string(),
                })?;
            report.rows_in += file.rows;
            inputs.push(file.input);
        }
    }
    let dropped = format!(
        "SELECT note, count(*) FROM read WHERE kind = {} GROUP BY note",
        Kind::Dropped as i64
    );
    let end = Kind::File as i64;
    let all = format!("SELECT count(DISTINCT position) FROM read WHERE kind < {end}");
    let all = single_row(&session.rows("rows", &all).await?);
    let found = all.first().copied().flatten().unwrap_or(0) as u64;
    check_rows("read", report.rows_in, found)?;
    for batch in session.rows("dropped rows", &dropped).await? {
        for (reason, n) in texts(&batch, 0).iter().zip(numbers(&batch, 1)) {
            report.drop(reason.unwrap_or_default(), n.unwrap_or_default() as u64);
        }
    }
    Ok(inputs)
}

fn failure(note: &str) -> ClusterError {
    match serde_json::from_str(note) {
        Ok(FailureNote {
            unreadable: true,
            detail,
        }) => ClusterError::Unreadable { detail },
        Ok(FailureNote { detail, .. }) => ClusterError::Row { detail },
        Err(error) => ClusterError::Row {
            detail: error.to_string(),
        },
    }
}

/// Keeps the first of equal rows as the table `kept`.
async fn drop_duplicates(
    session: &Session,
    config: &ValidPrepareConfig,
    report: &mut StageReport,
) -> Result<(), ClusterError> {
    let columns = "position, user_id, item_id, behavior, time, session_id, category_id, category_code, brand, price, missing";
    let events = format!("FROM read WHERE kind = {}", Kind::Event as i64);
    let sql = match config.config().duplicates {
        Duplicates::Keep => format!("SELECT {columns} {events}"),
        Duplicates::Drop => format!(
            "SELECT {columns} FROM (SELECT *, row_number() OVER \
             (PARTITION BY digest_high, digest_low ORDER BY position) AS nth {events}) WHERE nth = 1"
        ),
    };
    report.kept = session.keep("kept", &sql).await?;
    let dropped: u64 = report.dropped.values().sum();
    report.drop("exact duplicate", report.rows_in - dropped - report.kept);
    session.forget("read")
}

async fn totals(
    session: &Session,
    config: &ValidPrepareConfig,
    limit: i64,
) -> Result<Totals, ClusterError> {
    let bits = LogEvent::MISSING.iter().enumerate();
    let missing = bits.map(|(bit, _)| format!(", sum(missing / {} % 2)", 1 << bit));
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE {}), count(*) FILTER (WHERE time > {limit}), \
         min(time) FILTER (WHERE time <= {limit}), max(time) FILTER (WHERE time <= {limit}){} FROM kept",
        targets(config),
        missing.collect::<String>()
    );
    let row = single_row(&session.rows("totals", &sql).await?);
    let count = |n: usize| row.get(n).copied().flatten().unwrap_or(0) as u64;
    let time = |n: usize| row.get(n).copied().flatten().unwrap_or(limit);
    Ok(Totals {
        kept: count(0),
        n_targets: count(1),
        n_future: count(2),
        first: time(3),
        last: time(4),
        missing: (5..row.len()).map(count).collect(),
    })
}

/// A condition of SQL for target events.
pub(crate) fn targets(config: &ValidPrepareConfig) -> String {
    let behaviors = config.behaviors().behaviors().iter().enumerate();
    let targets = behaviors.filter(|(_, behavior)| behavior.target);
    let numbers: Vec<String> = targets.map(|(number, _)| number.to_string()).collect();
    match numbers.is_empty() {
        true => "false".to_owned(),
        false => format!("behavior IN ({})", numbers.join(", ")),
    }
}

fn describe(report: &mut StageReport, totals: &Totals, limit: i64) {
    for (reason, &n) in LogEvent::MISSING.iter().zip(&totals.missing) {
        report.miss(reason, n);
    }
    report.miss("time in the future", totals.n_future);
    if totals.kept > 0 {
        report.times = Some(TimeSpan {
            first: time::display(totals.first.min(limit)),
            last: time::display(totals.last.min(limit)),
        });
    }
}

/// Gives users and items the position of their first event as a number, so that their order is that of the log.
/// Afterwards there are the tables `users`, `items` and `events`.
async fn number(session: &Session, limit: i64, totals: &Totals) -> Result<(), ClusterError> {
    let last = totals.last;
    let users = "SELECT user_id, min(position) AS u FROM kept GROUP BY user_id";
    session.keep("users", users).await?;
    // The latest known value of a column; a row from the future must not win as the latest.
    let latest = |column: &str| {
        format!(
            "last_value({column} ORDER BY moment NULLS FIRST, position) FILTER (WHERE {column} IS NOT NULL) AS item_{column}"
        )
    };
    let items = format!(
        "SELECT item_id, min(position) AS i, {}, {}, {}, {} FROM \
         (SELECT *, CASE WHEN time > {limit} THEN NULL ELSE time END AS moment FROM kept) GROUP BY item_id",
        latest("category_id"),
        latest("category_code"),
        latest("brand"),
        latest("price")
    );
    session.keep("items", &items).await?;
    let time = format!("CASE WHEN time > {limit} THEN {last} ELSE time END");
    // A user's sessions are numbered by their first events, then by their hashes; see `SessionMark::of_number`.
    let sessions = format!(
        "SELECT user_id AS of_user, session_id AS of_session, CAST((row_number() OVER \
         (PARTITION BY user_id ORDER BY began, session_id) - 1) % 255 + 1 AS BIGINT) AS mark FROM \
         (SELECT user_id, session_id, min({time}) AS began FROM kept WHERE session_id IS NOT NULL \
         GROUP BY user_id, session_id)"
    );
    session.keep("sessions", &sessions).await?;
    let events = format!(
        "SELECT u, i, behavior, {time} AS time, coalesce(mark, 0) AS mark, position FROM kept \
         JOIN users ON kept.user_id = users.user_id JOIN items ON kept.item_id = items.item_id \
         LEFT JOIN sessions ON kept.user_id = sessions.of_user AND kept.session_id = sessions.of_session"
    );
    let found = session.keep("events", &events).await?;
    check_rows("events", totals.kept, found)?;
    session.forget("sessions")?;
    session.forget("kept")
}

/// Checks that a step has as many rows as went into it.
fn check_rows(step: &'static str, expected: u64, found: u64) -> Result<(), ClusterError> {
    match expected == found {
        true => Ok(()),
        false => Err(ClusterError::Rows {
            step,
            expected,
            found,
        }),
    }
}

/// Reads the catalogue files, in this process.
async fn listed(
    session: &Session,
    config: &ValidPrepareConfig,
    inputs: &mut Vec<InputFile>,
    stages: &mut Vec<StageReport>,
) -> Result<Listed, ClusterError> {
    let read = config.config().read_config();
    let rows = session
        .rows("items", "SELECT item_id FROM items ORDER BY i")
        .await?;
    let ids = rows
        .iter()
        .flat_map(|batch| texts(batch, 0).iter().flatten());
    let items = Vocabulary::from_names(ids)?.with_normalization(read.format.normalize_ids);
    let (catalogue, files, report) = read_catalogue(&read, &items)?;
    inputs.extend(files);
    stages.push(report);
    Ok(Listed { items, catalogue })
}
