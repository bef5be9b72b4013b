//! The space of configurations that a search explores.

use super::ParameterRange;
use crate::{Candidate, TrainError};
use lightgcn_core::random::{Random, Stream};
use lightgcn_nn::AnyModelConfig;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A point of a search space: the value of each parameter, by its path.
pub type Point = BTreeMap<String, Value>;

/// Parameters that must not vary, since trials could not be compared.
const FIXED: [&str; 2] = ["train.metric", "train.metric_k"];

/// Maximum number of combinations of example values that are checked before a search; in larger spaces, they are drawn
/// at random.
const MOST_COMBINATIONS: u64 = 2048;

/// Maximum number of invalid combinations that are reported.
const MOST_TOLD: usize = 5;

/// A base configuration of model and training, and the parameters that a search varies.
///
/// ```
/// use lightgcn_train::SearchSpace;
///
/// let space = SearchSpace::from_toml(
///     r#"
///     [model]
///     name = "lightgcn"
///
///     [train]
///     epochs = 50
///
///     [space]
///     "train.learning_rate" = { low = 1e-4, high = 1e-1, log = true }
///     "model.layers" = { low = 1, high = 4, step = 1 }
///     "model.layer_weights" = { choices = ["uniform", "learned"] }
///     "#,
/// )?;
/// assert_eq!(space.parameters().len(), 3);
///
/// let error = SearchSpace::from_toml(
///     r#"
///     [space]
///     "train.learning_rat" = { low = 1e-4, high = 1e-1 }
///     "model.layers" = { low = 4, high = 1, step = 1 }
///     "#,
/// )
/// .unwrap_err()
/// .to_string();
/// assert!(error.contains("unknown field `learning_rat`"), "{error}");
/// assert!(error.contains("`model.layers`: the range is empty"), "{error}");
/// # Ok::<(), lightgcn_train::TrainError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SearchSpace {
    /// The tables `model` and `train`.
    base: Value,
    parameters: BTreeMap<String, ParameterRange>,
    /// The declaration, for records.
    declared: Value,
}

impl SearchSpace {
    /// Reads a space: the tables `[model]` and `[train]` of a configuration file, and `[space]`, whose keys are paths
    /// into those two (quoted, `"train.learning_rate"`) and whose values are ranges (see [`ParameterRange`]).
    ///
    /// # Errors
    /// [`TrainError::SearchSpace`] with every issue found: invalid TOML, unknown tables, paths and options, empty
    /// ranges, invalid values.
    pub fn from_toml(text: &str) -> Result<Self, TrainError> {
        let value: Value = toml::from_str(text).map_err(|error| TrainError::SearchSpace {
            issues: vec![error.to_string().trim_end().to_owned()],
        })?;
        Self::from_json(&value)
    }

    /// Like [`from_toml`](Self::from_toml), but from the same tables as JSON.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn from_json(value: &Value) -> Result<Self, TrainError> {
        Self::read(value).map_err(|issues| TrainError::SearchSpace { issues })
    }

    fn read(value: &Value) -> Result<Self, Vec<String>> {
        let mut issues = Vec::new();
        let empty = Map::new();
        let tables = value.as_object().unwrap_or(&empty);
        for name in tables.keys() {
            if !["model", "train", "space"].contains(&name.as_str()) {
                issues.push(format!(
                    "unknown key {name:?}; a space has the tables [model], [train] and [space]"
                ));
            }
        }
        let mut declared = BTreeMap::new();
        if let Some(Value::Object(table)) = tables.get("space") {
            collect("", table, &mut declared, &mut issues);
        }
        if declared.is_empty() && issues.is_empty() {
            issues.push("[space] names no parameter; name at least one".to_owned());
        }
        let mut parameters = BTreeMap::new();
        for (path, range) in &declared {
            let path_issue = path_issue(path, &declared);
            match ParameterRange::parse(range) {
                Ok(range) if path_issue.is_none() => {
                    parameters.insert(path.clone(), range);
                }
                Ok(_) => {}
                Err(found) => issues.extend(found.iter().map(|f| format!("`{path}`: {f}"))),
            }
            issues.extend(path_issue);
        }
        let base = base(tables);
        let space = Self {
            declared: serde_json::json!({ "base": base, "space": declared }),
            base,
            parameters,
        };
        space.check_values(&mut issues);
        if issues.is_empty() {
            space.check_combinations(&mut issues);
        }
        if issues.is_empty() {
            Ok(space)
        } else {
            Err(issues)
        }
    }

    /// The parameters that vary, by path.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, ParameterRange> {
        &self.parameters
    }

    /// The number of points; `None` if a parameter is continuous or the number exceeds 64 bits.
    #[must_use]
    pub fn n_points(&self) -> Option<u64> {
        self.parameters
            .values()
            .try_fold(1u64, |n, range| n.checked_mul(range.n_values()?))
    }

    /// The configuration at a point: the base with the point's values.
    ///
    /// # Errors
    /// [`TrainError::SearchSpace`] if the configuration is invalid.
    pub fn candidate(&self, point: &Point) -> Result<Candidate, TrainError> {
        self.try_candidate(point)
            .map_err(|issues| TrainError::SearchSpace { issues })
    }

    /// The declaration, for records.
    pub(crate) fn declared(&self) -> &Value {
        &self.declared
    }

    /// Whether a point has a value in range for every parameter, and no other value.
    pub(crate) fn contains(&self, point: &Point) -> bool {
        point.keys().eq(self.parameters.keys())
            && self
                .parameters
                .iter()
                .all(|(path, range)| range.position_of(&point[path]).is_some())
    }

    fn try_candidate(&self, point: &Point) -> Result<Candidate, Vec<String>> {
        let mut whole = self.base.clone();
        let mut issues: Vec<String> = point
            .iter()
            .filter_map(|(path, value)| put(&mut whole, path, value).err())
            .collect();
        if !issues.is_empty() {
            return Err(issues);
        }
        let model = part(&whole, "model", &mut issues);
        let train = part(&whole, "train", &mut issues);
        let (Some(model), Some(train)) = (model, train) else {
            return Err(issues);
        };
        let candidate = Candidate { model, train };
        issues.extend(without_effect(&candidate, point));
        match candidate.train.check() {
            Ok(_) => {}
            Err(TrainError::Config { issues: found }) => issues.extend(found),
            Err(other) => issues.push(other.to_string()),
        }
        if issues.is_empty() {
            Ok(candidate)
        } else {
            Err(issues)
        }
    }

    /// Checks the base, and then each example of each parameter on its own, so that an issue names
    /// the parameter that causes it.
    fn check_values(&self, issues: &mut Vec<String>) {
        if let Err(found) = self.try_candidate(&Point::new()) {
            issues.extend(found.iter().map(|issue| format!("the base: {issue}")));
            return;
        }
        for (path, range) in &self.parameters {
            // An unknown path is reported once.
            let mut told = BTreeSet::new();
            for value in range.examples() {
                let point = Point::from([(path.clone(), value.clone())]);
                for issue in self.try_candidate(&point).err().unwrap_or_default() {
                    if told.insert(issue.clone()) {
                        issues.push(format!("`{path}` = {value}: {issue}"));
                    }
                }
            }
        }
    }

    /// Checks the examples of all parameters together.
    fn check_combinations(&self, issues: &mut Vec<String>) {
        let examples: Vec<(&String, Vec<Value>)> = self
            .parameters
            .iter()
            .map(|(path, range)| (path, range.examples()))
            .collect();
        let all = examples
            .iter()
            .try_fold(1u64, |n, (_, values)| n.checked_mul(values.len() as u64));
        let all = all.filter(|&n| n <= MOST_COMBINATIONS);
        let random = Random::new(0, Stream::Search);
        for n in 0..all.unwrap_or(MOST_COMBINATIONS) {
            let mut rest = n;
            let mut draws = random.at(0, n);
            let mut point = Point::new();
            for (path, values) in &examples {
                let many = values.len() as u64;
                let index = if all.is_some() {
                    rest % many
                } else {
                    draws.below_u64(many)
                };
                rest /= many;
                point.insert((*path).clone(), values[index as usize].clone());
            }
            if let Err(found) = self.try_candidate(&point) {
                issues.push(format!("at {}: {}", describe(&point), found.join(", ")));
                if issues.len() == MOST_TOLD {
                    return;
                }
            }
        }
    }
}

/// A point as text: `model.layers 2, train.learning_rate 0.00317`.
pub(crate) fn describe(point: &Point) -> String {
    let words: Vec<String> = point
        .iter()
        .map(|(path, value)| format!("{path} {}", short(value)))
        .collect();
    words.join(", ")
}

/// A value as text: numbers with four digits, strings without quotes.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(x) if number.is_f64() => {
                let x: f64 = format!("{x:.3e}").parse().unwrap_or(x);
                if x != 0.0 && !(1e-4..1e6).contains(&x.abs()) {
                    format!("{x:e}")
                } else {
                    x.to_string()
                }
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// The tables `model` and `train` of a space file; the default model if it has none.
fn base(tables: &Map<String, Value>) -> Value {
    let model = tables.get("model").cloned();
    let model =
        model.unwrap_or_else(|| serde_json::json!({ "name": AnyModelConfig::default().name() }));
    let train = tables.get("train").cloned();
    let train = train.unwrap_or_else(|| Value::Object(Map::new()));
    serde_json::json!({ "model": model, "train": train })
}

/// Collects ranges by path. Keys may be quoted paths or nested tables; a table with a key of a range is a range.
fn collect(
    prefix: &str,
    table: &Map<String, Value>,
    found: &mut BTreeMap<String, Map<String, Value>>,
    issues: &mut Vec<String>,
) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Object(inner) => {
                let keys = ["low", "high", "choices"];
                let is_range = keys.iter().any(|key| inner.contains_key(*key));
                if !is_range && !inner.is_empty() && inner.values().all(Value::is_object) {
                    collect(&path, inner, found, issues);
                } else if found.insert(path.clone(), inner.clone()).is_some() {
                    issues.push(format!("`{path}` is declared twice"));
                }
            }
            other => issues.push(format!(
                "`{path}` is {other}, not a range; a range is {{ low, high }} or {{ choices }}, and \
                 a value that does not vary belongs in [model] or [train]"
            )),
        }
    }
}

fn path_issue(path: &str, all: &BTreeMap<String, Map<String, Value>>) -> Option<String> {
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default();
    if !["model", "train"].contains(&first) || parts.any(str::is_empty) {
        return Some(format!(
            "`{path}` is not a path; paths start with \"model.\" or \"train.\""
        ));
    }
    if path == "train" {
        return Some("`train` cannot vary as a whole; name its options".to_owned());
    }
    if FIXED.contains(&path) {
        return Some(format!(
            "`{path}` cannot vary: values of different metrics cannot be compared"
        ));
    }
    let inside = format!("{path}.");
    let inner = all.keys().find(|other| other.starts_with(&inside))?;
    Some(format!(
        "`{inner}` is part of `{path}`; vary only one of them"
    ))
}

/// Sets the value at a path, creating missing tables.
fn put(whole: &mut Value, path: &str, value: &Value) -> Result<(), String> {
    let mut place = whole;
    let mut so_far = String::new();
    for key in path.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        if !place.is_object() {
            return Err(format!(
                "{so_far} is {place} in the base, which has no {key}; write it as a table there"
            ));
        }
        if !so_far.is_empty() {
            so_far.push('.');
        }
        so_far += key;
        place = &mut place[key];
    }
    *place = value.clone();
    Ok(())
}

fn part<T: DeserializeOwned>(whole: &Value, name: &str, issues: &mut Vec<String>) -> Option<T> {
    match T::deserialize(&whole[name]) {
        Ok(part) => Some(part),
        Err(error) => {
            issues.push(format!("[{name}]: {error}"));
            None
        }
    }
}

/// The paths of a point that the configuration ignored: serializing it shows which ones it knows.
fn without_effect(candidate: &Candidate, point: &Point) -> Vec<String> {
    let whole = match serde_json::to_value(candidate) {
        Ok(whole) => whole,
        Err(error) => return vec![error.to_string()],
    };
    let is_known = |path: &str| {
        path.split('.')
            .try_fold(&whole, |v, key| v.get(key))
            .is_some()
    };
    point
        .keys()
        .filter(|path| !is_known(path))
        .map(|path| format!("{path} has no effect here; name the variant that has it in the base"))
        .collect()
}

#[cfg(test)]
mod tests;
