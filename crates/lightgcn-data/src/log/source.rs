//! Opens any kind of input and looks at its first bytes.

use crate::DataError;
use crate::log::address::{STDIN, is_url};
use lightgcn_core::InputFile;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of bytes needed to recognize Parquet.
const HEAD: u64 = 4;

/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

/// An open input: a file, a pipe, standard input, or a URL.
pub(crate) struct Source {
    path: PathBuf,
    head: Vec<u8>,
    reader: Box<dyn Read + Send>,
    /// Whether the path names a file on disk, which can be read at any position.
    #[cfg(feature = "parquet")]
    is_file: bool,
}

impl Source {
    /// Opens a file or, if the path is `-`, standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |source| DataError::Open {
            path: path.to_owned(),
            source,
        };
        let mut reader: Box<dyn Read + Send> = match path.to_str() {
            Some(STDIN) => Box::new(io::stdin()),
            Some(url) if is_url(url) => open_url(url)?,
            _ => Box::new(File::open(path).map_err(failed)?),
        };
        let mut head = Vec::with_capacity(HEAD as usize);
        let read = reader.by_ref().take(HEAD).read_to_end(&mut head);
        read.map_err(|source| DataError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            head,
            reader,
            #[cfg(feature = "parquet")]
            is_file: path.to_str() != Some(STDIN) && path.is_file(),
        })
    }

    pub(crate) fn is_parquet(&self) -> bool {
        self.head.starts_with(PARQUET)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path names a file on disk.
    #[cfg(feature = "parquet")]
    pub(crate) fn is_file(&self) -> bool {
        self.is_file
    }

    /// All its bytes, hashed as they are read; `shown` tracks how many.
    pub(crate) fn into_tally(self, shown: Arc<AtomicU64>) -> Tally {
        Tally {
            name: name_of(&self.path),
            reader: Box::new(Cursor::new(self.head).chain(self.reader)),
            bytes: 0,
            sha256: Sha256::new(),
            shown,
        }
    }
}

/// The name of an input, stored in datasets: without its folder, and without a URL's query, which
/// may be a signature.
fn name_of(path: &Path) -> String {
    let text = path.to_string_lossy();
    let path = match is_url(&text) {
        true => Path::new(text.split(['?', '#']).next().unwrap_or_default()),
        false => path,
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Hashes an input while reading it.
pub(crate) struct Tally {
    name: String,
    reader: Box<dyn Read + Send>,
    bytes: u64,
    sha256: Sha256,
    shown: Arc<AtomicU64>,
}

impl Tally {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The input's name, with the size and the hash of what was read.
    pub(crate) fn finish(self) -> InputFile {
        let digest = self.sha256.finalize();
        InputFile {
            name: self.name,
            bytes: self.bytes,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl Read for Tally {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(into)?;
        self.sha256.update(&into[..n]);
        self.bytes += n as u64;
        self.shown.store(self.bytes, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(feature = "object-store")]
fn open_url(url: &str) -> Result<Box<dyn Read + Send>, DataError> {
    crate::log::remote::open(url)
}

#[cfg(not(feature = "object-store"))]
fn open_url(url: &str) -> Result<Box<dyn Read + Send>, DataError> {
    Err(no_urls(url))
}

/// The error for a URL in a build that does not support URLs.
#[cfg(not(feature = "object-store"))]
pub(crate) fn no_urls(url: &str) -> DataError {
    DataError::MissingFeature {
        path: url.into(),
        what: "a URL",
        feature: "object-store",
        instead: "download it",
    }
}
