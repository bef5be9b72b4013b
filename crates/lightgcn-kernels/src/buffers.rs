//! Buffers of large tables, kept from step to step: fresh pages for a table cost as much as a layer.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shorter buffers are not kept: the allocator keeps those itself.
const LEAST: usize = 1 << 18;
/// The number of buffers to keep: a step's embeddings, its gradient and one work buffer.
const KEPT: usize = 3;

static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

fn free() -> MutexGuard<'static, Vec<Vec<f32>>> {
    // After a panic elsewhere, the mutex only guards plain memory, which is safe to reuse.
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `len` numbers with arbitrary content.
pub(crate) fn take(len: usize) -> Vec<f32> {
    if len < LEAST {
        return vec![0.0; len];
    }
    let mut free = free();
    // Not a much larger one: it would tie up memory that no table of this size needs.
    let fits = |buffer: &Vec<f32>| (len..=2 * len).contains(&buffer.len());
    match free.iter().position(fits) {
        Some(n) => {
            let mut buffer = free.swap_remove(n);
            buffer.truncate(len);
            buffer
        }
        None => {
            drop(free);
            lightgcn_simd::zeros_in_huge_pages(len)
        }
    }
}

/// Keeps a buffer for the next [`take`].
pub(crate) fn give(buffer: Vec<f32>) {
    let mut free = free();
    if buffer.len() >= LEAST && free.len() < KEPT {
        free.push(buffer);
    }
}

/// Frees what is kept for the next [`take`].
pub(crate) fn release() {
    free().clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_the_length_that_was_asked_for() {
        assert_eq!(take(5), [0.0; 5]);
        give(vec![1.0; LEAST + 100]);
        for len in [LEAST, LEAST + 50, 4 * LEAST] {
            let buffer = take(len);
            assert_eq!(buffer.len(), len);
            give(buffer);
        }
        assert!(free().len() <= KEPT);
    }
}
