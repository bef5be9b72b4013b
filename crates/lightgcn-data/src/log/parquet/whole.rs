//! Checks based on the metadata of a Parquet file.

use super::damaged;
use crate::DataError;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The magic bytes at the start and the end of a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// Rejects a file with unsupported compression, and several files joined into one, of which only
/// the last one's rows would be read.
pub(super) fn check(path: &Path, file: &File, metadata: &ParquetMetaData) -> Result<(), DataError> {
    let groups = metadata.row_groups().iter();
    let chunks = || groups.clone().flat_map(|group| group.columns());
    let is_unread = |compression| matches!(compression, Compression::BROTLI(_) | Compression::LZO);
    if chunks().any(|chunk| is_unread(chunk.compression())) {
        return Err(DataError::UnreadFormat {
            path: path.to_owned(),
            format: "Brotli- or LZO-compressed Parquet",
            advice: "write it with Snappy or zstd",
        });
    }
    let end = chunks().map(end).max();
    let joined = end.map_or(Ok(false), |end| is_joined(file, end));
    match joined.map_err(|error| damaged(path, error.to_string()))? {
        true => {
            let reason = "it is several files joined into one; give them separately";
            Err(damaged(path, reason.to_owned()))
        }
        false => Ok(()),
    }
}

/// Where a column of a row group ends, with its indexes.
fn end(chunk: &ColumnChunkMetaData) -> u64 {
    let data = chunk.data_page_offset();
    let start = chunk
        .dictionary_page_offset()
        .map_or(data, |at| at.min(data));
    let parts = [
        (Some(start), Some(chunk.compressed_size())),
        (
            chunk.column_index_offset(),
            chunk.column_index_length().map(i64::from),
        ),
        (
            chunk.offset_index_offset(),
            chunk.offset_index_length().map(i64::from),
        ),
        (
            chunk.bloom_filter_offset(),
            chunk.bloom_filter_length().map(i64::from),
        ),
    ];
    let ends = parts
        .iter()
        .filter_map(|&(start, bytes)| start?.checked_add(bytes?));
    ends.max()
        .and_then(|end| u64::try_from(end).ok())
        .unwrap_or(0)
}

/// Whether another file precedes the last one, whose data end `end` bytes after its start.
/// Positions count from the start of a file, so a preceding file moves the footer away from the
/// data.
fn is_joined(mut file: &File, end: u64) -> io::Result<bool> {
    let mut tail = [0; 8];
    let tail_at = file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut tail)?;
    let footer = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let before = tail_at.checked_sub(end.saturating_add(footer.into()));
    let Some(start) = before.filter(|&start| start >= 12) else {
        return Ok(false);
    };
    let mut around = [0; 8];
    file.seek(SeekFrom::Start(start - 4))?;
    file.read_exact(&mut around)?;
    Ok(around[..4] == *MAGIC && around[4..] == *MAGIC)
}
