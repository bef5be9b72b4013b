//! A process that stores events is killed at random moments: every acknowledged event survives.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use lightgcn_serve::{
    EventReader, EventStore, EventStoreConfig, EventStoreError, ExportFormat, StoredEvent,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const STORE: &str = "LIGHTGCN_TEST_EVENT_STORE";
const THREADS: usize = 3;
const BATCH: usize = 3;

fn batch(thread: usize, n: usize) -> Vec<StoredEvent> {
    (0..BATCH)
        .map(|part| StoredEvent {
            user: format!("t{thread}"),
            item: format!("{n}-{part}"),
            behavior: "view".to_owned(),
            time: 1_580_000_000,
            count: 1.0,
            id: None,
        })
        .collect()
}

/// Not a test itself: the process that is killed runs it.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    let Some(path) = std::env::var_os(STORE) else {
        return;
    };
    let store = EventStore::open(path, EventStoreConfig::default()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                let config = store.try_of_user(&format!("t{thread}")).unwrap();
                let next = config.last().map_or(0, |event| {
                    1 + event
                        .item
                        .split('-')
                        .next()
                        .unwrap()
                        .parse::<usize>()
                        .unwrap()
                });
                for n in next.. {
                    match store.try_append(&batch(thread, n)) {
                        Ok(stored) => {
                            assert_eq!(stored, BATCH as u64);
                            writeln!(std::io::stdout(), "kept {thread} {n}").unwrap();
                        }
                        Err(EventStoreError::DiskFull { .. }) => {
                            writeln!(std::io::stdout(), "full {thread} {n}").unwrap();
                            return;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
}

fn command(store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(STORE, store)
        .stdout(Stdio::piped());
    command
}

/// The number of batches in the store by thread. Every batch must be whole, in order and there exactly once.
fn batches(store: &Path) -> BTreeMap<usize, usize> {
    let mut csv = Vec::new();
    let report = EventReader::open(store)
        .unwrap()
        .export(&ExportFormat::default(), &mut csv)
        .unwrap();
    assert_eq!((report.n_lost, report.damage), (0, None));
    let mut found: BTreeMap<usize, usize> = BTreeMap::new();
    for line in String::from_utf8(csv).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let thread: usize = fields[7].strip_prefix('t').unwrap().parse().unwrap();
        let n_events = found.entry(thread).or_default();
        let expected = format!("{}-{}", *n_events / BATCH, *n_events % BATCH);
        assert_eq!(fields[2], expected, "thread {thread}");
        *n_events += 1;
    }
    for n_events in found.values_mut() {
        assert!(n_events.is_multiple_of(BATCH), "a batch was torn");
        *n_events /= BATCH;
    }
    found
}

/// The last number that each thread printed after this word, ignoring a line that was cut short.
fn told(lines: &[String], word: &str) -> BTreeMap<usize, usize> {
    let mut last = BTreeMap::new();
    for line in lines {
        let parts: Vec<&str> = line.split(' ').collect();
        if let [first, thread, n] = parts[..]
            && first.ends_with(word)
        {
            last.insert(thread.parse().unwrap(), n.parse().unwrap());
        }
    }
    last
}

/// Kills a process `kills` times while it appends to one store, each time at a different moment.
fn kill_and_look(kills: u64) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("events.redb");
    let mut kept_in_all = 0;
    for kill in 0..kills {
        let mut child = command(&store).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        // Some are killed before their first event, some after many.
        let wanted = if kill % 10 == 9 { 0 } else { 1 + kill * 7 % 40 };
        while (told(&lines, "kept").values().len() as u64) < wanted.min(1)
            || (lines.len() as u64) < wanted
        {
            let mut line = String::new();
            assert!(
                out.read_line(&mut line).unwrap() > 0,
                "the process ended: {lines:?}"
            );
            lines.push(line.trim_end().to_owned());
        }
        std::thread::sleep(Duration::from_micros(kill * 7919 % 5_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut out, &mut rest).unwrap();
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        lines.extend(whole.lines().map(str::to_owned));
        // A store that was never created has lost nothing.
        let kept = told(&lines, "kept");
        if kept.is_empty() && !store.exists() {
            continue;
        }
        // Both the service and an export repair what the kill left.
        if kill % 2 == 0 {
            drop(EventStore::open(&store, EventStoreConfig::default()).unwrap());
        }
        let found = batches(&store);
        for (thread, n) in kept {
            let there = found.get(&thread).copied().unwrap_or(0);
            assert!(
                there > n,
                "kill {kill}: thread {thread} lost batch {n}: {there} are there"
            );
            kept_in_all += 1;
        }
    }
    assert!(kept_in_all > 0, "no process acknowledged anything");
    eprintln!(
        "{kills} kills, {:?} batches by thread, none lost",
        batches(&store)
    );
}

#[test]
fn nothing_acknowledged_is_lost_in_10_kills() {
    kill_and_look(10);
}

#[test]
#[ignore = "a minute or more; cargo test -p lightgcn-serve --test crash -- --ignored --exact nothing_acknowledged_is_lost_in_200_kills"]
fn nothing_acknowledged_is_lost_in_200_kills() {
    kill_and_look(200);
}

/// A limit on the size of files simulates a full disk: the error is typed, acknowledged events stay, and the store
/// goes on once there is space.
#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("events.redb");
    drop(EventStore::open(&store, EventStoreConfig::default()).unwrap());
    let blocks = store.metadata().unwrap().len() / 512 + 64;
    let out = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact child --ignored --nocapture"
        ))
        .arg(std::env::current_exe().unwrap())
        .env(STORE, &store)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (kept, full) = (told(&lines, "kept"), told(&lines, "full"));
    assert_eq!(
        full.len(),
        THREADS,
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let found = batches(&store);
    for (thread, n) in full {
        // No event of the batch that was refused.
        assert_eq!(
            found.get(&thread).copied().unwrap_or(0),
            n,
            "thread {thread}"
        );
        assert_eq!(kept.get(&thread).map_or(0, |last| last + 1), n);
    }
    let again = EventStore::open(&store, EventStoreConfig::default()).unwrap();
    again.try_append(&batch(0, 999)).unwrap();
}
