//! The estimate of a run's memory is what the device holds. Alone in its program, since it measures
//! the whole device's allocator.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder, ItemId, Lineage, Split, Truth,
    UserId, Vocabulary,
};
use lightgcn_kernels::{SparseBackend, WgpuBackend};
use lightgcn_nn::{LightGcnConfig, ModelConfig};
use lightgcn_train::{
    Device, DeviceError, LossConfig, Observer, TrainConfig, TrainError, TrainEvent, Trainer,
};

/// 12,000 users of four items each.
fn shop() -> Dataset {
    let (n_users, n_items) = (12_000, 800);
    let mut train = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    for user in 0..n_users {
        let mut draws = Random::new(1, Stream::Synthetic).at(0, u64::from(user));
        let mut items: Vec<u32> = (0..4).map(|_| draws.below(n_items)).collect();
        items.sort_unstable();
        items.dedup();
        for item in items {
            train
                .push(UserId(user), ItemId(item), 1.0, &[1], None)
                .unwrap();
        }
    }
    let (users, items) = (n_users as usize, n_items as usize);
    let empty = || Truth::empty(users, items);
    let split = Split::new(train.build(users, items).unwrap(), empty(), empty()).unwrap();
    let names = |what: &'static str, n: u32| (0..n).map(move |n| format!("{what}{n}"));
    Dataset::new(
        split,
        Vocabulary::from_names(names("c", n_users)).unwrap(),
        Vocabulary::from_names(names("p", n_items)).unwrap(),
        Catalogue::unknown(items),
        BehaviorWeightsConfig::single("purchase").check().unwrap(),
        Lineage::default(),
    )
    .unwrap()
}

#[derive(Default)]
struct Meter {
    estimate: u64,
    used: u64,
    reserved: u64,
}

impl Observer for Meter {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        match event {
            TrainEvent::Memory { needed, .. } => self.estimate = *needed,
            TrainEvent::Batches { .. } => {
                let held = WgpuBackend::memory_in_use(&Default::default()).unwrap();
                self.used = self.used.max(held.used);
                self.reserved = self.reserved.max(held.reserved);
            }
            _ => {}
        }
    }
}

#[test]
fn a_run_holds_what_was_estimated() {
    let mut meter = Meter::default();
    let model = LightGcnConfig {
        dimension: 64,
        layers: 3,
        ..LightGcnConfig::published()
    };
    let config = TrainConfig {
        loss: LossConfig::Bpr,
        epochs: 1,
        batch_size: 2048,
        ..TrainConfig::published()
    };
    let shop = shop();
    let trainer = Trainer::new(&shop).model(model).config(config);
    match trainer.device(Device::Wgpu(0)).observer(&mut meter).run() {
        Ok(_) => {}
        Err(TrainError::Device(error @ DeviceError::Unavailable { .. })) => {
            let required = std::env::var_os("LIGHTGCN_REQUIRE_WGPU").is_some();
            assert!(!required, "{error}");
            eprintln!("skipped: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    }
    let Meter {
        estimate,
        used,
        reserved,
    } = meter;
    println!("estimated {estimate} bytes, between steps {used} in use, {reserved} reserved");
    let table = 12_800 * 64 * 4;
    // Between steps only parameters, moments, pairs and graph are in use.
    assert!(used >= 3 * table && used <= estimate, "{used}");
    // The allocator keeps what the steps took at their peak, rounded to its pages.
    assert!(
        reserved >= 5 * table && reserved <= estimate + estimate / 2,
        "{reserved} bytes reserved, {estimate} estimated"
    );
}
