use super::*;
use crate::artifact::tests::{shown, tiny};
use crate::files::write_file;
use crate::{Artifact, DatasetFolder};
use lightgcn_core::Dataset;
use std::process::Command;

const KIND: &str = "test-folder";

/// Writes a folder with one file of that text.
fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    write_folder_atomically(path, KIND, |folder| {
        write_file(folder, "text", text.as_bytes())?;
        write_file(folder, MANIFEST, manifest(KIND).as_bytes())
    })
}

fn manifest(kind: &str) -> String {
    format!(r#"{{"format":"{kind}","files":[["text","its checksum"]]}}"#)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path.join("text")).unwrap()
}

/// What is in a folder.
fn names(path: &Path) -> Vec<String> {
    list(path)
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn parents_are_made_and_old_content_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/model");
    write(&path, "one").unwrap();
    assert_eq!(text(&path), "one");
    write(&path, "two").unwrap();
    assert_eq!(text(&path), "two");
    assert_eq!(names(path.parent().unwrap()), ["model"]);
    assert_eq!(names(&path), ["manifest.json", "text"]);
    // Replacing an empty folder loses nothing.
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    write(&empty, "three").unwrap();
    assert_eq!(text(&empty), "three");
}

#[test]
fn foreign_destinations_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos");
    let mut messages = Vec::new();
    let mut refused = || {
        let before = names(folder.path());
        let error = write(&path, "new").unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        messages.push(shown(&error));
        assert_eq!(names(folder.path()), before);
    };
    fs::write(&path, "a file").unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("holiday.jpg"), "").unwrap();
    refused();
    fs::write(path.join(MANIFEST), manifest("other-folder")).unwrap();
    refused();
    fs::write(path.join(MANIFEST), manifest(KIND)).unwrap();
    refused();
    fs::remove_file(path.join("holiday.jpg")).unwrap();
    // Of the same kind, though damaged: its text is gone.
    write(&path, "new").unwrap();
    assert_eq!(text(&path), "new");

    fs::remove_file(path.join("text")).unwrap();
    fs::create_dir(path.join("text")).unwrap();
    refused();
    insta::assert_snapshot!(messages.join("\n"));
}

#[cfg(unix)]
#[test]
fn links_as_destinations_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let error = write(&link, "new").unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    insta::assert_snapshot!(shown(&error));
    assert_eq!(text(&target), "old");
}

#[test]
fn an_artifact_does_not_replace_a_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    crate::dataset::tests::save_tiny(&path).unwrap();
    let error = tiny().save(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(Dataset::load(&path).is_ok());
}

#[test]
fn failed_and_interrupted_writes_leave_the_old_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    write(&path, "old").unwrap();
    let fail = |folder: &Path| {
        write_file(folder, "text", b"new")?;
        // Writing the same file again is refused by the system.
        write_file(folder, "text", b"newer")
    };
    assert!(write_folder_atomically(&path, KIND, fail).is_err());
    let panicked = std::panic::catch_unwind(|| {
        write_folder_atomically(&path, KIND, |folder| -> Result<(), StoreError> {
            write_file(folder, "text", b"new")?;
            panic!("a panic amid the write, on purpose")
        })
    });
    assert!(panicked.is_err());
    assert_eq!(text(&path), "old");
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
fn what_the_manifest_does_not_name_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut details = Vec::new();
    let mut check = |make: &dyn Fn(&Path)| {
        let error = write_folder_atomically(&path, KIND, |folder| -> Result<(), StoreError> {
            make(folder);
            Ok(())
        });
        let error = error.unwrap_err();
        let StoreError::Unlisted { detail, .. } = error else {
            panic!("{error}");
        };
        details.push(detail);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    };
    check(&|_| ());
    check(&|folder| {
        fs::write(folder.join(MANIFEST), manifest("other")).unwrap();
    });
    check(&|folder| {
        fs::write(folder.join(MANIFEST), manifest(KIND)).unwrap();
        fs::write(folder.join("more"), "").unwrap();
    });
    check(&|folder| {
        fs::write(folder.join(MANIFEST), manifest(KIND)).unwrap();
        fs::create_dir(folder.join("text")).unwrap();
    });
    insta::assert_snapshot!(details.join("\n"));
}

#[test]
fn unwritable_places_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [file.join("model"), file.join("deep/model")] {
        let error = tiny().save(&path).unwrap_err();
        assert!(
            matches!(&error, StoreError::Io { path, .. } if path.starts_with(&file)),
            "{error}"
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    for path in ["/", "..", ""] {
        let error = write(Path::new(path), "x").unwrap_err();
        assert!(matches!(error, StoreError::Destination { .. }), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_to_a_full_device_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    write(&path, "old").unwrap();
    let error = write_folder_atomically(&path, KIND, |folder| {
        write_file(folder, "text", b"new")?;
        let full = Path::new("/dev/full");
        fs::write(full, "x").map_err(|error| StoreError::io("write", full, error))
    });
    assert!(
        matches!(error, Err(StoreError::Io { ref source, .. }) if source.kind() == std::io::ErrorKind::StorageFull)
    );
    assert_eq!(text(&path), "old");
    assert_eq!(names(folder.path()), ["model"]);
}

/// Disks of every size from too small for anything to large enough: a write succeeds or leaves the
/// old artifact as it was.
#[cfg(target_os = "linux")]
#[test]
fn full_disks_leave_the_old_artifact() {
    struct Mounted<'a>(&'a Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0).status();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut failures = 0;
    for pages in 8..40 {
        let size = format!("size={}k", 4 * pages);
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        if !mount.is_ok_and(|output| output.status.success()) {
            println!("skipped: this system does not let the test mount a small disk");
            return;
        }
        let _mounted = Mounted(folder.path());
        let path = folder.path().join("model");
        let old = tiny();
        if old.save(&path).is_err() {
            assert_eq!(names(folder.path()), Vec::<String>::new(), "{pages} pages");
            failures += 1;
            continue;
        }
        let mut new = tiny();
        new.lineage.seed = 43;
        let expected = match new.save(&path) {
            Ok(()) => new,
            Err(error) => {
                assert!(
                    matches!(&error, StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
                    "{error}"
                );
                failures += 1;
                old
            }
        };
        assert_eq!(names(folder.path()), ["model"], "{pages} pages");
        assert_eq!(Artifact::load(&path).unwrap(), expected, "{pages} pages");
    }
    assert!(
        (1..32).contains(&failures),
        "{failures} of 32 disks were too small"
    );
}

/// A death of the process amid a write: the test runs itself again as the process that dies.
#[test]
fn a_death_amid_a_write_leaves_the_old_content() {
    const VARIABLE: &str = "LIGHTGCN_STORE_TEST_DIES_AT";
    if let Some(path) = std::env::var_os(VARIABLE) {
        let _ = write_folder_atomically(Path::new(&path), KIND, |folder| {
            write_file(folder, "text", b"ne")?;
            std::process::abort();
            #[expect(unreachable_code, reason = "it names the type of the error")]
            Err(StoreError::damaged(folder, ""))
        });
        unreachable!("the process has been aborted");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    write(&path, "old").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "atomic::tests::a_death_amid_a_write_leaves_the_old_content",
        ])
        .env(VARIABLE, &path)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(text(&path), "old");
    let left = names(folder.path());
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[1].starts_with("model.tmp-"), "{left:?}");
    write(&path, "new").unwrap();
    assert_eq!(text(&path), "new");
}

/// The way of systems on which two folders cannot change places.
#[test]
fn content_is_put_aside_where_folders_cannot_change_places() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path().join("model"), folder.path().join("new"));
    write(&path, "old").unwrap();
    write(&new, "new").unwrap();
    put_aside(&new, &path, folder.path(), "model").unwrap();
    assert_eq!(text(&path), "new");
    assert_eq!(names(folder.path()), ["model"]);
}

#[cfg(target_os = "linux")]
#[test]
fn folders_change_places_on_linux() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path().join("model"), folder.path().join("new"));
    write(&path, "old").unwrap();
    write(&new, "new").unwrap();
    if !exchange(&new, &path) {
        println!("skipped: this file system cannot exchange folders");
        return;
    }
    assert_eq!(
        (text(&path), text(&new)),
        ("new".to_owned(), "old".to_owned())
    );
    assert!(!exchange(&folder.path().join("nothing"), &path));
}

/// What a death between the two renames leaves.
#[test]
fn content_that_was_put_aside_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    tiny().save(&path).unwrap();
    fs::rename(&path, folder.path().join("model.old-x1")).unwrap();
    let error = Artifact::load(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    insta::assert_snapshot!(shown(&error));
    tiny().save(&path).unwrap();
    assert_eq!(Artifact::load(&path).unwrap(), tiny());
}

#[cfg(unix)]
#[test]
fn folders_are_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (path, plain) = (folder.path().join("model"), folder.path().join("plain"));
    write(&path, "x").unwrap();
    fs::create_dir(&plain).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&plain));
}
