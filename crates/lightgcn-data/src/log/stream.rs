//! The bytes of a file, read, hashed and decompressed in their own thread.

use crate::DataError;
use flate2::bufread::MultiGzDecoder;
use lightgcn_core::InputFile;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

const CHUNK: usize = 256 * 1024;
const CHUNKS_AHEAD: usize = 8;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The decompressed bytes of a file. Its first bytes, not its name, decide how it is read: gzip (any
/// number of members), zstd (any number of frames), or plain.
pub(crate) struct StoredFile {
    path: PathBuf,
    stored_read: Arc<AtomicU64>,
    chunks: Receiver<Result<Vec<u8>, Failure>>,
    current: Vec<u8>,
    position: usize,
    /// Decompressed bytes before the current chunk.
    before: u64,
    failure: Option<Failure>,
    worker: JoinHandle<InputFile>,
}

/// Why reading stopped.
struct Failure {
    /// The compression format, or `None` if the file itself could not be read.
    format: Option<&'static str>,
    source: io::Error,
}

impl StoredFile {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |source| DataError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let stored_read = Arc::new(AtomicU64::new(0));
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        let tally = Tally {
            file,
            bytes: 0,
            sha256: Sha256::new(),
            shown: Arc::clone(&stored_read),
        };
        let worker = std::thread::Builder::new()
            .name("lightgcn-read".to_owned())
            .spawn(move || pump(tally, name, &sender))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            stored_read,
            chunks,
            current: Vec::new(),
            position: 0,
            before: 0,
            failure: None,
            worker,
        })
    }

    /// Bytes on disk read so far.
    pub(crate) fn stored_read(&self) -> u64 {
        self.stored_read.load(Ordering::Relaxed)
    }

    /// Whether `position` is the end of the decompressed bytes read so far and the byte before it is not
    /// `byte`.
    pub(crate) fn ends_without(&self, byte: u8, position: u64) -> bool {
        let last = self.current[..self.position].last();
        self.before + self.position as u64 == position && last.is_some_and(|&last| last != byte)
    }

    /// Turns an I/O error of this reader into a [`DataError`].
    pub(crate) fn error(&mut self, given: io::Error) -> DataError {
        let path = self.path.clone();
        match self.failure.take() {
            Some(Failure {
                format: Some(format),
                source,
            }) => DataError::Compressed {
                path,
                format,
                source,
            },
            Some(Failure { source, .. }) => DataError::Read { path, source },
            None => DataError::Read {
                path,
                source: given,
            },
        }
    }

    /// The file's name, size and hash. Everything must have been read.
    pub(crate) fn finish(self) -> Result<InputFile, DataError> {
        let Self {
            path,
            chunks,
            worker,
            ..
        } = self;
        drop(chunks);
        worker.join().map_err(|_| DataError::Read {
            path,
            source: io::Error::other("the reading thread stopped"),
        })
    }
}

impl Read for StoredFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(into.len());
        into[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for StoredFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.current.len() {
            match self.chunks.recv() {
                Ok(Ok(chunk)) => {
                    self.before += self.current.len() as u64;
                    self.current = chunk;
                    self.position = 0;
                }
                Ok(Err(failure)) => {
                    self.failure = Some(failure);
                    return Err(io::Error::other("the file could not be read"));
                }
                // The sender is gone: the end of the file.
                Err(_) => {}
            }
        }
        Ok(&self.current[self.position..])
    }

    fn consume(&mut self, n: usize) {
        self.position += n;
    }
}

/// Hashes a file while reading it.
struct Tally {
    file: File,
    bytes: u64,
    sha256: Sha256,
    shown: Arc<AtomicU64>,
}

impl Read for Tally {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(into)?;
        self.sha256.update(&into[..n]);
        self.bytes += n as u64;
        self.shown.store(self.bytes, Ordering::Relaxed);
        Ok(n)
    }
}

/// Sends the decompressed chunks of a file until its end, a failure, or the receiver is gone.
fn pump(tally: Tally, name: String, sender: &SyncSender<Result<Vec<u8>, Failure>>) -> InputFile {
    let mut input = BufReader::with_capacity(CHUNK, tally);
    if let Err(failure) = decompress(&mut input, sender) {
        // If the receiver is gone, nobody needs the failure.
        drop(sender.send(Err(failure)));
    }
    let tally = input.into_inner();
    let digest = tally.sha256.finalize();
    InputFile {
        name,
        bytes: tally.bytes,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn decompress(
    input: &mut BufReader<Tally>,
    sender: &SyncSender<Result<Vec<u8>, Failure>>,
) -> Result<(), Failure> {
    let failed = |format| {
        move |source: io::Error| Failure {
            // An error of the operating system is not the compressed data's.
            format: source.raw_os_error().map_or(format, |_| None),
            source,
        }
    };
    let mut head = Vec::with_capacity(4);
    input.take(4).read_to_end(&mut head).map_err(failed(None))?;
    let is_gzip = head.starts_with(&GZIP);
    let is_zstd = head.starts_with(&ZSTD);
    let whole = Cursor::new(head).chain(&mut *input);
    if is_gzip {
        send_all(MultiGzDecoder::new(whole), sender).map_err(failed(Some("gzip")))?;
    } else if is_zstd {
        let decoder = zstd::Decoder::with_buffer(whole).map_err(failed(Some("zstd")))?;
        send_all(decoder, sender).map_err(failed(Some("zstd")))?;
    } else {
        send_all(whole, sender).map_err(failed(None))?;
    }
    // The hash covers bytes after the compressed part too.
    io::copy(input, &mut io::sink()).map_err(failed(None))?;
    Ok(())
}

fn send_all(mut from: impl Read, sender: &SyncSender<Result<Vec<u8>, Failure>>) -> io::Result<()> {
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut filled = 0;
        while filled < CHUNK {
            match from.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        chunk.truncate(filled);
        if filled == 0 || sender.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(stored: &[u8]) -> Result<(Vec<u8>, InputFile), DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.bin");
        std::fs::write(&path, stored).unwrap();
        let mut file = StoredFile::open(&path)?;
        let mut bytes = Vec::new();
        match file.read_to_end(&mut bytes) {
            Ok(_) => Ok((bytes, file.finish()?)),
            Err(error) => Err(file.error(error)),
        }
    }

    #[test]
    fn plain_gzip_and_zstd_give_the_same_bytes() {
        let text: Vec<u8> = (0..700_000u32).flat_map(u32::to_le_bytes).collect();
        let halves = [gzip(&text[..1_000_000]), gzip(&text[1_000_000..])].concat();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        for stored in [&text, &gzip(&text), &halves, &zstd] {
            let (bytes, input) = read(stored).unwrap();
            assert!(bytes == text, "{} bytes came back", bytes.len());
            assert_eq!(input.bytes, stored.len() as u64);
            assert_eq!(input.name, "log.bin");
        }
        assert!(read(b"").unwrap().0.is_empty());
        assert_eq!(read(b"\x1f").unwrap().0, b"\x1f");
    }

    #[test]
    fn the_hash_is_of_the_stored_bytes() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            read(b"abc").unwrap().1.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn damaged_files_are_errors_with_their_path() {
        let text = vec![b'a'; 100_000];
        let whole = gzip(&text);
        let mut flipped = gzip(b"some text that is long enough to be spoilt");
        let last = flipped.len() - 6; // within the checksum
        flipped[last] ^= 0xff;
        let cut = &whole[..whole.len() - 9];
        let garbage = [&whole[..], b"garbage"].concat();
        for stored in [cut, &flipped, &garbage] {
            let Err(DataError::Compressed { format, path, .. }) = read(stored) else {
                panic!("a damaged gzip file must be refused");
            };
            assert_eq!(format, "gzip");
            assert!(path.ends_with("log.bin"));
        }
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        assert!(matches!(
            read(&zstd[..zstd.len() - 3]),
            Err(DataError::Compressed { format: "zstd", .. })
        ));
    }

    #[test]
    fn dropping_a_reader_early_stops_its_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.bin");
        std::fs::write(&path, vec![b'a'; CHUNK * (CHUNKS_AHEAD + 4)]).unwrap();
        let mut file = StoredFile::open(&path).unwrap();
        assert_eq!(file.fill_buf().unwrap().len(), CHUNK);
        file.finish().unwrap(); // would wait for ever if the thread did not notice
    }
}
