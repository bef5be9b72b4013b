//! The list of a folder's files with their sizes and checksums.

use crate::StoreError;
use crate::files::{list, write_file};
use crate::kind::Kind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The name of the manifest in its folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Manifests beyond this are refused unread.
const MAX_BYTES: u64 = 1 << 20;

/// One file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    /// Its name, without a folder.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// The SHA-256 of its bytes in lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// What `manifest.json` says. The file is written in one way only, so that any other bytes are
/// recognized as damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: String,
    pub(crate) format_version: u32,
    /// Ascending by name.
    pub(crate) files: Vec<FileEntry>,
}

/// What is read of a manifest before its version is known to be readable.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) format_version: u32,
}

/// Only the names, of a manifest of any version.
#[derive(Debug, Deserialize)]
struct Names {
    format: String,
    files: Vec<Name>,
}

/// One file, by an object with its name or by a list that begins with it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Name {
    Object { name: String },
    List(Vec<serde_json::Value>),
}

impl Name {
    fn into_name(self) -> Option<String> {
        match self {
            Self::Object { name } => Some(name),
            Self::List(values) => values.first()?.as_str().map(str::to_owned),
        }
    }
}

impl Manifest {
    pub(crate) fn new(kind: Kind, mut files: Vec<FileEntry>) -> Self {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            format: kind.format.to_owned(),
            format_version: kind.version,
            files,
        }
    }

    /// The only bytes that say this.
    pub(crate) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| StoreError::json(path, &error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes the manifest of what `folder` holds.
    pub(crate) fn write(folder: &Path, kind: Kind) -> Result<(), StoreError> {
        let entries = list(folder).map_err(|error| StoreError::io("list", folder, error))?;
        let mut files = Vec::with_capacity(entries.len());
        for (name, _) in entries {
            let path = folder.join(&name);
            let (bytes, sha256) = File::open(&path)
                .and_then(sha256_of)
                .map_err(|error| StoreError::io("read", &path, error))?;
            files.push(FileEntry {
                name,
                bytes,
                sha256,
            });
        }
        let bytes = Self::new(kind, files).to_bytes(&folder.join(MANIFEST))?;
        write_file(folder, MANIFEST, &bytes)
    }

    /// Reads the manifest of `folder` and checks it, without a look at the files it lists. Returns
    /// its checksum as well.
    pub(crate) fn read(folder: &Path, kind: Kind) -> Result<(Self, String), StoreError> {
        let path = folder.join(MANIFEST);
        let bytes = read_small(&path)?;
        let parse = |error: serde_json::Error| StoreError::json(&path, &error);
        let header: Header = serde_json::from_slice(&bytes).map_err(parse)?;
        if header.format != kind.format {
            return Err(StoreError::WrongFormat {
                path: folder.to_owned(),
                expected: kind.format.to_owned(),
                found: header.format,
            });
        }
        if header.format_version > kind.version {
            return Err(StoreError::NewerVersion {
                path: folder.to_owned(),
                found: header.format_version,
                supported: kind.version,
            });
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(parse)?;
        if manifest.format_version == 0 {
            return Err(StoreError::damaged(&path, "its format version is 0"));
        }
        if !manifest.files.is_sorted_by(|a, b| a.name < b.name) {
            let detail = "its files are not listed once each, by name";
            return Err(StoreError::damaged(&path, detail));
        }
        if let Some(file) = manifest.files.iter().find(|f| !is_plain_name(&f.name)) {
            let detail = format!("it lists {:?}, which is not a plain file name", file.name);
            return Err(StoreError::damaged(&path, detail));
        }
        if manifest.to_bytes(&path)? != bytes {
            return Err(StoreError::damaged(
                &path,
                "its text was changed after it was written",
            ));
        }
        Ok((manifest, sha256(&bytes)))
    }
}

/// The format of the folder and the files that its manifest lists, whatever its version; none if
/// there is no manifest that can be read.
pub(crate) fn format_and_names(folder: &Path) -> Option<(String, Vec<String>)> {
    let bytes = read_small(&folder.join(MANIFEST)).ok()?;
    let names: Names = serde_json::from_slice(&bytes).ok()?;
    let files: Option<Vec<String>> = names.files.into_iter().map(Name::into_name).collect();
    Some((names.format, files?))
}

/// Whether a name can only mean a file of the folder itself.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name != MANIFEST
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn read_small(path: &Path) -> Result<Vec<u8>, StoreError> {
    let read_error = |error| StoreError::io("read", path, error);
    let metadata = std::fs::symlink_metadata(path).map_err(read_error)?;
    if !metadata.is_file() {
        return Err(StoreError::damaged(path, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read_error)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    if bytes.len() as u64 > MAX_BYTES {
        let detail = format!("it is larger than {MAX_BYTES} bytes");
        return Err(StoreError::damaged(path, detail));
    }
    Ok(bytes)
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The size and the SHA-256 of all that `source` yields.
pub(crate) fn sha256_of(mut source: impl Read) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 16];
    let mut total = 0u64;
    loop {
        let n = match source.read(&mut buffer) {
            Ok(0) => return Ok((total, hex(&hasher.finalize()))),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..n]);
        total += n as u64;
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
    bytes
        .iter()
        .flat_map(|&b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        assert_eq!(sha256_of(&b"abc"[..]).unwrap(), (3, abc.to_owned()));
    }

    #[test]
    fn names_stay_in_the_folder() {
        for name in ["a", "model.json", "x-1_2.bin"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in [
            "", ".", "..", "a/b", "a\\b", ".hidden", "c:x", "ü", MANIFEST,
        ] {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
