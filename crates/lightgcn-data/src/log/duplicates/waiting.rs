//! Rows not yet known to be new or duplicates.

use super::spill::{Spill, Written};
use crate::DataError;
use crate::log::catalogue::{Details, Missing, Moment};
use lightgcn_core::ItemId;

/// A waiting row: its item metadata counts only if the row is new.
pub(crate) struct WaitingRow<'a> {
    pub(crate) item: ItemId,
    /// When it was recorded; the row is the number of the event among those read so far.
    pub(crate) moment: Moment,
    pub(crate) details: Details<'a>,
}

/// Waiting rows in a temporary file, in their order.
pub(super) struct WaitingRows {
    file: Spill,
    len: u32,
}

impl WaitingRows {
    pub(super) fn new() -> Result<Self, DataError> {
        Ok(Self {
            file: Spill::new()?,
            len: 0,
        })
    }

    /// Adds a row and returns its number.
    pub(super) fn push(&mut self, row: &WaitingRow<'_>) -> Result<u32, DataError> {
        let details = &row.details;
        let labels = [details.category_id, details.category_code, details.brand];
        let file = &mut self.file;
        file.write(&row.item.0.to_le_bytes())?;
        file.write(&row.moment.time.to_le_bytes())?;
        file.write(&row.moment.row.to_le_bytes())?;
        // No price that was read is NaN.
        file.write(&details.price.unwrap_or(f64::NAN).to_le_bytes())?;
        file.write(&[details.missing.bits()])?;
        for label in labels {
            file.write(&(label.len() as u64).to_le_bytes())?;
            file.write(label.as_bytes())?;
        }
        self.len += 1;
        Ok(self.len - 1)
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Calls `visit` with every row and its number, in their order.
    pub(super) fn visit(
        self,
        mut visit: impl FnMut(u32, &WaitingRow<'_>),
    ) -> Result<(), DataError> {
        let mut file = self.file.read()?;
        let mut labels: [String; 3] = Default::default();
        for n in 0..self.len {
            let item = ItemId(u32::from_le_bytes(file.bytes()?));
            let time = i64::from_le_bytes(file.bytes()?);
            let row = u32::from_le_bytes(file.bytes()?);
            let price = f64::from_le_bytes(file.bytes()?);
            let [missing] = file.bytes()?;
            for label in &mut labels {
                read_label(&mut file, label)?;
            }
            let [category_id, category_code, brand] = &labels;
            let details = Details {
                category_id,
                category_code,
                brand,
                price: Some(price).filter(|price| !price.is_nan()),
                missing: Missing::from_bits(missing),
            };
            let row = WaitingRow {
                item,
                moment: Moment { time, row },
                details,
            };
            visit(n, &row);
        }
        Ok(())
    }
}

fn read_label(file: &mut Written, label: &mut String) -> Result<(), DataError> {
    let n = u64::from_le_bytes(file.bytes()?);
    file.text(n as usize, label)
}
