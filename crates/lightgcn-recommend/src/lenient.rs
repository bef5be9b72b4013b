//! Ids and times in JSON, in each of the forms that clients have them: for the attribute `deserialize_with`.

use chrono::DateTime;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;

/// An id: a string, or an integer, which stands for its digits.
///
/// # Errors
/// The deserializer's, for anything else.
pub fn id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Id::deserialize(from).map(|Id(id)| id)
}

/// An id, or null.
///
/// # Errors
/// As [`id`].
pub fn optional_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let id = Option::<Id>::deserialize(from)?;
    Ok(id.map(|Id(id)| id))
}

/// A list of ids.
///
/// # Errors
/// As [`id`].
pub fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let ids = Vec::<Id>::deserialize(from)?;
    Ok(ids.into_iter().map(|Id(id)| id).collect())
}

/// A list of ids, or null.
///
/// # Errors
/// As [`id`].
pub fn optional_ids<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let ids = Option::<Vec<Id>>::deserialize(from)?;
    Ok(ids.map(|ids| ids.into_iter().map(|Id(id)| id).collect()))
}

/// Seconds since 1970-01-01 UTC, or null: an integer, or a string by RFC 3339 with its offset, such as
/// `2020-03-01T12:00:00Z`, whose fractions of a second are cut.
///
/// # Errors
/// The deserializer's, for anything else.
pub fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let time = Option::<Time>::deserialize(from)?;
    Ok(time.map(|Time(time)| time))
}

struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id as a string or an integer")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
        Ok(Id(id.to_owned()))
    }

    fn visit_string<E: Error>(self, id: String) -> Result<Id, E> {
        Ok(Id(id))
    }

    fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
        Ok(Id(id.to_string()))
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
        Ok(Id(id.to_string()))
    }
}

struct Time(i64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TimeVisitor)
    }
}

struct TimeVisitor;

/// The longest text of a time; longer ones are not repeated in a message.
const MAX_TIME: usize = 40;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since 1970, or a time with its offset such as 2020-03-01T12:00:00Z")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(Time(time.timestamp())),
            Err(_) if text.len() <= MAX_TIME => Err(E::invalid_value(Unexpected::Str(text), &self)),
            Err(_) => Err(E::invalid_value(Unexpected::Other("long text"), &self)),
        }
    }

    fn visit_i64<E: Error>(self, time: i64) -> Result<Time, E> {
        Ok(Time(time))
    }

    fn visit_u64<E: Error>(self, time: u64) -> Result<Time, E> {
        let fits = i64::try_from(time);
        fits.map(Time)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(time), &self))
    }
}

/// The schemas of what is read here.
#[cfg(feature = "openapi")]
mod schemas {
    use std::borrow::Cow;
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
    use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
    use utoipa::{PartialSchema, ToSchema};

    /// The schema `Id`: of what [`id`](super::id) reads.
    #[derive(Debug)]
    pub struct IdSchema;

    /// The schema `Time`: of what [`time`](super::time) reads.
    #[derive(Debug)]
    pub struct TimeSchema;

    /// A string or an integer.
    fn either(text: Option<KnownFormat>, description: &str) -> RefOr<Schema> {
        let of = |kind, format: Option<KnownFormat>| {
            ObjectBuilder::new()
                .schema_type(SchemaType::new(kind))
                .format(format.map(SchemaFormat::KnownFormat))
        };
        OneOfBuilder::new()
            .item(of(Type::String, text))
            .item(of(Type::Integer, Some(KnownFormat::Int64)))
            .description(Some(description))
            .into()
    }

    impl PartialSchema for IdSchema {
        fn schema() -> RefOr<Schema> {
            either(None, "An id: a string, or an integer for its digits.")
        }
    }

    impl ToSchema for IdSchema {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed("Id")
        }
    }

    impl PartialSchema for TimeSchema {
        fn schema() -> RefOr<Schema> {
            let text = "A time: by RFC 3339 with its offset, or in seconds since 1970-01-01 UTC.";
            either(Some(KnownFormat::DateTime), text)
        }
    }

    impl ToSchema for TimeSchema {
        fn name() -> Cow<'static, str> {
            Cow::Borrowed("Time")
        }
    }
}

#[cfg(feature = "openapi")]
pub use schemas::{IdSchema, TimeSchema};

#[cfg(test)]
mod tests {
    use crate::{ContextEvent, ExplainRequest, RecommendRequest};
    use serde::de::DeserializeOwned;

    fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_are_strings_or_integers() {
        let request: RecommendRequest = read(
            r#"{"user": 7, "options": {"filter": {"allow": [1, "b"], "deny": [18446744073709551615]}}}"#,
        )
        .unwrap();
        assert_eq!(request.user, "7");
        let filter = request.options.filter;
        assert_eq!(filter.allow, Some(vec!["1".to_owned(), "b".to_owned()]));
        assert_eq!(filter.deny, ["18446744073709551615"]);
        let request: ExplainRequest = read(r#"{"user": -3, "item": 0}"#).unwrap();
        assert_eq!((request.user.as_str(), request.item.as_str()), ("-3", "0"));
        let wrong = ["1.5", "1e3", "18446744073709551616", "true", "null", "[1]"];
        for id in wrong {
            let request = format!(r#"{{"user": {id}}}"#);
            assert!(read::<ExplainRequest>(&request).is_err(), "{id}");
        }
    }

    #[test]
    fn times_are_seconds_or_have_an_offset() {
        let time = |time: &str| {
            let json = format!(r#"{{"item": "p", "behavior": "view", "time": {time}}}"#);
            read::<ContextEvent>(&json).map(|event| event.time)
        };
        for (given, seconds) in [
            ("1583064000", Some(1_583_064_000)),
            (r#""2020-03-01T12:00:00Z""#, Some(1_583_064_000)),
            (r#""2020-03-01T13:00:00+01:00""#, Some(1_583_064_000)),
            (r#""2020-03-01t12:00:00.999z""#, Some(1_583_064_000)),
            ("-1", Some(-1)),
            ("null", None),
        ] {
            assert_eq!(time(given), Ok(seconds), "{given}");
        }
        let long = format!("\"{}\"", "x".repeat(1000));
        assert!(time(&long).unwrap_err().len() < 300);
        for wrong in [
            "1.5",
            "18446744073709551615",
            r#""2020-03-01T12:00:00""#,
            r#""2020-03-01""#,
            r#""1583064000""#,
            r#""soon""#,
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        // An absent time is none, and a written one is a number.
        let event: ContextEvent = read(r#"{"item": 5, "behavior": "view"}"#).unwrap();
        assert_eq!((event.item.as_str(), event.time), ("5", None));
        let event = ContextEvent {
            time: Some(3),
            ..event
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json,
            r#"{"item":"5","behavior":"view","count":1.0,"time":3}"#
        );
    }
}
