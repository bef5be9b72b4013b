//! The bytes of a file, read, hashed and decompressed in their own thread.

use crate::DataError;
use crate::log::foreign::{HEAD, foreign, foreign_within};
use crate::log::source::{Source, Tally};
use flate2::bufread::GzDecoder;
use lightgcn_core::InputFile;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

const CHUNK: usize = 256 * 1024;
const CHUNKS_AHEAD: usize = 8;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// The last three bytes of the magic number of a skippable zstd frame; the first is 0x50 to 0x5f.
const ZSTD_SKIPPABLE: &[u8] = b"\x2a\x4d\x18";

/// The decompressed bytes of a file or, if the path is `-`, of standard input. Its first bytes, not
/// its name, decide how it is read: gzip (any number of members, and zeros after the last), zstd
/// (any number of frames, some of them skippable), or plain. It is read once, from start to end, so
/// it may be a pipe.
pub(crate) struct StoredFile {
    path: PathBuf,
    stored_read: Arc<AtomicU64>,
    chunks: Receiver<Result<Vec<u8>, Failure>>,
    current: Vec<u8>,
    position: usize,
    failure: Option<Failure>,
    worker: JoinHandle<InputFile>,
}

/// Why reading stopped.
enum Failure {
    /// The file itself could not be read.
    Read(io::Error),
    /// The compressed data in that format is damaged.
    Compressed(&'static str, io::Error),
    /// An unsupported format, and what to do.
    Unread(&'static str, &'static str),
}

impl StoredFile {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let source = Source::open(path)?;
        if source.is_parquet() {
            return Err(DataError::UnreadFormat {
                path: path.to_owned(),
                format: "Parquet",
                advice: "give it as a log or as a table of pairs",
            });
        }
        Self::start(source)
    }

    /// Starts reading an open input.
    pub(crate) fn start(source: Source) -> Result<Self, DataError> {
        let path = source.path().to_owned();
        let stored_read = Arc::new(AtomicU64::new(0));
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        let tally = source.into_tally(Arc::clone(&stored_read));
        let worker = std::thread::Builder::new()
            .name("lightgcn-read".to_owned())
            .spawn(move || pump(tally, &sender))
            .map_err(|source| DataError::Open {
                path: path.clone(),
                source,
            })?;
        Ok(Self {
            path,
            stored_read,
            chunks,
            current: Vec::new(),
            position: 0,
            failure: None,
            worker,
        })
    }

    /// Bytes on disk read so far.
    pub(crate) fn stored_read(&self) -> u64 {
        self.stored_read.load(Ordering::Relaxed)
    }

    /// Turns an I/O error of this reader into a [`DataError`].
    pub(crate) fn error(&mut self, given: io::Error) -> DataError {
        let path = self.path.clone();
        match self.failure.take() {
            Some(Failure::Compressed(format, source)) => DataError::Compressed {
                path,
                format,
                source,
            },
            Some(Failure::Unread(format, advice)) => DataError::UnreadFormat {
                path,
                format,
                advice,
            },
            Some(Failure::Read(source)) => DataError::Read { path, source },
            None => DataError::Read {
                path,
                source: given,
            },
        }
    }

    /// Why reading stopped before the end, if it did.
    #[cfg(feature = "synthetic")]
    pub(crate) fn failed(&mut self) -> Option<DataError> {
        let is_failed = self.failure.is_some();
        is_failed.then(|| self.error(io::Error::other("the file could not be read")))
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

/// Sends the decompressed chunks of a file until its end, a failure, or the receiver is gone.
fn pump(tally: Tally, sender: &SyncSender<Result<Vec<u8>, Failure>>) -> InputFile {
    let mut input = BufReader::with_capacity(CHUNK, tally);
    if let Err(failure) = decompress(&mut input, sender) {
        // If the receiver is gone, no one needs the error.
        drop(sender.send(Err(failure)));
    }
    input.into_inner().finish()
}

fn decompress(
    input: &mut BufReader<Tally>,
    sender: &SyncSender<Result<Vec<u8>, Failure>>,
) -> Result<(), Failure> {
    let read = Failure::Read;
    let mut head = Vec::with_capacity(HEAD as usize);
    input.take(HEAD).read_to_end(&mut head).map_err(read)?;
    if let Some((format, advice)) = foreign(&head) {
        return Err(Failure::Unread(format, advice));
    }
    let name = input.get_ref().name().to_owned();
    let is_gzip = head.starts_with(GZIP);
    let is_zstd =
        head.starts_with(ZSTD) || head.get(1..4) == Some(ZSTD_SKIPPABLE) && head[0] & 0xf0 == 0x50;
    let whole = Cursor::new(head).chain(&mut *input);
    if is_gzip {
        send_content(Members::new(whole, name), "gzip", sender)?;
    } else if is_zstd {
        let decoder = zstd::Decoder::with_buffer(whole);
        let decoder = decoder.map_err(|error| damaged("zstd", error))?;
        send_content(decoder, "zstd", sender)?;
    } else {
        send_all(whole, sender).map_err(read)?;
    }
    // The hash covers bytes after the compressed part too.
    io::copy(input, &mut io::sink()).map_err(read)?;
    Ok(())
}

/// Sends the content of a compressed file, unless its format is unsupported.
fn send_content(
    mut content: impl Read,
    format: &'static str,
    sender: &SyncSender<Result<Vec<u8>, Failure>>,
) -> Result<(), Failure> {
    let mut head = Vec::with_capacity(HEAD as usize);
    let start = content.by_ref().take(HEAD).read_to_end(&mut head);
    start.map_err(|error| damaged(format, error))?;
    if let Some((format, advice)) = foreign_within(&head) {
        return Err(Failure::Unread(format, advice));
    }
    let all = Cursor::new(head).chain(content);
    send_all(all, sender).map_err(|error| damaged(format, error))
}

/// Why compressed data cannot be read. Errors of the operating system are not blamed on the data.
fn damaged(format: &'static str, source: io::Error) -> Failure {
    match source.raw_os_error() {
        Some(_) => Failure::Read(source),
        None => Failure::Compressed(format, source),
    }
}

/// The content of all members of a gzip file. Zeros after a member are padding; other bytes that begin no member end
/// the content with a warning, as in `gzip -d`.
struct Members<R> {
    member: Option<GzDecoder<R>>,
    /// The file's name, for the warning.
    name: String,
}

impl<R: BufRead> Members<R> {
    fn new(file: R, name: String) -> Self {
        Self {
            member: Some(GzDecoder::new(file)),
            name,
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take() {
            let n = member.read(into)?;
            if n > 0 || into.is_empty() {
                self.member = Some(member);
                return Ok(n);
            }
            let mut file = member.into_inner();
            if skip_padding(&mut file)? {
                return Ok(0);
            }
            if file.fill_buf()?.first() != GZIP.first() {
                tracing::warn!(
                    "{}: ignoring extra bytes after the end of the gzip data",
                    self.name
                );
                return Ok(0);
            }
            self.member = Some(GzDecoder::new(file));
        }
        Ok(0)
    }
}

/// Skips zeros and returns whether they end the file.
fn skip_padding(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = file.fill_buf()?;
        let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
        if zeros == 0 {
            return Ok(buffer.is_empty());
        }
        file.consume(zeros);
    }
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
        let skippable = [b"\x5a\x2a\x4d\x18\x03\0\0\0abc", &zstd[..]].concat();
        let frames = [&skippable[..], &skippable, &skippable[..11]].concat();
        let twice = text.repeat(2);
        let padded = [&gzip(&text[..9])[..], &gzip(&text[9..]), &[0; CHUNK + 77]].concat();
        for (stored, text) in [(&skippable, &text), (&frames, &twice), (&padded, &text)] {
            let (bytes, input) = read(stored).unwrap();
            assert!(bytes == *text, "{} bytes came back", bytes.len());
            assert_eq!(input.bytes, stored.len() as u64);
        }
        // As `gzip -d` reads it, and the members after padding too.
        let garbage = [&padded[..], b"garbage"].concat();
        let between = [&gzip(&text[..9])[..], &[0; 600], &gzip(&text[9..]), b"\0"].concat();
        for stored in [&garbage, &between, &[&gzip(&text)[..], b"\n"].concat()] {
            let (bytes, input) = read(stored).unwrap();
            assert!(bytes == text, "{} bytes came back", bytes.len());
            assert_eq!(input.bytes, stored.len() as u64);
        }
        // Blocks of bgzip are members, and the last one is empty.
        let blocks: Vec<u8> = text
            .chunks(60_000)
            .flat_map(gzip)
            .chain(gzip(b""))
            .collect();
        assert!(read(&blocks).unwrap().0 == text);
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
        let second = [&whole[..], cut].concat();
        for stored in [cut, &flipped, &second] {
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
    fn other_formats_are_named() {
        let mut tar = vec![0; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        for (stored, name) in [
            (&b"PK\x03\x04\x14\0\0\0\x08\0\0\0"[..], "zip"),
            (b"BZh91AY&SY\x01\x02", "bzip2"),
            (b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0", "bzip2"),
            (b"\xfd7zXZ\0\0\x04", "xz"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "7z"),
            (b"\x04\x22\x4d\x18\x64", "lz4"),
            (b"PAR1\x15\x04", "Parquet"),
            (b"\xff\xfee\0v\0", "UTF-16"),
            (b"\xff\xfe\0\0e\0\0\0", "UTF-32"),
            (b"Obj\x01\x04", "Avro"),
            (b"ORC\x0a\x05", "ORC"),
            (&gzip(&gzip(b"a,b"))[..], "doubly compressed"),
            (&gzip(b"PAR1\x15\x04")[..], "compressed Parquet"),
            (&tar[..], "tar"),
            (&gzip(&tar)[..], "tar"),
            (&zstd::encode_all(&tar[..], 1).unwrap()[..], "tar"),
        ] {
            let error = read(stored).unwrap_err();
            assert!(
                matches!(&error, DataError::UnreadFormat { format, path, .. }
                    if *format == name && path.ends_with("log.bin")),
                "{error}"
            );
        }
        for text in [&b"BZh9,event_time\n"[..], b"ORCID,event_time\n"] {
            assert_eq!(read(text).unwrap().0, text);
        }
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
