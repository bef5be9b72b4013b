//! Predicts embeddings of items without events from category, brand and price.

use lightgcn_core::{Catalogue, ItemDetails, ItemId};
use rayon::prelude::*;
use std::collections::HashMap;

/// The number of price buckets, which hold equally many items.
const PRICE_BUCKETS: usize = 10;
/// Candidate ridges, in items: each adds as many items on which the attribute has no effect.
const RIDGES: [f64; 5] = [1.0, 3.0, 10.0, 30.0, 100.0];
/// The maximum number of steps of conjugate gradients, and the relative residual to reach.
const STEPS: usize = 100;
const TOLERANCE: f64 = 1e-10;

/// The attributes of items as indicator columns: a constant, the category's id, each part and each prefix
/// of its code, the brand, and the price bucket.
#[derive(Debug, Clone, Default)]
struct Attributes {
    columns: HashMap<String, u32>,
    /// How rare each column is among the items: ln(1 + items / items with it), and 0 for the constant.
    rarities: Vec<f64>,
    /// The upper ends of all price buckets but the last.
    prices: Vec<f64>,
}

impl Attributes {
    fn new(catalogue: &Catalogue, known: &[u32]) -> Self {
        let price = |&row: &u32| catalogue.prices()[row as usize];
        let mut prices: Vec<f64> = known.iter().filter_map(price).collect();
        prices.sort_by(f64::total_cmp);
        let mut ends: Vec<f64> = (1..PRICE_BUCKETS)
            .filter_map(|n| prices.get(n * prices.len() / PRICE_BUCKETS).copied())
            .collect();
        ends.dedup();
        let mut attributes = Self {
            columns: HashMap::new(),
            rarities: Vec::new(),
            prices: ends,
        };
        let mut counts: Vec<f64> = Vec::new();
        for &row in known {
            for name in attributes.names(&catalogue.get(ItemId(row))) {
                let next = attributes.columns.len() as u32;
                let column = *attributes.columns.entry(name).or_insert(next);
                counts.resize(attributes.columns.len(), 0.0);
                counts[column as usize] += 1.0;
            }
        }
        let rarity = |&count: &f64| (1.0 + known.len() as f64 / count).ln();
        attributes.rarities = counts.iter().map(rarity).collect();
        if let Some(&constant) = attributes.columns.get("") {
            attributes.rarities[constant as usize] = 0.0;
        }
        attributes
    }

    /// The names of an item's attributes, the constant first.
    fn names(&self, details: &ItemDetails) -> Vec<String> {
        let mut names = vec![String::new()];
        if let Some(id) = &details.category_id {
            names.push(format!("category id {id}"));
        }
        if let Some(code) = &details.category_code {
            let mut end = 0;
            for part in code.split('.') {
                end += part.len();
                names.push(format!("category {}", &code[..end]));
                names.push(format!("part {part}"));
                end += 1;
            }
        }
        if let Some(brand) = &details.brand {
            names.push(format!("brand {brand}"));
        }
        if let Some(price) = details.price {
            let bucket = self.prices.partition_point(|&end| end <= price);
            names.push(format!("price {bucket}"));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn columns(&self, details: &ItemDetails) -> Vec<u32> {
        let names = self.names(details);
        let mut columns: Vec<u32> = names
            .iter()
            .filter_map(|name| self.columns.get(name).copied())
            .collect();
        columns.sort_unstable();
        columns
    }
}

/// A ridge map from attributes to embeddings, fitted on the items known to training.
#[derive(Debug, Clone)]
pub(crate) struct ContentMap {
    attributes: Attributes,
    /// `[columns, dimension]`
    effects: Vec<f32>,
    dimension: usize,
}

/// A tenth of the known items, with the predictions of a map fitted on the others.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldOut {
    /// Ascending.
    pub(crate) rows: Vec<u32>,
    /// `[rows, dimension]`
    pub(crate) guesses: Vec<f32>,
}

impl ContentMap {
    /// The map from the attributes of the items `known` to their rows of `table` (`[n_items,
    /// dimension]`), and its predictions for a held-out tenth of them. The ridge is the one of five
    /// with the smallest error on that tenth. `None` if no item has an attribute. O(attributes of
    /// the items · dimension) per step, at most 600 steps.
    pub(crate) fn fit(
        catalogue: &Catalogue,
        known: &[u32],
        table: &[f32],
        dimension: usize,
    ) -> Option<(Self, HeldOut)> {
        let attributes = Attributes::new(catalogue, known);
        if attributes.columns.len() < 2 {
            return None;
        }
        let rows: Vec<Vec<u32>> = known
            .iter()
            .map(|&row| attributes.columns(&catalogue.get(ItemId(row))))
            .collect();
        let target = |n: usize| &table[known[n] as usize * dimension..][..dimension];
        let (held, fitted): (Vec<usize>, Vec<usize>) = (0..known.len()).partition(|n| n % 10 == 9);
        let solve = |items: &[usize], ridge: f64| {
            let problem = Ridge {
                rows: items.iter().map(|&n| &rows[n][..]).collect(),
                n_columns: attributes.columns.len(),
                ridge,
            };
            problem.solve_all(dimension, |n, d| f64::from(target(items[n])[d]))
        };
        let mut best = (f64::INFINITY, RIDGES[RIDGES.len() / 2], Vec::new());
        for ridge in RIDGES.into_iter().filter(|_| !held.is_empty()) {
            let effects = solve(&fitted, ridge);
            let guesses: Vec<f32> = held
                .iter()
                .flat_map(|&n| sum_rows(&effects, dimension, &rows[n]))
                .collect();
            let targets = held.iter().flat_map(|&n| target(n));
            let error = guesses.iter().zip(targets);
            let error = error.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            if error < best.0 {
                best = (error, ridge, guesses);
            }
        }
        let all: Vec<usize> = (0..known.len()).collect();
        let map = Self {
            effects: solve(&all, best.1),
            attributes,
            dimension,
        };
        let held_out = HeldOut {
            rows: held.iter().map(|&n| known[n]).collect(),
            guesses: best.2,
        };
        Some((map, held_out))
    }

    /// The predicted embedding of an item; `None` if none of its attributes is known.
    pub(crate) fn predict(&self, details: &ItemDetails) -> Option<Vec<f32>> {
        let columns = self.attributes.columns(details);
        (columns.len() > 1).then(|| sum_rows(&self.effects, self.dimension, &columns))
    }

    /// The attributes of an item as a unit vector in which rare ones weigh more: ascending columns
    /// with their values. Empty if none is known.
    pub(crate) fn vector(&self, details: &ItemDetails) -> Vec<(u32, f64)> {
        let rarities = &self.attributes.rarities;
        let columns = self.attributes.columns(details).into_iter();
        let mut vector: Vec<(u32, f64)> = columns
            .map(|column| (column, rarities[column as usize]))
            .filter(|(_, rarity)| *rarity > 0.0)
            .collect();
        let length = vector.iter().map(|(_, x)| x * x).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, x)| *x /= length);
        vector
    }
}

/// Whether any item has an attribute.
pub(crate) fn has_attributes(catalogue: &Catalogue) -> bool {
    let labels = [
        catalogue.category_id(),
        catalogue.category_code(),
        catalogue.brand(),
    ];
    labels.iter().any(|column| !column.labels().is_empty())
        || catalogue.prices().iter().any(Option::is_some)
}

fn sum_rows(table: &[f32], dimension: usize, rows: &[u32]) -> Vec<f32> {
    let mut sum = vec![0.0; dimension];
    for &row in rows {
        let row = &table[row as usize * dimension..][..dimension];
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    sum
}

/// min ‖X w − y‖² + λ ‖w‖² with an indicator matrix X.
struct Ridge<'a> {
    rows: Vec<&'a [u32]>,
    n_columns: usize,
    ridge: f64,
}

impl Ridge<'_> {
    /// Xᵀ v.
    fn transposed(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.n_columns];
        for (row, &x) in self.rows.iter().zip(v) {
            row.iter().for_each(|&column| out[column as usize] += x);
        }
        out
    }

    /// (Xᵀ X + λ) w.
    fn normal(&self, w: &[f64]) -> Vec<f64> {
        let sums: Vec<f64> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|&column| w[column as usize]).sum())
            .collect();
        let mut out = self.transposed(&sums);
        out.iter_mut()
            .zip(w)
            .for_each(|(out, w)| *out += self.ridge * w);
        out
    }

    /// One solution per column of the targets, `target(row, column)`: `[n_columns, dimension]`.
    fn solve_all(&self, dimension: usize, target: impl Fn(usize, usize) -> f64 + Sync) -> Vec<f32> {
        let columns: Vec<Vec<f64>> = (0..dimension)
            .into_par_iter()
            .map(|d| {
                let y: Vec<f64> = (0..self.rows.len()).map(|n| target(n, d)).collect();
                self.solve(&y)
            })
            .collect();
        let mut effects = vec![0.0; self.n_columns * dimension];
        for (d, column) in columns.iter().enumerate() {
            for (n, &x) in column.iter().enumerate() {
                effects[n * dimension + d] = x as f32;
            }
        }
        effects
    }

    /// Conjugate gradients (Hestenes and Stiefel 1952) on the normal equations.
    fn solve(&self, y: &[f64]) -> Vec<f64> {
        let mut w = vec![0.0; self.n_columns];
        let mut residual = self.transposed(y);
        let mut direction = residual.clone();
        let square = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
        let first = square(&residual);
        let mut size = first;
        for _ in 0..STEPS {
            if size <= first * TOLERANCE {
                break;
            }
            let image = self.normal(&direction);
            let along: f64 = direction.iter().zip(&image).map(|(a, b)| a * b).sum();
            let step = size / along;
            for n in 0..w.len() {
                w[n] += step * direction[n];
                residual[n] -= step * image[n];
            }
            let next = square(&residual);
            let keep = next / size;
            for (direction, &residual) in direction.iter_mut().zip(&residual) {
                *direction = residual + keep * *direction;
            }
            size = next;
        }
        w
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(category: &str, brand: Option<&str>, price: f64) -> ItemDetails {
        ItemDetails {
            category_id: None,
            category_code: Some(category.to_owned()),
            brand: brand.map(str::to_owned),
            price: Some(price),
            ..ItemDetails::default()
        }
    }

    #[test]
    fn effects_of_attributes_add_up() {
        // The category decides the first number, the brand the second.
        let (categories, brands) = (["a.x", "a.y", "b"], ["p", "q"]);
        let mut details = Vec::new();
        let mut table = Vec::new();
        for n in 0..120 {
            let (c, b) = (n % 3, n / 3 % 2);
            details.push(item(categories[c], Some(brands[b]), n as f64));
            table.extend([c as f32 * 10.0, b as f32 - 0.5]);
        }
        let catalogue = Catalogue::from_details(details);
        let known: Vec<u32> = (0..120).collect();
        let (map, held_out) = ContentMap::fit(&catalogue, &known, &table, 2).unwrap();
        assert_eq!(
            held_out.rows,
            [9, 19, 29, 39, 49, 59, 69, 79, 89, 99, 109, 119]
        );
        // Item 19 is of category a.y and brand p, which the others tell.
        assert!((held_out.guesses[2] - 10.0).abs() < 1.0, "{held_out:?}");
        let guess = map.predict(&item("b", Some("p"), 60.0)).unwrap();
        assert!(
            (guess[0] - 20.0).abs() < 1.0 && (guess[1] + 0.5).abs() < 0.1,
            "{guess:?}"
        );
        // A new subcategory of a known one is better than nothing.
        let near = map.predict(&item("a.z", None, 1e9)).unwrap();
        assert!(near[0] < 9.0, "{near:?}");
        assert!(map.predict(&ItemDetails::default()).is_none());
        let unknown = ItemDetails {
            brand: Some("new".to_owned()),
            ..ItemDetails::default()
        };
        assert!(map.predict(&unknown).is_none());
        assert!(ContentMap::fit(&Catalogue::unknown(120), &known, &table, 2).is_none());
    }
}
