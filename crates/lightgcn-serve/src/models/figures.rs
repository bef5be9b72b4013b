//! Training metrics from the files next to a model, for the page.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// Larger files are ignored.
const MAX_BYTES: u64 = 16 << 20;
/// The run record in the folder `MODEL.run` next to the model.
const RECORD: &str = "run.jsonl";
/// The output of `lightgcn evaluate --json`, in the same folder.
const EVALUATION: &str = "evaluation.json";

/// Training information from the files next to an artifact; empty if there are none.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// One object per epoch: its number, loss and validation metrics.
    pub(crate) curve: Vec<Value>,
    /// The comparison with the baselines.
    pub(crate) evaluation: Option<Value>,
}

/// The part of a record's line that is read.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line {
    Epoch(Epoch),
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Serialize)]
struct Epoch {
    epoch: u32,
    loss: f64,
    #[serde(flatten, deserialize_with = "validation")]
    validation: Map<String, Value>,
}

/// Flattens the metrics of the field `validation` to the level of the loss.
fn validation<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    let mut rest = Map::deserialize(from)?;
    match rest.remove("validation") {
        Some(Value::Object(figures)) => Ok(figures),
        _ => Ok(Map::new()),
    }
}

impl Figures {
    /// Reads `MODEL.run`. Missing or damaged files are skipped: they are for information only.
    pub(crate) fn beside(model: &Path) -> Self {
        let folder = lightgcn_store::beside(model, ".run");
        let record = read(&folder.join(RECORD)).unwrap_or_default();
        let evaluation = read(&folder.join(EVALUATION));
        Self {
            curve: curve(&record),
            evaluation: evaluation.and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

fn curve(record: &str) -> Vec<Value> {
    let lines = record
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let epochs = lines.filter_map(|line| match line {
        Line::Epoch(epoch) => serde_json::to_value(epoch).ok(),
        Line::Other => None,
    });
    epochs.collect()
}

fn read(path: &Path) -> Option<String> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_curve_has_the_epochs_of_the_record() {
        let record = concat!(
            r#"{"event":"start","unix_time":1,"from_epoch":1,"device":"cpu","threads":2}"#,
            "\n",
            r#"{"event":"epoch","epoch":1,"loss":0.5,"learning_rate":0.1,"pairs":3,"seconds":1.0,"#,
            r#""validation":{"recall@20":0.25},"best":true}"#,
            "\n",
            r#"{"event":"epoch","epoch":2,"loss":0.4,"validation":{}}"#,
            "\n{\"event\":\"epoch\",\"ep",
        );
        let expected = [
            json!({"epoch": 1, "loss": 0.5, "recall@20": 0.25}),
            json!({"epoch": 2, "loss": 0.4}),
        ];
        assert_eq!(curve(record), expected);
        assert!(
            Figures::beside(Path::new("/nowhere/model"))
                .curve
                .is_empty()
        );
    }
}
