//! The values of a hyper-parameter.

use serde_json::{Map, Value};

/// Integers beyond this are not exact as floating-point numbers.
const LARGEST_INTEGER: i64 = 1 << 53;

/// The values of a hyper-parameter.
///
/// Strategies see every range as the unit interval: [`value_at`](Self::value_at) and
/// [`position_of`](Self::position_of) convert, on a logarithmic scale if `log` is set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ParameterRange {
    /// Any number from `low` to `high`: `{ low = 1e-4, high = 1e-1, log = true }`.
    Float {
        /// The lowest value.
        low: f64,
        /// The highest value.
        high: f64,
        /// Whether the scale is logarithmic.
        log: bool,
    },
    /// `low`, `low + step`, ... up to `high`: `{ low = 0.1, high = 0.5, step = 0.1 }`.
    Steps {
        /// The lowest value.
        low: f64,
        /// The upper limit.
        high: f64,
        /// The difference between neighboring values.
        step: f64,
    },
    /// Whole numbers: `{ low = 1, high = 4, integer = true }`, or all three of `low`, `high` and
    /// `step` whole.
    Integer {
        /// The lowest value.
        low: i64,
        /// The upper limit.
        high: i64,
        /// The difference between neighboring values.
        step: i64,
        /// Whether the scale is logarithmic; the step is then 1.
        log: bool,
    },
    /// One of an unordered list of values of any type: `{ choices = ["uniform", "learned"] }`.
    Choice {
        /// The values.
        choices: Vec<Value>,
    },
}

impl ParameterRange {
    /// Reads a range as the space file declares it.
    ///
    /// # Errors
    /// Every issue found.
    pub(crate) fn parse(declared: &Map<String, Value>) -> Result<Self, Vec<String>> {
        let known = ["low", "high", "log", "step", "integer", "choices"];
        let mut issues: Vec<String> = declared
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .map(|key| format!("unknown key {key:?}; known are {}", known.join(", ")))
            .collect();
        let range = if declared.contains_key("choices") {
            parse_choices(declared, &mut issues)
        } else {
            parse_numbers(declared, &mut issues)
        };
        match range {
            Some(range) if issues.is_empty() => Ok(range),
            _ => Err(issues),
        }
    }

    /// The number of values; `None` if they are continuous.
    #[must_use]
    pub fn n_values(&self) -> Option<u64> {
        match self {
            Self::Float { .. } => None,
            Self::Steps { low, high, step } => Some(((high - low) / step + 1e-9) as u64 + 1),
            Self::Integer {
                low, high, step, ..
            } => Some(((high - low) / step) as u64 + 1),
            Self::Choice { choices } => Some(choices.len() as u64),
        }
    }

    /// The value at a position of the unit interval; positions outside are clamped.
    #[must_use]
    pub fn value_at(&self, position: f64) -> Value {
        let position = position.clamp(0.0, 1.0);
        match self {
            // The ends are exact.
            Self::Float { low, .. } if position == 0.0 => Value::from(*low),
            Self::Float { high, .. } if position == 1.0 => Value::from(*high),
            Self::Float { low, high, log } => {
                let value = if *log {
                    (low.ln() + position * (high.ln() - low.ln())).exp()
                } else {
                    low + position * (high - low)
                };
                Value::from(value.clamp(*low, *high))
            }
            Self::Steps { low, step, .. } => {
                Value::from(tidy(low + self.index_at(position) as f64 * step))
            }
            Self::Integer {
                low,
                high,
                log: true,
                ..
            } => {
                let (left, right) = log_ends(*low, *high);
                let value = (left + position * (right - left)).exp().round() as i64;
                Value::from(value.clamp(*low, *high))
            }
            Self::Integer { low, step, .. } => {
                Value::from(low + self.index_at(position) as i64 * step)
            }
            Self::Choice { choices } => choices[self.index_at(position) as usize].clone(),
        }
    }

    /// The position of a value in the unit interval; `None` if it is not in the range. One of n
    /// equally likely values is in the middle of its n-th part.
    #[must_use]
    pub fn position_of(&self, value: &Value) -> Option<f64> {
        let middle = |index: f64| {
            let n = self.n_values()? as f64;
            (index >= 0.0 && index < n).then_some((index + 0.5) / n)
        };
        match self {
            Self::Float { low, high, log } => {
                let value = value.as_f64().filter(|v| (*low..=*high).contains(v))?;
                Some(if *log {
                    (value.ln() - low.ln()) / (high.ln() - low.ln())
                } else {
                    (value - low) / (high - low)
                })
            }
            Self::Steps { low, step, .. } => {
                let index = ((value.as_f64()? - low) / step).round();
                let same = tidy(low + index * step) == value.as_f64()?;
                same.then(|| middle(index))?
            }
            Self::Integer {
                low,
                high,
                step,
                log,
            } => {
                let value = value.as_i64().filter(|v| (*low..=*high).contains(v))?;
                if *log {
                    let (left, right) = log_ends(*low, *high);
                    return Some(((value as f64).ln() - left) / (right - left));
                }
                let whole = (value - low) % step == 0;
                whole.then(|| middle(((value - low) / step) as f64))?
            }
            Self::Choice { choices } => {
                middle(choices.iter().position(|choice| choice == value)? as f64)
            }
        }
    }

    /// Values to check a configuration with: the ends, or all choices.
    pub(crate) fn examples(&self) -> Vec<Value> {
        match self {
            Self::Choice { choices } => choices.clone(),
            _ => vec![self.value_at(0.0), self.value_at(1.0)],
        }
    }

    /// The index of the equally likely value at a position.
    fn index_at(&self, position: f64) -> u64 {
        let n = self.n_values().unwrap_or(1);
        ((position * n as f64) as u64).min(n - 1)
    }
}

/// The ends of the logarithmic scale of integers, half a step beyond the outermost.
fn log_ends(low: i64, high: i64) -> (f64, f64) {
    ((low as f64 - 0.5).ln(), (high as f64 + 0.5).ln())
}

/// Rounds off the last digits, which are inexact in sums of decimal steps (0.1 + 2 * 0.1).
fn tidy(x: f64) -> f64 {
    format!("{x:.12e}").parse().unwrap_or(x)
}

fn parse_choices(
    declared: &Map<String, Value>,
    issues: &mut Vec<String>,
) -> Option<ParameterRange> {
    if declared.len() > 1 {
        issues.push("choices cannot be combined with other keys".to_owned());
    }
    let Some(choices) = declared["choices"].as_array() else {
        issues.push("choices must be a list".to_owned());
        return None;
    };
    if choices.is_empty() {
        issues.push("choices is empty; name at least one value".to_owned());
    }
    for (n, choice) in choices.iter().enumerate() {
        if choices[..n].contains(choice) {
            issues.push(format!("choices has {choice} twice"));
        }
    }
    Some(ParameterRange::Choice {
        choices: choices.clone(),
    })
}

fn parse_numbers(
    declared: &Map<String, Value>,
    issues: &mut Vec<String>,
) -> Option<ParameterRange> {
    let mut flag = |name: &str| match declared.get(name) {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(other) => {
            issues.push(format!("{name} must be true or false, not {other}"));
            false
        }
    };
    let (log, integer) = (flag("log"), flag("integer"));
    let mut number = |name: &str, needed: bool| {
        let value = declared.get(name);
        let number = value.and_then(Value::as_f64);
        match value {
            None if needed => issues.push(format!(
                "{name} is missing; a range is {{ low, high }} or {{ choices }}"
            )),
            Some(other) if number.is_none() => {
                issues.push(format!("{name} must be a finite number, not {other}"));
            }
            _ => {}
        }
        number
    };
    let (low, high) = (number("low", true), number("high", true));
    let step = number("step", false);
    let (low, high) = (low?, high?);
    check_numbers((low, high), step, log, issues);
    let whole = |name: &str| declared.get(name).is_none_or(Value::is_i64);
    let all_whole = ["low", "high", "step"].into_iter().all(whole);
    let steps_are_whole = step.is_some() && all_whole;
    if !integer && !steps_are_whole {
        return Some(match step {
            Some(step) => ParameterRange::Steps { low, high, step },
            None => ParameterRange::Float { low, high, log },
        });
    }
    let integer = |name: &str| declared.get(name).and_then(Value::as_i64);
    if !all_whole {
        issues.push("integer needs low, high and step to be whole numbers".to_owned());
    } else if low.abs().max(high.abs()) > LARGEST_INTEGER as f64 {
        issues.push(format!("integers must be within ±{LARGEST_INTEGER}"));
    }
    Some(ParameterRange::Integer {
        low: integer("low")?,
        high: integer("high")?,
        step: integer("step").unwrap_or(1),
        log,
    })
}

/// Checks the numbers of a range against one another.
fn check_numbers((low, high): (f64, f64), step: Option<f64>, log: bool, issues: &mut Vec<String>) {
    if low >= high {
        issues.push(format!(
            "the range is empty: low {low} must be below high {high}"
        ));
    }
    if let Some(step) = step {
        if step <= 0.0 {
            issues.push(format!("step must be positive, not {step}"));
        } else if step > high - low {
            issues.push(format!(
                "step {step} is wider than the range, which leaves a single value"
            ));
        }
        if log {
            issues.push("log and step cannot be combined; remove one of them".to_owned());
        }
    }
    if log && low <= 0.0 {
        issues.push(format!("log needs a low above 0, not {low}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(declared: Value) -> Result<ParameterRange, Vec<String>> {
        ParameterRange::parse(declared.as_object().unwrap())
    }

    #[test]
    fn declarations_are_read() {
        assert_eq!(
            parse(json!({ "low": 0, "high": 1 })),
            Ok(ParameterRange::Float {
                low: 0.0,
                high: 1.0,
                log: false
            })
        );
        assert_eq!(
            parse(json!({ "low": 0.1, "high": 0.5, "step": 0.2 })).map(|range| range.n_values()),
            Ok(Some(3))
        );
        let integer = ParameterRange::Integer {
            low: 1,
            high: 4,
            step: 1,
            log: false,
        };
        let declared = json!({ "low": 1, "high": 4, "integer": true });
        assert_eq!(parse(declared), Ok(integer.clone()));
        assert_eq!(
            parse(json!({ "low": 1, "high": 4, "step": 1 })),
            Ok(integer)
        );
    }

    #[test]
    fn every_issue_of_a_declaration_is_listed() {
        // Each issue names its key.
        for (declared, keys) in [
            (json!({ "low": 2, "high": 1 }), &["low"][..]),
            (json!({ "low": 1, "high": 1 }), &["low"]),
            (json!({}), &["low", "high"]),
            (json!({ "low": 0, "high": 1, "log": true }), &["log"]),
            (json!({ "low": "a", "high": null }), &["low", "high"]),
            (json!({ "low": 0, "high": 1, "step": 0 }), &["step"]),
            (json!({ "low": 0, "high": 1, "step": 2 }), &["step"]),
            (
                json!({ "low": 1, "high": 9, "step": 2, "log": true, "stepp": 1 }),
                &["stepp", "log"],
            ),
            (
                json!({ "low": 0.5, "high": 2, "integer": true }),
                &["integer"],
            ),
            (
                json!({ "low": 0, "high": 1i64 << 60, "integer": true }),
                &["integer"],
            ),
            (json!({ "low": 0, "high": 1, "log": 1 }), &["log"]),
            (json!({ "choices": [] }), &["choices"]),
            (json!({ "choices": 3 }), &["choices"]),
            (
                json!({ "choices": [1, 1], "low": 0 }),
                &["choices", "choices"],
            ),
        ] {
            let issues = parse(declared.clone()).unwrap_err();
            assert_eq!(issues.len(), keys.len(), "{declared}: {issues:?}");
            for (issue, key) in issues.iter().zip(keys) {
                assert!(issue.contains(key), "{declared}: {issues:?}");
            }
        }
    }

    #[test]
    fn positions_and_values_go_both_ways() {
        let log = parse(json!({ "low": 1e-4, "high": 1e-2, "log": true })).unwrap();
        assert!((log.value_at(0.5).as_f64().unwrap() - 1e-3).abs() < 1e-12);
        assert_eq!(log.value_at(0.0), json!(1e-4));
        assert_eq!(log.value_at(1.0), json!(1e-2));
        assert_eq!(log.position_of(&json!(1.0)), None);

        let steps = parse(json!({ "low": 0.1, "high": 0.4, "step": 0.1 })).unwrap();
        let values: Vec<Value> = [0.0, 0.3, 0.6, 1.0].map(|p| steps.value_at(p)).to_vec();
        assert_eq!(values, [json!(0.1), json!(0.2), json!(0.3), json!(0.4)]);
        assert_eq!(steps.position_of(&json!(0.3)), Some(0.625));
        assert_eq!(steps.position_of(&json!(0.35)), None);
        assert_eq!(steps.position_of(&json!(0.5)), None);

        let odd = parse(json!({ "low": 1, "high": 6, "step": 2 })).unwrap();
        assert_eq!(odd.n_values(), Some(3));
        assert_eq!(odd.value_at(1.0), json!(5));
        assert_eq!(odd.position_of(&json!(3)), Some(0.5));
        assert_eq!(odd.position_of(&json!(4)), None);

        let sizes = parse(json!({ "low": 1, "high": 1000, "integer": true, "log": true })).unwrap();
        for value in [1, 2, 31, 1000] {
            let position = sizes.position_of(&json!(value)).unwrap();
            assert_eq!(sizes.value_at(position), json!(value));
        }
        assert_eq!(
            (sizes.value_at(0.0), sizes.value_at(1.0)),
            (json!(1), json!(1000))
        );

        let choice = parse(json!({ "choices": ["a", true, [1, 2]] })).unwrap();
        assert_eq!(choice.value_at(0.99), json!([1, 2]));
        assert_eq!(choice.position_of(&json!(true)), Some(0.5));
        assert_eq!(choice.position_of(&json!("b")), None);
    }
}
