//! What the fuzz targets do with the bytes that they are given. See README.md.
#![forbid(unsafe_code)]

pub mod artifact;
pub mod config;
pub mod log;
pub mod requests;
pub mod seeds;
pub mod shop;

/// A folder in memory where there is one.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary folder")
}
