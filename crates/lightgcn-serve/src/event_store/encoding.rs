//! One event as bytes.

use crate::StoredEvent;
use lightgcn_recommend::ContextEvent;

/// The first second of the year 0 and the first after the year 9999: what a log's times can say.
const TIMES: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// What is wrong with an event that is to be kept; none where all is well.
pub(super) fn fault(event: &StoredEvent) -> Option<String> {
    for (what, id) in [
        ("user", &event.user),
        ("item", &event.item),
        ("behavior", &event.behavior),
    ] {
        if id.is_empty() {
            return Some(format!("its {what} is empty"));
        }
    }
    if !(event.count.is_finite() && event.count > 0.0) {
        return Some(format!(
            "its count is {}; give a positive, finite number",
            event.count
        ));
    }
    if !TIMES.contains(&event.time) {
        return Some(format!(
            "its time is {}; give seconds since 1970",
            event.time
        ));
    }
    None
}

/// Everything but the user, who is the key.
pub(super) fn encode(event: &StoredEvent) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&event.to_context()).map_err(|error| error.to_string())
}

pub(super) fn decode(bytes: &[u8]) -> Result<ContextEvent, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("an event is not understood: {error}"))
}
