//! The page's settings: its currency, and hosts of images.

use crate::error::ConfigIssue;
use axum::http::HeaderValue;

/// The page runs its own scripts and styles and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self' data:";

/// The Content-Security-Policy, with the hosts of images.
pub(crate) fn content_security_policy(image_hosts: &[String]) -> HeaderValue {
    let mut policy = POLICY.to_owned();
    for host in image_hosts {
        policy.push_str(" https://");
        policy.push_str(host);
    }
    // Checked hosts have no characters that are invalid in a header.
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static(POLICY))
}

/// Adds what is wrong with the settings of the page.
pub(crate) fn check(currency: Option<&str>, image_hosts: &[String], issues: &mut Vec<ConfigIssue>) {
    if let Some(code) = currency
        && !(code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()))
    {
        let problem = format!(
            "{code:?} is not a currency code of three capital letters, such as \
            EUR"
        );
        issues.push(ConfigIssue::new("currency", problem));
    }
    for host in image_hosts {
        if !is_host(host) {
            let problem =
                format!("{host:?} is not a host; write images.shop.example, without https://");
            issues.push(ConfigIssue::new("image_hosts", problem));
        }
    }
}

/// Whether it is a name of letters, digits, hyphens and dots, with or without a port.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(part) && port.parse::<u16>().is_ok()
}
