//! What a batch is made of: its distinct nodes, and its pairs as input to the loss. Of ranks that each
//! have a part of the users, each plans the pairs of its own users among the items of the whole batch.

use crate::ValidTrainConfig;
use crate::engine::softmax;
use crate::engine::step::Shard;
use lightgcn_core::UserId;
use lightgcn_kernels::{BprBatch, SoftmaxBatch};
use lightgcn_loss::{LossConfig, SoftmaxConfig};
use lightgcn_sample::{BatchSampler, PositiveSet, TripleBatch, shared_negatives};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// The node has no row in the batch.
const ABSENT: u32 = u32::MAX;

/// Reduces batches to their distinct rows.
pub(super) struct Planner {
    loss: LossConfig,
    seed: u64,
    weighted: bool,
    has_l2: bool,
    sampler: Arc<BatchSampler>,
    /// Each item's popularity correction; empty without correction.
    corrections: Vec<f32>,
    /// The users whose rows the table has, by their numbers in the data; then come the items.
    users: Range<usize>,
    n_nodes: usize,
    /// Tables that are reused from batch to batch, one for each thread that plans.
    rows: Mutex<Vec<Rows>>,
}

/// A batch.
pub(super) struct Plan {
    /// Rows of the table: users first, both ascending.
    pub(super) nodes: Vec<u32>,
    /// How many of the nodes are users.
    pub(super) n_users: usize,
    /// Of the whole batch, whoever their users are.
    pub(super) n_pairs: usize,
    /// How often the batch reads each of its nodes, if there is an L2 penalty. Shared negatives do not count.
    pub(super) repeats: Option<Vec<f32>>,
    pub(super) batch: Batch,
}

/// A batch as input to its loss.
pub(super) enum Batch {
    Bpr(BprBatch),
    Softmax(SoftmaxConfig, SoftmaxBatch),
}

/// The row of each node in a batch, or [`ABSENT`].
struct Rows {
    of_node: Vec<u32>,
    first_item: usize,
}

impl Rows {
    fn user(&self, user: u32) -> u32 {
        self.of_node[user as usize]
    }

    fn item(&self, item: u32) -> u32 {
        self.of_node[self.first_item + item as usize]
    }

    fn mark(&mut self, nodes: &[u32]) {
        for (row, &node) in (0..).zip(nodes) {
            self.of_node[node as usize] = row;
        }
    }

    fn forget(&mut self, nodes: &[u32]) {
        for &node in nodes {
            self.of_node[node as usize] = ABSENT;
        }
    }
}

/// The pairs of a batch and its nodes.
struct Pairs {
    /// Of the users whose rows the table has, who are named by these.
    triples: TripleBatch,
    /// The positives of the whole batch.
    positives: Vec<u32>,
    /// Its negatives, if each pair has its own.
    negatives: Vec<u32>,
    /// Items drawn for all pairs.
    shared: Vec<u32>,
    nodes: Vec<u32>,
    n_users: usize,
}

impl Planner {
    /// For a table with the rows of these users, then of all items, and so many rows in all.
    pub(super) fn new(
        loss: LossConfig,
        config: &ValidTrainConfig,
        sampler: &Arc<BatchSampler>,
        (users, n_nodes): (Range<usize>, usize),
    ) -> Self {
        Self {
            corrections: match &loss {
                LossConfig::Softmax(config) => softmax::corrections(config, sampler.positives()),
                LossConfig::Bpr => Vec::new(),
            },
            loss,
            seed: config.seed,
            weighted: config.positives == PositiveSet::AllPairs,
            has_l2: config.l2 > 0.0,
            sampler: Arc::clone(sampler),
            users,
            n_nodes,
            rows: Mutex::default(),
        }
    }

    /// Whether a row of the table is a user's.
    pub(super) fn is_user(&self, node: u32) -> bool {
        (node as usize) < self.users.len()
    }

    /// Draws the pairs of a shard that is one batch.
    pub(super) fn plan(&self, shard: &Shard<'_>) -> Plan {
        let pairs = self.pairs(shard);
        let mut rows = self.lend_rows();
        rows.mark(&pairs.nodes);
        let batch = match self.loss {
            LossConfig::Bpr => Batch::Bpr(self.bpr_batch(&pairs, &rows)),
            LossConfig::Softmax(config) => {
                Batch::Softmax(config, self.softmax_batch(&config, &pairs, &rows))
            }
        };
        let repeats = self.has_l2.then(|| repeats(&pairs, &rows));
        rows.forget(&pairs.nodes);
        self.pool().push(rows);
        Plan {
            n_pairs: pairs.positives.len(),
            repeats,
            nodes: pairs.nodes,
            n_users: pairs.n_users,
            batch,
        }
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Rows>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A table without rows.
    fn lend_rows(&self) -> Rows {
        self.pool().pop().unwrap_or_else(|| Rows {
            of_node: vec![ABSENT; self.n_nodes],
            first_item: self.users.len(),
        })
    }

    fn pairs(&self, shard: &Shard<'_>) -> Pairs {
        let n_items = self.sampler.positives().n_items() as u32;
        let places = shard.places.clone();
        let (mut triples, shared) = match self.loss {
            LossConfig::Bpr => (shard.batches.triples(places), Vec::new()),
            LossConfig::Softmax(config) => {
                let (epoch, count) = (shard.batches.epoch(), config.shared_negatives);
                let shared = shared_negatives(self.seed, epoch, shard.number, count, n_items);
                (shard.batches.pairs(places), shared)
            }
        };
        let (positives, negatives) = (triples.positives.clone(), triples.negatives.clone());
        self.keep_own(&mut triples);
        let mut nodes = triples.users.clone();
        nodes.sort_unstable();
        nodes.dedup();
        let n_users = nodes.len();
        let mut items = positives.clone();
        items.extend_from_slice(&negatives);
        items.extend_from_slice(&shared);
        items.sort_unstable();
        items.dedup();
        let first_item = self.users.len() as u32;
        nodes.extend(items.iter().map(|item| first_item + item));
        Pairs {
            triples,
            positives,
            negatives,
            shared,
            nodes,
            n_users,
        }
    }

    /// Keeps the pairs of the users whose rows the table has, and names them by these.
    fn keep_own(&self, triples: &mut TripleBatch) {
        let Range { start, end } = self.users;
        if end - start == self.sampler.positives().n_users() {
            return;
        }
        let all = std::mem::take(triples);
        triples.n_negatives = all.n_negatives;
        for (pair, &user) in all.users.iter().enumerate() {
            if (start..end).contains(&(user as usize)) {
                triples.users.push(user - start as u32);
                triples.positives.push(all.positives[pair]);
                triples.weights.push(all.weights[pair]);
                triples.negatives.extend(all.negatives_of(pair));
            }
        }
    }

    /// The weights of the pairs over `divisor`.
    fn weights(&self, batch: &TripleBatch, divisor: usize) -> impl Fn(usize) -> f32 {
        let (weighted, divisor) = (self.weighted, divisor as f32);
        move |pair| {
            if weighted {
                batch.weights[pair] / divisor
            } else {
                1.0 / divisor
            }
        }
    }

    fn bpr_batch(&self, pairs: &Pairs, rows: &Rows) -> BprBatch {
        let batch = &pairs.triples;
        let items = |items: &[u32]| items.iter().map(|&item| rows.item(item)).collect();
        let weight = self.weights(batch, pairs.negatives.len());
        BprBatch {
            users: batch.users.iter().map(|&user| rows.user(user)).collect(),
            positives: items(&batch.positives),
            negatives: items(&batch.negatives),
            weights: (0..batch.len()).map(weight).collect(),
        }
    }

    fn softmax_batch(&self, softmax: &SoftmaxConfig, pairs: &Pairs, rows: &Rows) -> SoftmaxBatch {
        let (batch, n_users) = (&pairs.triples, pairs.n_users);
        let mut order: Vec<usize> = (0..batch.len()).collect();
        // Stable: pairs of one user stay in the batch's order.
        order.sort_by_key(|&pair| batch.users[pair]);
        let weight = self.weights(batch, pairs.positives.len());
        let users = order.iter().map(|&p| rows.user(batch.users[p]));
        let items = order
            .iter()
            .map(|&p| candidate(pairs, rows, batch.positives[p]));
        SoftmaxBatch {
            n_users,
            users: users.collect(),
            items: items.map(|item| item as u32).collect(),
            weights: order.iter().map(|&p| weight(p)).collect(),
            candidate_weights: self.candidate_weights(softmax, pairs, rows),
            excluded: softmax.mask_positives.then(|| {
                let users = pairs.nodes[..n_users].iter();
                users.map(|&user| self.known(user, n_users, rows)).collect()
            }),
        }
    }

    /// The weight of each candidate: its popularity correction for each pair that has it, plus that
    /// of shared items for each time it was drawn.
    fn candidate_weights(&self, softmax: &SoftmaxConfig, pairs: &Pairs, rows: &Rows) -> Vec<f32> {
        let mut weights = vec![0.0; pairs.nodes.len() - pairs.n_users];
        for &item in &pairs.positives {
            let correction = self.corrections.get(item as usize);
            weights[candidate(pairs, rows, item)] += correction.copied().unwrap_or(1.0);
        }
        let n_items = self.sampler.positives().n_items();
        let drawn = softmax::shared_correction(softmax, n_items);
        for &item in &pairs.shared {
            weights[candidate(pairs, rows, item)] += drawn;
        }
        weights
    }

    /// The candidates that are positives of the user in a row of the table, ascending.
    fn known(&self, user: u32, n_users: usize, rows: &Rows) -> Vec<u32> {
        let user = UserId(user + self.users.start as u32);
        let known = self.sampler.positives().items_of(user).iter();
        known
            .map(|item| rows.item(item.0))
            .filter(|&row| row != ABSENT)
            .map(|row| row - n_users as u32)
            .collect()
    }
}

/// How often the batch reads each of its nodes.
fn repeats(pairs: &Pairs, rows: &Rows) -> Vec<f32> {
    let mut repeats = vec![0.0; pairs.nodes.len()];
    let users = pairs.triples.users.iter().map(|&user| rows.user(user));
    let items = pairs.positives.iter().chain(&pairs.negatives);
    for row in users.chain(items.map(|&item| rows.item(item))) {
        repeats[row as usize] += 1.0;
    }
    repeats
}

/// The number of an item among the batch's items.
fn candidate(pairs: &Pairs, rows: &Rows, item: u32) -> usize {
    rows.item(item) as usize - pairs.n_users
}
