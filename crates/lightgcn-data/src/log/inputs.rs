//! Expands file patterns.

use crate::DataError;
use crate::log::stream::STDIN;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Expands `paths`, each a file or a pattern with `*`, `?`, `**` or `[..]`, into files. The result is
/// sorted by path and a file named twice (also through a link) counts once, so the order of events
/// does not depend on the order of the arguments. Pipes are files too, and `-` is standard input.
///
/// # Errors
/// [`DataError::NoInput`] if `paths` is empty, [`DataError::NoMatch`] for a pattern that matches no
/// file, [`DataError::Pattern`] for one that is malformed, [`DataError::Folder`] for a folder, and
/// [`DataError::Open`] for a file that does not exist.
pub fn expand_paths<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, DataError> {
    if paths.is_empty() {
        return Err(DataError::NoInput);
    }
    // From the file itself to the first of its names.
    let mut files: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for path in paths {
        for file in matches(path.as_ref())? {
            let canonical = identity(&file)?;
            let name = files.entry(canonical).or_insert_with(|| file.clone());
            if file < *name {
                *name = file;
            }
        }
    }
    let mut files: Vec<PathBuf> = files.into_values().collect();
    files.sort();
    Ok(files)
}

/// What is the same for all names of a file.
fn identity(file: &Path) -> Result<PathBuf, DataError> {
    let failed = |source| DataError::Open {
        path: file.to_owned(),
        source,
    };
    if file == Path::new(STDIN) {
        return Ok(PathBuf::from("/dev/stdin"));
    }
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(DataError::Folder {
            path: file.to_owned(),
        });
    }
    // What a pipe's name links to is not a path.
    Ok(file.canonicalize().unwrap_or_else(|_| file.to_owned()))
}

/// The files of one argument; folders that match a pattern are skipped.
fn matches(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let pattern = path.to_string_lossy();
    // A file whose own name has a bracket is meant literally.
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let found = glob::glob(&pattern).map_err(|error| DataError::Pattern {
        pattern: pattern.clone().into_owned(),
        detail: error.to_string(),
    })?;
    let mut files = Vec::new();
    for entry in found {
        let file = entry.map_err(|error| DataError::Read {
            path: error.path().to_owned(),
            source: error.into(),
        })?;
        if !file.is_dir() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(DataError::NoMatch {
            pattern: pattern.into_owned(),
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_and_deduplicated() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.csv", "a.csv", "c[1].csv"] {
            std::fs::write(at(name), "x").unwrap();
        }
        std::fs::create_dir(at("folder.csv")).unwrap();
        let all = [at("c[1].csv"), at("*.csv"), at("./b.csv"), at("a.csv")];
        let files = expand_paths(&all).unwrap();
        let names: Vec<_> = files.iter().map(|f| f.file_name().unwrap()).collect();
        assert_eq!(names, ["a.csv", "b.csv", "c[1].csv"]);
    }

    #[test]
    fn bad_arguments_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(matches!(
            expand_paths::<&Path>(&[]),
            Err(DataError::NoInput)
        ));
        let none = expand_paths(&[at("*.csv")]).unwrap_err();
        assert!(matches!(&none, DataError::NoMatch { pattern } if pattern.ends_with("*.csv")));
        assert!(matches!(
            expand_paths(&[at("a***b")]),
            Err(DataError::Pattern { .. })
        ));
        assert_eq!(expand_paths(&["-"]).unwrap(), [Path::new("-")]);
        assert!(
            matches!(expand_paths(&[at("gone.csv")]), Err(DataError::Open { path, .. })
            if path.ends_with("gone.csv"))
        );
        assert!(matches!(
            expand_paths(&[folder.path()]),
            Err(DataError::Folder { .. })
        ));
    }
}
