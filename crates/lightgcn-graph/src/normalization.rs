//! How edge weights are scaled by the degrees of their ends.

use crate::GraphError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How the adjacency matrix A is scaled by the diagonal matrix D of the weighted degrees.
///
/// With edge weights w and degrees d (the sum of a node's edge weights), the entry in row r and
/// column c becomes:
///
/// | variant | matrix | entry | rows of non-isolated nodes |
/// |---|---|---|---|
/// | `Symmetric` | D^-1/2 A D^-1/2 | w / √(d_r · d_c) | |
/// | `Left` | D^-1 A | w / d_r | sum to 1 |
/// | `Right` | A D^-1 | w / d_c | |
/// | `None` | A | w | |
///
/// Names in files and on the command line: `symmetric`, `left`, `right`, `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Normalization {
    /// w / √(d_r · d_c): that of LightGCN (He et al., SIGIR 2020, equation 3) and of graph
    /// convolutions (Kipf and Welling, ICLR 2017).
    #[default]
    Symmetric,
    /// w / d_r: every node takes the weighted mean of its neighbours.
    Left,
    /// w / d_c: every node hands out its own value in shares that sum to 1.
    Right,
    /// The weights as they are.
    None,
}

impl Normalization {
    /// All variants, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Symmetric, Self::Left, Self::Right, Self::None];

    /// The name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Symmetric => "symmetric",
            Self::Left => "left",
            Self::Right => "right",
            Self::None => "none",
        }
    }

    /// Whether the scaled matrix of an undirected graph equals its own transpose.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Symmetric | Self::None)
    }

    /// The scaled weight of the entry whose row has degree `row_degree` and whose column has
    /// degree `column_degree`.
    #[must_use]
    pub fn scale(self, weight: f64, row_degree: f64, column_degree: f64) -> f64 {
        match self {
            Self::Symmetric => weight / (row_degree * column_degree).sqrt(),
            Self::Left => weight / row_degree,
            Self::Right => weight / column_degree,
            Self::None => weight,
        }
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Normalization {
    type Err = GraphError;

    fn from_str(name: &str) -> Result<Self, GraphError> {
        Self::ALL
            .into_iter()
            .find(|n| n.name() == name)
            .ok_or_else(|| GraphError::UnknownNormalization {
                given: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for n in Normalization::ALL {
            assert_eq!(n.to_string().parse(), Ok(n));
        }
        assert_eq!(format!("{:>6}", Normalization::Left), "  left");
        let error = "Symmetric".parse::<Normalization>().unwrap_err();
        assert!(error.to_string().contains("symmetric, left, right, none"));
    }

    #[test]
    fn entries_by_hand() {
        let scale = |n: Normalization| n.scale(0.5, 4.0, 0.25);
        assert_eq!(scale(Normalization::Symmetric), 0.5);
        assert_eq!(scale(Normalization::Left), 0.125);
        assert_eq!(scale(Normalization::Right), 2.0);
        assert_eq!(scale(Normalization::None), 0.5);
    }
}
