//! Hints for unknown ids and labels.

use lightgcn_core::{ItemId, Vocabulary};

/// Longer ids are not compared by spelling.
const MAX_LENGTH: usize = 64;

/// The maximum number of edits for an id to count as near.
const MAX_EDITS: usize = 2;

/// The known item id that is nearest in spelling: at most 2 edits (Damerau and Levenshtein: characters
/// inserted, deleted, replaced or swapped with the next), and fewer than half of the id; ties by the
/// lower row. O(items · length²), on error paths only.
pub(crate) fn nearest_item(items: &Vocabulary<ItemId>, id: &str) -> Option<String> {
    let trimmed = id.trim();
    if items.get(trimmed).is_some() {
        return Some(trimmed.to_owned());
    }
    nearest_label(items.iter(), id)
}

/// The label nearest in spelling, as in [`nearest_item`].
pub(crate) fn nearest_label<'a>(
    labels: impl Iterator<Item = &'a str>,
    label: &str,
) -> Option<String> {
    let wanted = label.trim();
    let length = wanted.chars().count();
    if length > MAX_LENGTH {
        return None;
    }
    let most = MAX_EDITS.min(length.saturating_sub(1) / 2);
    let near = labels.filter_map(|name| {
        // Lengths rule out most labels; a character has at most 4 bytes.
        if name.len() > 4 * (length + most) || name.chars().count().abs_diff(length) > most {
            return None;
        }
        let edits = strsim::damerau_levenshtein(wanted, name);
        (edits <= most).then_some((edits, name))
    });
    // `min_by_key` keeps the first of equal ones: the lower row.
    let nearest = near.min_by_key(|&(edits, _)| edits);
    nearest.map(|(_, name)| name.to_owned())
}

/// How to fix an unknown user id. It never names another user.
pub(crate) fn hint_for_user(is_known: impl Fn(&str) -> bool, id: &str) -> String {
    let trimmed = id.trim();
    if trimmed != id && is_known(trimmed) {
        return format!("the id is known without the whitespace around it: {trimmed:?}");
    }
    "check the id against the log, or train again on a log that has this user; \
     recommendations for unknown users fall back to popularity"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_items_are_suggested() {
        let items = Vocabulary::from_names(["5802432", "5802433", "lamp"]).unwrap();
        let near = |id: &str| nearest_item(&items, id);
        assert_eq!(near(" lamp\n").as_deref(), Some("lamp"));
        assert_eq!(near("5802439").as_deref(), Some("5802432"));
        assert_eq!(near("580243").as_deref(), Some("5802432"));
        assert_eq!(near("lmap").as_deref(), Some("lamp"));
        assert_eq!(near("lmpa"), None); // 2 edits are half of the id
        assert_eq!(near("9"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"5".repeat(1000)), None);
    }

    #[test]
    fn other_users_are_never_named() {
        let is_known = |id: &str| ["anna", "bob"].contains(&id);
        assert!(hint_for_user(is_known, "bob ").contains("\"bob\""));
        assert!(!hint_for_user(is_known, "ann").contains("anna"));
    }
}
