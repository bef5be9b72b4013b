//! Scheduled retraining of the model that `lightgcn serve` serves.
//!
//! It runs the steps that an operator would run at night, each as a process of this program: export
//! the posted events, prepare a dataset of them and the shop's log, retrain. So a retraining that
//! needs too much memory, or fails in any other way, ends alone.

use crate::args::{Common, ServeArgs};
use anyhow::{Context, bail};
use lightgcn::data::is_url;
use lightgcn::serve::{RefitSchedule, Refitted};
use lightgcn::store::{beside, remove_folder};
use serde::Deserialize;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much a retraining gives way to other processes, such as the service.
const NICENESS: i32 = 10;
/// The exit code of `prepare` if nothing was bought since the model was trained.
const NOTHING_NEW: i32 = 4;
/// The exit code of `retrain` if the new model is worse.
const WORSE: i32 = 3;

/// When and on what a service retrains its model.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RefitConfig {
    /// `daily` (at 03:00 UTC), `daily@HH:MM` (UTC), or an interval such as `6h`. Default: never.
    when: Option<String>,
    /// The shop's logs, as for `prepare`; the posted events are added. Default: none.
    logs: Vec<String>,
    /// As `--margin` of `retrain`. Default: 0.01.
    margin: f64,
    /// Earlier versions of the model to keep. Default: 3.
    keep: usize,
}

impl Default for RefitConfig {
    fn default() -> Self {
        Self {
            when: None,
            logs: Vec::new(),
            margin: 0.01,
            keep: 3,
        }
    }
}

/// Retrains a model by processes of this program.
#[derive(Debug)]
pub(super) struct Refitter {
    program: PathBuf,
    /// Options for every process.
    common: Vec<OsString>,
    model: PathBuf,
    /// The event store of the service.
    events: Option<PathBuf>,
    config: RefitConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The process under way.
    child: Option<Child>,
    is_stopped: bool,
}

/// What a process said: its exit code, and its JSON object.
struct Said {
    code: Option<i32>,
    object: Value,
}

impl Refitter {
    /// The retraining that the flags and the configuration ask for, and its schedule; `None` if
    /// they ask for none.
    pub(super) fn new(
        args: &ServeArgs,
        common: &Common,
        mut config: RefitConfig,
        events: Option<&Path>,
    ) -> anyhow::Result<Option<(RefitSchedule, Self)>> {
        config.logs.extend(args.refit_logs.iter().cloned());
        let Some(when) = args.refit.as_ref().or(config.when.as_ref()) else {
            if !args.refit_logs.is_empty() {
                bail!("--refit-log is for a scheduled retraining; add --refit WHEN");
            }
            return Ok(None);
        };
        let schedule = when.parse::<RefitSchedule>();
        let schedule = schedule.map_err(|problem| anyhow::anyhow!("refit: {problem}"))?;
        let Some(model) = args.model.clone() else {
            bail!("refit: it is for a service with one model, but there are many shops");
        };
        if let Some(url) = model.to_str().filter(|model| is_url(model)) {
            bail!(
                "refit: {url} is not on this machine's disk; serve a local model, or retrain it elsewhere and upload it"
            );
        }
        if config.logs.is_empty() {
            bail!("refit: give the shop's log with --refit-log, or as `logs` in [refit]");
        }
        if !config.margin.is_finite() {
            bail!("refit: the margin {} is not a number", config.margin);
        }
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let refitter = Self {
            program,
            common: common_options(common),
            model,
            events: events.map(Path::to_owned),
            config,
            state: Mutex::default(),
        };
        Ok(Some((schedule, refitter)))
    }

    /// Retrains once.
    pub(super) fn run(&self) -> Result<Refitted, String> {
        let outcome = self.try_run().map_err(|error| format!("{error:#}"));
        // It has personal data.
        let removed = remove(&self.work());
        match (outcome, removed) {
            (Ok(_), Err(error)) => Err(format!("{error:#}")),
            (outcome, _) => outcome,
        }
    }

    fn try_run(&self) -> anyhow::Result<Refitted> {
        let work = self.work();
        remove(&work)?;
        create_private(&work)?;
        let mut logs: Vec<OsString> = self.config.logs.iter().map(OsString::from).collect();
        if let Some(store) = &self.events {
            let log = work.join("events.csv");
            let export = [
                OsStr::new("events"),
                "export".as_ref(),
                store.as_ref(),
                "--out".as_ref(),
                log.as_ref(),
            ];
            let said = self.step(&export)?.succeeded("events export")?;
            if said["n_events"] != 0 {
                logs.push(log.into());
            }
        }
        let dataset = work.join("dataset");
        let mut prepare: Vec<&OsStr> = vec!["prepare".as_ref()];
        prepare.extend(logs.iter().map(OsString::as_os_str));
        prepare.extend([
            OsStr::new("--after"),
            self.model.as_ref(),
            "--out".as_ref(),
            dataset.as_ref(),
        ]);
        let said = self.step(&prepare)?;
        if said.code == Some(NOTHING_NEW) {
            return Ok(Refitted::NothingNew);
        }
        said.succeeded("prepare")?;
        let (margin, keep) = (self.config.margin.to_string(), self.config.keep.to_string());
        let retrain = [
            OsStr::new("retrain"),
            self.model.as_ref(),
            dataset.as_ref(),
            "--margin".as_ref(),
            margin.as_ref(),
            "--keep".as_ref(),
            keep.as_ref(),
        ];
        let said = self.step(&retrain)?;
        if said.code == Some(WORSE) {
            let reason = said.object["issues"]
                .as_array()
                .map_or_else(String::new, |all| {
                    let all = all.iter().filter_map(Value::as_str);
                    all.collect::<Vec<_>>().join("; ")
                });
            return Ok(Refitted::Worse { reason });
        }
        said.succeeded("retrain")?;
        Ok(Refitted::Published)
    }

    /// The folder for what the steps pass on.
    fn work(&self) -> PathBuf {
        beside(&self.model, ".refit")
    }

    /// Runs this program to its end.
    fn step(&self, arguments: &[&OsStr]) -> anyhow::Result<Said> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .args(&self.common)
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut output = {
            let mut state = self.state();
            if state.is_stopped {
                bail!("the service stops");
            }
            let mut child = command.spawn().context("cannot start this program again")?;
            let pid = rustix::process::Pid::from_child(&child);
            // It is only a courtesy.
            let _ = rustix::process::setpriority_process(Some(pid), NICENESS);
            let output = child.stdout.take().context("it has no output")?;
            state.child = Some(child);
            output
        };
        let mut text = String::new();
        let read = output.read_to_string(&mut text);
        let child = self.state().child.take();
        let mut child = child.context("the service stops")?;
        let status = child.wait().context("cannot wait for a step")?;
        read.context("cannot read the output of a step")?;
        Ok(Said {
            code: status.code(),
            object: serde_json::from_str(&text).unwrap_or_default(),
        })
    }

    /// Ends the process under way, and lets no other start.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        if let Some(mut child) = state.child.take() {
            // Models and checkpoints are replaced in one step, so none is left half-written.
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(state);
        let _ = remove(&self.work());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    /// The object of a step that must succeed.
    fn succeeded(self, step: &str) -> anyhow::Result<Value> {
        if self.code == Some(0) {
            return Ok(self.object);
        }
        let error = self.object["error"].as_str();
        match (error, self.code) {
            (Some(error), _) => bail!("{step}: {error}"),
            (None, Some(code)) => bail!("{step} ended with exit code {code}"),
            (None, None) => bail!("{step} was killed, perhaps for want of memory"),
        }
    }
}

/// The options of this process that those of the retraining need too; they inherit the environment.
fn common_options(common: &Common) -> Vec<OsString> {
    let mut options = Vec::new();
    let mut add = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            options.extend([name.into(), value]);
        }
    };
    let text = |value: Option<String>| value.map(OsString::from);
    add("--config", common.config.clone().map(Into::into));
    add("--seed", text(common.seed.map(|seed| seed.to_string())));
    add("--threads", text(common.threads.map(|n| n.to_string())));
    add(
        "--device",
        text(common.device.map(|device| device.to_string())),
    );
    options
}

/// Creates a folder that only its owner may read.
fn create_private(folder: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .with_context(|| format!("creating {}", folder.display()))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    remove_folder(folder).with_context(|| format!("removing {}", folder.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// Held by each test: a program that is still being written by one cannot be started by another.
    static ALONE: Mutex<()> = Mutex::new(());

    /// A retraining in a folder, whose program is this shell script.
    fn with_program(folder: &Path, script: &str) -> Refitter {
        let program = folder.join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        Refitter {
            program,
            common: vec!["--seed".into(), "7".into()],
            model: folder.join("shop.model"),
            events: Some(folder.join("events.redb")),
            config: RefitConfig {
                logs: vec!["log.csv".to_owned()],
                ..RefitConfig::default()
            },
            state: Mutex::default(),
        }
    }

    #[test]
    fn the_steps_follow_each_other() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let log = at("calls");
        let script = format!("echo \"$@\" >> {log}; echo '{{\"n_events\": 2}}'");
        let refitter = with_program(folder.path(), &script);
        assert_eq!(refitter.run(), Ok(Refitted::Published));
        let (model, work, store) = (at("shop.model"), at("shop.model.refit"), at("events.redb"));
        let expected = [
            format!("events export {store} --out {work}/events.csv --seed 7 --json"),
            format!(
                "prepare log.csv {work}/events.csv --after {model} --out {work}/dataset --seed 7 --json"
            ),
            format!("retrain {model} {work}/dataset --margin 0.01 --keep 3 --seed 7 --json"),
        ];
        let calls = fs::read_to_string(log).unwrap();
        assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
        assert!(!Path::new(&work).exists());
    }

    #[test]
    fn each_end_has_its_meaning() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        for (script, expected) in [
            (
                "[ $1 = prepare ] && exit 4; echo '{}'",
                Ok(Refitted::NothingNew),
            ),
            (
                "echo '{\"issues\": [\"recall fell\", \"ndcg fell\"]}'; [ $1 = retrain ] && exit 3; exit 0",
                Ok(Refitted::Worse {
                    reason: "recall fell; ndcg fell".to_owned(),
                }),
            ),
            (
                "[ $1 = events ] && echo '{\"error\": \"it is damaged\"}' && exit 1",
                Err("events export: it is damaged".to_owned()),
            ),
            (
                "[ $1 = prepare ] && exit 1; exit 0",
                Err("prepare ended with exit code 1".to_owned()),
            ),
            (
                "[ $1 = retrain ] && kill -9 $$; exit 0",
                Err("retrain was killed, perhaps for want of memory".to_owned()),
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let refitter = with_program(folder.path(), script);
            assert_eq!(refitter.run(), expected, "{script}");
            assert!(!folder.path().join("shop.model.refit").exists());
        }
    }

    #[test]
    fn a_step_ends_with_the_service() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let script = format!("touch {}/started; exec sleep 600", folder.path().display());
        let refitter = Arc::new(with_program(folder.path(), &script));
        let running = Arc::clone(&refitter);
        let run = std::thread::spawn(move || running.run());
        let start = Instant::now();
        while !folder.path().join("started").exists() {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        refitter.stop();
        assert!(run.join().unwrap().is_err());
        assert_eq!(refitter.run(), Err("the service stops".to_owned()));
        assert!(start.elapsed() < Duration::from_secs(300));
    }
}
