//! Rewrites messages of the libraries that parse requests in terms that clients know.

/// Replacements, with enough context not to match a client's own text.
const WORDS: [(&str, &str); 17] = [
    ("Failed to deserialize query string: ", "the query: "),
    (
        "Failed to deserialize query string",
        "the query cannot be read",
    ),
    ("Failed to deserialize form body: ", "the query: "),
    ("Invalid URL: ", "the path: "),
    (
        "invalid digit found in string",
        "it is not a whole number of 0 or more",
    ),
    ("cannot parse integer from empty string", "it is empty"),
    (
        "number too large to fit in target type",
        "the number is too large",
    ),
    ("invalid float literal", "it is not a number"),
    ("cannot parse float from empty string", "it is empty"),
    (
        "provided string was not `true` or `false`",
        "it is neither true nor false",
    ),
    ("invalid type: sequence", "invalid type: list"),
    ("invalid type: map", "invalid type: object"),
    ("invalid type: floating point", "invalid type: number"),
    ("expected a sequence", "expected a list"),
    ("expected a map", "expected an object"),
    ("expected string or map", "expected a text or an object"),
    ("expected variant identifier", "expected a text"),
];

/// Type names, and what to say is expected instead.
const TYPES: [(&str, &str); 10] = [
    ("usize", "a whole number of 0 or more"),
    ("u64", "a whole number of 0 or more"),
    ("u32", "a whole number of 0 or more"),
    ("u16", "a whole number of 0 or more"),
    ("i64", "a whole number"),
    ("i32", "a whole number"),
    ("f64", "a number"),
    ("f32", "a number"),
    ("bool", "true or false"),
    ("a boolean", "true or false"),
];

/// The message in terms of JSON and queries instead of program types.
pub(crate) fn plain(message: &str) -> String {
    let mut text = message.to_owned();
    for (from, to) in WORDS {
        text = text.replace(from, to);
    }
    for (name, what) in TYPES {
        text = text.replace(&format!("expected {name}"), &format!("expected {what}"));
    }
    // Named structs and enums, such as "expected struct ItemFilter".
    for kind in [
        "expected struct ",
        "expected enum ",
        "expected tuple struct ",
    ] {
        while let Some(start) = text.find(kind) {
            let end = start + kind.len();
            let name = text[end..].find(|c: char| !c.is_alphanumeric() && c != '_');
            let end = name.map_or(text.len(), |n| end + n);
            text.replace_range(start..end, "expected an object");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_recommend::{RecommendOptions, RecommendRequest};

    fn read(json: &str) -> String {
        plain(
            &serde_json::from_str::<RecommendRequest>(json)
                .unwrap_err()
                .to_string(),
        )
    }

    #[test]
    fn messages_name_no_types() {
        let options = |field: &str| read(&format!("{{\"user\":\"u\",\"options\":{{{field}}}}}"));
        for (message, expected) in [
            (options("\"k\":-1"), "expected a whole number of 0 or more"),
            (
                options("\"k\":\"two\""),
                "expected a whole number of 0 or more",
            ),
            (options("\"diversity\":\"much\""), "expected a number"),
            (options("\"filter\":3"), "expected an object"),
            (options("\"chain\":{}"), "expected a list"),
            (options("\"k\":1,\"k\":2"), "duplicate field `k`"),
            (read("[true]"), "expected an id as a string or an integer"),
        ] {
            assert!(message.contains(expected), "{message}");
            for word in ["usize", "f64", "struct", "enum", "map", "sequence"] {
                assert!(!message.contains(word), "{message}");
            }
        }
        let error = serde_json::from_str::<RecommendOptions>("{\"hide\":\"all\"}").unwrap_err();
        let message = plain(&error.to_string());
        assert!(message.contains("unknown variant `all`"), "{message}");
    }
}
