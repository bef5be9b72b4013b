//! Training on devices other than the CPU, where there are any.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{run_record, shop};

/// The loss of each epoch of a run, and what it ran on.
fn losses(record: &[serde_json::Value]) -> (Vec<f64>, String) {
    let losses = record
        .iter()
        .filter_map(|line| line["loss"].as_f64())
        .collect();
    (losses, record[0]["device"].as_str().unwrap().to_owned())
}

#[cfg(feature = "wgpu")]
#[test]
fn wgpu_trains_as_the_cpu_does() {
    let work = shop();
    let train = |device: &str| {
        let train = [
            "train",
            "dataset",
            "--device",
            device,
            "--out",
            device,
            "--dimension",
            "16",
        ];
        let small = [
            "--epochs",
            "3",
            "--batch-size",
            "128",
            "--learning-rate",
            "0.01",
            "--json",
        ];
        work.run(&[&train[..], &small].concat())
    };
    let run = train("wgpu");
    if run.stderr.contains("no wgpu adapter") {
        assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
        let required = std::env::var_os("LIGHTGCN_REQUIRE_WGPU").is_some();
        assert!(!required, "a wgpu adapter is required: {}", run.stderr);
        eprintln!("skipped: no wgpu adapter, so nothing is trained on one");
        return;
    }
    assert!(run.status.success(), "{}", run.stderr);
    let said = run.stderr.clone();
    let run = train("cpu");
    assert!(run.status.success(), "{}", run.stderr);
    let record = |out: &str| losses(&run_record(&work.path(&format!("{out}.run/run.jsonl"))));
    let ((on_gpu, gpu_name), (on_cpu, cpu_name)) = (record("wgpu"), record("cpu"));
    assert!(gpu_name.starts_with("wgpu: "), "{gpu_name}");
    assert_eq!(cpu_name, "the CPU");
    assert_eq!((on_gpu.len(), on_cpu.len()), (3, 3));
    for (a, b) in on_gpu.iter().zip(&on_cpu) {
        assert!(
            (a - b).abs() < 1e-4 * (1.0 + b.abs()),
            "losses {on_gpu:?} and {on_cpu:?}"
        );
    }
    assert!(on_gpu[2] < on_gpu[0], "{on_gpu:?}");
    let answer = work.json(&["recommend", "wgpu", "nobody", "-k", "3"]);
    assert_eq!(answer["answers"][0]["items"].as_array().unwrap().len(), 3);

    // What is needed and what there is was said before training.
    assert!(said.contains("GiB"), "{said}");
    // The same steps learn the same, to the figures.
    let recall = |model: &str| {
        let report = work.json(&["evaluate", model, "dataset"]);
        let figures = &report["rows"][0]["figures"];
        figures["recall@20"].as_f64().unwrap()
    };
    let (there, here) = (recall("wgpu"), recall("cpu"));
    assert!((there - here).abs() <= 0.002, "recall {there} and {here}");

    // A table beyond what the device makes a buffer is refused before any work.
    let train = [
        "train",
        "dataset",
        "--out",
        "large",
        "--device",
        "wgpu",
        "--model",
        "mf",
        "--dimension",
        "100000000",
    ];
    let words = [
        "training needs a buffer of",
        "allows at most",
        "fits, or train on the CPU",
    ];
    work.refused(&train, &words);

    // GPUs are counted; one far past the last must not crash.
    let train = ["train", "dataset", "--out", "m", "--device", "wgpu:1000"];
    work.refused(&train, &["no wgpu adapter", "--device"]);
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn wgpu_is_refused_where_it_is_not_built_in() {
    let words = [
        "this build has no wgpu support",
        "build with --features wgpu",
    ];
    shop().refused(
        &["train", "dataset", "--out", "m", "--device", "wgpu"],
        &words,
    );
}

/// Whether this machine has NVIDIA's driver.
#[cfg(feature = "cuda")]
fn has_cuda_driver() -> bool {
    let says = |program: &str, argument: &str| {
        let output = std::process::Command::new(program).arg(argument).output();
        output
            .ok()
            .filter(|done| done.status.success())
            .map(|done| done.stdout)
    };
    let libraries = says("ldconfig", "-p").unwrap_or_default();
    says("nvidia-smi", "-L").is_some() || String::from_utf8_lossy(&libraries).contains("libcuda.so")
}

#[cfg(feature = "cuda")]
#[test]
fn a_missing_cuda_driver_is_a_clean_error() {
    if has_cuda_driver() {
        eprintln!("skipped: there is a CUDA driver, so none is missing");
        return;
    }
    let words = [
        "no CUDA driver",
        "install NVIDIA's driver",
        "use another --device",
    ];
    let error = shop().refused(
        &["train", "dataset", "--out", "m", "--device", "cuda"],
        &words,
    );
    assert_eq!(
        error.matches("no CUDA driver").count(),
        1,
        "said once: {error}"
    );
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_is_refused_where_it_is_not_built_in() {
    let words = [
        "this build has no cuda support",
        "build with --features cuda",
    ];
    shop().refused(
        &["train", "dataset", "--out", "m", "--device", "cuda"],
        &words,
    );
}

/// Without a Vulkan driver, wherever the loader looks, there is no adapter: an error for who asks for
/// one, and one word more for who leaves the choice.
#[cfg(all(feature = "wgpu", target_os = "linux"))]
#[test]
fn a_missing_vulkan_driver_is_a_clean_error_and_auto_goes_on() {
    let mut work = shop();
    for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        work.environment
            .insert(variable, "/nonexistent/driver.json".to_owned());
    }
    let train = ["train", "dataset", "--out", "m", "--device", "wgpu"];
    work.refused(&train, &["no wgpu adapter", "install a Vulkan driver"]);
    let train = [
        "train", "dataset", "--out", "m", "--device", "auto", "--model", "mf", "--epochs", "1",
    ];
    let run = work.run(&train);
    assert!(run.status.success(), "{}", run.stderr);
    let said = |words: &str| run.stderr.contains(words);
    assert!(
        said("wgpu is not used: no wgpu adapter") || said("CUDA GPU"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_automatic_choice_trains_and_says_on_what() {
    let mut work = shop();
    work.environment
        .insert("LIGHTGCN_DEVICE", "auto".to_owned());
    let train = [
        "train", "dataset", "--out", "m", "--model", "mf", "--epochs", "1",
    ];
    let trained = work.json(&train);
    let (_, device) = losses(&run_record(&work.path("m.run/run.jsonl")));
    assert_eq!(trained["device"].as_str(), Some(device.as_str()));
    assert!(
        ["the CPU", "wgpu: ", "CUDA GPU "]
            .iter()
            .any(|name| device.starts_with(name))
    );
}
