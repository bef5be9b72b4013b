//! The time that ages count from.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// One event in this many may be late.
const EVENTS_PER_LATE: usize = 1_000;

/// With fewer events, none is late.
const MIN_EVENTS: usize = 10;

/// Late events are this many times the mean time between events after the others.
const TIMES_MEAN: i64 = 20;

/// Late events are this long after the others, in seconds: half a day.
const MIN_GAP: i64 = 43_200;

const DAY: i64 = 86_400;

/// Days without events that are usual in a log that has as many elsewhere.
const MAX_USUAL_DAYS: i64 = 7;

/// The time that ages count from: the last one, but for a few late ones (at most one in 1,000, and one of 10 to 1,999)
/// that a wrong clock may have written, so that one of them does not make all others old.
///
/// Late times are far after all others: by half a day, by 20 times the mean time between events, and by more days
/// than the longest pause between other events (of which 7 days count at most). Without late times it is the last
/// one. `None` if there are no times. O(times log(times)), mostly O(times).
///
/// ```
/// use lightgcn_core::reference_time;
///
/// let hourly: Vec<i64> = (0..100).map(|hour| 3_600 * hour).collect();
/// assert_eq!(reference_time(hourly.iter().copied()), Some(99 * 3_600));
/// let with_late = hourly.iter().copied().chain([99 * 3_600 + 31_536_000]);
/// assert_eq!(reference_time(with_late), Some(99 * 3_600));
/// ```
#[must_use]
pub fn reference_time(times: impl Iterator<Item = i64> + Clone) -> Option<i64> {
    let (mut n, mut first, mut last) = (0usize, i64::MAX, i64::MIN);
    for time in times.clone() {
        n += 1;
        first = first.min(time);
        last = last.max(time);
    }
    if n < MIN_EVENTS {
        return (n > 0).then_some(last);
    }
    let n_late = (n / EVENTS_PER_LATE).max(1);
    // The latest times: all that may be late, and one more.
    let mut latest = BinaryHeap::with_capacity(n_late + 2);
    for time in times.clone() {
        if latest.len() <= n_late {
            latest.push(Reverse(time));
        } else if latest.peek().is_some_and(|&Reverse(least)| time > least) {
            latest.pop();
            latest.push(Reverse(time));
        }
    }
    let latest: Vec<i64> = latest.into_sorted_vec().into_iter().map(|t| t.0).collect();
    let usual = latest[n_late].saturating_sub(first) / (n - n_late) as i64;
    let gap = MIN_GAP.max(usual.saturating_mul(TIMES_MEAN));
    let mut pairs = latest.windows(2).rev();
    let far = pairs.find(|pair| pair[0].saturating_sub(pair[1]) > gap);
    let Some(&[late, before]) = far.and_then(|pair| pair.first_chunk()) else {
        return Some(last);
    };
    let pause = late.div_euclid(DAY) - before.div_euclid(DAY);
    let is_late = pause > longest_pause(times, before).min(MAX_USUAL_DAYS);
    Some(if is_late { before } else { last })
}

/// The longest time between two days with events that are not after `until`, in days.
fn longest_pause(times: impl Iterator<Item = i64>, until: i64) -> i64 {
    let days = times.filter(|&time| time <= until);
    let days: BTreeSet<i64> = days.map(|time| time.div_euclid(DAY)).collect();
    let pauses = days.iter().zip(days.iter().skip(1));
    pauses.map(|(a, b)| b - a).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` times an hour apart.
    fn hourly(n: i64) -> Vec<i64> {
        (0..n).map(|hour| 1_569_888_000 + 3_600 * hour).collect()
    }

    #[test]
    fn late_times_are_left_out() {
        for n in [10, 100, 2_500, 10_000] {
            let times = hourly(n);
            let last = times.last().copied();
            assert_eq!(reference_time(times.iter().copied()), last, "{n}");
            for late in [3 * DAY, 365 * DAY, i64::MAX - 2_000_000_000] {
                let all = times.iter().copied().chain(last.map(|t| t + late));
                assert_eq!(reference_time(all), last, "{n} and {late}");
            }
        }
        // Ten of 10,000 at different times, but not eleven.
        let times = hourly(9_990);
        let late = |n: i64| (1..=n).map(|year| 1_800_000_000 + 365 * DAY * year);
        let all = |n| times.iter().copied().chain(late(n));
        assert_eq!(reference_time(all(10)), times.last().copied());
        assert_eq!(reference_time(all(11)), late(1).next_back());
    }

    #[test]
    fn usual_logs_end_with_their_last_time() {
        assert_eq!(reference_time([].into_iter()), None);
        assert_eq!(reference_time([7].into_iter()), Some(7));
        assert_eq!(
            reference_time([0, 1, 365 * DAY].into_iter()),
            Some(365 * DAY)
        );
        // A few events in a year.
        let monthly = (0..12).map(|month| 30 * DAY * month);
        assert_eq!(reference_time(monthly), Some(330 * DAY));
        // A shop that is closed at weekends: the last event is on a Monday.
        let open = (0..10).flat_map(|week| (0..5).map(move |day| 7 * week + day));
        let open: Vec<i64> = open
            .flat_map(|day| (0..40).map(move |n| DAY * day + 600 * n))
            .collect();
        let monday = 70 * DAY + 60;
        assert_eq!(
            reference_time(open.into_iter().chain([monday])),
            Some(monday)
        );
        // The next morning.
        let day = (0..500).map(|n| 100 * n);
        assert_eq!(reference_time(day.chain([DAY])), Some(DAY));
    }
}
