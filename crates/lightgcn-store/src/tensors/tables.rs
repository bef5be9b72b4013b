//! Reads tables of floating-point numbers without holding the whole file in memory too.

use super::{Header, HeaderEntry, Number, TOO_SHORT, header_length, tensor_error};
use crate::folder::CheckedReader;
use crate::{Storage, StoreError};
use half::bf16;
use std::io::Read;

/// The number of bytes to read at a time.
const PIECE: usize = 1 << 20;

/// A table as it is stored in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// `[rows * width]`
    pub(crate) data: Vec<f32>,
    pub(crate) storage: Storage,
}

/// Reads a file with exactly these tables, in the requested order, each in one of its allowed
/// storages, with all checks of [`TensorFile`](super::TensorFile) and of the file's checksum.
///
/// # Errors
/// As [`Folder::read`](crate::folder::Folder::read), [`StoreError::Damaged`] and [`StoreError::Tensor`].
pub(crate) fn read_tables<const N: usize>(
    mut reader: CheckedReader<'_>,
    wanted: [(&str, &[Storage]); N],
) -> Result<[Table; N], StoreError> {
    let tables = tables(&mut reader, wanted);
    // Changed bytes are a better explanation than what they mean now.
    reader.finish()?;
    tables
}

fn tables<const N: usize>(
    reader: &mut CheckedReader<'_>,
    wanted: [(&str, &[Storage]); N],
) -> Result<[Table; N], StoreError> {
    let path = reader.path().to_owned();
    let mut first = [0; 8];
    if reader.length() < 8 {
        return Err(StoreError::damaged(&path, TOO_SHORT.to_owned()));
    }
    fill(reader, &mut first)?;
    let mut header = vec![0; header_length(&path, first, reader.length())?];
    fill(reader, &mut header)?;
    let n_data = reader.length() - 8 - header.len() as u64;
    let Header(mut entries) = Header::parse(&path, &header, n_data)?;
    let mut order = Vec::with_capacity(N);
    for (place, (name, allowed)) in wanted.into_iter().enumerate() {
        let entry = entries
            .remove(name)
            .ok_or_else(|| tensor_error(&path, name, "it is absent".to_owned()))?;
        order.push((entry, place, name, allowed));
    }
    if let Some(name) = entries.keys().next() {
        return Err(tensor_error(
            &path,
            name,
            "it does not belong here".to_owned(),
        ));
    }
    order.sort_by_key(|(entry, ..)| entry.data_offsets);
    let mut found: [Table; N] = std::array::from_fn(|_| Table::default());
    let mut end = 0;
    for (entry, place, name, allowed) in order {
        let checked = storage(&entry, allowed)
            .and_then(|storage| Ok((storage, shape(&entry, storage, end)?)));
        let (storage, (rows, width)) =
            checked.map_err(|detail| tensor_error(&path, name, detail))?;
        end = entry.data_offsets[1];
        let n = (rows * width) as u64;
        let data = match storage {
            Storage::F32 => numbers::<f32>(reader, n, |x| x)?,
            Storage::Bf16 => numbers::<bf16>(reader, n, bf16::to_f32)?,
        };
        found[place] = Table {
            rows,
            width,
            data,
            storage,
        };
    }
    if end != n_data {
        let detail = format!(
            "{} bytes after its tensors belong to no tensor",
            n_data - end
        );
        return Err(StoreError::damaged(&path, detail));
    }
    Ok(found)
}

/// How the numbers of a tensor are stored.
fn storage(entry: &HeaderEntry, allowed: &[Storage]) -> Result<Storage, String> {
    let dtype = |storage: &Storage| match storage {
        Storage::F32 => "F32",
        Storage::Bf16 => "BF16",
    };
    let found = allowed.iter().find(|storage| dtype(storage) == entry.dtype);
    found.copied().ok_or_else(|| {
        let allowed: Vec<&str> = allowed.iter().map(dtype).collect();
        format!(
            "its type is {} instead of {}",
            entry.dtype,
            allowed.join(" or ")
        )
    })
}

/// The rows and the width of a tensor that must start at `start`.
fn shape(entry: &HeaderEntry, storage: Storage, start: u64) -> Result<(usize, usize), String> {
    let bytes = match storage {
        Storage::F32 => 4,
        Storage::Bf16 => 2,
    };
    let &[rows, width] = &entry.shape[..] else {
        let found = &entry.shape;
        return Err(format!("its shape is {found:?} instead of [rows, width]"));
    };
    let [from, to] = entry.data_offsets;
    let needed = rows.checked_mul(width).and_then(|n| n.checked_mul(bytes));
    if from != start || needed.is_none() || to.checked_sub(from) != needed {
        return Err(format!(
            "its bytes {from} to {to} are not those of a table of shape [{rows}, {width}] from byte {start} on"
        ));
    }
    let narrow = |n: u64| usize::try_from(n).map_err(|error| error.to_string());
    Ok((narrow(rows)?, narrow(width)?))
}

/// The next `n` numbers.
fn numbers<T: Number>(
    reader: &mut CheckedReader<'_>,
    n: u64,
    widen: impl Fn(T) -> f32,
) -> Result<Vec<f32>, StoreError> {
    let mut numbers = reader.room(n)?;
    let mut left = n as usize;
    let mut piece = vec![0; PIECE.min(left * T::BYTES)];
    while left > 0 {
        let here = left.min(piece.len() / T::BYTES);
        let bytes = &mut piece[..here * T::BYTES];
        fill(reader, bytes)?;
        let values = bytes.chunks_exact(T::BYTES).map(T::read);
        numbers.extend(values.map(&widen));
        left -= here;
    }
    Ok(numbers)
}

fn fill(reader: &mut CheckedReader<'_>, to: &mut [u8]) -> Result<(), StoreError> {
    let read = reader.read_exact(to);
    read.map_err(|error| reader.read_error(error))
}
