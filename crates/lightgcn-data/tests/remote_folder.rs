//! Files of folders on a web server on this machine.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "servers/folder.rs"]
mod folder;

use folder::{Fault, FolderServer};
use lightgcn_data::{RemoteError, RemoteFolder};
use std::fs;
use std::io::ErrorKind;
use tempfile::TempDir;

/// A server of the file `model/a.bin`, and a folder for copies.
fn served() -> (TempDir, FolderServer, TempDir) {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("model")).unwrap();
    fs::write(root.path().join("model/a.bin"), "abcdef").unwrap();
    let server = FolderServer::start(root.path());
    (root, server, TempDir::new().unwrap())
}

#[test]
fn a_file_is_copied_once_per_version() {
    let (root, server, copies) = served();
    let to = |name: &str| copies.path().join(name);
    let url = server.url("model/?sig=secret");
    let folder = RemoteFolder::open(&url).unwrap();
    assert_eq!(folder.location(), server.url("model"));
    let first = folder.copy("a.bin", to("1"), None).unwrap().unwrap();
    assert_eq!(fs::read_to_string(to("1")).unwrap(), "abcdef");
    assert_eq!(first.size, 6);
    assert!(folder.version("a.bin").unwrap().is_same(&first));
    assert_eq!(folder.copy("a.bin", to("2"), Some(&first)).unwrap(), None);
    assert!(!to("2").exists());

    fs::write(root.path().join("model/a.bin"), "ABCDEF").unwrap();
    assert!(!folder.version("a.bin").unwrap().is_same(&first));
    let second = folder.copy("a.bin", to("2"), Some(&first)).unwrap();
    assert_eq!(fs::read_to_string(to("2")).unwrap(), "ABCDEF");
    assert!(!second.unwrap().is_same(&first));
    let file = "/model/a.bin?sig=secret";
    let expected = [
        ("GET", "200"),
        ("HEAD", "200"),
        ("GET", "304"),
        ("HEAD", "200"),
        ("GET", "200"),
    ];
    let expected = expected.map(|(method, status)| format!("{method} {file} {status}"));
    assert_eq!(server.requests(), expected);
}

#[test]
fn each_failure_has_its_error_and_leaves_nothing() {
    let (_root, server, copies) = served();
    let to = copies.path().join("copy");
    let file = server.url("model/a.bin");
    let folder = RemoteFolder::open(&server.url("model?sig=secret")).unwrap();
    let fails = |name: &str| {
        let error = folder.copy(name, &to, None).unwrap_err();
        assert!(!to.exists(), "{error}");
        let text = error.to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains(&server.url("model")), "{text}");
        error
    };
    let missing = server.url("model/b.bin");
    assert!(matches!(fails("b.bin"), RemoteError::NotFound { url } if url == missing));
    for status in ["403 Forbidden", "401 Unauthorized"] {
        server.fault("a.bin", Some(Fault::Status(status)));
        let error = fails("a.bin");
        assert!(
            matches!(&error, RemoteError::Denied { url, detail } if *url == file && detail.contains(status)),
            "{error}"
        );
        assert!(matches!(
            folder.version("a.bin"),
            Err(RemoteError::Denied { .. })
        ));
    }
    server.fault("a.bin", Some(Fault::Status("400 Bad Request")));
    let error = fails("a.bin");
    assert!(
        matches!(&error, RemoteError::Failed { url, detail } if *url == file && detail.contains("400")),
        "{error}"
    );
    server.fault("a.bin", Some(Fault::Cut));
    let error = fails("a.bin");
    assert!(
        matches!(&error, RemoteError::Truncated { url, received: 3, size: 6, .. } if *url == file),
        "{error}"
    );
    server.fault("a.bin", None);
    folder.copy("a.bin", &to, None).unwrap();
    // A copy replaces nothing.
    let error = folder.copy("a.bin", &to, None).unwrap_err();
    assert!(
        matches!(&error, RemoteError::Write { path, source } if *path == to && source.kind() == ErrorKind::AlreadyExists),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&to).unwrap(), "abcdef");
}

#[test]
fn other_addresses_are_refused() {
    for url in ["ftp://shop.example/model", "shop.model", "s3:shop"] {
        let error = RemoteFolder::open(url).unwrap_err();
        assert!(
            matches!(&error, RemoteError::Address { url: named, .. } if named == url),
            "{error}"
        );
    }
}
