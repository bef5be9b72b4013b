//! Records in a temporary file.

use crate::DataError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};

/// The number of bytes to write and read at a time.
const BUFFER: usize = 64 * 1024;

/// An unnamed file, which disappears when it is dropped or the process ends for any reason. It is
/// written first and then read from the start.
pub(super) struct Spill {
    file: BufWriter<File>,
}

impl Spill {
    pub(super) fn new() -> Result<Self, DataError> {
        let file = tempfile::tempfile().map_err(failed)?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER, file),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.file.write_all(bytes).map_err(failed)
    }

    /// What was written.
    pub(super) fn read(self) -> Result<Written, DataError> {
        let mut file = self
            .file
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.rewind().map_err(failed)?;
        Ok(Written {
            file: BufReader::with_capacity(BUFFER, file),
        })
    }
}

/// A temporary file that is being read.
pub(super) struct Written {
    file: BufReader<File>,
}

impl Written {
    /// Whether everything was read.
    pub(super) fn is_at_end(&mut self) -> Result<bool, DataError> {
        Ok(self.file.fill_buf().map_err(failed)?.is_empty())
    }

    /// The next bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// The next `n` bytes, as text.
    pub(super) fn text(&mut self, n: usize, into: &mut String) -> Result<(), DataError> {
        let mut bytes = std::mem::take(into).into_bytes();
        bytes.resize(n, 0);
        self.file.read_exact(&mut bytes).map_err(failed)?;
        *into = String::from_utf8(bytes).map_err(|error| failed(io::Error::other(error)))?;
        Ok(())
    }
}

/// The error for a temporary file.
fn failed(source: io::Error) -> DataError {
    DataError::Write {
        path: std::env::temp_dir(),
        source,
    }
}
