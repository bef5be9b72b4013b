//! The crates import only what the house allows.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeMap;

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
    ("lightgcn-serve", &["core", "store", "recommend"]),
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
