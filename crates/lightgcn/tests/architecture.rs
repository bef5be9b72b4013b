//! The crates import only what the house allows.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each crate, and the workspace crates that it may import. The order is that of the data's way:
/// a crate imports only crates above its own row.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("lightgcn-core", &[]),
    ("lightgcn-metrics", &["core"]),
    ("lightgcn-graph", &["core"]),
    ("lightgcn-data", &["core"]),
    ("lightgcn-sample", &["core"]),
    ("lightgcn-simd", &[]),
    ("lightgcn-kernels", &["simd", "graph"]),
    ("lightgcn-loss", &["kernels"]),
    ("lightgcn-nn", &["kernels", "graph"]),
    ("lightgcn-linear", &["core", "graph", "simd"]),
    ("lightgcn-store", &["core", "graph"]),
    (
        "lightgcn-recommend",
        &["core", "metrics", "graph", "simd", "linear", "store"],
    ),
    (
        "lightgcn-train",
        &[
            "core",
            "metrics",
            "graph",
            "sample",
            "simd",
            "kernels",
            "loss",
            "nn",
            "linear",
            "store",
            "recommend",
        ],
    ),
    ("lightgcn-serve", &["core", "metrics", "store", "recommend"]),
    (
        "lightgcn",
        &[
            "core",
            "metrics",
            "graph",
            "data",
            "sample",
            "simd",
            "kernels",
            "loss",
            "nn",
            "linear",
            "store",
            "recommend",
            "train",
            "serve",
        ],
    ),
    ("lightgcn-cli", &["facade"]),
];

/// Crates that may import burn, and the one that may import its internals.
const BURN: &[&str] = &[
    "lightgcn-kernels",
    "lightgcn-loss",
    "lightgcn-nn",
    "lightgcn-train",
    "lightgcn",
];
const BURN_INTERNALS: &str = "lightgcn-kernels";

/// Crates that may hold unsafe code.
const UNSAFE: &[&str] = &["lightgcn-simd", "lightgcn-kernels"];

/// Normal and build dependencies of each crate of the workspace.
fn dependencies() -> BTreeMap<String, (Vec<String>, String)> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let names = |p: &cargo_metadata::Package| {
        let normal = p
            .dependencies
            .iter()
            .filter(|d| d.kind != DependencyKind::Development);
        normal.map(|d| d.name.clone()).collect()
    };
    let packages = metadata.workspace_packages();
    packages
        .into_iter()
        .map(|p| (p.name.to_string(), (names(p), p.manifest_path.to_string())))
        .collect()
}

#[test]
fn crates_import_only_what_is_allowed() {
    let all = dependencies();
    for (name, (imports, _)) in &all {
        let row = MAY_IMPORT.iter().position(|(n, _)| n == name);
        let row = row.unwrap_or_else(|| panic!("{name} has no row in the table of crates"));
        for import in imports.iter().filter(|i| all.contains_key(*i)) {
            let short = import.strip_prefix("lightgcn-").unwrap_or("facade");
            assert!(
                MAY_IMPORT[row].1.contains(&short),
                "{name} may not import {import}"
            );
            let above = MAY_IMPORT.iter().position(|(n, _)| n == import);
            assert!(
                above < Some(row),
                "{name} imports {import}, which stands below it"
            );
        }
    }
    assert_eq!(
        all.len(),
        MAY_IMPORT.len(),
        "a crate of the table is missing"
    );
}

#[test]
fn burn_stays_where_it_belongs() {
    for (name, (imports, _)) in dependencies() {
        for import in imports {
            let burns =
                import == "burn" || import.starts_with("burn-") || import.starts_with("cubecl");
            if !burns {
                continue;
            }
            let allowed = if import == "burn" {
                BURN.contains(&&*name)
            } else {
                name == BURN_INTERNALS
            };
            assert!(allowed, "{name} may not import {import}");
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_elsewhere() {
    for (name, (_, manifest)) in dependencies() {
        if UNSAFE.contains(&&*name) {
            continue;
        }
        let folder = std::path::Path::new(&manifest).with_file_name("src");
        let root = ["lib.rs", "main.rs"]
            .map(|f| folder.join(f))
            .into_iter()
            .find(|f| f.exists());
        let text = std::fs::read_to_string(root.expect("a crate root")).expect("readable");
        assert!(
            text.contains("#![forbid(unsafe_code)]"),
            "{name} does not forbid unsafe code"
        );
    }
}

/// The packages that a build of `lightgcn` with these features compiles.
fn compiled(features: &[&str]) -> Vec<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--package", "lightgcn"]);
    cargo.args(["--edges", "normal,build", "--prefix", "none"]);
    cargo.args(["--no-default-features", "--features", &features.join(",")]);
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn answering_builds_without_burn() {
    let is_burn = |name: &String| name.starts_with("burn") || name.starts_with("cubecl");
    for features in [&[][..], &["serve"]] {
        let names = compiled(features);
        assert!(names.iter().any(|name| name == "lightgcn-recommend"));
        let burn: Vec<_> = names.iter().filter(|name| is_burn(name)).collect();
        assert!(burn.is_empty(), "{features:?} builds {burn:?}");
    }
    assert!(compiled(&["train"]).iter().any(is_burn));
}

/// A line of the registry of models: `Variant(file::Config) = "name",`.
fn registry_line(line: &str) -> Option<(&str, &str, &str)> {
    let (variant, rest) = line.trim().split_once('(')?;
    let (path, rest) = rest.split_once(") = \"")?;
    let (file, config) = path.split_once("::")?;
    rest.ends_with("\",").then_some((variant, file, config))
}

/// The code of a Rust file: without comments, and without the tests at its end.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("readable");
    let code = text.split("\n#[cfg(test)]\nmod tests").next();
    let lines = code.unwrap_or_default().lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// All Rust files in the `src` folders of the crates, but those of tests.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = dependencies()
        .into_values()
        .map(|(_, manifest)| Path::new(&manifest).with_file_name("src"))
        .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")
            {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn a_model_is_named_by_its_file_and_two_lines_only() {
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lightgcn-nn/src/models/mod.rs");
    let registry = registry.canonicalize().expect("the registry");
    let text = code(&registry);
    let models: Vec<_> = text.lines().filter_map(registry_line).collect();
    assert!(models.len() >= 4, "{models:?}");
    let files = sources();
    for (variant, file, config) in models {
        let own = registry.with_file_name(format!("{file}.rs"));
        let mut lines = Vec::new();
        for path in &files {
            if path.canonicalize().expect("a path") == own {
                continue;
            }
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let words = |line: &str| {
                line.split(|c| !is_word(c))
                    .any(|w| w == variant || w == config || w == file)
            };
            lines.extend(
                code(path)
                    .lines()
                    .filter(|line| words(line))
                    .map(str::to_owned),
            );
        }
        assert_eq!(lines.len(), 2, "{config} is named in {lines:#?}");
    }
}
