//! How to scale edge weights by the degrees of their ends.

use crate::GraphError;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// How to scale the adjacency matrix A by the diagonal matrix D of the weighted degrees.
///
/// With edge weights w and degrees d (the sum of a node's edge weights), the entry in row r and
/// column c becomes:
///
/// | variant | name | matrix | entry | rows of non-isolated nodes |
/// |---|---|---|---|---|
/// | `Symmetric` | `symmetric` | D^-1/2 A D^-1/2 | w / √(d_r · d_c) | |
/// | `Left` | `left` | D^-1 A | w / d_r | sum to 1 |
/// | `Right` | `right` | A D^-1 | w / d_c | |
/// | `None` | `none` | A | w | |
/// | `Powers` | `powers:α:β` | D^-α A D^-β | w / (d_r^α · d_c^β) | |
///
/// The names are those in files and on the command line, such as `powers:0.6:-0.1`; they are what
/// is displayed, parsed and serialized.
///
/// ```
/// use lightgcn_graph::Normalization;
///
/// let powers = Normalization::powers(0.5, -0.25)?;
/// assert_eq!(powers.to_string(), "powers:0.5:-0.25");
/// assert_eq!("powers:0.5:-0.25".parse(), Ok(powers));
/// // 3 / (4^0.5 · 16^-0.25)
/// assert_eq!(powers.scale(3.0, 4.0, 16.0), 3.0);
/// # Ok::<(), lightgcn_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Normalization {
    /// w / √(d_r · d_c): that of LightGCN (He et al., SIGIR 2020, equation 3) and of graph
    /// convolutions (Kipf and Welling, ICLR 2017).
    #[default]
    Symmetric,
    /// w / d_r: every node receives the weighted mean of its neighbors.
    Left,
    /// w / d_c: every node distributes its own value in shares that sum to 1.
    Right,
    /// The weights as they are.
    None,
    /// w / (d_r^α · d_c^β): that of LightGCN++ (Lee, Kim and Shin, RecSys 2024), which recommends
    /// α = 0.6 and β = −0.1. Made by [`Normalization::powers`].
    Powers {
        /// α, the exponent of the row's degree: the receiving node's.
        row: Exponent,
        /// β, the exponent of the column's degree: the sending neighbor's.
        column: Exponent,
    },
}

/// An exponent of a degree: −2 to 2 in steps of a millionth, so that equal exponents are
/// bit-identical and are written as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exponent {
    millionths: i32,
}

impl Exponent {
    /// α = 0.6 of the receiving node's degree, as LightGCN++ (Lee, Kim and Shin, RecSys 2024)
    /// recommends.
    pub const PLUS_PLUS_ALPHA: Self = Self {
        millionths: 600_000,
    };
    /// β = −0.1 of the sending neighbor's degree, as LightGCN++ recommends.
    pub const PLUS_PLUS_BETA: Self = Self {
        millionths: -100_000,
    };

    /// The exponent nearest to `value`.
    ///
    /// # Errors
    /// [`GraphError::Exponent`] outside −2 to 2.
    pub fn new(value: f64) -> Result<Self, GraphError> {
        if !(-2.0..=2.0).contains(&value) {
            return Err(GraphError::Exponent {
                given: value.to_string(),
            });
        }
        Ok(Self {
            millionths: (value * 1e6).round() as i32,
        })
    }

    /// The exponent as a number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }
}

impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl FromStr for Exponent {
    type Err = GraphError;

    fn from_str(text: &str) -> Result<Self, GraphError> {
        let given = || GraphError::Exponent {
            given: text.to_owned(),
        };
        Self::new(text.parse().map_err(|_| given())?).map_err(|_| given())
    }
}

impl Serialize for Exponent {
    /// As a number.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for Exponent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Normalization {
    /// The variants without exponents, in the order of their declaration.
    pub const NAMED: [Self; 4] = [Self::Symmetric, Self::Left, Self::Right, Self::None];

    /// w / (d_r^`row` · d_c^`column`), the exponents rounded to millionths.
    ///
    /// # Errors
    /// [`GraphError::Exponent`] if an exponent is outside −2 to 2.
    pub fn powers(row: f64, column: f64) -> Result<Self, GraphError> {
        Ok(Self::Powers {
            row: Exponent::new(row)?,
            column: Exponent::new(column)?,
        })
    }

    /// Whether the scaled matrix of an undirected graph equals its own transpose.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        match self {
            Self::Symmetric | Self::None => true,
            Self::Left | Self::Right => false,
            Self::Powers { row, column } => row.millionths == column.millionths,
        }
    }

    /// The scaled weight of the entry whose row has degree `row_degree` and whose column has
    /// degree `column_degree`, both positive.
    #[must_use]
    pub fn scale(self, weight: f64, row_degree: f64, column_degree: f64) -> f64 {
        match self {
            Self::Symmetric => weight / (row_degree * column_degree).sqrt(),
            Self::Left => weight / row_degree,
            Self::Right => weight / column_degree,
            Self::None => weight,
            // Computed once, since it is bit-identical in both directions.
            Self::Powers { row, column } => {
                weight / (row_degree.powf(row.value()) * column_degree.powf(column.value()))
            }
        }
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symmetric => f.pad("symmetric"),
            Self::Left => f.pad("left"),
            Self::Right => f.pad("right"),
            Self::None => f.pad("none"),
            Self::Powers { row, column } => f.pad(&format!("powers:{row}:{column}")),
        }
    }
}

impl FromStr for Normalization {
    type Err = GraphError;

    fn from_str(name: &str) -> Result<Self, GraphError> {
        let exponents = name.strip_prefix("powers:").and_then(|e| e.split_once(':'));
        if let Some((row, column)) = exponents {
            return Ok(Self::Powers {
                row: row.parse()?,
                column: column.parse()?,
            });
        }
        Self::NAMED
            .into_iter()
            .find(|n| n.to_string() == name)
            .ok_or_else(|| GraphError::UnknownNormalization {
                given: name.to_owned(),
            })
    }
}

impl Serialize for Normalization {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Normalization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::Error as ValueError;

    fn powers(row: f64, column: f64) -> Normalization {
        Normalization::powers(row, column).unwrap()
    }

    fn read(name: &str) -> Result<Normalization, ValueError> {
        Normalization::deserialize(name.into_deserializer())
    }

    /// What serde writes, through its serializer of plain text.
    struct Written(Normalization);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }

    #[test]
    fn names_are_read_and_written() {
        let names = ["symmetric", "left", "right", "none"];
        for (n, name) in Normalization::NAMED.into_iter().zip(names) {
            assert_eq!(n.to_string(), name);
            assert_eq!(name.parse(), Ok(n));
            assert_eq!(Written(n).to_string(), name);
            assert_eq!(read(name), Ok(n));
        }
        assert_eq!(format!("{:>6}", Normalization::Left), "  left");
        let given = "Symmetric".to_owned();
        assert_eq!(
            given.parse::<Normalization>(),
            Err(GraphError::UnknownNormalization { given })
        );
    }

    #[test]
    fn exponents_are_read_and_written() {
        let published = powers(0.6, -0.1);
        assert_eq!(published.to_string(), "powers:0.6:-0.1");
        assert_eq!(Written(published).to_string(), "powers:0.6:-0.1");
        assert_eq!(read("powers:0.6:-0.1"), Ok(published));
        assert_eq!("powers:2:-2".parse(), Ok(powers(2.0, -2.0)));
        assert_eq!(powers(-0.0, 0.0).to_string(), "powers:0:0");
        assert_eq!(powers(0.1 + 0.2, 0.0), powers(0.3, 0.0));
        assert_eq!(format!("{published:>17}"), "  powers:0.6:-0.1");
    }

    #[test]
    fn exponents_are_numbers_in_files() {
        let read =
            |x: f64| Exponent::deserialize(IntoDeserializer::<ValueError>::into_deserializer(x));
        assert_eq!(read(0.6), Ok(Exponent::PLUS_PLUS_ALPHA));
        assert_eq!(read(-0.1), Ok(Exponent::PLUS_PLUS_BETA));
        assert!(read(2.5).is_err());
        assert_eq!(
            powers(0.6, -0.1),
            Normalization::Powers {
                row: Exponent::PLUS_PLUS_ALPHA,
                column: Exponent::PLUS_PLUS_BETA,
            }
        );
    }

    #[test]
    fn bad_exponents_are_errors() {
        for (name, given) in [
            ("powers:2.1:0", "2.1"),
            ("powers:0:-2.000001", "-2.000001"),
            ("powers:NaN:0", "NaN"),
            ("powers:0:inf", "inf"),
            ("powers::0", ""),
            ("powers:1:2:3", "2:3"),
        ] {
            let given = given.to_owned();
            let error = name.parse::<Normalization>().unwrap_err();
            assert_eq!(error, GraphError::Exponent { given }, "{name}");
            assert!(read(name).is_err());
        }
        for name in ["powers", "powers:1", "Powers:1:1", "powers(1,1)", ""] {
            let given = name.to_owned();
            let error = name.parse::<Normalization>().unwrap_err();
            assert_eq!(error, GraphError::UnknownNormalization { given });
        }
        assert!(Normalization::powers(f64::NAN, 0.0).is_err());
        let given = "2.5".to_owned();
        assert_eq!(Exponent::new(2.5), Err(GraphError::Exponent { given }));
        assert!(Normalization::powers(0.0, f64::NEG_INFINITY).is_err());
    }

    #[test]
    fn entries_by_hand() {
        let scale = |n: Normalization| n.scale(0.5, 4.0, 0.25);
        assert_eq!(scale(Normalization::Symmetric), 0.5);
        assert_eq!(scale(Normalization::Left), 0.125);
        assert_eq!(scale(Normalization::Right), 2.0);
        assert_eq!(scale(Normalization::None), 0.5);
        // 4^1.5 = 8 and 0.25^-0.5 = 2.
        assert_eq!(scale(powers(1.5, -0.5)), 0.5 / 16.0);
        assert_eq!(scale(powers(0.0, 0.0)), 0.5);
    }

    #[test]
    fn powers_are_symmetric_where_the_exponents_are_equal() {
        assert!(powers(0.3, 0.3).is_symmetric());
        assert!(powers(0.1 + 0.2, 0.3).is_symmetric());
        assert!(!powers(0.3, 0.300001).is_symmetric());
    }

    proptest! {
        #[test]
        fn exponents_come_back(row in -2.0..=2.0, column in -2.0..=2.0) {
            let n = powers(row, column);
            prop_assert_eq!(n.to_string().parse(), Ok(n));
            prop_assert_eq!(read(&Written(n).to_string()), Ok(n));
            let Normalization::Powers { row: found, .. } = n else {
                return Err(TestCaseError::fail("other than powers"));
            };
            prop_assert!((found.value() - row).abs() <= 0.5e-6 + 1e-12);
        }

        #[test]
        fn powers_hold_the_named_ones(
            weight in 0.01..1.0, row in 0.01..100.0, column in 0.01..100.0,
        ) {
            for (named, powers) in [
                (Normalization::Symmetric, powers(0.5, 0.5)),
                (Normalization::Left, powers(1.0, 0.0)),
                (Normalization::Right, powers(0.0, 1.0)),
                (Normalization::None, powers(0.0, 0.0)),
            ] {
                let (a, b) = (named.scale(weight, row, column), powers.scale(weight, row, column));
                prop_assert!((a - b).abs() <= 1e-12 * a, "{} {} {}", named, a, b);
            }
        }
    }
}
