//! `lightgcn serve` with a model in an object store: a real S3 server on this machine.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;
#[path = "../../lightgcn-data/tests/servers/mod.rs"]
mod servers;
mod serving;

use common::{Workplace, assert_messages, shop};
use serving::{Serving, body};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const URL: &str = "s3://shop/models/shop.model";
const REFUSED: &str = "lightgcn_model_refused_total";
const SWAPS: &str = "lightgcn_model_swaps_total";

/// A workplace with the models `one` and `two`, an S3 server, and its credentials in the environment. Its bucket `shop` is
/// the folder `s3/shop`.
fn place() -> Workplace {
    let mut work = shop();
    for (model, epochs) in [("one", "1"), ("two", "2")] {
        work.json(&[
            "train",
            "dataset",
            "--out",
            model,
            "--dimension",
            "8",
            "--epochs",
            epochs,
        ]);
    }
    fs::create_dir_all(work.path("s3/shop/models")).unwrap();
    let address = servers::serve_s3(&work.path("s3"));
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("LIGHTGCN_SERVE_MODEL_POLL_SECONDS", "0.1".to_owned()),
    ] {
        work.environment.insert(name, value);
    }
    work
}

/// Uploads a file of the model, in one step as a store does.
fn put(work: &Workplace, name: &str, bytes: &[u8]) {
    let folder = work.path("s3/shop/models/shop.model");
    fs::create_dir_all(&folder).unwrap();
    let (part, file) = (work.path("part"), folder.join(name));
    fs::write(&part, bytes).unwrap();
    fs::rename(part, file).unwrap();
}

/// Uploads the files of a model, the manifest last.
fn upload(work: &Workplace, model: &str) {
    let mut files: Vec<(String, Vec<u8>)> = work.files(model).into_iter().collect();
    files.sort_by_key(|(name, _)| name == "manifest.json");
    for (name, bytes) in files {
        put(work, &name, &bytes);
    }
}

fn start(work: &Workplace, arguments: &[&str]) -> Serving {
    let environment = work.environment.iter();
    let environment: Vec<(&str, &str)> = environment
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Serving::start(&work.path(""), arguments, &environment)
}

/// A counter.
fn counter(serving: &Serving, name: &str) -> u64 {
    let metrics = serving.get("/metrics");
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("no {name}"))
        .parse()
        .unwrap()
}

fn wait_until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for more refused models.
fn wait_for_refusal(serving: &Serving) {
    let before = counter(serving, REFUSED);
    wait_until(|| counter(serving, REFUSED) > before);
}

/// The version that answers.
fn version(serving: &Serving) -> String {
    let answer = body(&serving.get("/v1/popular?k=1"));
    answer["model_version"].as_str().unwrap().to_owned()
}

fn version_at(work: &Workplace, model: &str) -> String {
    let identity = lightgcn::store::Artifact::identity_at(work.path(model)).unwrap();
    identity[..16].to_owned()
}

/// What belongs to the service in the workplace.
fn left(work: &Workplace) -> Vec<String> {
    let entries = fs::read_dir(work.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("events")).collect();
    names.sort();
    names
}

#[test]
fn a_model_in_a_bucket_is_served_and_watched() {
    let work = place();
    upload(&work, "one");
    let (one, two) = (version_at(&work, "one"), version_at(&work, "two"));
    assert_ne!(one, two);
    let serving = start(&work, &[URL, "--events", "events.redb"]);
    assert_eq!(serving.listening["model_version"], one);
    assert_eq!(version(&serving), one);
    let models = serving.admin("/admin/models");
    assert_eq!(body(&models)["models"][0]["path"], URL);

    // The old model answers while what is there is damaged, and when it is gone.
    let manifest = work.path("s3/shop/models/shop.model/manifest.json");
    fs::remove_file(manifest).unwrap();
    wait_for_refusal(&serving);
    put(&work, "manifest.json", b"{}");
    wait_until(|| serving.said().contains("manifest.json, line 1"));
    assert_eq!(version(&serving), one);
    assert_eq!(counter(&serving, SWAPS), 0);

    upload(&work, "two");
    wait_until(|| counter(&serving, SWAPS) == 1);
    assert_eq!(version(&serving), two);
    assert!(
        left(&work)
            .iter()
            .all(|name| name != "events.redb.download")
    );
    serving.signal("-TERM");
    let (code, said) = serving.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("rejected a model") && said.contains(URL),
        "{said}"
    );
    assert_eq!(left(&work), ["events.redb", "events.redb.catalogue"]);
}

#[test]
fn a_half_uploaded_model_is_served_once_it_is_whole() {
    let work = place();
    upload(&work, "one");
    let (one, two) = (version_at(&work, "one"), version_at(&work, "two"));
    let serving = start(&work, &[URL, "--events", "events.redb"]);
    // The manifest first: the other files are still those of before.
    put(
        &work,
        "manifest.json",
        &fs::read(work.path("two/manifest.json")).unwrap(),
    );
    wait_for_refusal(&serving);
    // It is not downloaded again while nothing changes.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(counter(&serving, REFUSED), 1);
    assert_eq!(version(&serving), one);
    upload(&work, "two");
    wait_until(|| counter(&serving, SWAPS) == 1);
    assert_eq!(version(&serving), two);
}

#[test]
fn models_that_cannot_be_had_are_errors() {
    let mut work = place();
    let serve = [
        "serve",
        URL,
        "--events",
        "events.redb",
        "--bind",
        "127.0.0.1:0",
        "--no-admin",
    ];
    let fails = |work: &Workplace, fields: &[&str]| {
        work.fails(&serve, &[&[URL][..], fields].concat());
        assert!(!left(work).contains(&"events.redb.download".to_owned()));
    };
    fails(&work, &["there is no ", "/manifest.json", "check the URL"]);
    // A dataset, and a model with a damaged file.
    upload(&work, "dataset");
    fails(&work, &["lightgcn-dataset", "lightgcn-artifact"]);
    fs::remove_dir_all(work.path("s3/shop/models/shop.model")).unwrap();
    upload(&work, "one");
    put(&work, "users.safetensors", b"{}");
    fails(&work, &["/users.safetensors has 2 bytes"]);
    fs::remove_file(work.path("s3/shop/models/shop.model/users.safetensors")).unwrap();
    fails(&work, &["there is no ", "/users.safetensors"]);
    assert_messages();

    work.environment
        .insert("AWS_SECRET_ACCESS_KEY", "wrong".to_owned());
    fails(
        &work,
        &["may not be read", "credentials in the environment"],
    );
}

#[test]
fn a_download_without_an_event_file_is_temporary() {
    let mut work = place();
    let temporary = work.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let is_empty = |path: &Path| fs::read_dir(path).unwrap().next().is_none();
    work.environment
        .insert("TMPDIR", temporary.to_str().unwrap().to_owned());
    work.fails(&["serve", URL, "--no-admin"], &["there is no "]);
    assert!(is_empty(&temporary));
    upload(&work, "one");
    let serving = start(&work, &[URL]);
    assert_eq!(version(&serving), version_at(&work, "one"));
    serving.signal("-INT");
    assert_eq!(serving.end().0, Some(0));
    assert!(is_empty(&temporary));
}

#[test]
fn urls_are_no_paths() {
    let work = Workplace::new();
    let other = "gs://shop/a.model";
    for arguments in [
        &["serve", "--models", "s3://shop/models"][..],
        &["retrain", other, "dataset"],
        &["retrain", "a.model", "dataset", "--out", other],
        &["rollback", "https://shop.example/a.model"],
        &["recommend", other, "ann"],
        &["explain", other, "ann", "glove"],
        &["evaluate", other, "dataset"],
        &["evaluate", "a.model", "dataset", "--against", other],
        &["prepare", "log.csv", "--after", other, "--out", "dataset"],
        &["export", other, "--out", "folder"],
        &["forget", "ann", "--model", other],
    ] {
        work.refused(
            arguments,
            &["is a URL, which only the MODEL of `serve` may be"],
        );
    }
    let refit = ["--refit", "daily", "--refit-log", "log.csv"];
    work.refused(
        &[&["serve", URL], &refit[..]].concat(),
        &["refit", URL, "not on this machine's disk"],
    );
    work.write(
        "serve.toml",
        "[serve.admin]\nmodels = \"s3://shop/models\"\n",
    );
    work.refused(
        &["serve", "a.model", "--config", "serve.toml"],
        &["admin.models", "is a URL"],
    );
    assert_messages();
}
