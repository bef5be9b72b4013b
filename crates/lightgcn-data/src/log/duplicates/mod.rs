//! Finds exact duplicates among any number of rows in bounded memory.
//!
//! The digests of the first [`Limits::held`] rows are kept in memory, so each row is known to be
//! new or a duplicate as soon as it is read. After that, digests move to temporary files, and a
//! Bloom filter takes their place. A row that is not in the filter is new. All others, which are
//! the duplicates and a few false positives, wait: their events are kept for now, and their item
//! metadata is set aside. Once all rows are read, the files show which of them are new. The result
//! is the same, whatever the limits.

mod filter;
mod spill;
mod waiting;

pub(crate) use waiting::WaitingRow;

use crate::DataError;
use crate::log::digest::SeenRows;
use filter::Filter;
use hashbrown::HashMap;
use spill::Spill;
use waiting::WaitingRows;

/// How much to keep in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The number of rows whose digests are kept.
    pub(crate) held: usize,
    /// Blocks of 64 bytes in the filter.
    pub(crate) blocks: usize,
}

impl Default for Limits {
    /// As many rows as fit a table of 2^22 slots (71 MB), and a filter of 128 MB, with which 1 in
    /// 160 of 100 million new rows has to wait.
    fn default() -> Self {
        Self {
            held: (1 << 22) / 8 * 7,
            blocks: 1 << 21,
        }
    }
}

/// What is known about a row when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    New,
    Duplicate,
    /// Only [`DuplicateFinder::resolve`] can tell; pass the row to [`DuplicateFinder::wait`].
    Maybe,
}

/// Finds rows that were read before.
pub(crate) struct DuplicateFinder {
    limits: Limits,
    held: SeenRows,
    spilled: Option<Spilled>,
}

impl DuplicateFinder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: SeenRows::default(),
            spilled: None,
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`DataError::Write`] if a temporary file cannot be written.
    pub(crate) fn see(&mut self, digest: u128) -> Result<Seen, DataError> {
        match &mut self.spilled {
            None if self.held.len() < self.limits.held => match self.held.insert(digest) {
                true => Ok(Seen::New),
                false => Ok(Seen::Duplicate),
            },
            None => {
                let held = std::mem::take(&mut self.held);
                let spilled = Spilled::new(held, self.limits.blocks)?;
                self.spilled.insert(spilled).see(digest)
            }
            Some(spilled) => spilled.see(digest),
        }
    }

    /// Sets aside a row that may be a duplicate.
    ///
    /// # Errors
    /// [`DataError::Write`] if a temporary file cannot be written.
    pub(crate) fn wait(&mut self, digest: u128, row: &WaitingRow<'_>) -> Result<(), DataError> {
        match &mut self.spilled {
            Some(spilled) => spilled.wait(digest, row),
            None => Ok(()),
        }
    }

    /// Calls `is_new` with each waiting row that is new, and returns the events of the others, all in their order.
    ///
    /// # Errors
    /// [`DataError::Write`] if a temporary file cannot be read.
    pub(crate) fn resolve(
        self,
        is_new: impl FnMut(&WaitingRow<'_>),
    ) -> Result<Vec<u32>, DataError> {
        match self.spilled {
            Some(spilled) => spilled.resolve(is_new),
            None => Ok(Vec::new()),
        }
    }
}

/// Files of digests, partitioned by their first six bits.
const N_PARTS: usize = 64;

fn part_of(digest: u128) -> usize {
    (digest >> 122) as usize
}

/// Digests in temporary files.
struct Spilled {
    filter: Filter,
    parts: Vec<Part>,
    waiting: WaitingRows,
}

/// The digests with the same first bits.
struct Part {
    /// Those of new rows.
    new: Spill,
    /// Those of waiting rows, with the row number.
    waiting: Spill,
}

impl Spilled {
    fn new(held: SeenRows, blocks: usize) -> Result<Self, DataError> {
        let part = |_| {
            Ok(Part {
                new: Spill::new()?,
                waiting: Spill::new()?,
            })
        };
        let mut spilled = Self {
            filter: Filter::new(blocks),
            parts: (0..N_PARTS).map(part).collect::<Result<_, DataError>>()?,
            waiting: WaitingRows::new()?,
        };
        for digest in held.into_digests() {
            spilled.filter.insert(digest);
            spilled.add(digest)?;
        }
        Ok(spilled)
    }

    fn see(&mut self, digest: u128) -> Result<Seen, DataError> {
        if self.filter.insert(digest) {
            return Ok(Seen::Maybe);
        }
        self.add(digest)?;
        Ok(Seen::New)
    }

    /// Adds the digest of a new row.
    fn add(&mut self, digest: u128) -> Result<(), DataError> {
        self.parts[part_of(digest)].new.write(&digest.to_le_bytes())
    }

    fn wait(&mut self, digest: u128, row: &WaitingRow<'_>) -> Result<(), DataError> {
        let number = self.waiting.push(row)?;
        let part = &mut self.parts[part_of(digest)].waiting;
        part.write(&digest.to_le_bytes())?;
        part.write(&number.to_le_bytes())
    }

    fn resolve(self, mut is_new: impl FnMut(&WaitingRow<'_>)) -> Result<Vec<u32>, DataError> {
        let Self {
            filter,
            parts,
            waiting,
        } = self;
        drop(filter);
        let mut new = vec![false; waiting.len() as usize];
        for part in parts {
            for number in part.new_rows()? {
                new[number as usize] = true;
            }
        }
        let mut duplicates = Vec::new();
        waiting.visit(|number, row| match new[number as usize] {
            true => is_new(row),
            false => duplicates.push(row.moment.row),
        })?;
        Ok(duplicates)
    }
}

impl Part {
    /// The numbers of the waiting rows that are the first with their digest. If the filter called a
    /// row new, that row is the first, since the filter has known the digest ever since.
    fn new_rows(self) -> Result<Vec<u32>, DataError> {
        let mut first: HashMap<u128, u32> = HashMap::new();
        let mut waiting = self.waiting.read()?;
        while !waiting.is_at_end()? {
            let digest = u128::from_le_bytes(waiting.bytes()?);
            let number = u32::from_le_bytes(waiting.bytes()?);
            first.entry(digest).or_insert(number);
        }
        let mut new = self.new.read()?;
        while !first.is_empty() && !new.is_at_end()? {
            first.remove(&u128::from_le_bytes(new.bytes()?));
        }
        Ok(first.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::catalogue::{Details, Missing, Moment};
    use lightgcn_core::ItemId;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_128;

    /// Which of the rows are found to be new, and what became of the labels of those that waited.
    fn new_rows(rows: &[u8], limits: Limits) -> Vec<bool> {
        let mut finder = DuplicateFinder::new(limits);
        let mut new = vec![true; rows.len()];
        let moment = |row: u32| Moment {
            time: -i64::from(row),
            row,
        };
        for (n, row) in (0..).zip(rows) {
            let digest = xxh3_128(&[*row]);
            match finder.see(digest).unwrap() {
                Seen::New => {}
                Seen::Duplicate => new[n as usize] = false,
                Seen::Maybe => {
                    let brand = "x".repeat(n as usize % 3);
                    let details = Details {
                        category_id: "",
                        category_code: "é",
                        brand: &brand,
                        price: (*row > 9).then_some(f64::from(*row)),
                        missing: Missing::from_bits(*row),
                    };
                    let row = WaitingRow {
                        item: ItemId(n + 1),
                        moment: moment(n),
                        details,
                    };
                    finder.wait(digest, &row).unwrap();
                }
            }
        }
        let duplicates = finder.resolve(|row| {
            let n = row.moment.row;
            let byte = rows[n as usize];
            assert_eq!((row.item, row.moment), (ItemId(n + 1), moment(n)));
            assert_eq!(row.details.category_id, "");
            assert_eq!(row.details.category_code, "é");
            assert_eq!(row.details.brand, "x".repeat(n as usize % 3));
            assert_eq!(row.details.price, (byte > 9).then_some(f64::from(byte)));
            assert_eq!(row.details.missing, Missing::from_bits(byte));
        });
        let duplicates = duplicates.unwrap();
        assert!(duplicates.is_sorted());
        for event in duplicates {
            new[event as usize] = false;
        }
        new
    }

    proptest! {
        #[test]
        fn duplicates_are_those_found_in_memory(
            rows in prop::collection::vec(any::<u8>(), 0..300),
            held in 0usize..40,
            blocks in 1usize..9,
        ) {
            let limits = Limits { held, blocks };
            prop_assert_eq!(new_rows(&rows, limits), new_rows(&rows, Limits::default()));
        }
    }
}
