//! Ids as other programs write them.

use lightgcn_core::is_invisible;

/// Parts of a text, after the first, are ids from this number of bytes on; shorter ones may be counts.
const MIN_PART: usize = 3;

/// The known id that an unknown one stands for: without invisible characters, blanks and marks around it, as a whole
/// number without leading zeros, `.0`, exponents and separators of thousands, in another case, or as a part of a text such
/// as `7 sold out`, `{"id": 700}` or `https://shop/700`. Parts joined by hyphens, underscores and full stops, as in
/// `7-red`, are not looked at. O(length).
pub(crate) fn known_spelling(id: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let visible = id.chars().filter(|&c| !(is_invisible(c) || c.is_control()));
    let visible: String = visible.map(ascii_digit).collect();
    let is_mark = |c: char| c.is_whitespace() || "'\"`´‘’“”[](){}<>,;:|/\\=&?#*•+№".contains(c);
    let around = |c: char| is_mark(c) || c == '.' || c == '-';
    let trimmed = visible.trim_matches(around);
    let grouped = without_groups(trimmed);
    let mut parts = trimmed.split(is_mark).map(|part| part.trim_matches(around));
    let first = parts.next();
    let forms = [
        Some(id.trim()),
        Some(&visible),
        Some(trimmed),
        grouped.as_deref(),
        first,
    ];
    let forms = forms.into_iter().flatten();
    let wholes = forms.clone().filter_map(whole_number);
    let parts = parts.filter(|part| part.len() >= MIN_PART);
    let mut spellings = forms
        .chain(parts)
        .flat_map(|form| [form.to_owned(), form.to_lowercase(), form.to_uppercase()])
        .chain(wholes);
    spellings.find(|spelling| spelling != id && !spelling.is_empty() && is_known(spelling))
}

/// A full-width digit as an ASCII one.
fn ascii_digit(c: char) -> char {
    match c {
        '０'..='９' => char::from(b'0' + (u32::from(c) - u32::from('０')) as u8),
        c => c,
    }
}

/// A number with separators of thousands, such as `5,800,043`, without them.
pub(super) fn without_groups(text: &str) -> Option<String> {
    let separator = text.chars().find(|c| !c.is_ascii_digit())?;
    let mut groups = text.split(separator);
    let first = groups.next()?;
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|c| c.is_ascii_digit());
    let is_grouped = ",.'’ \u{a0}\u{202f}".contains(separator)
        && (1..=3).contains(&first.len())
        && groups.all(is_group);
    is_grouped.then(|| text.replace(separator, ""))
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
            ("=\"5800025\"", Some("5800025")),
            ("- 5800025", Some("5800025")),
            ("5800025|gone", Some("5800025")),
            ("{\"product_id\": 5800025}", Some("5800025")),
            ("https://shop.example/p/5800025?ref=1", Some("5800025")),
            ("5,800,025", Some("5800025")),
            ("5 800 025", Some("5800025")),
            ("5.800.025", Some("5800025")),
            ("５８０００２５", Some("5800025")),
            ("5800026", None),
            ("5800025-red", None),
            ("5800025_2", None),
            ("58,00,025", None),
            ("old, 0 left", None),
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
