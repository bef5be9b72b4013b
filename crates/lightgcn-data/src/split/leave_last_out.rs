//! The split that holds out each user's last new targets.

use super::{HeldOut, Parts};
use crate::EventLog;
use crate::weigh::pairs::Pairs;
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
        inputs: Vec::new(),
    };
    parts.report.rows_in = log.n_events() as u64;
    let pairs = &Pairs::group(log, |_| true);
    let splitter = Splitter {
        log,
        pairs,
        options,
        is_target,
    };
    let all: Vec<usize> = (0..pairs.len()).collect();
    for of_user in all.chunk_by(|&a, &b| pairs.ids()[a].0 == pairs.ids()[b].0) {
        splitter.hold_out(of_user, &mut parts);
    }
    parts.validation.report.rows_in = parts.validation.pairs.len() as u64;
    parts.test.report.rows_in = parts.test.pairs.len() as u64;
    parts.report.kept = parts.trains.iter().filter(|&&trains| trains).count() as u64;
    parts
}

struct Splitter<'a, F> {
    log: &'a EventLog,
    pairs: &'a Pairs,
    options: &'a Options,
    is_target: F,
}

impl<F: Fn(usize) -> bool> Splitter<'_, F> {
    /// The earliest target event of a pair, by time, then row.
    fn first_purchase(&self, pair: usize) -> Option<FirstPurchase> {
        let item = self.pairs.ids()[pair].1;
        let events = self.pairs.events(pair).iter().copied();
        events
            .filter(|&event| (self.is_target)(event as usize))
            .map(|event| FirstPurchase {
                time: self.log.times()[event as usize],
                event,
                item,
            })
            .min()
    }

    /// Holds out a user's last new targets, if the user has enough, and removes from training whatever
    /// would give them away.
    fn hold_out(&self, of_user: &[usize], parts: &mut Parts) {
        let purchases = of_user.iter().filter_map(|&pair| self.first_purchase(pair));
        let mut purchases: Vec<FirstPurchase> = purchases.collect();
        if purchases.len() < self.options.min_targets {
            return;
        }
        purchases.sort_unstable();
        let n_held = if self.options.validation { 2 } else { 1 };
        let held = &purchases[purchases.len() - n_held..];
        let user = self.pairs.ids()[of_user[0]].0;
        parts.test.pairs.push((user, held[n_held - 1].item));
        if self.options.validation {
            parts.validation.pairs.push((user, held[0].item));
        }
        let cut = (held[0].time, held[0].event);
        let (mut of_held_pairs, mut after) = (0, 0);
        for &pair in of_user {
            let item = self.pairs.ids()[pair].1;
            let is_held = held.iter().any(|purchase| purchase.item == item);
            for &event in self.pairs.events(pair) {
                let is_before = (self.log.times()[event as usize], event) < cut;
                if is_before && (!is_held || self.options.keep_earlier_events) {
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
        let report = &mut parts.report;
        report.drop("of a held-out pair", of_held_pairs);
        report.drop("after the user's first held-out purchase", after);
    }
}
