//! The random split by pair.

use super::{HeldOut, Parts};
use crate::EventLog;
use crate::weigh::pairs::Pairs;
use lightgcn_core::StageReport;
use lightgcn_core::random::{Random, Stream};

pub(super) fn split(
    log: &EventLog,
    validation: f64,
    test: f64,
    seed: u64,
    is_target: impl Fn(usize) -> bool,
) -> Parts {
    let pairs = Pairs::group(log, |_| true);
    let n = pairs.len();
    let n_test = (n as f64 * test).round() as usize;
    let n_validation = ((n as f64 * validation).round() as usize).min(n - n_test);
    let mut order: Vec<u32> = (0..n as u32).collect();
    Random::new(seed, Stream::Split).shuffle(0, &mut order);

    let mut trains = vec![true; log.n_events()];
    let mut hold_out = |part: &str, chosen: &[u32]| {
        let mut held = HeldOut::new(part, "pairs");
        held.report.rows_in = chosen.len() as u64;
        for &pair in chosen {
            let events = pairs.events(pair as usize);
            for &event in events {
                trains[event as usize] = false;
            }
            if events.iter().any(|&event| is_target(event as usize)) {
                held.pairs.push(pairs.ids()[pair as usize]);
            } else {
                held.report.drop("no target event", 1);
            }
        }
        held
    };
    let test = hold_out("test", &order[..n_test]);
    let validation = hold_out("validation", &order[n_test..n_test + n_validation]);

    let mut report = StageReport::new("split", "pairs");
    report.rows_in = n as u64;
    report.kept = (n - n_test - n_validation) as u64;
    report.drop("held out for validation", n_validation as u64);
    report.drop("held out for the test", n_test as u64);
    Parts {
        trains,
        validation,
        test,
        report,
        found: Vec::new(),
        inputs: Vec::new(),
    }
}
