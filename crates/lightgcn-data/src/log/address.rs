//! What an argument names: standard input, a URL, or a path.

/// The argument that means standard input.
pub(crate) const STDIN: &str = "-";

/// The schemes of URLs that can be listed, so that prefixes and patterns work.
const LISTED: [&str; 6] = ["s3", "s3a", "gs", "az", "abfs", "abfss"];

/// The schemes of URLs that name one file.
const SINGLE: [&str; 2] = ["http", "https"];

/// Whether a path is the URL of an object store or of a web server, whatever the features of this build.
///
/// ```
/// use lightgcn_data::is_url;
///
/// assert!(is_url("s3://shop/log.csv") && is_url("https://shop.example/log.csv"));
/// assert!(!is_url("logs/2019-10.csv"));
/// ```
#[must_use]
pub fn is_url(path: &str) -> bool {
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| LISTED.contains(&scheme) || SINGLE.contains(&scheme))
}

/// Whether the URL's scheme is HTTP, whose files cannot be listed.
#[cfg(feature = "object-store")]
pub(crate) fn is_single(url: &str) -> bool {
    SINGLE.iter().any(|scheme| {
        url.strip_prefix(scheme)
            .is_some_and(|rest| rest.starts_with("://"))
    })
}
