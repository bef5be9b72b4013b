//! A column of labels of the items.

use crate::{CoreError, ItemId};
use std::sync::Arc;

pub(crate) const MISSING: u32 = u32::MAX;

/// A column of labels, each stored once, with a code per item. Clones share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelColumn {
    labels: Arc<Vec<String>>,
    codes: Arc<Vec<u32>>,
}

impl LabelColumn {
    /// The column of one optional label per item. Labels are numbered by first use.
    #[must_use]
    pub fn from_labels<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> Self {
        let (mut labels, mut codes) = (Vec::new(), Vec::new());
        let mut known: hashbrown::HashMap<String, u32> = hashbrown::HashMap::new();
        for value in values {
            let code = value.map_or(MISSING, |label| {
                let label = label.as_ref();
                *known.entry_ref(label).or_insert_with(|| {
                    labels.push(label.to_owned());
                    labels.len() as u32 - 1
                })
            });
            codes.push(code);
        }
        Self {
            labels: Arc::new(labels),
            codes: Arc::new(codes),
        }
    }

    /// Rebuilds a column from its labels and codes (`u32::MAX` if an item has no label).
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if a code has no label.
    pub fn from_parts(labels: Vec<String>, codes: Vec<u32>) -> Result<Self, CoreError> {
        let bad = codes
            .iter()
            .position(|&c| c != MISSING && c as usize >= labels.len());
        if let Some(row) = bad {
            return Err(CoreError::Damaged {
                what: "catalogue",
                detail: format!(
                    "item row {row} has label {} of {}",
                    codes[row],
                    labels.len()
                ),
            });
        }
        Ok(Self {
            labels: Arc::new(labels),
            codes: Arc::new(codes),
        })
    }

    /// The distinct labels, in the order of their codes.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// One code per item; `u32::MAX` if it has no label.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The label of an item, if it has one.
    #[must_use]
    pub fn get(&self, item: ItemId) -> Option<&str> {
        let code = *self.codes.get(item.index())?;
        self.labels.get(code as usize).map(String::as_str)
    }
}
