//! The tree-structured Parzen estimator.

use super::{ParameterRange, Point, RandomSearch, SearchSpace, SearchStrategy};
use lightgcn_core::random::{Draws, Random, Stream};
use std::collections::BTreeMap;
use tpe::density_estimation::{BuildDensityEstimator, DefaultEstimator, DensityEstimator};

/// Number of cells of the unit interval from which a density is sampled.
const CELLS: usize = 512;

/// Number of points drawn from the density of good trials, of which the best is tried.
const CANDIDATES: usize = 24;

/// Maximum number of draws to find a point that was not tried yet, before falling back to random search.
const MOST_DRAWS: u64 = 32;

/// The tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter
/// optimization", NIPS 2011, section 4).
///
/// After some random trials, each parameter has two densities: l of its values in good trials, and g of its values in
/// all others, including failed ones. Of 24 draws from l, the one with the greatest l / g is tried. Parameters are
/// treated as independent.
///
/// The densities are those of the crate `tpe`: truncated normal kernels with a prior for numbers, a smoothed histogram
/// for choices. Draws are counter-based, so that a suggestion is a function of the seed, the trial's number and the
/// observations. O(parameters · observations) per suggestion.
#[derive(Debug, Clone)]
pub struct TpeSearch {
    parameters: BTreeMap<String, ParameterRange>,
    random: Random,
    /// For the first trials, and if no new point is found.
    startup: RandomSearch,
    /// Points and metrics, in order; `None` for failed trials.
    observations: Vec<(Point, Option<f64>)>,
}

impl TpeSearch {
    /// Number of random trials before the first guided one.
    pub const STARTUP: usize = 10;

    /// A search of `space`.
    #[must_use]
    pub fn new(space: &SearchSpace, seed: u64) -> Self {
        Self {
            parameters: space.parameters().clone(),
            random: Random::new(seed, Stream::Search),
            startup: RandomSearch::new(space, seed),
            observations: Vec::new(),
        }
    }

    /// Observed points, best first, ties in order, failed ones last.
    fn ranked(&self) -> Vec<&Point> {
        let mut ranked: Vec<&(Point, Option<f64>)> = self.observations.iter().collect();
        let figure = |o: &(Point, Option<f64>)| o.1.unwrap_or(f64::NEG_INFINITY);
        ranked.sort_by(|a, b| figure(b).total_cmp(&figure(a)));
        ranked.into_iter().map(|(point, _)| point).collect()
    }
}

impl SearchStrategy for TpeSearch {
    fn describe(&self) -> String {
        "tpe".to_owned()
    }

    fn suggest(&mut self, number: u32) -> Point {
        let n_good = self.observations.iter().filter(|o| o.1.is_some()).count();
        if n_good < Self::STARTUP {
            return self.startup.suggest(number);
        }
        let ranked = self.ranked();
        let (good, others) = ranked.split_at(n_superior(n_good));
        let densities: Vec<(&String, Densities<'_>)> = self
            .parameters
            .iter()
            .map(|(path, range)| (path, Densities::new(path, range, good, others)))
            .collect();
        let draw = |attempt: u64| -> Point {
            let values = densities.iter().enumerate();
            values
                .map(|(index, (path, densities))| {
                    let mut draws = self.random.at(number, (attempt << 32) | index as u64);
                    ((*path).clone(), densities.suggest(&mut draws))
                })
                .collect()
        };
        let fresh = (0..MOST_DRAWS)
            .map(draw)
            .find(|point| !self.startup.was_tried(point));
        fresh.unwrap_or_else(|| self.startup.suggest(number))
    }

    fn observe(&mut self, point: &Point, figure: Option<f64>) {
        self.startup.observe(point, figure);
        self.observations.push((point.clone(), figure));
    }
}

/// The number of good trials among `n`.
fn n_superior(n: usize) -> usize {
    (n as f64 * 0.15).ceil() as usize
}

/// The two densities of a parameter, on cells of the unit interval.
struct Densities<'a> {
    range: &'a ParameterRange,
    /// Whether a cell is a single value.
    discrete: bool,
    /// ln l - ln g at the middle of each cell.
    gain: Vec<f64>,
    /// The sum of l up to and including each cell.
    cumulative: Vec<f64>,
}

impl<'a> Densities<'a> {
    fn new(path: &str, range: &'a ParameterRange, good: &[&Point], others: &[&Point]) -> Self {
        let few = range.n_values().filter(|&n| n <= CELLS as u64);
        // Whole numbers on a logarithmic scale have cells of unequal widths.
        let discrete = few.is_some() && !matches!(range, ParameterRange::Integer { log: true, .. });
        let choice = matches!(range, ParameterRange::Choice { .. });
        let cells = match few {
            Some(n) if discrete => n as usize,
            _ => CELLS,
        };
        // The histogram counts in cells, the kernels in the unit interval.
        let scale = if choice { cells as f64 } else { 1.0 };
        let estimate = |points: &[&Point]| {
            let positions = points
                .iter()
                .filter_map(|point| range.position_of(&point[path]));
            estimator(choice, scale, positions.map(|position| position * scale))
        };
        let (l, g) = (estimate(good), estimate(others));
        let middle = |cell: usize| (cell as f64 + 0.5) / cells as f64 * scale;
        let mut total = 0.0;
        let (mut gain, mut cumulative) = (Vec::new(), Vec::new());
        for x in (0..cells).map(middle) {
            let log_l = l.log_pdf(x);
            gain.push(log_l - g.log_pdf(x));
            total += log_l.exp();
            cumulative.push(total);
        }
        Self {
            range,
            discrete,
            gain,
            cumulative,
        }
    }

    /// Of some draws from l, the first with the greatest l / g.
    fn suggest(&self, draws: &mut Draws) -> serde_json::Value {
        let cells = self.gain.len();
        let total = self.cumulative[cells - 1];
        let mut best = (f64::NEG_INFINITY, 0.5);
        for _ in 0..CANDIDATES {
            let share = draws.unit() * total;
            let cell = self.cumulative.partition_point(|&sum| sum <= share);
            let cell = cell.min(cells - 1);
            let within = draws.unit();
            let within = if self.discrete { 0.5 } else { within };
            if self.gain[cell] > best.0 {
                best = (self.gain[cell], (cell as f64 + within) / cells as f64);
            }
        }
        self.range.value_at(best.1)
    }
}

fn estimator(
    choice: bool,
    end: f64,
    positions: impl Iterator<Item = f64> + Clone,
) -> DefaultEstimator {
    let builder = if choice {
        tpe::histogram_estimator()
    } else {
        tpe::parzen_estimator()
    };
    // The end is at least 1, so that the range is neither empty nor infinite.
    let range =
        tpe::range(0.0, end).unwrap_or_else(|error| panic!("the range 0 to {end}: {error}"));
    match builder.build_density_estimator(positions, range) {
        Ok(estimator) => estimator,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests;
