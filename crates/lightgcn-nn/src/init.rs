//! Initial values as functions of (seed, table, row, column).

use std::f64::consts::TAU;
use std::ops::Range;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_graph::NodeCounts;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{ConfigIssue, NnError, no_issues};

/// Where the initial embeddings come from. In files: a standard deviation, or `"xavier"`.
///
/// ```
/// use lightgcn_nn::EmbeddingInitializer;
///
/// let read = |text| serde_json::from_str::<EmbeddingInitializer>(text);
/// assert_eq!(read("0.1")?, EmbeddingInitializer::Normal { std: 0.1 });
/// assert_eq!(read(r#""xavier""#)?, EmbeddingInitializer::XavierUniform);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EmbeddingInitializer {
    /// Normal with mean 0. The authors of LightGCN use a standard deviation of 0.1.
    Normal {
        /// Standard deviation, positive.
        std: f64,
    },
    /// Uniform in `±sqrt(6 / (rows + dim))`, where `rows` counts the nodes of one kind: users and
    /// items are two tables in the papers that use it (Glorot and Bengio, AISTATS 2010).
    XavierUniform,
}

impl EmbeddingInitializer {
    /// The published choice of LightGCN: normal with a standard deviation of 0.1.
    pub const PUBLISHED: Self = Self::Normal { std: 0.1 };

    /// The issue with the standard deviation, if there is one.
    pub(crate) fn issue(&self) -> Option<ConfigIssue> {
        match *self {
            Self::Normal { std } if !(std.is_finite() && std > 0.0) => {
                Some(ConfigIssue::StandardDeviation { value: std })
            }
            _ => None,
        }
    }

    /// A parameter table with a row for each node, `[nodes.total(), dimension]`: a function of only
    /// the seed on every backend. A row of [`Normal`](Self::Normal) does not depend on how many
    /// nodes there are. [A part of the users](NodeCounts::of_users) has the rows of these users.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] if the standard deviation is not positive and finite, there are no users
    /// or no items, or the table is too large.
    pub fn table<B: Backend>(
        &self,
        nodes: &NodeCounts,
        dimension: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<Param<Tensor<B, 2>>, NnError> {
        no_issues("initial embeddings", Vec::from_iter(self.issue()))?;
        check_nodes(nodes, dimension)?;
        let elements = self.elements(nodes, dimension, seed);
        Ok(parameter(elements, [nodes.total(), dimension], device))
    }

    fn elements(&self, nodes: &NodeCounts, dimension: usize, seed: u64) -> Vec<f32> {
        let mut elements = Vec::with_capacity(nodes.total() * dimension);
        let further = nodes.further().iter().map(|(_, count)| *count);
        let others = [nodes.items()].into_iter().chain(further);
        let others = others.map(|count| (0..count, count));
        let users = (nodes.user_range(), nodes.all_users());
        for (kind, (rows, n_rows)) in [users].into_iter().chain(others).enumerate() {
            let stream = Stream::nodes(seed, kind as u64);
            let element = self.element(n_rows, dimension);
            elements.extend(draws(stream, rows, dimension).map(element));
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

/// The name of [`EmbeddingInitializer::XavierUniform`] in files.
const XAVIER: &str = "xavier";

impl Serialize for EmbeddingInitializer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Normal { std } => serializer.serialize_f64(*std),
            Self::XavierUniform => serializer.serialize_str(XAVIER),
        }
    }
}

impl<'de> Deserialize<'de> for EmbeddingInitializer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Older artifacts have null for Xavier.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Std(f64),
            Name(String),
            Null(()),
        }
        let expected = "expected a standard deviation or \"xavier\"";
        match Written::deserialize(deserializer).map_err(|_| de::Error::custom(expected))? {
            Written::Std(std) => Ok(Self::Normal { std }),
            Written::Null(()) => Ok(Self::XavierUniform),
            Written::Name(name) if name == XAVIER => Ok(Self::XavierUniform),
            Written::Name(name) => Err(de::Error::custom(format!("{name:?}: {expected}"))),
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
    let element = EmbeddingInitializer::XavierUniform.element(n_rows, n_columns);
    let elements = draws(stream, 0..n_rows, n_columns).map(element).collect();
    parameter(elements, shape, device)
}

/// A linear map with a bias, drawn by Xavier's uniform rule: the weight is tensor `first` of the stream, the bias the next.
pub(crate) fn xavier_linear<B: Backend>(
    [d_input, d_output]: [usize; 2],
    stream: Stream,
    first: u64,
    device: &B::Device,
) -> Linear<B> {
    let shape = [d_input, d_output];
    let bias = xavier_parameter([1, d_output], [d_output], stream.tensor(first + 1), device);
    Linear {
        weight: xavier_parameter(shape, shape, stream.tensor(first), device),
        bias: Some(bias),
    }
}

/// A parameter from its elements.
pub(crate) fn parameter<B: Backend, const D: usize>(
    elements: Vec<f32>,
    shape: [usize; D],
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    Param::from_data(TensorData::new(elements, shape), device)
}

/// `Ok` if a table of `dimension` columns can hold a row for each node.
pub(crate) fn check_nodes(nodes: &NodeCounts, dimension: usize) -> Result<(), NnError> {
    let mut issues = Vec::new();
    if nodes.all_users() == 0 {
        issues.push(ConfigIssue::NoUsers);
    }
    if nodes.items() == 0 {
        issues.push(ConfigIssue::NoItems);
    }
    let (n_nodes, limit) = (nodes.total(), i32::MAX as usize);
    let bytes = n_nodes
        .checked_mul(dimension)
        .and_then(|n| n.checked_mul(size_of::<f32>()));
    if n_nodes > limit {
        issues.push(ConfigIssue::TooManyNodes { limit });
    } else if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
        issues.push(ConfigIssue::TableTooLarge { n_nodes, dimension });
    }
    no_issues("nodes", issues)
}

/// `Ok` if a table from outside can be the parameter of a model.
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

/// The draws of some rows of a table, row by row.
fn draws(stream: Stream, rows: Range<usize>, n_columns: usize) -> impl Iterator<Item = u64> {
    rows.flat_map(move |row| {
        let row_stream = stream.row(row);
        (0..n_columns).map(move |column| row_stream.draw(column))
    })
}

fn xavier_bound(fan_in: usize, fan_out: usize) -> f64 {
    (6.0 / (fan_in as f64 + fan_out as f64)).sqrt()
}

/// A family of 64-bit draws, one for each position.
///
/// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) is applied to the seed and the
/// purpose, then to the row, then to the column, so each draw is a function of only these, and any
/// of them can be computed without the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(u64);

/// 2^64 divided by the golden ratio: the increment of SplitMix64.
const INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    fn new(seed: u64, purpose: u64) -> Self {
        Self(mix(seed)).step(purpose)
    }

    /// Initial embeddings of a kind of nodes: 0 for users, 1 for items, then other kinds.
    pub(crate) fn nodes(seed: u64, kind: u64) -> Self {
        // 2 and 3 are taken by layers and dropout.
        let purpose = if kind < 2 { kind } else { kind + 2 };
        Self::new(seed, purpose)
    }

    /// Weights of a layer.
    pub(crate) fn layer(seed: u64, layer: u64) -> Self {
        Self::new(seed, 2).step(layer)
    }

    /// The facts that an auxiliary loss is made of.
    pub(crate) fn facts(seed: u64) -> Self {
        Self::new(seed, u64::MAX)
    }

    /// Items drawn as negatives by a model.
    pub(crate) fn negatives(seed: u64) -> Self {
        Self::new(seed, u64::MAX - 2)
    }

    /// The noise that is added to a layer.
    pub(crate) fn noise(seed: u64, layer: u64) -> Self {
        Self::new(seed, u64::MAX - 1).step(layer)
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

    const NORMAL: EmbeddingInitializer = EmbeddingInitializer::PUBLISHED;

    fn counts(n_users: usize, n_items: usize) -> NodeCounts {
        NodeCounts::new(n_users, n_items).unwrap()
    }

    #[test]
    fn normal_has_the_moments_asked_for() {
        let table = NORMAL.elements(&counts(300, 200), 40, 1);
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
        let table = EmbeddingInitializer::XavierUniform.elements(&counts(190, 90), 10, 1);
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
    fn a_row_depends_only_on_seed_and_position() {
        let small = NORMAL.elements(&counts(2, 3), 4, 5);
        let large = NORMAL.elements(&counts(6, 3), 4, 5);
        assert_eq!(small[..8], large[..8]);
        assert_eq!(small[8..], large[24..]);
        let wide = NORMAL.elements(&counts(2, 3), 7, 5);
        assert_eq!(small[4..8], wide[7..11]);
        assert_ne!(small, NORMAL.elements(&counts(2, 3), 4, 6));
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
        for (found, expected) in NORMAL.elements(&counts(1, 1), 2, 42).iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-8,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn a_deviation_or_xavier_in_files() {
        let read = |text: &str| serde_json::from_str::<EmbeddingInitializer>(text);
        let xavier = EmbeddingInitializer::XavierUniform;
        let normal = |std| EmbeddingInitializer::Normal { std };
        for (text, expected) in [
            ("0.25", normal(0.25)),
            ("1", normal(1.0)),
            (r#""xavier""#, xavier),
            ("null", xavier),
        ] {
            assert_eq!(read(text).unwrap(), expected);
            let json = serde_json::to_string(&expected).unwrap();
            assert_eq!(read(&json).unwrap(), expected, "{json}");
        }
        assert!(read(r#""normal""#).is_err() && read("[1]").is_err());
    }

    #[test]
    fn further_kinds_leave_users_and_items_as_they_are() {
        let plain = NORMAL.elements(&counts(2, 3), 4, 5);
        let more = NORMAL.elements(
            &counts(2, 3)
                .with("brand", 2)
                .unwrap()
                .with("shop", 1)
                .unwrap(),
            4,
            5,
        );
        assert_eq!(more.len(), 8 * 4);
        assert_eq!(plain[..], more[..20]);
        assert_ne!(more[20..24], more[28..]);
    }

    #[test]
    fn a_part_of_the_users_has_their_rows() {
        for initializer in [NORMAL, EmbeddingInitializer::XavierUniform] {
            let whole = initializer.elements(&counts(5, 2), 3, 1);
            for users in [0..2, 2..5, 5..5] {
                let part = initializer.elements(&counts(5, 2).of_users(users.clone()), 3, 1);
                let rows = [&whole[3 * users.start..3 * users.end], &whole[3 * 5..]];
                assert_eq!(part, rows.concat());
            }
        }
    }

    #[test]
    fn every_issue_with_the_nodes_is_listed() {
        let issues = |nodes: &NodeCounts, dimension| match check_nodes(nodes, dimension) {
            Ok(()) => Vec::new(),
            Err(NnError::Config { issues, .. }) => issues,
            Err(other) => panic!("{other}"),
        };
        let none = issues(&counts(0, 0), 4);
        assert_eq!(none, [ConfigIssue::NoUsers, ConfigIssue::NoItems]);
        assert_eq!(issues(&counts(3, 4).with("brand", 0).unwrap(), 64), []);
        let limit = i32::MAX as usize;
        for nodes in [counts(limit, 1), counts(1, 1).with("brand", limit).unwrap()] {
            assert_eq!(issues(&nodes, 4), [ConfigIssue::TooManyNodes { limit }]);
        }
        let (n_nodes, dimension) = (3, usize::MAX / 4);
        let large = ConfigIssue::TableTooLarge { n_nodes, dimension };
        assert_eq!(issues(&counts(1, 2), dimension), [large]);
    }

    #[test]
    fn invalid_tables_are_errors() {
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
    fn a_standard_deviation_must_be_positive() {
        assert_eq!(NORMAL.issue(), None);
        for std in [0.0, -1.0, f64::INFINITY] {
            let value = std;
            assert_eq!(
                EmbeddingInitializer::Normal { std }.issue(),
                Some(ConfigIssue::StandardDeviation { value })
            );
        }
        assert!(
            EmbeddingInitializer::Normal { std: f64::NAN }
                .issue()
                .is_some()
        );
    }
}
