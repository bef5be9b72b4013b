//! Columns of numbers in safetensors files.
//!
//! The trust boundary is [`TensorFile::open`] and the getters: names, types, shapes and lengths are
//! all checked against what the caller expects.

use crate::StoreError;
use half::bf16;
use safetensors::tensor::{Dtype, View};
use safetensors::{SafeTensors, serialize};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

mod stream;
mod tables;

pub(crate) use stream::{Streamed, write};
pub(crate) use tables::{Table, read_tables};

/// Larger headers are rejected unread; ours have a few hundred bytes.
const MAX_HEADER_BYTES: u64 = 1 << 16;

/// A type of tensor elements.
pub(crate) trait Number: Copy + 'static {
    const DTYPE: Dtype;
    const BYTES: usize;
    fn read(bytes: &[u8]) -> Self;
    fn write(self, to: &mut Vec<u8>);
}

macro_rules! number {
    ($type:ty, $dtype:ident) => {
        impl Number for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const BYTES: usize = size_of::<Self>();

            fn read(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<Self>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }

            fn write(self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}

number!(u8, U8);
number!(u32, U32);
number!(u64, U64);
number!(i64, I64);
number!(f32, F32);
number!(f64, F64);
number!(bf16, BF16);

/// A tensor to write.
pub(crate) struct Column {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Column {
    /// A tensor of one dimension.
    pub(crate) fn new<T: Number>(name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter();
        let mut bytes = Vec::with_capacity(values.size_hint().0 * T::BYTES);
        for value in values {
            value.write(&mut bytes);
        }
        Self {
            name: name.to_owned(),
            dtype: T::DTYPE,
            shape: vec![bytes.len() / T::BYTES],
            bytes,
        }
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same values as rows of `width`.
    pub(crate) fn with_shape(mut self, rows: usize, width: usize) -> Self {
        self.shape = vec![rows, width];
        self
    }
}

impl View for &Column {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of a file with these tensors: the same for the same tensors, in any order.
pub(crate) fn encode(path: &Path, columns: &[Column]) -> Result<Vec<u8>, StoreError> {
    let views = columns.iter().map(|column| (column.name.as_str(), column));
    serialize(views, None).map_err(|error| StoreError::damaged(path, error.to_string()))
}

/// One tensor in a header.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The entries of a header. A name that occurs twice is an error: parsers differ in which one they take.
#[derive(Debug)]
struct Header(BTreeMap<String, HeaderEntry>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((name, entry)) = map.next_entry::<String, HeaderEntry>()? {
            if entries.contains_key(&name) {
                return Err(de::Error::custom(format!("tensor {name:?} occurs twice")));
            }
            entries.insert(name, entry);
        }
        Ok(Header(entries))
    }
}

/// A file whose tensors have the expected names.
pub(crate) struct TensorFile<'a> {
    path: PathBuf,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    /// Reads the header and checks that the file has exactly the tensors `names`; those of
    /// `optional` may be absent.
    pub(crate) fn open(
        path: PathBuf,
        bytes: &'a [u8],
        names: &[&str],
        optional: &[&str],
    ) -> Result<Self, StoreError> {
        check_header(&path, bytes)?;
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| StoreError::damaged(&path, error.to_string()))?;
        let present = tensors.names();
        for &name in names {
            if !present.contains(&name) {
                return Err(tensor_error(&path, name, "it is absent".to_owned()));
            }
        }
        // Sorted, so that the same file gives the same message.
        let mut unknown: Vec<&str> = present
            .into_iter()
            .filter(|name| !names.contains(name) && !optional.contains(name))
            .collect();
        unknown.sort_unstable();
        match unknown.first() {
            Some(name) => Err(tensor_error(
                &path,
                name,
                "it does not belong here".to_owned(),
            )),
            None => Ok(Self { path, tensors }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// The values of a tensor of one dimension, with the given length if it is known.
    pub(crate) fn column<T: Number>(
        &self,
        name: &str,
        length: Option<usize>,
    ) -> Result<Vec<T>, StoreError> {
        let (shape, values) = self.values(name)?;
        match (shape.as_slice(), length) {
            (&[found], Some(wanted)) if found == wanted => Ok(values),
            (&[_], None) => Ok(values),
            _ => {
                let wanted = length.map_or("any".to_owned(), |n| n.to_string());
                Err(self.tensor_error(
                    name,
                    format!("its shape is {shape:?} instead of [{wanted}]"),
                ))
            }
        }
    }

    /// The shape and the values of a tensor of two dimensions.
    pub(crate) fn matrix<T: Number>(
        &self,
        name: &str,
    ) -> Result<(usize, usize, Vec<T>), StoreError> {
        let (shape, values) = self.values(name)?;
        match *shape.as_slice() {
            [rows, width] => Ok((rows, width, values)),
            _ => Err(self.tensor_error(
                name,
                format!("its shape is {shape:?} instead of [rows, width]"),
            )),
        }
    }

    /// The error for a tensor of this file.
    pub(crate) fn tensor_error(&self, name: &str, detail: String) -> StoreError {
        tensor_error(&self.path, name, detail)
    }

    fn values<T: Number>(&self, name: &str) -> Result<(Vec<usize>, Vec<T>), StoreError> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| self.tensor_error(name, "it is absent".to_owned()))?;
        if tensor.dtype() != T::DTYPE {
            let detail = format!("its type is {} instead of {}", tensor.dtype(), T::DTYPE);
            return Err(self.tensor_error(name, detail));
        }
        let values = tensor.data().chunks_exact(T::BYTES).map(T::read).collect();
        Ok((tensor.shape().to_vec(), values))
    }
}

/// The error for a tensor of a file.
pub(crate) fn tensor_error(path: &Path, tensor: &str, detail: String) -> StoreError {
    StoreError::Tensor {
        path: path.to_owned(),
        tensor: tensor.to_owned(),
        detail,
    }
}

/// Rejects headers that are too large, have more than tensors need, or reach beyond the file: sums
/// of their numbers in the safetensors crate could overflow.
fn check_header(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let damaged = |detail: &str| StoreError::damaged(path, detail.to_owned());
    let (length, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or_else(|| damaged(TOO_SHORT))?;
    let length = header_length(path, *length, bytes.len() as u64)?;
    let (header, data) = rest.split_at(length);
    Header::parse(path, header, data.len() as u64).map(|_| ())
}

const TOO_SHORT: &str = "it is too short for a header";

/// The length of the header in a file of `total` bytes that starts with these bytes.
fn header_length(path: &Path, first: [u8; 8], total: u64) -> Result<usize, StoreError> {
    let length = u64::from_le_bytes(first);
    let issue = if length > MAX_HEADER_BYTES {
        format!("its header claims {length} bytes; at most {MAX_HEADER_BYTES} are possible")
    } else if length > total.saturating_sub(8) {
        format!("its header claims {length} bytes beyond its end")
    } else {
        return Ok(length as usize);
    };
    Err(StoreError::damaged(path, issue))
}

impl Header {
    /// Reads the header of a file with `n_data` bytes behind it.
    fn parse(path: &Path, header: &[u8], n_data: u64) -> Result<Self, StoreError> {
        let header: Self = serde_json::from_slice(header).map_err(|error| {
            StoreError::damaged(path, format!("its header is invalid: {error}"))
        })?;
        for (name, entry) in &header.0 {
            if entry.data_offsets.iter().any(|&n| n > n_data) {
                return Err(tensor_error(
                    path,
                    name,
                    "it reaches beyond the file".to_owned(),
                ));
            }
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests;
