//! Large buffers in huge pages of memory.

/// Bytes of a huge page on x86-64 and most other machines.
const HUGE_PAGE: usize = 1 << 21;

/// Zeros in huge pages if the system supports them (Linux, with transparent huge pages on or by
/// advice); otherwise plain zeros.
///
/// A sparse product's scattered reads then miss the TLB less often: with 4 KiB pages, nearly every row of a
/// large table is a miss.
#[must_use]
pub fn zeros_in_huge_pages(len: usize) -> Vec<f32> {
    // Advise before the first write: existing pages would have to be moved.
    let mut numbers = Vec::with_capacity(len);
    advise(numbers.as_mut_ptr(), len, false);
    numbers.resize(len, 0.0);
    numbers
}

/// Asks the system to move numbers already in use to huge pages. Does nothing if that is
/// impossible; the numbers do not change either way.
pub fn move_to_huge_pages(numbers: &mut [f32]) {
    advise(numbers.as_mut_ptr(), numbers.len(), true);
}

#[cfg(target_os = "linux")]
fn advise(start: *mut f32, len: usize, in_use: bool) {
    // Only the huge pages that lie fully within the buffer: other allocations share the pages at its ends.
    let first = (start as usize).next_multiple_of(HUGE_PAGE);
    let end = (start as usize + len * size_of::<f32>()) / HUGE_PAGE * HUGE_PAGE;
    if first >= end {
        return;
    }
    let (address, bytes) = (first as *mut libc::c_void, end - first);
    // SAFETY: the range lies within the caller's allocation. Neither advice changes its content, only how it
    // is mapped; a refusal is harmless.
    unsafe {
        libc::madvise(address, bytes, libc::MADV_HUGEPAGE);
        if in_use {
            libc::madvise(address, bytes, libc::MADV_COLLAPSE);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: *mut f32, _len: usize, _in_use: bool) {
    let _ = HUGE_PAGE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_were() {
        for len in [0, 10, 3 * HUGE_PAGE / 4 + 7] {
            let mut numbers = zeros_in_huge_pages(len);
            assert!(numbers.len() == len && numbers.iter().all(|&x| x == 0.0));
            for (n, x) in numbers.iter_mut().enumerate() {
                *x = n as f32;
            }
            move_to_huge_pages(&mut numbers);
            assert!(numbers.iter().enumerate().all(|(n, &x)| x == n as f32));
        }
    }
}
