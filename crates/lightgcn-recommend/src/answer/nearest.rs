//! What to say about an id that is not known.

use lightgcn_core::{ItemId, UserId, Vocabulary};

/// Ids longer than this are not compared by spelling.
const LONGEST: usize = 64;

/// The most edits at which an id still counts as near.
const MOST_EDITS: usize = 2;

/// The known item id that is nearest in spelling (at most 2 characters inserted, deleted or
/// replaced, and fewer than half of it), equal ones by the lower row. O(items · length²), on the
/// way to an error only.
pub(crate) fn nearest_item(items: &Vocabulary<ItemId>, id: &str) -> Option<String> {
    let trimmed = id.trim();
    if items.get(trimmed).is_some() {
        return Some(trimmed.to_owned());
    }
    nearest_label(items.iter(), id)
}

/// The label that is nearest in spelling, as [`nearest_item`] measures it.
pub(crate) fn nearest_label<'a>(
    labels: impl Iterator<Item = &'a str>,
    label: &str,
) -> Option<String> {
    let wanted: Vec<char> = label.trim().chars().collect();
    if wanted.len() > LONGEST {
        return None;
    }
    let most = MOST_EDITS.min(wanted.len().saturating_sub(1) / 2);
    let near = labels.filter_map(|name| {
        let edits = edits(&wanted, name);
        (edits <= most).then_some((edits, name))
    });
    // `min_by_key` keeps the first of equals: the lower row.
    let nearest = near.min_by_key(|&(edits, _)| edits);
    nearest.map(|(_, name)| name.to_owned())
}

/// What to do about an unknown user. It never names another user.
pub(crate) fn hint_for_user(users: &Vocabulary<UserId>, id: &str) -> String {
    let trimmed = id.trim();
    if trimmed != id && users.get(trimmed).is_some() {
        return format!("the id is known without the blanks around it: {trimmed:?}");
    }
    "check the id as the log writes it, or train again on a log that has this user; \
     recommendations for unknown users fall back on popularity"
        .to_owned()
}

/// The least number of characters inserted, deleted or replaced (Levenshtein), or a number above
/// [`MOST_EDITS`] where the lengths alone ask for more.
fn edits(wanted: &[char], name: &str) -> usize {
    // A character has at most 4 bytes: a cheap test before the characters are counted.
    if name.len() > 4 * (wanted.len() + MOST_EDITS) {
        return usize::MAX;
    }
    let length = name.chars().count();
    if length.abs_diff(wanted.len()) > MOST_EDITS {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (n, character) in name.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, &other) in wanted.iter().enumerate() {
            let replaced = diagonal + usize::from(character != other);
            diagonal = row[m + 1];
            row[m + 1] = replaced.min(row[m] + 1).min(row[m + 1] + 1);
        }
    }
    row[wanted.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_by_hand() {
        let count = |a: &str, b: &str| edits(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(count("kitten", "kitten"), 0);
        assert_eq!(count("kitten", "sitten"), 1);
        assert_eq!(count("kitten", "kiten"), 1);
        assert_eq!(count("kitten", "sittin"), 2);
        assert_eq!(count("ünï", "uni"), 2);
        assert_eq!(count("1", "1234"), usize::MAX);
    }

    #[test]
    fn near_items_are_suggested_and_far_ones_are_not() {
        let items = Vocabulary::from_names(["5802432", "5802433", "lamp"]).unwrap();
        let near = |id: &str| nearest_item(&items, id);
        assert_eq!(near(" lamp\n").as_deref(), Some("lamp"));
        assert_eq!(near("5802439").as_deref(), Some("5802432"));
        assert_eq!(near("580243").as_deref(), Some("5802432"));
        assert_eq!(near("lmap"), None); // 2 edits are half of the id
        assert_eq!(near("9"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"5".repeat(1000)), None);
    }

    #[test]
    fn other_users_are_never_named() {
        let users = Vocabulary::from_names(["anna", "bob"]).unwrap();
        assert!(hint_for_user(&users, "bob ").contains("\"bob\""));
        assert!(!hint_for_user(&users, "ann").contains("anna"));
    }
}
