//! Finds ids that may have been altered.

use crate::error::shorten;
use crate::inspect::{Side, Warning};
use hashbrown::HashMap;
use lightgcn_core::{IdNormalization, NodeId, Vocabulary, is_invisible};
use std::borrow::Cow;

/// Finds ids that differ from others only in their Unicode form or in notation, so one user or item may have two, ids with
/// spaces or quotes around them, and ids that a spreadsheet may have rounded, so several may share one. O(ids).
pub(crate) fn odd_ids<I: NodeId>(side: Side, ids: &Vocabulary<I>) -> Vec<Warning> {
    let (mut forms, mut twins) = (Found::default(), Found::default());
    let (mut wrapped, mut rounded) = (Found::default(), Found::default());
    // The first id with each normal form that is not in it itself.
    let mut others: HashMap<String, &str> = HashMap::new();
    for id in ids.iter() {
        if let Cow::Owned(form) = IdNormalization::Nfc.apply(id)
            && form != id
        {
            let known = others.get(&form).copied();
            let other = known.or_else(|| ids.get(&form).map(|_| &*form));
            if let Some(other) = other {
                forms.add(id, other);
            }
            others.entry(form).or_insert(id);
        }
        let plain = plain(id);
        let has_case = plain.contains(char::is_uppercase);
        let lower = has_case.then(|| plain.to_lowercase());
        let is_twin = |text: &&str| *text != id && ids.get(text).is_some();
        let mut spellings = [Some(&*plain), lower.as_deref()].into_iter().flatten();
        if let Some(other) = spellings.find(is_twin) {
            twins.add(id, other);
        } else if id.trim_matches(is_wrapper) != id || id.starts_with("=\"") {
            wrapped.add(id, "");
        } else if is_rounded(id) {
            rounded.add(id, "");
        }
    }
    let forms = forms.first.map(|(id, other)| Warning::UnicodeForms {
        side,
        id,
        other,
        ids: forms.n,
    });
    let twins = twins.first.map(|(id, other)| Warning::Spellings {
        side,
        id,
        other,
        ids: twins.n,
    });
    let wrapped = wrapped.first.map(|(id, _)| Warning::Wrapped {
        side,
        id,
        ids: wrapped.n,
    });
    let rounded = rounded.first.map(|(id, _)| Warning::Rounded {
        side,
        id,
        ids: rounded.n,
    });
    [forms, twins, wrapped, rounded]
        .into_iter()
        .flatten()
        .collect()
}

/// How many ids are odd, and the first of them, with what it stands for.
#[derive(Default)]
struct Found {
    n: u64,
    first: Option<(String, String)>,
}

impl Found {
    fn add(&mut self, id: &str, other: &str) {
        self.n += 1;
        self.first
            .get_or_insert_with(|| (shorten(id).into(), shorten(other).into()));
    }
}

fn is_wrapper(c: char) -> bool {
    c.is_whitespace() || c == '\'' || c == '"'
}

/// An id without invisible characters, without spaces and quotes around it and, if it is a number, without leading zeros
/// and the `.0` of a float.
pub(crate) fn plain(id: &str) -> Cow<'_, str> {
    let visible: Cow<'_, str> = match id.contains(is_invisible) {
        true => id.chars().filter(|&c| !is_invisible(c)).collect(),
        false => id.into(),
    };
    let trimmed = visible.trim_start_matches('=').trim_matches(is_wrapper);
    let whole = trimmed.strip_suffix(".0").unwrap_or(trimmed);
    let is_number = !whole.is_empty() && whole.bytes().all(|c| c.is_ascii_digit());
    let plain = match is_number {
        true => match whole.trim_start_matches('0') {
            "" => "0",
            number => number,
        },
        false => trimmed,
    };
    match plain == id {
        true => id.into(),
        false => plain.to_owned().into(),
    }
}

/// Whether an id is a number such as `5.8E+11`.
fn is_rounded(id: &str) -> bool {
    let Some((number, exponent)) = id.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.strip_prefix('+').unwrap_or_default();
    let is_digit = |c: u8| c.is_ascii_digit();
    let is_decimal = number.starts_with(|c: char| c.is_ascii_digit())
        && number
            .bytes()
            .all(|c| is_digit(c) || c == b'.' || c == b',');
    is_decimal && (1..=3).contains(&exponent.len()) && exponent.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::UserId;

    fn found(ids: &[&str]) -> Vec<Warning> {
        let ids = Vocabulary::<UserId>::from_names(ids.iter().copied()).unwrap();
        odd_ids(Side::User, &ids)
    }

    #[test]
    fn ids_written_in_two_ways_are_found() {
        for pair in [
            ["7", "7.0"],
            ["7", "007"],
            ["ann", " ann"],
            ["0", "00"],
            ["ann ", "ann"],
            ["Ann", "ann"],
            ["ANN ", "ann"],
            ["a\u{200b}nn", "ann"],
            ["'7", "7"],
            ["=\"007\"", "7"],
            ["\u{a0}7.0", "7"],
        ] {
            let found = found(&[pair[0], pair[1], "bob"]);
            assert!(
                matches!(
                    &found[..],
                    [Warning::Spellings {
                        side: Side::User,
                        ids: 1,
                        ..
                    }]
                ),
                "{found:?}"
            );
        }
        let none = [
            "7", "08", "9.0", "ann", "Bob", "1.5", "v1.0", "v1", ".0", "{ann}", "O'Neil",
        ];
        assert!(found(&none).is_empty());
    }

    #[test]
    fn ids_in_two_unicode_forms_are_found() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        for ids in [[composed, decomposed], [decomposed, composed]] {
            let expected = Warning::UnicodeForms {
                side: Side::User,
                id: decomposed.to_owned(),
                other: composed.to_owned(),
                ids: 1,
            };
            assert_eq!(found(&ids), [expected]);
        }
        // Neither is in normal form.
        let ids = ["a\u{302}\u{323}", "a\u{323}\u{302}", "bob"];
        let expected = Warning::UnicodeForms {
            side: Side::User,
            id: ids[1].to_owned(),
            other: ids[0].to_owned(),
            ids: 1,
        };
        assert_eq!(found(&ids), [expected]);
        for ids in [[composed, "cafe"], [decomposed, "cafe"]] {
            assert_eq!(found(&ids), []);
        }
    }

    #[test]
    fn spaces_and_quotes_around_ids_are_found() {
        for id in [" ann", "ann\u{a0}", "'ann'", "\"ann", "=\"7\""] {
            let found = found(&[id, "bob"]);
            assert!(
                matches!(&found[..], [Warning::Wrapped { id: first, ids: 1, .. }] if first == id),
                "{found:?}"
            );
        }
    }

    #[test]
    fn rounded_ids_are_found() {
        let rounded = found(&["5.80E+11", "5E+11", "5,8e+5", "7"]);
        assert!(
            matches!(&rounded[..], [Warning::Rounded { id, ids: 3, .. }] if id == "5.80E+11"),
            "{rounded:?}"
        );
        for id in [
            "5E11",
            "E+5",
            "5.8E-11",
            "5.8E+",
            "AE+5",
            "5.8E+1111",
            "12e+x",
        ] {
            assert!(found(&[id]).is_empty(), "{id}");
        }
    }
}
