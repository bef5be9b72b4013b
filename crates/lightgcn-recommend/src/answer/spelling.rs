//! Ids as other programs write them.

use lightgcn_core::is_invisible;

/// The known id that an unknown one stands for: without invisible characters, blanks and quotes around it, as a whole
/// number without leading zeros, `.0` and exponents, without what follows a blank, or in another case. O(length).
pub(crate) fn known_spelling(id: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let visible: String = id
        .chars()
        .filter(|&c| !(is_invisible(c) || c.is_control()))
        .collect();
    let around = |c: char| c.is_whitespace() || "'\"`´‘’“”[](){}<>,;:.|".contains(c);
    let trimmed = visible.trim_matches(around);
    let first = trimmed
        .split(char::is_whitespace)
        .next()
        .unwrap_or_default();
    let first = first.trim_matches(around);
    let forms = [id.trim(), &visible, trimmed, first];
    let mut spellings = forms.into_iter().flat_map(|form| {
        let whole = whole_number(form);
        [Some(form.to_owned()), whole]
            .into_iter()
            .flatten()
            .chain([form.to_lowercase(), form.to_uppercase()])
    });
    spellings.find(|spelling| spelling != id && is_known(spelling))
}

/// A number such as `007`, `7.0`, `7E+0` or `7.000E+03` as the whole number it is.
fn whole_number(text: &str) -> Option<String> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let exponent = usize::try_from(exponent).ok().filter(|&n| n <= 40)?;
    let fraction = fraction.trim_end_matches('0');
    let zeros = exponent.checked_sub(fraction.len())?;
    let number = format!("{whole}{fraction}{}", "0".repeat(zeros));
    match number.trim_start_matches('0') {
        "" => Some("0".to_owned()),
        plain => Some(plain.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_of_known_ids_are_found() {
        let is_known = |id: &str| ["5800025", "SKU-7", "0", "a b"].contains(&id);
        for (id, known) in [
            ("5800025 discontinued", Some("5800025")),
            ("5800025\u{a0}sold out", Some("5800025")),
            ("5.800025E+06", Some("5800025")),
            ("5.800025e6", Some("5800025")),
            ("5,8000250E+06", Some("5800025")),
            ("05800025", Some("5800025")),
            ("5800025.0", Some("5800025")),
            ("05800025.00 ", Some("5800025")),
            ("5800025\u{200b}", Some("5800025")),
            ("\u{feff}5800025", Some("5800025")),
            ("5800\u{ad}025", Some("5800025")),
            ("'5800025'", Some("5800025")),
            ("[5800025]", Some("5800025")),
            ("5800025: gone", Some("5800025")),
            ("sku-7", Some("SKU-7")),
            ("sku-7 old", Some("SKU-7")),
            ("000", Some("0")),
            ("a b\u{2028}", Some("a b")),
            ("5800026", None),
            ("5800025.5", None),
            ("5.8000251E+06", None),
            ("58000250", None),
            ("x5800025", None),
            ("a", None),
            ("", None),
            ("5e999999999", None),
        ] {
            assert_eq!(known_spelling(id, is_known).as_deref(), known, "{id:?}");
        }
    }
}
