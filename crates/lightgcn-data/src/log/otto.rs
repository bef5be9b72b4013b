//! OTTO's sessions: lines of JSON.

use crate::RowIssue;
use crate::log::fields::Fields;
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// The rows of the latest session.
#[derive(Default)]
pub(super) struct Sessions {
    session: String,
    events: std::vec::IntoIter<Event>,
}

#[derive(Deserialize)]
#[serde(expecting = "a session")]
struct Session {
    session: Scalar,
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(expecting = "an event")]
struct Event {
    aid: Scalar,
    ts: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
}

/// A number or a text, as text.
struct Scalar(String);

impl Sessions {
    pub(super) const COLUMNS: [&str; 4] = ["session", "aid", "ts", "type"];

    /// Reads the next session.
    pub(super) fn parse(&mut self, line: &[u8]) -> Result<(), RowIssue> {
        let session: Session = serde_json::from_slice(line).map_err(|error| {
            let text = error.to_string();
            // serde_json always reports line 1, since it parses a single line.
            let detail = text.split(" at line ").next().unwrap_or_default();
            RowIssue::Session {
                detail: detail.to_owned(),
                character: error.column(),
            }
        })?;
        self.session = session.session.0;
        self.events = session.events.into_iter();
        Ok(())
    }

    /// Fills in the fields of the session's next event; false after the last one.
    pub(super) fn next_row(&mut self, fields: &mut Fields) -> bool {
        let Some(event) = self.events.next() else {
            return false;
        };
        fields.clear();
        for field in [&self.session, &event.aid.0, &event.ts.0, &event.kind.0] {
            fields.push(field.as_bytes(), b'\n');
        }
        true
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl de::Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a text")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }
}
