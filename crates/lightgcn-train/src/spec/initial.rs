//! How configurations say where initial embeddings come from: a standard deviation, or `"xavier"`.

use serde::{Deserializer, Serializer, de};
use std::fmt;

/// The name of Xavier's uniform distribution, which has no deviation to choose.
const XAVIER: &str = "xavier";

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn serialize<S: Serializer>(
    std: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match std {
        Some(std) => serializer.serialize_f64(*std),
        None => serializer.serialize_str(XAVIER),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    deserializer.deserialize_any(Initial)
}

struct Initial;

impl de::Visitor<'_> for Initial {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a standard deviation or {XAVIER:?}")
    }

    fn visit_f64<E>(self, std: f64) -> Result<Option<f64>, E> {
        Ok(Some(std))
    }

    fn visit_i64<E>(self, std: i64) -> Result<Option<f64>, E> {
        Ok(Some(std as f64))
    }

    fn visit_u64<E>(self, std: u64) -> Result<Option<f64>, E> {
        Ok(Some(std as f64))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<f64>, E> {
        match name {
            XAVIER => Ok(None),
            _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
        }
    }

    /// A null of JSON.
    fn visit_unit<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use crate::{LightGcnSpec, ModelSpec};

    #[test]
    fn a_deviation_or_xavier() {
        let read = |std: &str| -> Result<ModelSpec, _> {
            serde_json::from_str(&format!(r#"{{"name": "lightgcn", "init_std": {std}}}"#))
        };
        for (text, init_std) in [
            ("0.25", Some(0.25)),
            ("1", Some(1.0)),
            (r#""xavier""#, None),
            ("null", None),
        ] {
            let spec = ModelSpec::LightGcn(LightGcnSpec {
                init_std,
                ..LightGcnSpec::default()
            });
            assert_eq!(read(text).unwrap(), spec);
            let toml = toml::to_string(&spec).unwrap();
            assert_eq!(toml::from_str::<ModelSpec>(&toml).unwrap(), spec, "{toml}");
        }
        let error = read(r#""normal""#).unwrap_err().to_string();
        assert!(
            error.contains(r#"a standard deviation or "xavier""#),
            "{error}"
        );
        assert!(read("[1]").is_err());
    }
}
