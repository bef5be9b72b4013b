//! Lists of different lengths, one after the other in one buffer.

use crate::CoreError;
use std::ops::Range;

/// One list of values per row: all values in one buffer, and the start of each row (compressed
/// sparse rows).
///
/// Other arrays may run parallel to the values; [`Rows::range`] finds a row's places in them. A
/// value costs its own size, a row 8 bytes.
///
/// ```
/// use lightgcn_core::Rows;
///
/// let rows: Rows<char> = ["ab", "", "c"].map(str::chars).into_iter().collect();
/// assert_eq!((rows.n_rows(), rows.n_values()), (3, 3));
/// assert_eq!(rows.row(0), ['a', 'b']);
/// assert_eq!(rows.offsets(), [0, 2, 2, 3]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rows<T> {
    /// `[n_rows + 1]`, ascending from 0 to the number of values.
    offsets: Vec<u64>,
    values: Vec<T>,
}

impl<T> Rows<T> {
    /// No row.
    #[must_use]
    pub fn new() -> Self {
        Self::empty(0)
    }

    /// `n_rows` rows without values.
    #[must_use]
    pub fn empty(n_rows: usize) -> Self {
        Self {
            offsets: vec![0; n_rows + 1],
            values: Vec::new(),
        }
    }

    /// The rows of `values` that start at `offsets`, `[n_rows + 1]`.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the offsets do not ascend from 0 to the number of values.
    pub fn from_parts(offsets: Vec<u64>, values: Vec<T>) -> Result<Self, CoreError> {
        let ends = (offsets.first().copied(), offsets.last().copied());
        if ends != (Some(0), Some(values.len() as u64)) || !offsets.is_sorted() {
            return Err(CoreError::Damaged {
                what: "row offsets",
                detail: format!("they do not ascend from 0 to {}", values.len()),
            });
        }
        Ok(Self { offsets, values })
    }

    /// Reserves room for that many more rows and values, so that appending them does not move
    /// existing ones.
    pub fn reserve(&mut self, n_rows: usize, n_values: usize) {
        self.offsets.reserve_exact(n_rows);
        self.values.reserve_exact(n_values);
    }

    /// Appends a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = T>) {
        self.values.extend(row);
        self.offsets.push(self.values.len() as u64);
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of values in all rows.
    #[must_use]
    pub fn n_values(&self) -> usize {
        self.values.len()
    }

    /// The start of each row, then the number of values: `[n_rows + 1]`.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The values of all rows, row by row.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The places of a row's values among all values.
    ///
    /// # Panics
    /// If the row is out of range.
    #[must_use]
    #[inline]
    pub fn range(&self, row: usize) -> Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }

    /// The values of a row.
    ///
    /// # Panics
    /// If the row is out of range.
    #[must_use]
    #[inline]
    pub fn row(&self, row: usize) -> &[T] {
        &self.values[self.range(row)]
    }

    /// All rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[T]> + Clone {
        (0..self.n_rows()).map(|row| self.row(row))
    }

    /// The same rows with other values.
    #[must_use]
    pub fn map<U>(self, value: impl FnMut(T) -> U) -> Rows<U> {
        Rows {
            offsets: self.offsets,
            values: self.values.into_iter().map(value).collect(),
        }
    }
}

impl<T: Copy> Rows<T> {
    /// The values at the places that `keep` accepts; the rows stay, some of them shorter.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut kept = Self::new();
        for row in 0..self.n_rows() {
            let places = self.range(row).filter(|&place| keep(place));
            kept.push(places.map(|place| self.values[place]));
        }
        kept
    }
}

impl<T: Copy + Default> Rows<T> {
    /// Groups (row, value) pairs by row; within a row they stay in the order given. O(rows +
    /// pairs), by counting, which is why the pairs are read twice.
    ///
    /// # Panics
    /// If a row is not below `n_rows`.
    #[must_use]
    pub fn group(n_rows: usize, pairs: impl Iterator<Item = (usize, T)> + Clone) -> Self {
        let mut offsets = vec![0u64; n_rows + 1];
        for (row, _) in pairs.clone() {
            offsets[row + 1] += 1;
        }
        for row in 0..n_rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut values = vec![T::default(); offsets[n_rows] as usize];
        for (row, value) in pairs {
            values[next[row] as usize] = value;
            next[row] += 1;
        }
        Self { offsets, values }
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, L: IntoIterator<Item = T>> FromIterator<L> for Rows<T> {
    fn from_iter<I: IntoIterator<Item = L>>(lists: I) -> Self {
        let mut rows = Self::new();
        for list in lists {
            rows.push(list);
        }
        rows
    }
}

impl<T: Clone> Rows<T> {
    /// Appends the rows of `other`.
    pub fn append(&mut self, other: &Self) {
        let start = self.values.len() as u64;
        self.values.extend_from_slice(&other.values);
        let ends = other.offsets[1..].iter().map(|end| start + end);
        self.offsets.extend(ends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn damaged_offsets_are_errors() {
        assert!(Rows::from_parts(vec![0, 2, 2], vec![7, 8]).is_ok());
        for offsets in [vec![], vec![0], vec![1, 2], vec![0, 2, 1, 2], vec![0, 3]] {
            let error = Rows::from_parts(offsets, vec![7, 8]).unwrap_err();
            let what = "row offsets";
            assert!(matches!(error, CoreError::Damaged { what: w, .. } if w == what));
        }
    }

    proptest! {
        #[test]
        fn rows_are_the_lists_they_were_made_of(
            lists in prop::collection::vec(prop::collection::vec(0u32..50, 0..5), 0..8),
            at in 0usize..8,
        ) {
            let rows: Rows<u32> = lists.iter().cloned().collect();
            prop_assert_eq!(rows.n_rows(), lists.len());
            prop_assert!(rows.iter().eq(lists.iter().map(Vec::as_slice)));
            let (offsets, values) = (rows.offsets().to_vec(), rows.values().to_vec());
            prop_assert_eq!(&Rows::from_parts(offsets, values).unwrap(), &rows);

            let pairs = lists.iter().enumerate();
            let pairs = pairs.flat_map(|(row, list)| list.iter().map(move |&value| (row, value)));
            prop_assert_eq!(&Rows::group(lists.len(), pairs), &rows);

            let (head, tail) = lists.split_at(at.min(lists.len()));
            let mut joined: Rows<u32> = head.iter().cloned().collect();
            joined.append(&tail.iter().cloned().collect());
            prop_assert_eq!(&joined, &rows);

            let odd = rows.filter(|place| rows.values()[place] % 2 == 1);
            let expected = lists.iter().map(|list| list.iter().copied().filter(|v| v % 2 == 1));
            prop_assert_eq!(odd, expected.collect());
            let doubled = lists.iter().map(|list| list.iter().map(|v| 2 * v));
            prop_assert_eq!(rows.map(|value| 2 * value), doubled.collect());
        }
    }
}
