//! The shops whose models are in memory.

use super::Shop;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shops whose models are in memory, and those whose models could not be loaded.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Most recently used first.
    shops: Vec<Arc<Shop>>,
    /// When the latest attempt failed.
    failed: HashMap<String, Instant>,
}

impl Loaded {
    /// The shop of that name, which becomes the most recently used.
    pub(super) fn used(&mut self, name: &str) -> Option<Arc<Shop>> {
        let place = self.shops.iter().position(|shop| *shop.name == *name)?;
        self.shops[..=place].rotate_right(1);
        self.shops.first().cloned()
    }

    pub(super) fn shops(&self) -> Vec<Arc<Shop>> {
        self.shops.clone()
    }

    /// Removes the least recently used shops until a model of `bytes` fits into the budget with the
    /// others. Requests in progress keep their models until they finish.
    pub(super) fn make_room(&mut self, bytes: u64, budget: u64) -> Vec<Arc<Shop>> {
        let mut gone = Vec::new();
        let mut used: u64 = self.shops.iter().map(|shop| shop.bytes).sum();
        while used.saturating_add(bytes) > budget {
            let Some(shop) = self.shops.pop() else { break };
            used -= shop.bytes;
            gone.push(shop);
        }
        gone
    }

    pub(super) fn add(&mut self, shop: Arc<Shop>) {
        self.failed.remove(&*shop.name);
        self.shops.retain(|known| known.name != shop.name);
        self.shops.insert(0, shop);
    }

    pub(super) fn note_failure(&mut self, name: &str) {
        self.failed.insert(name.to_owned(), Instant::now());
    }

    /// Whether an attempt failed within that time.
    pub(super) fn has_failed(&self, name: &str, within: Duration) -> bool {
        let failed = self.failed.get(name);
        failed.is_some_and(|then| then.elapsed() < within)
    }
}
