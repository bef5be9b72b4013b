//! Finds ids that may have been altered.

use lightgcn_core::{NodeId, Vocabulary};

/// Warns about ids that differ from others only in notation, so one user or item may have two, and
/// about ids that a spreadsheet may have rounded, so several may share one. `kind` is `users` or
/// `items`. O(ids).
pub(super) fn odd_ids<I: NodeId>(kind: &str, ids: &Vocabulary<I>) {
    for warning in warnings(kind, ids) {
        tracing::warn!("{warning}");
    }
}

fn warnings<I: NodeId>(kind: &str, ids: &Vocabulary<I>) -> Vec<String> {
    let (mut n_twins, mut n_rounded) = (0u64, 0u64);
    let (mut twin, mut rounded) = (None, None);
    for id in ids.iter() {
        let plain = plain(id);
        if plain != id && ids.get(plain).is_some() {
            n_twins += 1;
            twin.get_or_insert((id, plain));
        } else if is_rounded(id) {
            n_rounded += 1;
            rounded.get_or_insert(id);
        }
    }
    let twins = twin.map(|(id, plain)| {
        format!(
            "ids of {kind} have two spellings, such as {id:?} and {plain:?} ({n_twins} in total), \
            which count as different; use one spelling if they are the same"
        )
    });
    let rounded = rounded.map(|id| {
        format!(
            "ids of {kind} look like numbers that a spreadsheet has rounded, such as {id:?} \
            ({n_rounded} in total); export them as text"
        )
    });
    twins.into_iter().chain(rounded).collect()
}

/// An id without spaces around it and, if it is a number, without leading zeros and the `.0` of a
/// float.
fn plain(id: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let trimmed = id.trim();
    let whole = trimmed.strip_suffix(".0").unwrap_or(trimmed);
    match is_number(whole) {
        true => match whole.trim_start_matches('0') {
            "" => "0",
            number => number,
        },
        false => trimmed,
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

    fn found(ids: &[&str]) -> Vec<String> {
        let ids = Vocabulary::<UserId>::from_names(ids.iter().copied()).unwrap();
        warnings("users", &ids)
    }

    #[test]
    fn ids_written_in_two_ways_are_found() {
        for pair in [
            ["7", "7.0"],
            ["7", "007"],
            ["ann", " ann"],
            ["0", "00"],
            ["ann ", "ann"],
        ] {
            let found = found(&[pair[0], pair[1], "bob"]);
            assert!(
                found.len() == 1 && found[0].contains("(1 in total)"),
                "{found:?}"
            );
        }
        let none = [
            "7", "08", "9.0", "ann", "Ann", "bob ", "1.5", "v1.0", "v1", ".0",
        ];
        assert!(found(&none).is_empty());
    }

    #[test]
    fn rounded_ids_are_found() {
        let rounded = found(&["5.80E+11", "5E+11", "5,8e+5", "7"]);
        assert!(
            rounded[0].contains("\"5.80E+11\" (3 in total)"),
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
