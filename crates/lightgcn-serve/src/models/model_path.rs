//! Resolves a model's name to its folder, never outside the folder of models.

use crate::error::ServeError;
use std::path::{Path, PathBuf};

/// The maximum number of parts in a name.
const MAX_PARTS: usize = 8;
/// The maximum length of a part in bytes, as on most file systems.
const MAX_BYTES: usize = 255;

/// The folder of the artifact `name` in `root`. A name has parts of letters, digits, `.`, `_` and
/// `-`, separated by `/`; no part may be a symbolic link, so nothing outside `root` is read.
pub(crate) fn resolve(root: &Path, name: &str) -> Result<PathBuf, ServeError> {
    let invalid = |detail: String| ServeError::ModelName {
        name: name.chars().take(MAX_BYTES).collect(),
        detail,
    };
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() > MAX_PARTS {
        return Err(invalid(format!("it has more than {MAX_PARTS} parts")));
    }
    let mut path = root.to_owned();
    for part in parts {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if part.is_empty()
            || part.len() > MAX_BYTES
            || part.starts_with('.')
            || !part.bytes().all(plain)
        {
            return Err(invalid(
                "use letters, digits, '.', '_' and '-', and '/' between parts; no part may be empty or start \
                 with '.'"
                    .to_owned(),
            ));
        }
        path.push(part);
        // Does not follow symbolic links.
        let metadata =
            std::fs::symlink_metadata(&path).map_err(|error| invalid(error.to_string()))?;
        if !metadata.is_dir() {
            return Err(invalid(format!("{part} is not a folder")));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_inside_the_root_resolve() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("weekly/monday-1")).unwrap();
        std::fs::write(root.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", root.path().join("device")).unwrap();
        std::fs::create_dir(outside.path().join("model")).unwrap();
        let good = resolve(root.path(), "weekly/monday-1").unwrap();
        assert_eq!(good, root.path().join("weekly/monday-1"));
        for name in [
            "",
            ".",
            "..",
            "../model",
            "weekly/../weekly",
            "weekly/..",
            "/etc",
            "/dev/zero",
            "weekly//monday-1",
            "weekly/",
            "%2e%2e/model",
            "%2e%2e",
            "a\0b",
            "weekly\\monday-1",
            "~",
            "C:model",
            "file",
            "link",
            "link/model",
            "device",
            "none",
            ".hidden",
            "a/b/c/d/e/f/g/h/i",
            "we\u{131}rd",
        ] {
            let error = resolve(root.path(), name).unwrap_err();
            assert!(
                matches!(error, ServeError::ModelName { .. }),
                "{name}: {error}"
            );
        }
        let long = "a".repeat(5_000);
        assert!(resolve(root.path(), &long).unwrap_err().to_string().len() < 500);
    }
}
