//! The shop's own ids and their dense row numbers.

use crate::{CoreError, IdNormalization, NodeId};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::marker::PhantomData;

/// Maps the shop's own ids (any text; integers as they are written) to dense rows and back.
///
/// Rows are assigned in order of first insertion. All ids share one buffer, so a million of them
/// cost their bytes plus about 16 bytes each. Lookups are O(length of the id).
#[derive(Debug, Clone)]
pub struct Vocabulary<I> {
    text: String,
    /// End of each id in `text`.
    ends: Vec<u64>,
    rows: HashTable<u32>,
    hasher: DefaultHashBuilder,
    normalization: IdNormalization,
    kind: PhantomData<I>,
}

impl<I: NodeId> Vocabulary<I> {
    /// An empty vocabulary.
    #[must_use]
    pub fn new() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            rows: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            normalization: IdNormalization::None,
            kind: PhantomData,
        }
    }

    /// The same vocabulary, which from now on normalizes ids that it is given. Ids that it already
    /// has stay as they are. Default: [`IdNormalization::None`].
    ///
    /// ```
    /// use lightgcn_core::{IdNormalization, UserId, Vocabulary};
    ///
    /// let users = Vocabulary::<UserId>::from_names(["ann", "caf\u{e9}"])?;
    /// assert_eq!(users.get("cafe\u{301}"), None);
    /// let users = users.with_normalization(IdNormalization::Nfc);
    /// assert_eq!(users.get("cafe\u{301}"), Some(UserId(1)));
    /// # Ok::<(), lightgcn_core::CoreError>(())
    /// ```
    #[must_use]
    pub fn with_normalization(self, normalization: IdNormalization) -> Self {
        Self {
            normalization,
            ..self
        }
    }

    /// An id in the form that this vocabulary gives to ids.
    #[must_use]
    pub fn normalized<'n>(&self, name: &'n str) -> Cow<'n, str> {
        self.normalization.apply(name)
    }

    /// The vocabulary in which row `n` is the `n`-th of `names`.
    ///
    /// # Errors
    /// [`CoreError::DuplicateId`] if a name occurs twice, [`CoreError::TooManyIds`] beyond 2^32 − 1.
    pub fn from_names<S: AsRef<str>>(
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self, CoreError> {
        let mut vocabulary = Self::new();
        for name in names {
            let name = name.as_ref();
            let before = vocabulary.len();
            vocabulary.insert(name)?;
            if vocabulary.len() == before {
                return Err(CoreError::DuplicateId {
                    kind: I::KIND,
                    id: name.to_owned(),
                });
            }
        }
        Ok(vocabulary)
    }

    /// Rebuilds a vocabulary from the parts returned by [`Vocabulary::as_parts`].
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the ends are not ascending character boundaries of the text,
    /// [`CoreError::DuplicateId`] if an id occurs twice.
    pub fn from_parts(text: &str, ends: &[u64]) -> Result<Self, CoreError> {
        let damaged = |detail| CoreError::Damaged {
            what: "vocabulary",
            detail,
        };
        if ends.last().copied().unwrap_or(0) != text.len() as u64 {
            return Err(damaged(format!(
                "the last id does not end where its text of {} bytes does",
                text.len()
            )));
        }
        let mut start = 0u64;
        let mut names = Vec::with_capacity(ends.len());
        for (row, &end) in ends.iter().enumerate() {
            let name = (start <= end)
                .then(|| text.get(start as usize..end as usize))
                .flatten()
                .ok_or_else(|| damaged(format!("row {row} spans bytes {start} to {end}")))?;
            names.push(name);
            start = end;
        }
        Self::from_names(names)
    }

    /// All ids in one text, and the end of each id in it.
    #[must_use]
    pub fn as_parts(&self) -> (&str, &[u64]) {
        (&self.text, &self.ends)
    }

    /// The number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no ids.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The row of `name`, added if it is new.
    ///
    /// # Errors
    /// [`CoreError::TooManyIds`] beyond 2^32 − 1 ids.
    pub fn insert(&mut self, name: &str) -> Result<I, CoreError> {
        let name = &*self.normalization.apply(name);
        let hash = self.hasher.hash_one(name);
        if let Some(&row) = self
            .rows
            .find(hash, |&row| slice(&self.text, &self.ends, row) == name)
        {
            return Ok(I::from_row(row));
        }
        let row = u32::try_from(self.ends.len())
            .ok()
            .filter(|&row| row < u32::MAX)
            .ok_or(CoreError::TooManyIds {
                kind: I::KIND,
                limit: u64::from(u32::MAX),
            })?;
        self.text.push_str(name);
        self.ends.push(self.text.len() as u64);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.rows
            .insert_unique(hash, row, |&row| hasher.hash_one(slice(text, ends, row)));
        Ok(I::from_row(row))
    }

    /// The row of `name`, or `None` if it is unknown.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<I> {
        let name = &*self.normalization.apply(name);
        let hash = self.hasher.hash_one(name);
        let found = self
            .rows
            .find(hash, |&row| slice(&self.text, &self.ends, row) == name);
        found.map(|&row| I::from_row(row))
    }

    /// The shop's id of a row, or `None` beyond the last row.
    #[must_use]
    pub fn name(&self, id: I) -> Option<&str> {
        (id.index() < self.ends.len()).then(|| slice(&self.text, &self.ends, id.row()))
    }

    /// All ids in the order of their rows.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).map(|row| slice(&self.text, &self.ends, row))
    }
}

fn slice<'a>(text: &'a str, ends: &[u64], row: u32) -> &'a str {
    let start = if row == 0 {
        0
    } else {
        ends[row as usize - 1] as usize
    };
    &text[start..ends[row as usize] as usize]
}

impl<I: NodeId> Default for Vocabulary<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I> PartialEq for Vocabulary<I> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ends == other.ends
    }
}

impl<I> Eq for Vocabulary<I> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ItemId, UserId};
    use proptest::prelude::*;

    #[test]
    fn maps_both_ways_in_order_of_insertion() {
        let mut v = Vocabulary::<UserId>::new();
        assert_eq!(v.insert("7").unwrap(), UserId(0));
        assert_eq!(v.insert("").unwrap(), UserId(1));
        assert_eq!(v.insert("ünï").unwrap(), UserId(2));
        assert_eq!(v.insert("7").unwrap(), UserId(0));
        assert_eq!(v.get("07"), None);
        assert_eq!(v.name(UserId(2)), Some("ünï"));
        assert_eq!(v.name(UserId(3)), None);
        assert_eq!(v.iter().collect::<Vec<_>>(), ["7", "", "ünï"]);
    }

    #[test]
    fn normalized_ids_are_one() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        let mut split = Vocabulary::<UserId>::new();
        assert_eq!(split.insert(decomposed).unwrap(), UserId(0));
        assert_eq!(split.insert(composed).unwrap(), UserId(1));
        let mut merged = Vocabulary::<UserId>::new().with_normalization(IdNormalization::Nfc);
        assert_eq!(merged.insert(decomposed).unwrap(), UserId(0));
        assert_eq!(merged.insert(composed).unwrap(), UserId(0));
        assert_eq!(merged.name(UserId(0)), Some(composed));
        assert_eq!(merged.clone().get(decomposed), Some(UserId(0)));
        assert_eq!(merged.normalized(decomposed), composed);
    }

    #[test]
    fn damaged_parts_are_errors() {
        assert!(Vocabulary::<ItemId>::from_parts("ab", &[1, 2]).is_ok());
        for (text, ends) in [
            ("ab", &[1, 3][..]),
            ("ab", &[2, 1]),
            ("ab", &[1]),
            ("é", &[1, 2]),
            ("aa", &[1, 2]),
        ] {
            assert!(
                Vocabulary::<ItemId>::from_parts(text, ends).is_err(),
                "{text} {ends:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn parts_round_trip(names in prop::collection::hash_set(".{0,8}", 0..50)) {
            let v = Vocabulary::<UserId>::from_names(&names).unwrap();
            let (text, ends) = v.as_parts();
            prop_assert_eq!(&Vocabulary::from_parts(text, ends).unwrap(), &v);
            for name in &names {
                prop_assert_eq!(v.name(v.get(name).unwrap()), Some(name.as_str()));
            }
        }
    }
}
