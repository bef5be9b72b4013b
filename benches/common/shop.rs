//! A shop for the benchmarks: its training pairs, truth, graph and batches.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use lightgcn::core::{InteractionsBuilder, ItemId, Split, Truth, UserId};
use lightgcn::data::PairFiles;
use lightgcn::graph::{Adjacency, AdjacencyRequest, GraphOptions, TrainGraph};
use lightgcn::sample::{
    BatchSampler, PositiveSet, Positives, SamplerConfig, TripleBatch, UniformNegatives,
};
use lightgcn::simd::CsrView;

use super::{BATCH, uniform};

/// Gowalla's users, items and training pairs: the size ×16 of the synthetic shops.
const GOWALLA: [usize; 3] = [29_858, 40_981, 810_128];

static SHOPS: LazyLock<Vec<Shop>> = LazyLock::new(|| {
    let mut shops: Vec<Shop> = [(16, "x1"), (4, "x4"), (1, "x16")]
        .into_iter()
        .map(|(divisor, name)| {
            let [users, items, pairs] = GOWALLA.map(|count| count / divisor);
            Shop::new(name, [users, items, pairs], move || {
                power_law(users, items, pairs)
            })
        })
        .collect();
    let data = std::env::var_os("LIGHTGCN_DATA").map(|data| PathBuf::from(data).join("gowalla"));
    if let Some(folder) = data.filter(|folder| folder.join("train.txt").is_file()) {
        shops.push(Shop::new("gowalla", GOWALLA, move || gowalla(&folder)));
    }
    shops
});

/// The shops in order of size: the synthetic x1, x4 and x16, with 50,633, 202,532 and 810,128 training pairs
/// and the same number of pairs per node, and Gowalla if it is in the folder `LIGHTGCN_DATA`.
pub(crate) fn shops() -> &'static [Shop] {
    &SHOPS
}

/// A shop whose parts are made on first use.
pub(crate) struct Shop {
    /// The name of its size in reports.
    pub(crate) name: &'static str,
    pub(crate) n_users: usize,
    pub(crate) n_items: usize,
    pub(crate) n_pairs: usize,
    split: Arc<Lazy<Split>>,
    adjacency: Lazy<Adjacency>,
    sampler: Lazy<BatchSampler>,
}

type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

impl Shop {
    fn new(
        name: &'static str,
        [n_users, n_items, n_pairs]: [usize; 3],
        split: impl FnOnce() -> Split + Send + 'static,
    ) -> Self {
        let split: Arc<Lazy<Split>> = Arc::new(LazyLock::new(Box::new(split)));
        let (for_graph, for_sampler) = (Arc::clone(&split), Arc::clone(&split));
        Self {
            name,
            n_users,
            n_items,
            n_pairs,
            split,
            adjacency: LazyLock::new(Box::new(move || {
                let graph = TrainGraph::new(&for_graph.train, &GraphOptions::default());
                let graph = graph.expect("the shop has pairs");
                let adjacency = graph.adjacency(&AdjacencyRequest::default());
                adjacency.expect("the shop has pairs")
            })),
            sampler: LazyLock::new(Box::new(move || {
                let positives = Positives::new(&for_sampler.train, PositiveSet::AllPairs);
                let positives = Arc::new(positives.expect("the shop has pairs"));
                let negatives = Box::new(UniformNegatives::new(Arc::clone(&positives)));
                let config = SamplerConfig {
                    batch_size: BATCH,
                    ..SamplerConfig::default()
                };
                BatchSampler::new(positives, negatives, config).expect("the settings are valid")
            })),
        }
    }

    /// Users and items.
    pub(crate) fn n_nodes(&self) -> usize {
        self.n_users + self.n_items
    }

    /// Entries of the adjacency matrix.
    pub(crate) fn n_entries(&self) -> u64 {
        2 * self.n_pairs as u64
    }

    pub(crate) fn split(&self) -> &Split {
        &self.split
    }

    /// The symmetrically normalized adjacency matrix, `[n_nodes, n_nodes]`.
    pub(crate) fn adjacency(&self) -> &Adjacency {
        &self.adjacency
    }

    /// [`Self::adjacency`] as the loops take it, checked again.
    pub(crate) fn matrix(&self) -> CsrView<'_, u64, u32> {
        let a = self.adjacency();
        CsrView::new(a.row_offsets(), a.columns(), a.values(), a.n_columns())
            .expect("an adjacency matrix is one")
    }

    /// Uniform negatives, one a pair, in batches of [`BATCH`].
    pub(crate) fn sampler(&self) -> &BatchSampler {
        &self.sampler
    }

    /// The first batch of an epoch.
    pub(crate) fn batch(&self) -> TripleBatch {
        self.sampler().epoch(0).batch(0)
    }

    /// The distinct nodes that a batch of BPR reads, ascending.
    pub(crate) fn nodes_of(&self, batch: &TripleBatch) -> Vec<u32> {
        let items = batch.positives.iter().chain(&batch.negatives);
        let items = items.map(|item| self.n_users as u32 + item);
        let mut nodes: Vec<u32> = batch.users.iter().copied().chain(items).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

/// A shop with power-law degrees, its popular nodes anywhere in the numbering: this many training pairs, and
/// a quarter as many other pairs as the test's truth.
fn power_law(users: usize, items: usize, pairs: usize) -> Split {
    let node = |position: u64, count: usize, exponent: f64| {
        (count as f64 * uniform(position).powf(exponent)) as usize * 7919 % count
    };
    let mut drawn = HashSet::new();
    let mut distinct = (0..).filter_map(|draw| {
        let user = UserId(node(2 * draw, users, 1.6) as u32);
        let item = ItemId(node(2 * draw + 1, items, 2.2) as u32);
        drawn.insert((user, item)).then_some((user, item))
    });
    let mut train = InteractionsBuilder::from_names(&["purchase"], &["purchase"])
        .expect("the behaviors are valid");
    for (user, item) in distinct.by_ref().take(pairs) {
        train
            .push(user, item, 1.0, &[1], None)
            .expect("the pair is valid");
    }
    let truth = Truth::from_pairs(users, items, distinct.take(pairs / 4).collect());
    let train = train.build(users, items);
    Split::new(
        train.expect("the rows are in range"),
        Truth::empty(users, items),
        truth.expect("the rows are in range"),
    )
    .expect("the parts are disjoint")
}

fn gowalla(folder: &Path) -> Split {
    let files = PairFiles {
        test: Some(folder.join("test.txt")),
        ..PairFiles::new(folder.join("train.txt"))
    };
    let dataset = files.read().expect("Gowalla's pair files are readable");
    let train = dataset.split.train.interactions();
    let found = [train.n_users(), train.n_items(), train.n_pairs()];
    assert!(
        found == GOWALLA,
        "this is not the Gowalla of the LightGCN paper: {found:?}"
    );
    dataset.split
}
