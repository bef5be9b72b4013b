//! Work buffers that a thread keeps between calls, since faulting in fresh pages costs as much as
//! the work itself.

use std::cell::RefCell;

/// The number of buffers that a thread keeps.
const KEPT: usize = 4;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `work` a buffer of `len` numbers with arbitrary content. Nested calls, also from stolen work, get
/// other buffers.
pub(crate) fn with_buffer<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    // Taken out of the list while it is lent, so that nested calls get another one.
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    BUFFERS.with_borrow_mut(|kept| {
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_buffers_are_distinct_and_have_their_length() {
        with_buffer(5, |outer| {
            outer.fill(1.0);
            with_buffer(7, |inner| {
                assert_eq!(inner.len(), 7);
                inner.fill(2.0);
            });
            assert_eq!(outer, [1.0; 5]);
        });
        with_buffer(3, |again| assert_eq!(again.len(), 3));
    }
}
