//! What an artifact consists of, before all of it is there.

use crate::StoreError;
use crate::kind::Kind;
use crate::manifest::{MANIFEST, Manifest};
use std::path::Path;

/// The files of an artifact as its manifest lists them, for copying it: first the manifest, then these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactListing {
    /// As [`Artifact::identity_at`](crate::Artifact::identity_at).
    pub identity: String,
    /// The names of all files but the manifest, ascending. They are plain names without folders.
    pub files: Vec<String>,
}

impl ArtifactListing {
    /// The name of the manifest.
    pub const MANIFEST: &str = MANIFEST;

    /// Reads the manifest in the folder `path` and checks it; the other files need not be there.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be read, [`StoreError::WrongFormat`], [`StoreError::NewerVersion`],
    /// [`StoreError::Json`] and [`StoreError::Damaged`] if it is not the manifest of an artifact.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (manifest, identity) = Manifest::read(path.as_ref(), Kind::ARTIFACT)?;
        let files = manifest.files.into_iter().map(|file| file.name).collect();
        Ok(Self { identity, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Artifact;
    use crate::artifact::tests::tiny;
    use std::fs;

    #[test]
    fn the_manifest_alone_lists_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, begun) = (folder.path().join("whole"), folder.path().join("begun"));
        tiny().save(&whole).unwrap();
        fs::create_dir(&begun).unwrap();
        fs::copy(whole.join(MANIFEST), begun.join(MANIFEST)).unwrap();
        let listing = ArtifactListing::read(&begun).unwrap();
        assert_eq!(listing.identity, Artifact::identity_at(&whole).unwrap());
        let mut names: Vec<String> = fs::read_dir(&whole)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ArtifactListing::MANIFEST)
            .collect();
        names.sort();
        assert_eq!(listing.files, names);
    }

    #[test]
    fn other_files_are_no_listing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST);
        let read = || ArtifactListing::read(folder.path()).unwrap_err();
        assert!(matches!(read(), StoreError::Io { .. }));
        fs::write(&path, "<html>").unwrap();
        assert!(matches!(read(), StoreError::Json { line: 1, .. }));
        fs::write(
            &path,
            r#"{"format": "lightgcn-dataset", "format_version": 1}"#,
        )
        .unwrap();
        let error = read();
        assert!(
            matches!(&error, StoreError::WrongFormat { found, .. } if found == "lightgcn-dataset"),
            "{error}"
        );
        fs::write(
            &path,
            r#"{"format": "lightgcn-artifact", "format_version": 9}"#,
        )
        .unwrap();
        assert!(matches!(read(), StoreError::NewerVersion { found: 9, .. }));
    }
}
