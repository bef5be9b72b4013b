//! The rules for titles and addresses of items.

use crate::is_no_value;
use std::borrow::Cow;
use thiserror::Error;

/// The maximum length of a title, in characters; longer ones are truncated.
pub const MAX_TITLE_CHARS: usize = 300;
/// The maximum length of an address of a picture or a page, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// Why a text is not a title. Its message completes a sentence after "it" or "which".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TitleIssue {
    /// It has a control character, such as a line end.
    #[error("contains a control character ({character:?})")]
    Control {
        /// The first one.
        character: char,
    },
}

/// Why a text is not the address of a picture or a page. Its message completes a sentence after
/// "it" or "which".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlIssue {
    /// It does not start with `http://` or `https://`.
    #[error("does not start with http:// or https://")]
    Scheme,
    /// It has no host.
    #[error("has no host")]
    Host,
    /// It has a character that an address must not have: a space, a control character, or one of `"<>\^{|}` and the
    /// backtick.
    #[error("contains {character:?}, which must be percent-encoded")]
    Character {
        /// The first one.
        character: char,
    },
    /// It has more than [`MAX_URL_BYTES`] bytes.
    #[error("has {bytes} bytes; the maximum is {MAX_URL_BYTES}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
}

/// A title without surrounding spaces, truncated to [`MAX_TITLE_CHARS`] characters; `None` if it is
/// empty or denotes a missing value. If truncated, its last character is `…`. O(length).
///
/// ```
/// use lightgcn_core::check_title;
///
/// assert_eq!(check_title(" Desk lamp ")?.as_deref(), Some("Desk lamp"));
/// assert_eq!(check_title("NULL")?, None);
/// assert!(check_title("two\nlines").is_err());
/// # Ok::<(), lightgcn_core::TitleIssue>(())
/// ```
///
/// # Errors
/// [`TitleIssue`] for a title with a control character.
pub fn check_title(text: &str) -> Result<Option<Cow<'_, str>>, TitleIssue> {
    if let Some(character) = text.chars().find(|c| c.is_control()) {
        return Err(TitleIssue::Control { character });
    }
    let text = text.trim();
    if text.is_empty() || is_no_value(text) {
        return Ok(None);
    }
    Ok(Some(match text.char_indices().nth(MAX_TITLE_CHARS) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept = text.chars().take(MAX_TITLE_CHARS - 1);
            Cow::Owned(kept.chain(['…']).collect())
        }
    }))
}

/// Checks the address of a picture or a page, which web pages show: `http` or `https`, with a host,
/// of at most [`MAX_URL_BYTES`] bytes, and without characters that end an address or an attribute.
/// O(length).
///
/// ```
/// use lightgcn_core::{UrlIssue, check_url};
///
/// assert_eq!(check_url("https://shop.example/lamp?size=2"), Ok(()));
/// assert_eq!(check_url("javascript:alert(1)"), Err(UrlIssue::Scheme));
/// ```
///
/// # Errors
/// The first [`UrlIssue`].
pub fn check_url(text: &str) -> Result<(), UrlIssue> {
    if text.len() > MAX_URL_BYTES {
        return Err(UrlIssue::TooLong { bytes: text.len() });
    }
    let rest = ["https://", "http://"].into_iter().find_map(|scheme| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let rest = rest.ok_or(UrlIssue::Scheme)?;
    let is_wrong = |c: &char| c.is_control() || c.is_whitespace() || r#""<>\^`{|}"#.contains(*c);
    if let Some(character) = rest.chars().find(is_wrong) {
        return Err(UrlIssue::Character { character });
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.is_empty() || host.starts_with(':') {
        true => Err(UrlIssue::Host),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_line_and_not_too_long() {
        assert_eq!(check_title("  ").unwrap(), None);
        assert_eq!(check_title("n/a").unwrap(), None);
        assert_eq!(
            check_title("Lampe à huile").unwrap().unwrap(),
            "Lampe à huile"
        );
        for character in ['\n', '\t', '\0', '\u{85}'] {
            let title = format!("a{character}b");
            assert_eq!(check_title(&title), Err(TitleIssue::Control { character }));
        }
        let longest = "é".repeat(MAX_TITLE_CHARS);
        assert_eq!(check_title(&longest).unwrap().unwrap(), longest);
        let cut = check_title(&format!("{longest}é"))
            .unwrap()
            .unwrap()
            .into_owned();
        assert_eq!(cut, format!("{}…", "é".repeat(MAX_TITLE_CHARS - 1)));
    }

    #[test]
    fn only_addresses_of_the_web_are_urls() {
        for url in [
            "http://a",
            "HTTPS://shop.example:8443/a/b?c=d&e='f'#g",
            "https://[::1]/x",
            "https://user@shop.example/ü",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "lamp",
            "//shop.example",
            "ftp://a",
            "data:image/png;base64,x",
            " https://a",
            "ü",
        ] {
            assert_eq!(check_url(url), Err(UrlIssue::Scheme), "{url}");
        }
        for url in [
            "https://",
            "https:///x",
            "http://?x",
            "http://:80",
            "http://user@/x",
        ] {
            assert_eq!(check_url(url), Err(UrlIssue::Host), "{url}");
        }
        for character in [' ', '\n', '"', '<', '\\', '`', '\u{a0}'] {
            let url = format!("https://a/{character}");
            assert_eq!(check_url(&url), Err(UrlIssue::Character { character }));
        }
        let long = format!("https://a/{}", "x".repeat(MAX_URL_BYTES));
        assert_eq!(check_url(&long), Err(UrlIssue::TooLong { bytes: 2058 }));
    }
}
