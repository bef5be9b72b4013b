//! Which files an export may be written to.

use super::EventStoreError;
use super::database::FileIdentity;
use std::path::Path;

/// Checks that an export of `store` may be written to `out`, replacing what is there: nothing, or a regular file that
/// is not the store. Links are refused, since replacing one would leave the file that it leads to as it is.
///
/// # Errors
/// [`EventStoreError::OutputIsStore`], also through links, and [`EventStoreError::OutputNotRegular`].
pub fn check_export_path(store: &Path, out: &Path) -> Result<(), EventStoreError> {
    if let (Ok(store), Ok(file)) = (FileIdentity::behind(store), FileIdentity::behind(out))
        && store == file
    {
        let path = out.to_owned();
        return Err(EventStoreError::OutputIsStore { path });
    }
    match std::fs::symlink_metadata(out) {
        Ok(metadata) if !metadata.is_file() => {
            let path = out.to_owned();
            Err(EventStoreError::OutputNotRegular { path })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_store_is_not_replaced_by_its_export() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store = path("events.redb");
        fs::write(&store, "events").unwrap();
        symlink(&store, path("link")).unwrap();
        fs::hard_link(&store, path("hard")).unwrap();
        let dotted = folder.path().join(".").join("events.redb");
        for out in [store.clone(), dotted, path("link"), path("hard")] {
            for store in [&store, &path("link")] {
                let error = check_export_path(store, &out).unwrap_err();
                assert!(
                    matches!(&error, EventStoreError::OutputIsStore { path } if *path == out),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store = path("events.redb");
        fs::write(&store, "events").unwrap();
        fs::write(path("old.csv"), "old").unwrap();
        for name in ["old.csv", "new.csv"] {
            check_export_path(&store, &path(name)).unwrap();
        }
        check_export_path(&path("no store"), &path("no store")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        symlink(path("old.csv"), path("link")).unwrap();
        symlink(path("nothing"), path("dangling")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        for name in ["folder", "link", "dangling", "socket"] {
            let error = check_export_path(&store, &path(name)).unwrap_err();
            assert!(
                matches!(error, EventStoreError::OutputNotRegular { .. }),
                "{name}: {error}"
            );
        }
    }
}
