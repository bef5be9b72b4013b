//! Shared by the command's tests: a working folder, runs of the command, and a small shop.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod log;

use log::{LeaveLastOut, Log};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than any run takes: what is not done by then hangs.
const LONGEST_RUN: Duration = Duration::from_secs(300);

thread_local! {
    /// The failed commands of this test and their messages.
    static MESSAGES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Compares the messages of all failures of this test so far with `tests/snapshots`, the one place where
/// the wording is reviewed. After a change, run the tests with `INSTA_UPDATE=always`.
pub(crate) fn assert_messages() {
    let messages = MESSAGES.with_borrow(|messages| messages.join("\n"));
    let thread = std::thread::current();
    let test = thread.name().expect("tests run in named threads");
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("{}__{test}", env!("CARGO_CRATE_NAME")), messages);
    });
}

/// A temporary folder in which the command runs.
pub(crate) struct Workplace {
    folder: TempDir,
    /// The output of runs, outside the folder so that its listing shows only the command's work.
    printed: TempDir,
    /// Environment variables of every run.
    pub(crate) environment: BTreeMap<&'static str, String>,
}

/// The result of a run.
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run in progress.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            printed: tempfile::tempdir().unwrap(),
            environment: BTreeMap::from([("LIGHTGCN_DEVICE", "cpu".to_owned())]),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn read_json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// The names and bytes of all files of a folder.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(path).unwrap());
        }
        files
    }

    /// Every path below the workplace.
    pub(crate) fn listing(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                paths.push(path);
            }
        }
        paths.sort();
        paths
    }

    /// Starts the command in the workplace.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let n = fs::read_dir(self.printed.path()).unwrap().count();
        let stdout = self.printed.path().join(format!("{n}.stdout"));
        let stderr = self.printed.path().join(format!("{n}.stderr"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_lightgcn"));
        for name in ["CONFIG", "SEED", "THREADS", "DEVICE"] {
            command.env_remove(format!("LIGHTGCN_{name}"));
        }
        let child = command
            .env_remove("RUST_LOG")
            .envs(&self.environment)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create_new(&stdout).unwrap())
            .stderr(File::create_new(&stderr).unwrap())
            .spawn()
            .unwrap();
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// Runs the command to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).wait()
    }

    /// Runs the command, which must succeed, and returns what it prints.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert!(run.status.success(), "{arguments:?}: {}", run.stderr);
        run.stdout
    }

    /// Runs the command with `--json`, which must succeed and print one JSON object and no more.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        let object = serde_json::from_str(&text);
        let object: Value = object.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"));
        assert!(object.is_object(), "{arguments:?}: {text}");
        object
    }

    /// Runs the command with `--json`. It must fail with an error that has each of `fields` (a file, a
    /// line, a column, an option, an id), both on standard error and in the one JSON object on
    /// standard output, and leave nothing behind. The wording is reviewed by [`assert_messages`].
    pub(crate) fn refused(&self, arguments: &[&str], fields: &[&str]) -> String {
        let before = self.listing();
        let error = self.fails(arguments, fields);
        assert_eq!(
            self.listing(),
            before,
            "{arguments:?} left something behind"
        );
        error
    }

    /// Like [`Workplace::refused`], but may leave something behind.
    pub(crate) fn fails(&self, arguments: &[&str], fields: &[&str]) -> String {
        let run = self.run(&[arguments, &["--json"]].concat());
        let code = run.status.code();
        assert!(
            matches!(code, Some(1 | 2)),
            "{arguments:?} ended with {code:?}: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains("error: "),
            "{arguments:?}: {}",
            run.stderr
        );
        let object: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", run.stdout));
        assert_eq!(object.as_object().unwrap().len(), 1, "{object}");
        let error = object["error"].as_str().unwrap();
        for field in fields {
            for text in [error, &run.stderr] {
                assert!(
                    text.contains(field),
                    "{arguments:?}: no {field:?} in: {text}"
                );
            }
        }
        let words = error.split(' ').map(|word| match word.contains("/.tmp") {
            true => "TEMPORARY",
            false => word,
        });
        let shown = words.collect::<Vec<_>>().join(" ");
        let message = format!("$ lightgcn {}\n{shown}\n", arguments.join(" "));
        MESSAGES.with_borrow_mut(|messages| messages.push(message));
        error.to_owned()
    }
}

impl Running {
    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until `is_so`; fails if the run ends or it takes too long.
    pub(crate) fn wait_until(&mut self, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "ended with {status:?}: {}", self.said());
            self.give_up_after_longest(start);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait(mut self) -> Run {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            self.give_up_after_longest(start);
            std::thread::sleep(Duration::from_millis(5));
        };
        let stderr = self.said();
        assert!(!stderr.contains("panicked at"), "{stderr}");
        Run {
            status,
            stdout: fs::read_to_string(&self.stdout).unwrap(),
            stderr,
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    fn give_up_after_longest(&mut self, start: Instant) {
        if start.elapsed() > LONGEST_RUN {
            self.child.kill().unwrap();
            panic!("the command hangs; it said: {}", self.said());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a failing test gets here with a child that still runs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a synthetic log of 12,000 events in order of time, cut into files: each has the rows up to its percentage.
pub(crate) fn cut_log(work: &Workplace, files: &[(&str, usize)]) {
    work.json(&["generate", "--events", "12000", "--out", "all.csv"]);
    let text = work.read("all.csv");
    let (head, rows) = text.split_once('\n').unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_by_key(|row| row.split(',').next().unwrap().to_owned());
    let mut start = 0;
    for &(name, percent) in files {
        let end = rows.len() * percent / 100;
        work.write(name, format!("{head}\n{}\n", rows[start..end].join("\n")));
        start = end;
    }
}

/// A workplace with a synthetic log `shop.csv` of 8,000 events and its data set `dataset`, from
/// which each user's last purchases are held out.
pub(crate) fn shop() -> Workplace {
    let work = Workplace::new();
    work.json(&["generate", "--events", "8000", "--out", "shop.csv"]);
    work.json(&[
        "prepare",
        "shop.csv",
        "--out",
        "dataset",
        "--split",
        "leave-last-out",
    ]);
    work
}

/// Trains a small model of `dataset` for an epoch.
pub(crate) fn small_model(work: &Workplace, out: &str) {
    work.json(&[
        "train",
        "dataset",
        "--out",
        out,
        "--dimension",
        "8",
        "--epochs",
        "1",
    ]);
}

/// The shop with LightGCN in `lightgcn` and matrix factorization in `mf`, and how its log splits.
pub(crate) fn trained_shop() -> (Workplace, LeaveLastOut) {
    let work = shop();
    let usual = ["--dimension", "16", "--epochs", "6", "--batch-size", "64"];
    let rate = ["--learning-rate", "0.02"];
    for model in ["lightgcn", "mf"] {
        let train = ["train", "dataset", "--out", model, "--model", model];
        work.json(&[&train[..], &usual, &rate].concat());
    }
    let parts = Log::parse(&work.read("shop.csv")).leave_last_out();
    (work, parts)
}

/// The strings of a JSON list.
pub(crate) fn strings<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter()
        .map(|item| item[field].as_str().unwrap())
        .collect()
}

/// The lines of a run's record.
pub(crate) fn run_record(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // A line that is being written may be cut short.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
