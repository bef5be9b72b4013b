//! Paths that may not be URLs.

use clap::builder::{PathBufValueParser, TypedValueParser};
use lightgcn::data::is_url;
use std::path::PathBuf;

/// Reads a path on this machine's disk, and refuses URLs, which would otherwise be folders with odd names.
pub(super) fn local() -> impl TypedValueParser<Value = PathBuf> {
    let parser = PathBufValueParser::new();
    parser.try_map(|path| match path.to_str().is_some_and(is_url) {
        true => Err(
            "it is a URL, which only the MODEL of `serve` may be; download it, and give its path",
        ),
        false => Ok(path),
    })
}
