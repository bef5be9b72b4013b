//! What the fuzz targets do with their input. See README.md.
#![forbid(unsafe_code)]

pub mod artifact;
pub mod config;
pub mod events;
pub mod log;
pub mod requests;
pub mod seeds;
pub mod shop;

/// A temporary folder, in memory if possible.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary folder")
}
