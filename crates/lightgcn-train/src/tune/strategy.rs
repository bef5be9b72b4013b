//! Search strategies.

use super::{ParameterRange, Point, SearchSpace};
use lightgcn_core::random::{Random, Stream};
use std::collections::BTreeMap;

/// Maximum number of draws to find an untried point.
const MOST_DRAWS: u64 = 256;

/// Chooses the points of a search, one after another.
///
/// A suggestion is a function of the strategy's seed, the trial's number and all observations so
/// far, so a strategy that observes recorded trials continues exactly like the one that made them.
pub trait SearchStrategy {
    /// The strategy and its options as text, for records.
    fn describe(&self) -> String;

    /// The point of trial `number`, from 1.
    fn suggest(&mut self, number: u32) -> Point;

    /// Whether the current trial continues after a validation at `epoch` (from 1); `figure` is its best so far.
    /// Default: true.
    fn goes_on(&mut self, epoch: u32, figure: f64) -> bool {
        let _ = (epoch, figure);
        true
    }

    /// The current trial ended with this best figure (higher is better), or failed.
    fn observe(&mut self, point: &Point, figure: Option<f64>);
}

impl<S: SearchStrategy + ?Sized> SearchStrategy for Box<S> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn suggest(&mut self, number: u32) -> Point {
        (**self).suggest(number)
    }

    fn goes_on(&mut self, epoch: u32, figure: f64) -> bool {
        (**self).goes_on(epoch, figure)
    }

    fn observe(&mut self, point: &Point, figure: Option<f64>) {
        (**self).observe(point, figure);
    }
}

/// Random search: uniform, or log-uniform for logarithmic ranges (Bergstra and Bengio, "Random search for
/// hyper-parameter optimization", JMLR 2012). Points are not repeated while others are left.
///
/// ```
/// use lightgcn_train::{RandomSearch, SearchSpace, SearchStrategy};
///
/// let space = "[space]\n'train.learning_rate' = { low = 1e-4, high = 1e-1, log = true }";
/// let space = SearchSpace::from_toml(space)?;
/// let (mut one, mut other) = (RandomSearch::new(&space, 7), RandomSearch::new(&space, 7));
/// assert_eq!(one.suggest(1), other.suggest(1));
/// assert_ne!(one.suggest(2), other.suggest(3));
/// # Ok::<(), lightgcn_train::TrainError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RandomSearch {
    parameters: BTreeMap<String, ParameterRange>,
    random: Random,
    tried: Vec<Point>,
}

impl RandomSearch {
    /// A random search of `space`.
    #[must_use]
    pub fn new(space: &SearchSpace, seed: u64) -> Self {
        Self {
            parameters: space.parameters().clone(),
            random: Random::new(seed, Stream::Search),
            tried: Vec::new(),
        }
    }

    pub(crate) fn was_tried(&self, point: &Point) -> bool {
        self.tried.contains(point)
    }

    fn draw(&self, number: u32, attempt: u64) -> Point {
        let place = |index: usize| (attempt << 32) | index as u64;
        let values = self.parameters.iter().enumerate();
        values
            .map(|(index, (path, range))| {
                let position = self.random.at(number, place(index)).unit();
                (path.clone(), range.value_at(position))
            })
            .collect()
    }
}

impl SearchStrategy for RandomSearch {
    fn describe(&self) -> String {
        "random".to_owned()
    }

    fn suggest(&mut self, number: u32) -> Point {
        let mut points = (0..MOST_DRAWS).map(|attempt| self.draw(number, attempt));
        let fresh = points.find(|point| !self.was_tried(point));
        fresh.unwrap_or_else(|| self.draw(number, 0))
    }

    fn observe(&mut self, point: &Point, _: Option<f64>) {
        self.tried.push(point.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_seed_and_cover_the_range_evenly() {
        let space = "[space]\n'train.learning_rate' = { low = 1e-4, high = 1.0, log = true }\n\
                     'model.layers' = { low = 1, high = 4, step = 1 }";
        let space = SearchSpace::from_toml(space).unwrap();
        let points = |seed| {
            let mut search = RandomSearch::new(&space, seed);
            (1..=400).map(|n| search.suggest(n)).collect::<Vec<Point>>()
        };
        assert_eq!(points(1), points(1));
        assert_ne!(points(1), points(2));
        let points = points(1);
        assert!(points.iter().all(|point| space.contains(point)));
        // A quarter in each decade and at each count of layers, give or take five deviations.
        let decade = |p: &Point| p["train.learning_rate"].as_f64().unwrap().log10().floor() as i64;
        for n in 0..4 {
            let of_decade = points.iter().filter(|p| decade(p) == -n - 1).count();
            let of_layers = points.iter().filter(|p| p["model.layers"] == n + 1).count();
            assert!(
                (57..=143).contains(&of_decade),
                "{of_decade} in decade -{n}"
            );
            assert!((57..=143).contains(&of_layers), "{of_layers} of {n} layers");
        }
    }

    #[test]
    fn a_small_space_is_tried_once_each() {
        let space = "[space]\n'model.name' = { choices = ['mf', 'ngcf', 'lightgcn'] }\n\
                     'train.negatives' = { low = 1, high = 4, step = 1 }";
        let space = SearchSpace::from_toml(space).unwrap();
        let mut search = RandomSearch::new(&space, 3);
        let mut found: Vec<Point> = Vec::new();
        for n in 1..=12 {
            let point = search.suggest(n);
            assert!(!found.contains(&point), "{point:?} twice");
            search.observe(&point, Some(0.0));
            found.push(point);
        }
        // Nothing is left: a point comes again.
        assert!(found.contains(&search.suggest(13)));
    }
}
