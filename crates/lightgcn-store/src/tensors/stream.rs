//! Encodes safetensors files while writing them, so that they take no memory.

use super::Number;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::io::{self, Write};

/// The number of bytes to encode at a time.
const BUFFER: usize = 64 * 1024;

/// Writes the bytes of a tensor.
type Values<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// A tensor to write, whose bytes are encoded from its values on demand.
pub(crate) struct Streamed<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    n_bytes: usize,
    values: Values<'a>,
}

impl<'a> Streamed<'a> {
    /// A tensor of one dimension.
    pub(crate) fn new<T, V>(name: &str, values: V) -> Self
    where
        T: Number,
        V: ExactSizeIterator<Item = T> + Clone + 'a,
    {
        let n = values.len();
        let write = move |to: &mut dyn Write| {
            let mut buffer = Vec::with_capacity(BUFFER + T::BYTES);
            for value in values.clone() {
                value.write(&mut buffer);
                if buffer.len() >= BUFFER {
                    to.write_all(&buffer)?;
                    buffer.clear();
                }
            }
            to.write_all(&buffer)
        };
        Self {
            name: name.to_owned(),
            dtype: T::DTYPE,
            shape: vec![n],
            n_bytes: n * T::BYTES,
            values: Box::new(write),
        }
    }

    /// The same values as rows of `width`.
    pub(crate) fn with_shape(mut self, rows: usize, width: usize) -> Self {
        self.shape = vec![rows, width];
        self
    }
}

/// Writes tensors as [`encode`](super::encode) does, byte for byte.
///
/// # Errors
/// Those of `to`.
pub(crate) fn write(mut tensors: Vec<Streamed<'_>>, to: &mut dyn Write) -> io::Result<()> {
    // Large element types first, so that all are aligned.
    tensors.sort_by(|a, b| b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name)));
    let mut begin = 0;
    let entries = tensors.iter().map(|tensor| {
        let end = begin + tensor.n_bytes;
        let info = TensorInfo {
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            data_offsets: (begin, end),
        };
        begin = end;
        (tensor.name.clone(), info)
    });
    let metadata = Metadata::new(None, entries.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    tensors.iter().try_for_each(|tensor| (tensor.values)(to))
}

#[cfg(test)]
mod tests {
    use super::super::{Column, encode};
    use super::*;
    use std::path::Path;

    #[test]
    fn bytes_are_those_of_tensors_in_memory() {
        let (bytes, wide) = (vec![7u8; 3], Vec::from_iter(-9i64..100_000));
        let (whole, real) = (vec![1u32, 2, 3, 4], vec![0.5f32, -0.0, 3.0, 4.0]);
        let streamed = vec![
            Streamed::new("bytes", bytes.iter().copied()),
            Streamed::new("real", real.iter().copied()),
            Streamed::new("whole", whole.iter().copied()).with_shape(2, 2),
            Streamed::new("none", [0f64; 0].into_iter()),
            Streamed::new("wide", wide.iter().copied()),
        ];
        let columns = [
            Column::new("wide", wide.iter().copied()),
            Column::new("none", [0f64; 0]),
            Column::new("bytes", bytes.iter().copied()),
            Column::new("real", real.iter().copied()),
            Column::new("whole", whole.iter().copied()).with_shape(2, 2),
        ];
        let mut written = Vec::new();
        write(streamed, &mut written).unwrap();
        assert!(written == encode(Path::new(""), &columns).unwrap());
    }
}
