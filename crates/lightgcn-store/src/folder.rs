//! Reads a folder; nothing in it is used before it is checked.

use crate::StoreError;
use crate::files::{list, parent_of};
use crate::kind::Kind;
use crate::manifest::{FileEntry, MANIFEST, Manifest, hex};
use crate::names::FORMER_NAMES;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A folder whose manifest, file set and file sizes are checked. Each file's checksum is checked
/// when it is read.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    version: u32,
    has_former_names: bool,
    files: Vec<FileEntry>,
    identity: String,
}

impl Folder {
    /// Opens a folder of this kind and checks its manifest, that it has exactly the files listed
    /// there, that they are regular files (links are rejected), and their sizes.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is nothing, [`StoreError::WrongFormat`],
    /// [`StoreError::NewerVersion`], [`StoreError::Json`] or [`StoreError::Damaged`] for its
    /// manifest, [`StoreError::FileSet`] and [`StoreError::Size`] for its files.
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self, StoreError> {
        let present = list(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(path, kind),
            io::ErrorKind::NotADirectory => StoreError::Missing {
                path: path.to_owned(),
                format: kind.format.to_owned(),
                hint: "it is a file: give the folder".to_owned(),
            },
            _ => StoreError::io("list", path, error),
        })?;
        if !present.iter().any(|(name, _)| name == MANIFEST) {
            return Err(StoreError::Missing {
                path: path.to_owned(),
                format: kind.format.to_owned(),
                hint: format!("the folder there has no {MANIFEST}: check the path"),
            });
        }
        let (manifest, identity) = Manifest::read(path, kind)?;
        let listed = |name: &str| name == MANIFEST || manifest.files.iter().any(|f| f.name == name);
        let is_present = |name: &str| present.iter().any(|(there, _)| there == name);
        let names = manifest.files.iter().map(|f| &f.name[..]);
        let strays = present
            .iter()
            .filter(|(name, size)| !listed(name) || size.is_none());
        check_file_set(
            path,
            names.filter(|name| !is_present(name)),
            strays.map(|(name, _)| &name[..]),
        )?;
        for (name, size) in &present {
            let entry = manifest.files.iter().find(|f| f.name == *name);
            if let (Some(entry), &Some(found)) = (entry, size)
                && entry.bytes != found
            {
                return Err(StoreError::Size {
                    path: path.join(name),
                    expected: entry.bytes,
                    found,
                });
            }
        }
        Ok(Self {
            path: path.to_owned(),
            version: manifest.format_version,
            has_former_names: manifest.format_version < kind.renamed_in,
            files: manifest.files,
            identity,
        })
    }

    /// The path of the file that is currently called `name`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(self.stored_name(name))
    }

    /// The name in this folder of the file that is currently called `name`.
    fn stored_name<'a>(&self, name: &'a str) -> &'a str {
        let former = FORMER_NAMES.iter().find(|(today, _)| *today == name);
        match former {
            Some((_, former)) if self.has_former_names => former,
            _ => name,
        }
    }

    /// Whether it has a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }

    /// The version of its format.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// The SHA-256 of the manifest, in hexadecimal. Since the manifest has the checksum of every
    /// file, this identifies the whole content.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The bytes of a file, after checking their number and checksum.
    ///
    /// # Errors
    /// [`StoreError::FileSet`] if the folder has no such file, [`StoreError::Size`] and
    /// [`StoreError::Checksum`] if it does not match its manifest, [`StoreError::Io`] if it cannot
    /// be read or does not fit into memory.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let mut reader = self.reader(name)?;
        let mut bytes = reader.room(reader.length())?;
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|error| reader.read_error(error))?;
        reader.finish()?;
        Ok(bytes)
    }

    /// A file piece by piece. Do not use anything that was read before [`CheckedReader::finish`].
    ///
    /// # Errors
    /// [`StoreError::FileSet`] if the folder has no such file, [`StoreError::Io`] if it cannot be read.
    pub(crate) fn reader(&self, name: &str) -> Result<CheckedReader<'_>, StoreError> {
        let name = self.stored_name(name);
        let path = self.path.join(name);
        let Some(entry) = self.files.iter().find(|f| f.name == name) else {
            return Err(StoreError::FileSet {
                path: self.path.clone(),
                missing: vec![name.to_owned()],
                unknown: Vec::new(),
            });
        };
        let file = File::open(&path).map_err(|error| StoreError::io("read", &path, error))?;
        Ok(CheckedReader {
            path,
            entry,
            // One extra byte detects a longer file.
            file: file.take(entry.bytes.saturating_add(1)),
            hash: Sha256::new(),
            n_read: 0,
        })
    }

    /// The value in a JSON file, after the checks of [`Folder::read`].
    ///
    /// # Errors
    /// As [`Folder::read`], and [`StoreError::Json`] if it does not hold such a value.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let bytes = self.read(name)?;
        serde_json::from_slice(&bytes).map_err(|error| StoreError::json(&self.file(name), &error))
    }

    /// Checks that the folder has exactly the files named.
    ///
    /// # Errors
    /// [`StoreError::FileSet`] if it has not.
    pub(crate) fn expect_files(&self, names: &[&str]) -> Result<(), StoreError> {
        let names: Vec<&str> = names.iter().map(|name| self.stored_name(name)).collect();
        let files = self.files.iter().map(|f| &f.name[..]);
        check_file_set(
            &self.path,
            names.iter().copied().filter(|name| !self.has(name)),
            files.filter(|name| !names.contains(name)),
        )
    }
}

/// [`StoreError::FileSet`] unless nothing is missing or unknown.
fn check_file_set<'a>(
    path: &Path,
    missing: impl Iterator<Item = &'a str>,
    unknown: impl Iterator<Item = &'a str>,
) -> Result<(), StoreError> {
    let missing: Vec<String> = missing.map(str::to_owned).collect();
    let unknown: Vec<String> = unknown.map(str::to_owned).collect();
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(StoreError::FileSet {
        path: path.to_owned(),
        missing,
        unknown,
    })
}

/// A file that is checked while it is read.
pub(crate) struct CheckedReader<'a> {
    path: PathBuf,
    entry: &'a FileEntry,
    file: io::Take<File>,
    hash: Sha256,
    n_read: u64,
}

impl CheckedReader<'_> {
    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size according to the manifest.
    pub(crate) fn length(&self) -> u64 {
        self.entry.bytes
    }

    /// Reserves room for this many values.
    ///
    /// # Errors
    /// [`StoreError::Io`] if they do not fit into memory.
    pub(crate) fn room<T>(&self, n: u64) -> Result<Vec<T>, StoreError> {
        let mut values = Vec::new();
        let reserved = usize::try_from(n)
            .ok()
            .and_then(|n| values.try_reserve_exact(n).ok());
        match reserved {
            Some(()) => Ok(values),
            None => Err(self.read_error(io::ErrorKind::OutOfMemory.into())),
        }
    }

    /// The error for a failed read of this file.
    pub(crate) fn read_error(&self, error: io::Error) -> StoreError {
        StoreError::io("read", &self.path, error)
    }

    /// Reads the rest, and checks the number of bytes and their checksum.
    ///
    /// # Errors
    /// [`StoreError::Size`] and [`StoreError::Checksum`] if they are not those of the manifest.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        io::copy(&mut self, &mut io::sink()).map_err(|error| self.read_error(error))?;
        if self.n_read != self.entry.bytes {
            return Err(StoreError::Size {
                path: self.path,
                expected: self.entry.bytes,
                found: self.n_read,
            });
        }
        let found = hex(&self.hash.finalize());
        if found != self.entry.sha256 {
            return Err(StoreError::Checksum {
                path: self.path,
                expected: self.entry.sha256.clone(),
                found,
            });
        }
        Ok(())
    }
}

impl Read for CheckedReader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(to)?;
        self.hash.update(&to[..n]);
        self.n_read += n as u64;
        Ok(n)
    }
}

/// The error for a missing folder, which names what an interrupted replacement may have left.
fn missing(path: &Path, kind: Kind) -> StoreError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parent = parent_of(path);
    let aside = format!("{name}.old-");
    let left: Vec<String> = list(parent)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(&aside))
        .collect();
    let hint = if left.is_empty() {
        "create one or check the path".to_owned()
    } else {
        format!(
            "a replacement was interrupted: rename {} back to {name}",
            left.join(" or ")
        )
    };
    StoreError::Missing {
        path: path.to_owned(),
        format: kind.format.to_owned(),
        hint,
    }
}
