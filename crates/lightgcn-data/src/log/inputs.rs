//! Expands file patterns, folders and URLs.

use crate::DataError;
use crate::log::address::{STDIN, is_url};
use crate::log::input::{Input, is_hidden, skips_hidden};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Expands `paths` into files, each a file, a folder, a pattern with `*`, `?`, `**` or `[..]`, or a URL. The
/// result is sorted by path and a file named twice (also through a link) counts once, so the order of events
/// does not depend on the order of the arguments. Pipes are files too, and `-` is standard input.
///
/// A folder means all files in it and its subfolders, except those whose names start with a dot or
/// an underscore, such as `_SUCCESS`. A pattern means the files that match it or, if only folders
/// match, the files in them.
///
/// URLs (`s3://`, `gs://`, `az://`, `http://`, `https://`) need the feature `object-store`. Those
/// of object stores may be patterns, and a prefix matches all objects under it.
///
/// # Errors
/// [`DataError::NoInput`] if `paths` is empty, [`DataError::NoMatch`] for a pattern that matches no
/// file, [`DataError::Pattern`] for one that is malformed, [`DataError::NoFiles`] for a folder
/// without files, [`DataError::Read`] for one that cannot be listed, [`DataError::Open`] for a file
/// that does not exist, and [`DataError::MissingFeature`] for a URL that this build does not
/// support.
pub fn expand_paths<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, DataError> {
    let files = expand(paths)?.into_iter();
    Ok(files.map(|file| file.path).collect())
}

/// [`expand_paths`], with sizes.
pub(crate) fn expand<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Input>, DataError> {
    if paths.is_empty() {
        return Err(DataError::NoInput);
    }
    // From the file's identity to the first of its names.
    let mut files: BTreeMap<PathBuf, Input> = BTreeMap::new();
    for path in paths {
        for file in matches(path.as_ref())? {
            let first = files.entry(identity(&file.path)).or_insert(file.clone());
            let is_found = file.is_found && first.is_found;
            if file.path < first.path {
                *first = file;
            }
            first.is_found = is_found;
        }
    }
    let mut files: Vec<Input> = files.into_values().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// An identity shared by all names of a file.
fn identity(file: &Path) -> PathBuf {
    match file.to_str() {
        Some(STDIN) => PathBuf::from("/dev/stdin"),
        Some(url) if is_url(url) => file.to_owned(),
        // The link target of a pipe's name is not a path.
        _ => file.canonicalize().unwrap_or_else(|_| file.to_owned()),
    }
}

/// The files of one argument.
fn matches(path: &Path) -> Result<Vec<Input>, DataError> {
    let pattern = path.to_string_lossy();
    if is_url(&pattern) {
        return url_matches(&pattern);
    }
    if path == Path::new(STDIN) {
        return Ok(vec![Input {
            path: path.to_owned(),
            bytes: 0,
            is_found: false,
        }]);
    }
    // A file whose name contains a bracket is taken literally.
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        return match path.is_dir() {
            true => folder_files(path),
            false => Ok(vec![local(path.to_owned(), false)?]),
        };
    }
    let found = glob::glob(&pattern).map_err(|error| DataError::Pattern {
        pattern: pattern.clone().into_owned(),
        detail: error.to_string(),
    })?;
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in found {
        let file = entry.map_err(|error| DataError::Read {
            path: error.path().to_owned(),
            source: error.into(),
        })?;
        if skips_hidden(&pattern) && is_hidden(&name_of(&file)) {
            continue;
        }
        match file.is_dir() {
            true => folders.push(file),
            false => files.push(local(file, true)?),
        }
    }
    if files.is_empty() {
        for folder in &folders {
            files.extend(folder_files(folder)?);
        }
    }
    if files.is_empty() {
        return Err(DataError::NoMatch {
            pattern: pattern.into_owned(),
        });
    }
    Ok(files)
}

#[cfg(feature = "object-store")]
fn url_matches(url: &str) -> Result<Vec<Input>, DataError> {
    crate::log::remote::expand(url)
}

#[cfg(not(feature = "object-store"))]
fn url_matches(url: &str) -> Result<Vec<Input>, DataError> {
    Err(crate::log::source::no_urls(url))
}

fn local(path: PathBuf, is_found: bool) -> Result<Input, DataError> {
    match path.metadata() {
        Ok(file) => Ok(Input {
            path,
            bytes: file.len(),
            is_found,
        }),
        Err(source) => Err(DataError::Open { path, source }),
    }
}

/// All files in a folder and in its folders.
fn folder_files(folder: &Path) -> Result<Vec<Input>, DataError> {
    let mut files = Vec::new();
    collect(folder, &mut Vec::new(), &mut files)?;
    if files.is_empty() {
        return Err(DataError::NoFiles {
            path: folder.to_owned(),
        });
    }
    Ok(files)
}

/// Adds the files of a folder inside the folders `around`. Does not follow a link back to one of
/// them.
fn collect(
    folder: &Path,
    around: &mut Vec<PathBuf>,
    files: &mut Vec<Input>,
) -> Result<(), DataError> {
    let failed = |source| DataError::Read {
        path: folder.to_owned(),
        source,
    };
    let canonical = folder.canonicalize().map_err(failed)?;
    if around.contains(&canonical) {
        return Ok(());
    }
    around.push(canonical);
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if is_hidden(&name_of(&path)) {
            continue;
        }
        match path.is_dir() {
            true => collect(&path, around, files)?,
            false => files.push(local(path, true)?),
        }
    }
    around.pop();
    Ok(())
}

fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
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
        std::fs::create_dir(at("_temporary")).unwrap();
        std::fs::write(at("_temporary/a.csv"), "x").unwrap();
        std::fs::write(at("_SUCCESS"), "").unwrap();
        assert!(
            matches!(expand_paths(&[folder.path()]), Err(DataError::NoFiles { path })
            if path == folder.path())
        );
    }
    #[test]
    fn folders_stand_for_all_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["dt=2", "dt=1", "_dt=0", "_delta_log", ".cache"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("part-0.csv"), "x").unwrap();
        }
        for name in ["z.csv", "_SUCCESS", ".z.csv.crc", "dt=1/part-1.csv"] {
            std::fs::write(at(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("dt=2"), at("dt=2/back")).unwrap();
        let names = |files: Vec<PathBuf>| -> Vec<String> {
            let names = files.iter().map(|f| f.strip_prefix(folder.path()).unwrap());
            names.map(|f| f.to_str().unwrap().to_owned()).collect()
        };
        let all = [
            "_dt=0/part-0.csv",
            "dt=1/part-0.csv",
            "dt=1/part-1.csv",
            "dt=2/part-0.csv",
            "z.csv",
        ];
        assert_eq!(names(expand_paths(&[folder.path()]).unwrap()), all);
        let twice = expand_paths(&[at("dt=1"), folder.path().to_owned()]).unwrap();
        assert_eq!(names(twice), all);
        // Folders count where a pattern matches nothing else.
        assert_eq!(names(expand_paths(&[at("dt=*")]).unwrap()), all[1..4]);
        assert_eq!(names(expand_paths(&[at("*")]).unwrap()), ["z.csv"]);
        assert_eq!(names(expand_paths(&[at("_S*")]).unwrap()), ["_SUCCESS"]);
    }

    #[test]
    #[cfg(not(feature = "object-store"))]
    fn urls_need_their_feature() {
        for url in ["s3://shop/log.csv", "https://shop.example/log.csv"] {
            let error = expand_paths(&[url]).unwrap_err();
            assert!(
                matches!(error, DataError::MissingFeature { feature: "object-store", path, .. }
                if path == Path::new(url))
            );
        }
    }
}
