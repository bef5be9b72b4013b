//! The alerts and the dashboard in `deploy/` name metrics that the service has.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

/// The words of a text that begin like a metric of the service.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let metrics =
        words.filter(|word| word.starts_with("lightgcn_") || word.starts_with("process_"));
    let bare = |word: &str| word.strip_suffix("_bucket").unwrap_or(word).to_owned();
    metrics.map(bare).collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_of_the_service() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    for file in std::fs::read_dir(root.join("src/metrics")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        known.extend(metrics_in(&text));
    }
    for file in ["alerts.yml", "dashboard.json"] {
        let text = std::fs::read_to_string(root.join("../../deploy").join(file)).unwrap();
        let named = metrics_in(&text);
        assert!(named.len() > 8, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
    let dashboard = std::fs::read_to_string(root.join("../../deploy/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert_eq!(dashboard["panels"].as_array().unwrap().len(), 10);
}
