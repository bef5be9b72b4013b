//! The product in plain Rust. Column panels are arrays of fixed size, which the compiler keeps in
//! vector registers.

use std::ops::Range;

use super::Product;
use super::target::Target;
use crate::cpu::{PORTABLE_FMA, multiply_add};
use crate::element::Element;
use crate::index::CsrIndex;

/// Columns summed at a time: eight registers of 128 bits, which every 64-bit machine has.
const PANEL: usize = 32;

/// Computes the given rows of `product`.
///
/// # Safety
/// `target` must have a slot for each of `rows`, and nothing else may use these slots meanwhile.
pub(super) unsafe fn write_rows<O: CsrIndex, C: CsrIndex, D: Element>(
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    target: &Target<'_>,
) {
    let Product {
        a,
        dense,
        dim,
        scale,
        addend,
    } = *product;
    let offsets = a.row_offsets();
    for row in rows {
        let slot = target.slot(row);
        // SAFETY: the caller's promise.
        let out_row = unsafe { target.row(slot) };
        let entries = offsets[row].to_usize()..offsets[row + 1].to_usize();
        let columns = &a.columns()[entries.clone()];
        let values = &a.values()[entries];
        for (panel, out_panel) in out_row.chunks_mut(PANEL).enumerate() {
            let first = panel * PANEL;
            let width = out_panel.len();
            let mut sum = [0.0_f32; PANEL];
            for (column, &value) in columns.iter().zip(values) {
                let start = column.to_usize() * dim + first;
                // A full panel has a length that the compiler knows; only the last one may be narrower.
                if let Ok(x) = <&[D; PANEL]>::try_from(&dense[start..start + width]) {
                    add_scaled(&mut sum, value, x);
                } else {
                    add_scaled(&mut sum[..width], value, &dense[start..start + width]);
                }
            }
            for sum in &mut sum[..width] {
                *sum *= scale;
            }
            if let Some((factor, addend)) = addend {
                let start = slot * dim + first;
                add_scaled(&mut sum[..width], factor, &addend[start..start + width]);
            }
            out_panel.copy_from_slice(&sum[..width]);
        }
    }
}

#[inline(always)]
fn add_scaled<D: Element>(sum: &mut [f32], factor: f32, x: &[D]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum = multiply_add::<PORTABLE_FMA>(factor, x.widen(), *sum);
    }
}
