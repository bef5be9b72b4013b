//! Keys of clients, and what each may do.

use crate::error::ConfigIssue;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The number of hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// A key that a client sends as `Authorization: Bearer KEY`. The configuration has only its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The owner of the key, for the log.
    pub name: String,
    /// The SHA-256 of the key in hexadecimal, as `printf %s KEY | sha256sum` prints it. Keys should be random and long.
    pub sha256: String,
    /// What it may do. Default: read.
    #[serde(default = "read_only")]
    pub scopes: Vec<Scope>,
    /// With many shops ([`Shops`](crate::Shops)), the shops it is for; then it opens nothing else.
    /// Default: all.
    #[serde(default)]
    pub shops: Vec<String>,
}

impl ApiKey {
    /// Whether it covers a request's shop, or a request that is not about a shop.
    fn is_for(&self, shop: Option<&str>) -> bool {
        let shop = shop.unwrap_or_default();
        self.shops.is_empty() || self.shops.iter().any(|own| own == shop)
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read answers and metrics.
    Read,
    /// Post events, and change prices and stock of items.
    Write,
    /// Remove users, and use the admin listener.
    Admin,
}

impl Scope {
    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

fn read_only() -> Vec<Scope> {
    vec![Scope::Read]
}

/// The verdict of the keys on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// The key with this name allows it.
    Allowed(&'a str),
    /// The key with this name does not allow it.
    Forbidden(&'a str),
    /// The request has no key, or an unknown one.
    Unknown,
}

/// Looks up the key of a request, which may be about a shop. Takes the same time whatever is wrong
/// with a key.
pub(crate) fn judge<'a>(
    keys: &'a [ApiKey],
    headers: &HeaderMap,
    scope: Scope,
    shop: Option<&str>,
) -> Verdict<'a> {
    let Some(given) = bearer(headers) else {
        return Verdict::Unknown;
    };
    let given = hex(&Sha256::digest(given));
    let mut verdict = Verdict::Unknown;
    for key in keys {
        let known = key.sha256.to_ascii_lowercase();
        if bool::from(known.as_bytes().ct_eq(given.as_bytes())) {
            verdict = match key.scopes.contains(&scope) && key.is_for(shop) {
                true => Verdict::Allowed(&key.name),
                false => Verdict::Forbidden(&key.name),
            };
        }
    }
    verdict
}

/// The token after `Bearer` in the header `Authorization`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, given) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(given)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn check(keys: &[ApiKey], issues: &mut Vec<ConfigIssue>) {
    for (n, key) in keys.iter().enumerate() {
        let name = &key.name;
        let mut issue = |problem: String| issues.push(ConfigIssue::new("keys", problem));
        if name.is_empty() || keys[..n].iter().any(|other| other.name == *name) {
            issue(format!(
                "{name:?} is empty or used twice; give every key its own name"
            ));
        }
        let is_hash =
            key.sha256.len() == DIGITS && key.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hash {
            issue(format!(
                "the sha256 of {name:?} does not have {DIGITS} hexadecimal digits"
            ));
        }
        if key.scopes.is_empty() {
            issue(format!("{name:?} has no scopes; use read, write or admin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, secret: &str, scopes: &[Scope]) -> ApiKey {
        ApiKey {
            name: name.to_owned(),
            sha256: hex(&Sha256::digest(secret)),
            scopes: scopes.to_vec(),
            shops: Vec::new(),
        }
    }

    #[test]
    fn a_key_does_what_its_scopes_say() {
        let keys = [
            key("shop", "one", &[Scope::Read, Scope::Write]),
            key("report", "two", &[Scope::Read]),
        ];
        let with = |value: &str, scope| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            judge(&keys, &headers, scope, None)
        };
        assert_eq!(with("Bearer one", Scope::Write), Verdict::Allowed("shop"));
        assert_eq!(with("bearer two", Scope::Read), Verdict::Allowed("report"));
        assert_eq!(
            with("Bearer two", Scope::Write),
            Verdict::Forbidden("report")
        );
        assert_eq!(with("Bearer one", Scope::Admin), Verdict::Forbidden("shop"));
        for wrong in ["Bearer three", "Bearer ", "one", "Basic one"] {
            assert_eq!(with(wrong, Scope::Read), Verdict::Unknown, "{wrong}");
        }
        assert_eq!(
            judge(&keys, &HeaderMap::new(), Scope::Read, None),
            Verdict::Unknown
        );
    }

    #[test]
    fn a_key_of_some_shops_opens_nothing_else() {
        let keys = [ApiKey {
            shops: vec!["a".to_owned(), "b".to_owned()],
            ..key("shop", "one", &[Scope::Read])
        }];
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "Bearer one".parse().unwrap());
        let of = |shop| judge(&keys, &headers, Scope::Read, shop);
        assert_eq!(of(Some("b")), Verdict::Allowed("shop"));
        for other in [Some("c"), Some("a%62"), Some(""), None] {
            assert_eq!(of(other), Verdict::Forbidden("shop"), "{other:?}");
        }
    }

    #[test]
    fn keys_have_a_name_a_hash_and_scopes() {
        // The SHA-256 of nothing, as the standard has it.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(&Sha256::digest("")), empty);
        let mut issues = Vec::new();
        let good = key("shop", "one", &[Scope::Read]);
        check(std::slice::from_ref(&good), &mut issues);
        assert!(issues.is_empty(), "{issues:?}");
        let bad = ApiKey {
            sha256: "secret".to_owned(),
            scopes: Vec::new(),
            ..good.clone()
        };
        check(&[good, bad], &mut issues);
        assert_eq!(issues.len(), 3, "{issues:?}");
    }
}
