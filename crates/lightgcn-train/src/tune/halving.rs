//! Successive halving, which stops weak trials early.

use super::{Point, SearchStrategy};

/// Stops a trial at a rung (a number of epochs) unless it is among the best that reached it: of n trials at a rung,
/// including this one, the best ⌈n / reduction⌉ continue. Another strategy chooses the points.
///
/// This is the stopping variant of asynchronous successive halving (Li et al., "A system for massively parallel
/// hyperparameter tuning", MLSys 2020): a trial is judged when it reaches a rung, nothing is trained twice, and no
/// checkpoint is needed.
#[derive(Debug, Clone)]
pub struct SuccessiveHalving<S> {
    inner: S,
    rungs: Vec<u32>,
    reduction: u32,
    /// The metrics of all trials at each rung.
    figures: Vec<Vec<f64>>,
    /// The next rung of the current trial.
    next: usize,
}

impl<S: SearchStrategy> SuccessiveHalving<S> {
    /// Judges trials at `rungs`, ascending numbers of epochs: at the first validation at or after each. About one in
    /// `reduction` continues.
    ///
    /// # Panics
    /// If the rungs do not ascend from 1, or the reduction is below 2.
    pub fn new(inner: S, rungs: &[u32], reduction: u32) -> Self {
        assert!(
            rungs.first().is_none_or(|&first| first > 0) && rungs.is_sorted_by(|a, b| a < b),
            "SuccessiveHalving: the rungs {rungs:?} do not ascend from 1"
        );
        assert!(
            reduction >= 2,
            "SuccessiveHalving: the reduction is {reduction}, below 2"
        );
        Self {
            inner,
            figures: vec![Vec::new(); rungs.len()],
            rungs: rungs.to_vec(),
            reduction,
            next: 0,
        }
    }
}

impl<S: SearchStrategy> SearchStrategy for SuccessiveHalving<S> {
    fn describe(&self) -> String {
        format!(
            "{}, halving at epochs {:?} by {}",
            self.inner.describe(),
            self.rungs,
            self.reduction
        )
    }

    fn suggest(&mut self, number: u32) -> Point {
        self.inner.suggest(number)
    }

    fn goes_on(&mut self, epoch: u32, figure: f64) -> bool {
        while self.rungs.get(self.next).is_some_and(|&rung| epoch >= rung) {
            let figures = &mut self.figures[self.next];
            self.next += 1;
            figures.push(figure);
            let better = figures.iter().filter(|&&other| other > figure).count();
            if better >= figures.len().div_ceil(self.reduction as usize) {
                return false;
            }
        }
        self.inner.goes_on(epoch, figure)
    }

    fn observe(&mut self, point: &Point, figure: Option<f64>) {
        self.next = 0;
        self.inner.observe(point, figure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Suggests nothing; every trial goes on.
    struct Nothing;

    impl SearchStrategy for Nothing {
        fn describe(&self) -> String {
            "nothing".to_owned()
        }

        fn suggest(&mut self, _: u32) -> Point {
            Point::new()
        }

        fn observe(&mut self, _: &Point, _: Option<f64>) {}
    }

    /// The last epoch of a trial with these figures at epochs 5, 10, 15, ...
    fn last_epoch(strategy: &mut impl SearchStrategy, figures: &[f64]) -> u32 {
        let mut epoch = 0;
        for &figure in figures {
            epoch += 5;
            if !strategy.goes_on(epoch, figure) {
                break;
            }
        }
        strategy.observe(&Point::new(), Some(0.0));
        epoch
    }

    #[test]
    fn a_third_goes_on_at_each_rung() {
        let mut halving = SuccessiveHalving::new(Nothing, &[5, 12], 3);
        assert_eq!(
            halving.describe(),
            "nothing, halving at epochs [5, 12] by 3"
        );
        // The first of all goes on. 12 is judged at the validation of epoch 15.
        assert_eq!(last_epoch(&mut halving, &[0.5, 0.6, 0.7, 0.8]), 20);
        // Second of two; the best of three, but second at the second rung; the best.
        assert_eq!(last_epoch(&mut halving, &[0.4, 0.9, 0.9, 0.9]), 5);
        assert_eq!(last_epoch(&mut halving, &[0.6, 0.6, 0.6, 0.9]), 15);
        // Two of four go on at the first rung; at the second it is the best of three.
        assert_eq!(last_epoch(&mut halving, &[0.6, 0.7, 0.8, 0.9]), 20);
        // Third of five, of which two go on; an equal figure is not better.
        assert_eq!(last_epoch(&mut halving, &[0.5, 0.9, 0.9, 0.9]), 5);
        assert_eq!(last_epoch(&mut halving, &[0.6, 0.7, 0.8, 0.9]), 20);
    }

    #[test]
    fn a_late_validation_passes_all_rungs_before_it() {
        let mut halving = SuccessiveHalving::new(Nothing, &[1, 2, 3], 2);
        assert!(halving.goes_on(10, 0.5));
        halving.observe(&Point::new(), Some(0.5));
        assert!(!halving.goes_on(1, 0.4));
    }

    #[test]
    #[should_panic(expected = "do not ascend")]
    fn rungs_ascend() {
        drop(SuccessiveHalving::new(Nothing, &[5, 5], 3));
    }
}
