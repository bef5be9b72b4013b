//! The split that holds out each user's last new targets.

use super::{HeldOut, Parts};
use crate::EventLog;
use crate::group::Pairs;
use lightgcn_core::StageReport;

pub(super) struct Options {
    pub(super) min_targets: usize,
    pub(super) validation: bool,
    pub(super) keep_earlier_events: bool,
}

/// A purchase of an item that its user had not bought before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FirstPurchase {
    time: i64,
    event: u32,
    item: u32,
}

pub(super) fn split(log: &EventLog, options: &Options, is_target: impl Fn(usize) -> bool) -> Parts {
    let mut parts = Parts {
        trains: vec![true; log.n_events()],
        validation: HeldOut::new("validation", "pairs"),
        test: HeldOut::new("test", "pairs"),
        report: StageReport::new("split", "events"),
        found: Vec::new(),
    };
    parts.report.rows_in = log.n_events() as u64;
    let pairs = Pairs::group(log, |_| true);
    let mut begin = 0;
    while begin < pairs.len() {
        let user = pairs.ids()[begin].0;
        let mut end = begin + 1;
        while end < pairs.len() && pairs.ids()[end].0 == user {
            end += 1;
        }
        let mut purchases: Vec<FirstPurchase> = (begin..end)
            .filter_map(|pair| first_purchase(log, &pairs, pair, &is_target))
            .collect();
        if purchases.len() >= options.min_targets {
            purchases.sort_unstable();
            hold_out(log, &pairs, begin..end, &purchases, options, &mut parts);
        }
        begin = end;
    }
    parts.validation.report.rows_in = parts.validation.pairs.len() as u64;
    parts.test.report.rows_in = parts.test.pairs.len() as u64;
    parts.report.kept = parts.trains.iter().filter(|&&trains| trains).count() as u64;
    parts
}

/// The earliest target event of a pair, by time, then row.
fn first_purchase(
    log: &EventLog,
    pairs: &Pairs,
    pair: usize,
    is_target: &impl Fn(usize) -> bool,
) -> Option<FirstPurchase> {
    let item = pairs.ids()[pair].1;
    let targets = pairs
        .events(pair)
        .iter()
        .filter(|&&event| is_target(event as usize));
    targets
        .map(|&event| FirstPurchase {
            time: log.times()[event as usize],
            event,
            item,
        })
        .min()
}

/// Holds out a user's last new targets and takes from training what must not be known.
fn hold_out(
    log: &EventLog,
    pairs: &Pairs,
    of_user: std::ops::Range<usize>,
    purchases: &[FirstPurchase],
    options: &Options,
    parts: &mut Parts,
) {
    let n_held = if options.validation { 2 } else { 1 };
    let held = &purchases[purchases.len() - n_held..];
    let user = pairs.ids()[of_user.start].0;
    parts.test.pairs.push((user, held[n_held - 1].item));
    if options.validation {
        parts.validation.pairs.push((user, held[0].item));
    }
    let cut = (held[0].time, held[0].event);
    let (mut of_held_pairs, mut after) = (0, 0);
    for pair in of_user {
        let item = pairs.ids()[pair].1;
        let is_held = held.iter().any(|purchase| purchase.item == item);
        for &event in pairs.events(pair) {
            let is_before = (log.times()[event as usize], event) < cut;
            if is_before && (!is_held || options.keep_earlier_events) {
                continue;
            }
            parts.trains[event as usize] = false;
            if is_held {
                of_held_pairs += 1;
            } else {
                after += 1;
            }
        }
    }
    parts.report.drop("of a held-out pair", of_held_pairs);
    parts
        .report
        .drop("after the user's first held-out purchase", after);
}
