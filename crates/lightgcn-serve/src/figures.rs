//! The figures of a model's training, for the page.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

/// Records beyond this are not read.
const MOST_BYTES: u64 = 16 << 20;
/// The record of a run, in the folder `MODEL.run` beside the model.
const RECORD: &str = "run.jsonl";
/// What `lightgcn evaluate --json` printed, in the same folder.
const EVALUATION: &str = "evaluation.json";

/// What files beside an artifact tell of its training; empty where there are none.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// An object an epoch: its number, its loss and its figures on validation data.
    pub(crate) curve: Vec<Value>,
    /// The comparison with the baselines on test data.
    pub(crate) evaluation: Option<Value>,
}

/// What is read of a line of the record.
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

/// The figures of the field `validation`, which stand beside the loss in the answer.
fn validation<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    let mut rest = Map::deserialize(from)?;
    match rest.remove("validation") {
        Some(Value::Object(figures)) => Ok(figures),
        _ => Ok(Map::new()),
    }
}

impl Figures {
    /// Reads what there is in `MODEL.run`. What is absent or damaged is left out: it only informs.
    pub(crate) fn beside(model: &Path) -> Self {
        let mut folder = OsString::from(model.components().as_path());
        folder.push(".run");
        let folder = Path::new(&folder);
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
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_curve_is_the_epochs_of_the_record() {
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
