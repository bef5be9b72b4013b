//! Checks which files an export may be written to.

use super::EventStoreError;
use super::database::FileIdentity;
use std::path::Path;

/// Checks that an export of `store` may be written to `out`, where there may be nothing, or a
/// regular file other than the store, which is replaced. Links are rejected, since replacing one
/// would not change the file it leads to.
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

/// Checks that an export of `store` whose events are then pruned may be written to `out`: nothing
/// may exist there, since an earlier export may be the only copy of what was pruned then.
///
/// # Errors
/// As [`check_export_path`], and [`EventStoreError::OutputExists`].
pub fn check_archive_path(store: &Path, out: &Path) -> Result<(), EventStoreError> {
    check_export_path(store, out)?;
    match std::fs::symlink_metadata(out) {
        Ok(_) => Err(EventStoreError::OutputExists {
            path: out.to_owned(),
        }),
        Err(_) => Ok(()),
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
    fn an_archive_of_pruned_events_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [store, old, new] =
            ["events.redb", "old.csv", "new.csv"].map(|n| folder.path().join(n));
        fs::write(&store, "events").unwrap();
        fs::write(&old, "old").unwrap();
        check_archive_path(&store, &new).unwrap();
        let error = check_archive_path(&store, &old).unwrap_err();
        assert!(
            matches!(&error, EventStoreError::OutputExists { path } if *path == old),
            "{error}"
        );
        let error = check_archive_path(&store, &store).unwrap_err();
        assert!(
            matches!(error, EventStoreError::OutputIsStore { .. }),
            "{error}"
        );
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
