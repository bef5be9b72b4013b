//! The Unicode form of ids.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Whether ids that are the same text in different Unicode forms are the same id. An accented letter
/// is one character or two, the letter and its accent, depending on the program that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdNormalization {
    /// They are different: ids count as written.
    #[default]
    None,
    /// They are the same: ids are put into Normalization Form C (Unicode Standard Annex 15).
    Nfc,
}

impl IdNormalization {
    /// The option's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Nfc => "nfc",
        }
    }

    /// An id in this form. O(length).
    ///
    /// ```
    /// use lightgcn_core::IdNormalization;
    ///
    /// assert_eq!(IdNormalization::Nfc.apply("cafe\u{301}"), "caf\u{e9}");
    /// assert_eq!(IdNormalization::None.apply("cafe\u{301}"), "cafe\u{301}");
    /// ```
    #[inline]
    #[must_use]
    pub fn apply(self, id: &str) -> Cow<'_, str> {
        match self {
            Self::Nfc if !id.is_ascii() => nfc(id),
            _ => id.into(),
        }
    }
}

fn nfc(id: &str) -> Cow<'_, str> {
    match is_nfc_quick(id.chars()) {
        IsNormalized::Yes => id.into(),
        _ => id.nfc().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_composed() {
        for (id, composed) in [
            ("7", "7"),
            ("café", "café"),
            ("cafe\u{301}", "caf\u{e9}"),
            // Hangul, two marks in either order, and a sign with a canonical equivalent.
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("a\u{323}\u{302}", "\u{1ead}"),
            ("a\u{302}\u{323}", "\u{1ead}"),
            ("\u{212b}", "\u{c5}"),
            // Compatible, but not the same.
            ("\u{ff11}", "\u{ff11}"),
        ] {
            assert_eq!(IdNormalization::Nfc.apply(id), composed);
            assert_eq!(IdNormalization::None.apply(id), id);
        }
    }
}
