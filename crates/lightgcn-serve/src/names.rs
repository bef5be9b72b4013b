//! Which folders a model may be loaded from.

use crate::ServeError;
use std::path::{Path, PathBuf};

/// Parts of a name at most.
const MOST_PARTS: usize = 8;
/// Bytes of a part at most, as file systems have it.
const MOST_BYTES: usize = 255;

/// The folder of the artifact `name` within `root`: parts of plain letters with `/` between, and no link
/// on the way, so that nothing outside is read.
pub(crate) fn resolve(root: &Path, name: &str) -> Result<PathBuf, ServeError> {
    let fault = |detail: String| ServeError::ModelName {
        name: name.chars().take(MOST_BYTES).collect(),
        detail,
    };
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() > MOST_PARTS {
        return Err(fault(format!("it has more than {MOST_PARTS} parts")));
    }
    let mut path = root.to_owned();
    for part in parts {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if part.is_empty()
            || part.len() > MOST_BYTES
            || part.starts_with('.')
            || !part.bytes().all(plain)
        {
            return Err(fault(
                "give a name within the folder of models, of letters, digits, '.', '_' and '-', none of \
                 whose parts begins with '.'"
                    .to_owned(),
            ));
        }
        path.push(part);
        // This does not follow links.
        let metadata =
            std::fs::symlink_metadata(&path).map_err(|error| fault(error.to_string()))?;
        if !metadata.is_dir() {
            return Err(fault(format!("{part} is no folder, or a link to one")));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_folders_within_the_root_are_found() {
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
