//! URLs in messages, without what nobody else should see.

/// The most characters of what a server said.
const LONGEST: usize = 400;

/// A text whose URLs have no user, password, query or fragment: these may be secrets.
pub(super) fn without_secrets(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let Some(begin) = word.find("://").map(|at| at + 3) else {
            return word.to_owned();
        };
        let (scheme, rest) = word.split_at(begin);
        let is_web = scheme.ends_with("http://") || scheme.ends_with("https://");
        let end = rest.find(['?', '#']).filter(|_| is_web);
        let rest = &rest[..end.unwrap_or(rest.len())];
        let host = rest.find('/').unwrap_or(rest.len());
        let host = rest[..host].rfind('@').filter(|_| is_web);
        format!("{scheme}{}", &rest[host.map_or(0, |at| at + 1)..])
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a server or the system said, on one line, without secrets and not too long.
pub(super) fn detail(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = without_secrets(&text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.trim_end_matches([':', ' ']).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_and_passwords_are_not_shown() {
        for (text, shown) in [
            ("s3://shop/a.model", "s3://shop/a.model"),
            // In a bucket, these are characters like any other.
            ("s3://shop/a@b/c?d", "s3://shop/a@b/c?d"),
            (
                "https://ann:pass@shop.example/a.model?sig=x#y",
                "https://shop.example/a.model",
            ),
            ("https://shop.example/a@b/c", "https://shop.example/a@b/c"),
            (
                "GET http://shop.example/a?sig=x in 3ms",
                "GET http://shop.example/a in 3ms",
            ),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        assert_eq!(
            detail("503  Service\n Unavailable: "),
            "503 Service Unavailable"
        );
        assert_eq!(detail(&"é".repeat(9_999)).chars().count(), LONGEST + 1);
    }
}
