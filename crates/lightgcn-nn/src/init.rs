//! Initial values as functions of (seed, table, row, column).

use std::f64::consts::TAU;

use burn::config::Config;
use burn::module::Param;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::error::{Fault, NnError};

/// Where the initial embeddings come from.
#[derive(Config, Debug, PartialEq)]
pub enum EmbeddingInitializer {
    /// Normal with mean 0. The authors of LightGCN use a standard deviation of 0.1, which is the
    /// default of the models here.
    Normal {
        /// Standard deviation, positive.
        std: f64,
    },
    /// Uniform in `±sqrt(6 / (rows + dim))`, where `rows` is `n_users` for users and `n_items` for
    /// items, which are two tables in the papers that use it (Glorot and Bengio, AISTATS 2010).
    XavierUniform,
}

impl EmbeddingInitializer {
    pub(crate) fn faults(&self) -> Option<Fault> {
        match *self {
            Self::Normal { std } if !(std.is_finite() && std > 0.0) => {
                Some(Fault::StandardDeviation { value: std })
            }
            _ => None,
        }
    }

    /// The elements of a table `[n_users + n_items, dimension]`, users first.
    pub(crate) fn table(
        &self,
        n_users: usize,
        n_items: usize,
        dimension: usize,
        seed: u64,
    ) -> Vec<f32> {
        let mut elements = Vec::with_capacity((n_users + n_items) * dimension);
        for (n_rows, stream) in [
            (n_users, Stream::users(seed)),
            (n_items, Stream::items(seed)),
        ] {
            let element = self.element(n_rows, dimension);
            for row in 0..n_rows {
                let row_stream = stream.row(row);
                elements.extend((0..dimension).map(|column| element(row_stream.draw(column))));
            }
        }
        elements
    }

    fn element(&self, n_rows: usize, dimension: usize) -> Box<dyn Fn(u64) -> f32> {
        match *self {
            Self::Normal { std } => Box::new(move |draw| (std * normal(draw)) as f32),
            Self::XavierUniform => {
                let bound = xavier_bound(n_rows, dimension);
                Box::new(move |draw| (bound * (2.0 * uniform(draw) - 1.0)) as f32)
            }
        }
    }
}

/// A parameter `[rows, columns]` drawn by Xavier's uniform rule.
pub(crate) fn xavier_parameter<B: Backend, const D: usize>(
    [n_rows, n_columns]: [usize; 2],
    shape: [usize; D],
    stream: Stream,
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    let bound = xavier_bound(n_rows, n_columns);
    let elements = (0..n_rows)
        .flat_map(|row| {
            let row_stream = stream.row(row);
            (0..n_columns)
                .map(move |column| (bound * (2.0 * uniform(row_stream.draw(column)) - 1.0)) as f32)
        })
        .collect();
    parameter(elements, shape, device)
}

/// A parameter from its elements.
pub(crate) fn parameter<B: Backend, const D: usize>(
    elements: Vec<f32>,
    shape: [usize; D],
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    Param::from_data(TensorData::new(elements, shape), device)
}

/// `Ok` if a table given by the caller can be the parameter of a model.
pub(crate) fn check_table(table: &[f32], n_nodes: usize, dimension: usize) -> Result<(), NnError> {
    if table.len() != n_nodes * dimension {
        return Err(NnError::TableLength {
            n_nodes,
            dimension,
            found: table.len(),
        });
    }
    match table.iter().position(|element| !element.is_finite()) {
        None => Ok(()),
        Some(position) => Err(NnError::TableNotFinite {
            row: position / dimension,
            column: position % dimension,
            value: table[position],
        }),
    }
}

fn xavier_bound(fan_in: usize, fan_out: usize) -> f64 {
    (6.0 / (fan_in as f64 + fan_out as f64)).sqrt()
}

/// A family of 64-bit draws, one for each place.
///
/// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) is applied to the seed and the
/// purpose, then to the row, then to the column, so that each draw is a function of these alone
/// and any of them can be had without the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(u64);

/// 2^64 divided by the golden ratio: the increment of SplitMix64.
const INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    fn new(seed: u64, purpose: u64) -> Self {
        Self(mix(seed)).step(purpose)
    }

    /// Initial embeddings of users.
    pub(crate) fn users(seed: u64) -> Self {
        Self::new(seed, 0)
    }

    /// Initial embeddings of items.
    pub(crate) fn items(seed: u64) -> Self {
        Self::new(seed, 1)
    }

    /// Weights of a layer.
    pub(crate) fn layer(seed: u64, layer: u64) -> Self {
        Self::new(seed, 2).step(layer)
    }

    /// Message dropout of a layer.
    pub(crate) fn dropout(seed: u64, layer: u64) -> Self {
        Self::new(seed, 3).step(layer)
    }

    /// The part of the family that belongs to a row, a tensor or a layer.
    fn step(self, index: u64) -> Self {
        Self(mix(self
            .0
            .wrapping_add(INCREMENT.wrapping_mul(index.wrapping_add(1)))))
    }

    /// The draws of one row.
    pub(crate) fn row(self, row: usize) -> Self {
        self.step(row as u64)
    }

    /// The draws of one of several tensors.
    pub(crate) fn tensor(self, index: u64) -> Self {
        self.step(index)
    }

    /// The draw of one column.
    pub(crate) fn draw(self, column: usize) -> u64 {
        self.step(column as u64).0
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A draw as a number in [0, 1).
pub(crate) fn uniform(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

/// A draw as a standard normal number (Box and Muller 1958); its halves are the two uniforms.
fn normal(draw: u64) -> f64 {
    let scale = 2.0_f64.powi(-32);
    // In (0, 1], so that the logarithm is finite.
    let radius = ((draw >> 32) as f64 + 1.0) * scale;
    let angle = (draw & 0xFFFF_FFFF) as f64 * scale;
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: EmbeddingInitializer = EmbeddingInitializer::Normal { std: 0.1 };

    #[test]
    fn normal_has_the_asked_moments() {
        let table = NORMAL.table(300, 200, 40, 1);
        let n = table.len() as f64;
        let moment = |power: i32| {
            table
                .iter()
                .map(|e| f64::from(*e / 0.1).powi(power))
                .sum::<f64>()
                / n
        };
        // 20,000 draws: standard errors 0.007, 0.01, 0.027 and 0.07.
        assert!(moment(1).abs() < 0.035, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.05, "{}", moment(2));
        assert!(moment(3).abs() < 0.14, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.35, "{}", moment(4));
    }

    #[test]
    fn xavier_fills_its_range_evenly() {
        let table = EmbeddingInitializer::XavierUniform.table(190, 90, 10, 1);
        for (rows, bound) in [
            (&table[..1900], (6.0_f32 / 200.0).sqrt()),
            (&table[1900..], 0.06_f32.sqrt()),
        ] {
            assert!(rows.iter().all(|e| e.abs() <= bound));
            let upper = rows.iter().filter(|e| **e > bound / 2.0).count() as f32;
            // A quarter of at least 900 draws: the standard deviation is below 0.0145.
            assert!((upper / rows.len() as f32 - 0.25).abs() < 0.075);
        }
    }

    #[test]
    fn a_row_depends_on_nothing_but_seed_and_place() {
        let small = NORMAL.table(2, 3, 4, 5);
        let large = NORMAL.table(6, 3, 4, 5);
        assert_eq!(small[..8], large[..8]);
        assert_eq!(small[8..], large[24..]);
        let wide = NORMAL.table(2, 3, 7, 5);
        assert_eq!(small[4..8], wide[7..11]);
        assert_ne!(small, NORMAL.table(2, 3, 4, 6));
        assert_ne!(small[..8], small[8..16]);
    }

    #[test]
    fn draws_stay_as_they_are() {
        // Models are repeated by their seed, so that these values must never change.
        // The integers are the same on every machine; logarithm and cosine may differ in the last bit.
        assert_eq!(
            Stream::layer(42, 1).tensor(2).row(3).draw(4),
            0x1A6E_989F_BCA3_CC22
        );
        assert_eq!(Stream::dropout(42, 1).row(3).draw(4), 0x790F_DB3C_5552_7CB5);
        let expected: [f64; 4] = [-0.110530738, -0.050516933, -0.018667691, -0.223547503];
        for (found, expected) in NORMAL.table(1, 1, 2, 42).iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-8,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn faulty_tables_are_refused() {
        assert_eq!(check_table(&[0.0; 6], 3, 2), Ok(()));
        let found = 5;
        let (n_nodes, dimension) = (3, 2);
        assert_eq!(
            check_table(&[0.0; 5], 3, 2),
            Err(NnError::TableLength {
                n_nodes,
                dimension,
                found
            })
        );
        let value = f32::INFINITY;
        assert_eq!(
            check_table(&[0.0, 0.0, 0.0, value, 0.0, f32::NAN], 3, 2),
            Err(NnError::TableNotFinite {
                row: 1,
                column: 1,
                value
            })
        );
    }

    #[test]
    fn a_spread_that_is_not_positive_is_a_fault() {
        assert_eq!(NORMAL.faults(), None);
        for std in [0.0, -1.0, f64::INFINITY] {
            let value = std;
            assert_eq!(
                EmbeddingInitializer::Normal { std }.faults(),
                Some(Fault::StandardDeviation { value })
            );
        }
        assert!(
            EmbeddingInitializer::Normal { std: f64::NAN }
                .faults()
                .is_some()
        );
    }
}
