//! The leading singular vectors of a sparse matrix.

use crate::LinearError;
use crate::dense::{gram, orthonormal_basis, rows_times, symmetric_eigen, wide};
use crate::matrix::SparseMatrix;
use faer::Mat;
use lightgcn_core::random::{Random, Stream};

/// The maximum factor by which one round may raise the strongest direction above the weakest wanted
/// one: single precision must still distinguish the weak one from rounding.
const MOST_CONTRAST: f64 = 1e5;
/// The maximum number of products with the Gram matrix in a round.
const MOST_PRODUCTS: usize = 12;
/// Rounds after which the search stops, converged or not.
const MOST_ROUNDS: usize = 40;
/// The search stops when no wanted eigenvalue moved by more than this share of the largest.
const TOLERANCE: f64 = 1e-6;
/// Eigenvalues below this share of the largest are rounding errors of 0.
const RANK: f64 = 1e-10;

/// Right singular vectors of a matrix, the largest singular value first.
#[derive(Debug, Clone)]
pub(crate) struct SingularVectors {
    /// Descending and positive: `[rank]`.
    pub(crate) values: Vec<f64>,
    /// Orthonormal columns: `[n_items, rank]`, row by row.
    pub(crate) vectors: Vec<f32>,
}

impl SingularVectors {
    /// The `rank` leading right singular vectors of A = `by_user` (whose transpose is `by_item`),
    /// or fewer if the matrix has a lower rank.
    ///
    /// Subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011) from normal random
    /// numbers of `seed`, with a few extra vectors and one Rayleigh-Ritz step per round. A round
    /// applies a Chebyshev polynomial of AᵀA that damps what is weaker than the weakest vector held
    /// (Zhou and Saad, SIAM J. Matrix Anal. Appl. 2007), scaled to stay finite. Products are in
    /// single precision, everything that keeps vectors orthogonal in double. O(rounds · (products ·
    /// pairs · rank + (users + items) · rank²)) time, O((users + items) · rank) memory.
    pub(crate) fn leading(
        by_user: &SparseMatrix,
        by_item: &SparseMatrix,
        rank: usize,
        seed: u64,
    ) -> Result<Self, LinearError> {
        let n_items = by_user.n_columns();
        let dim = (rank + rank / 8 + 16).min(n_items);
        let rank = rank.min(dim);
        let mut search = Search {
            by_user,
            by_item,
            dim,
            block: random_block(n_items, dim, seed),
            values: Vec::new(),
        };
        for _ in 0..MOST_ROUNDS {
            let before = std::mem::take(&mut search.values);
            search.filter(&before);
            search.rotate()?;
            let largest = search.values[0];
            let moved = |(new, old): (&f64, &f64)| (new - old).abs() > TOLERANCE * largest;
            let held = search.values.iter().zip(&before).take(rank);
            if !before.is_empty() && !held.into_iter().any(moved) {
                break;
            }
        }
        Ok(search.finish(rank))
    }
}

fn random_block(n_items: usize, dim: usize, seed: u64) -> Vec<f32> {
    let random = Random::new(seed, Stream::Initialization);
    let mut block = Vec::with_capacity(n_items * dim);
    for item in 0..n_items as u64 {
        let mut draws = random.at(0, item);
        block.extend((0..dim).map(|_| draws.normal() as f32));
    }
    block
}

struct Search<'a> {
    by_user: &'a SparseMatrix,
    by_item: &'a SparseMatrix,
    dim: usize,
    /// `[n_items, dim]`, row by row.
    block: Vec<f32>,
    /// The Ritz values, descending: `[dim]`, or empty before the first round.
    values: Vec<f64>,
}

impl Search<'_> {
    /// `out` = AᵀA · `x`.
    fn gram_times(&self, x: &[f32], between: &mut [f32], out: &mut [f32]) {
        self.by_user.times(x, self.dim, between);
        self.by_item.times(between, self.dim, out);
    }

    /// Raises the strong directions of the block above the weak ones, by the Ritz values so far.
    fn filter(&mut self, values: &[f64]) {
        let mut between = vec![0.0; self.by_user.n_rows() * self.dim];
        let mut product = vec![0.0; self.block.len()];
        let (largest, cut) = match values {
            [first, .., last] => (*first, *last),
            _ => (0.0, 0.0),
        };
        // Without a spectrum, or if it is fully covered, a plain power step is enough.
        if cut <= RANK * largest {
            self.gram_times(&self.block, &mut between, &mut product);
            self.block = product;
            return;
        }
        // The interval [0, cut] is mapped to [-1, 1], where the polynomial stays small.
        let center = cut / 2.0;
        let reach = (2.0 * largest / cut - 1.0).max(1.0 + 1e-9);
        let products = (MOST_CONTRAST.acosh() / reach.acosh()) as usize;
        let mut sigma = center / (largest - center);
        let tau = 2.0 / sigma;
        let mut before = std::mem::take(&mut self.block);
        self.gram_times(&before, &mut between, &mut product);
        let scale = sigma / center;
        let mut now = combine(&[(scale, &product), (-center * scale, &before)]);
        for _ in 1..products.clamp(1, MOST_PRODUCTS) {
            let next = 1.0 / (tau - sigma);
            self.gram_times(&now, &mut between, &mut product);
            let scale = 2.0 * next / center;
            let new = combine(&[
                (scale, &product),
                (-center * scale, &now),
                (-sigma * next, &before),
            ]);
            before = std::mem::replace(&mut now, new);
            sigma = next;
        }
        self.block = now;
    }

    /// Makes the block orthonormal and turns it to the best approximations of singular vectors.
    fn rotate(&mut self) -> Result<(), LinearError> {
        let basis = orthonormal_basis(wide(&self.block, self.dim));
        self.dim = basis.ncols();
        let narrow = rows_times(basis.as_ref(), Mat::identity(self.dim, self.dim).as_ref());
        let mut images = vec![0.0; self.by_user.n_rows() * self.dim];
        self.by_user.times(&narrow, self.dim, &mut images);
        let (values, turn) = symmetric_eigen(&gram(&images, self.dim))?;
        self.block = rows_times(basis.as_ref(), turn.as_ref());
        self.values = values;
        Ok(())
    }

    fn finish(self, rank: usize) -> SingularVectors {
        let least = RANK * self.values[0];
        let values = self.values.iter().take(rank);
        let values: Vec<f64> = values
            .take_while(|v| **v > least)
            .map(|v| v.sqrt())
            .collect();
        let rows = self.block.chunks_exact(self.dim);
        let vectors = rows.flat_map(|row| row[..values.len()].iter().copied());
        SingularVectors {
            vectors: vectors.collect(),
            values,
        }
    }
}

/// The sum of vectors of the same length, each with its factor, in this order.
fn combine(terms: &[(f64, &[f32])]) -> Vec<f32> {
    let Some((&(factor, first), others)) = terms.split_first() else {
        return Vec::new();
    };
    let mut sums: Vec<f32> = first.iter().map(|x| factor as f32 * x).collect();
    for &(factor, vector) in others {
        for (sum, x) in sums.iter_mut().zip(vector) {
            *sum += factor as f32 * x;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{larger_table, tables, train};
    use crate::{Histories, PairWeights};
    use proptest::prelude::*;

    fn search(table: &[Vec<f32>], rank: usize, seed: u64) -> SingularVectors {
        let histories = Histories::new(&train(table), PairWeights::Weighted);
        let by_user = SparseMatrix::from_training(&histories).unwrap();
        SingularVectors::leading(&by_user, &by_user.transposed(), rank, seed).unwrap()
    }

    fn dense(table: &[Vec<f32>]) -> Mat<f64> {
        Mat::from_fn(table.len(), table[0].len(), |u, i| f64::from(table[u][i]))
    }

    #[test]
    fn by_hand() {
        // Two blocks that do not meet: singular values 2 (all four cells 1) and 3 (one cell).
        let found = search(
            &[vec![1., 1., 0.], vec![1., 1., 0.], vec![0., 0., 3.]],
            5,
            0,
        );
        assert_eq!(found.values.len(), 2, "{:?}", found.values);
        assert!((found.values[0] - 3.0).abs() < 1e-6 && (found.values[1] - 2.0).abs() < 1e-6);
        let second = |item: usize| found.vectors[item * 2 + 1].abs();
        assert!((second(0) - 0.5f32.sqrt()).abs() < 1e-6);
        assert!((second(1) - 0.5f32.sqrt()).abs() < 1e-6);
        assert!(second(2) < 1e-6);
    }

    #[test]
    fn a_slowly_falling_spectrum_is_resolved() {
        // 40 of 150 vectors, so that the filter has much to damp.
        let table = larger_table(160, 150);
        let svd = dense(&table).svd().unwrap();
        let found = search(&table, 40, 3);
        assert_eq!(found.values.len(), 40);
        for (n, value) in found.values.iter().enumerate() {
            let exact = svd.S()[n];
            assert!(
                (value - exact).abs() < 1e-4 * svd.S()[0],
                "{n}: {value} for {exact}"
            );
        }
        // The leading half spans what the exact vectors span.
        for n in 0..20 {
            let length: f64 = (0..20)
                .map(|m| {
                    let product = |i: usize| svd.V()[(i, n)] * f64::from(found.vectors[i * 40 + m]);
                    (0..150).map(product).sum::<f64>().powi(2)
                })
                .sum();
            assert!(length > 0.99, "{n}: {length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn small_matrices_equal_the_dense_decomposition(
            table in tables(1..9, 1..9), rank in 1usize..10, seed in 0u64..9,
        ) {
            let found = search(&table, rank, seed);
            let svd = dense(&table).svd().unwrap();
            let (n_items, kept) = (table[0].len(), found.values.len());
            let size = n_items.min(table.len());
            let largest = svd.S()[0];
            let exact: Vec<f64> = (0..size).map(|n| svd.S()[n]).collect();
            let full = exact.iter().filter(|v| **v > 1e-4 * largest).count();
            prop_assert!(kept >= full.min(rank) && kept <= rank);
            for (value, exact) in found.values.iter().zip(&exact) {
                prop_assert!((value - exact).abs() < 1e-4 * largest);
            }
            let column = |c: usize| (0..n_items).map(move |i| i * kept + c);
            for a in 0..kept {
                for b in 0..kept {
                    let dot: f32 = column(a).zip(column(b))
                        .map(|(x, y)| found.vectors[x] * found.vectors[y]).sum();
                    prop_assert!((dot - f32::from(u8::from(a == b))).abs() < 1e-5);
                }
            }
            // Where a gap sets the kept vectors apart, the projections are equal.
            let gap = exact[kept - 1] - exact.get(kept).copied().unwrap_or(0.0);
            if gap > 0.05 * largest {
                for i in 0..n_items {
                    for j in 0..n_items {
                        let exact: f64 = (0..kept).map(|n| svd.V()[(i, n)] * svd.V()[(j, n)]).sum();
                        let ours: f32 = (0..kept)
                            .map(|n| found.vectors[i * kept + n] * found.vectors[j * kept + n])
                            .sum();
                        prop_assert!((f64::from(ours) - exact).abs() < 1e-4, "{ours} for {exact}");
                    }
                }
            }
        }
    }
}
