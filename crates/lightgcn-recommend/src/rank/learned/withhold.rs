//! Past purchases to learn from: training is split again, the way the test was.

use super::history::{Clock, DAY_SECONDS};
use crate::RecommendError;
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{BehaviorWeights, Dataset, Interactions, ItemId, Split, Train, Truth, UserId};
use serde::{Deserialize, Serialize};

/// Where cuts in time fall, as shares of the purchases before them.
const CUTS: [f64; 4] = [0.4, 0.55, 0.7, 0.85];
/// The folds that users are divided among where each user has a purchase withheld.
const N_FOLDS: i64 = 4;

/// Which purchases are withheld from the history that a ranking learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Withhold {
    /// All first purchases after a cut in time, at several cuts: for splits by time.
    Later,
    /// The last purchase of a quarter of the users, and all that they did from then on, in four folds:
    /// for leave-last-out splits. Nothing of the item is left.
    LastPair,
    /// The same, with what the user did with the item before.
    LastPurchase,
    /// One random purchase of each user who has two or more; other behaviors with the item stay.
    OnePurchase,
    /// One random pair of a quarter of the users, in four folds.
    OnePair,
}

/// A split of the training pairs.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) split: Split,
    pub(crate) clock: Clock,
}

impl Fold {
    pub(crate) fn train(&self) -> &Train {
        &self.split.train
    }

    pub(crate) fn truth(&self) -> &Truth {
        self.split.validation.truth()
    }
}

impl Withhold {
    /// The kind that fits how a dataset was split; where its lineage does not say, by what is known of
    /// times and of the validation part.
    #[must_use]
    pub fn of(dataset: &Dataset) -> Self {
        let options = &dataset.lineage.options;
        let pairs = dataset.split.train.interactions();
        let is_timed = !pairs.last_times().is_empty();
        let keeps = options.get("split.keep_earlier_events").map(String::as_str) == Some("true");
        match options.get("split.kind").map(String::as_str) {
            Some("leave-last-out") if is_timed && keeps => Self::LastPurchase,
            Some("leave-last-out") if is_timed => Self::LastPair,
            Some("random") => Self::OnePair,
            _ if is_timed && spans_time(pairs) => Self::Later,
            _ => {
                let truth = dataset.split.validation.truth();
                let marks = truth.users().flat_map(|user| truth.familiar_of(user));
                let n_familiar = marks.filter(|&&familiar| familiar).count();
                let has_familiar = match truth.n_pairs() {
                    0 => pairs.n_targets() < pairs.n_pairs(),
                    n => n_familiar * 20 > n,
                };
                match has_familiar {
                    true => Self::OnePurchase,
                    false => Self::OnePair,
                }
            }
        }
    }

    /// What ages count from at the end of training.
    pub(crate) fn clock(self, pairs: &Interactions) -> Clock {
        match (self, pairs.last_times().iter().max()) {
            (_, None) => Clock::Stopped,
            (Self::LastPair | Self::LastPurchase, _) => Clock::LastEvent,
            (_, Some(&last)) => Clock::At(last.saturating_add(resolution(pairs))),
        }
    }

    /// The folds, each made when it is asked for: a fold holds a copy of the pairs. One may have no target.
    pub(crate) fn folds(
        self,
        pairs: &Interactions,
        behaviors: &BehaviorWeights,
        seed: u64,
    ) -> impl ExactSizeIterator<Item = Result<Fold, RecommendError>> {
        let random = Random::new(seed, Stream::Withholding);
        let clock = self.clock(pairs);
        // Cuts in time, or quarters of the users.
        let parts: Vec<i64> = match self {
            Self::Later => cuts(pairs),
            Self::OnePurchase => vec![0],
            Self::OnePair | Self::LastPair | Self::LastPurchase => (0..N_FOLDS).collect(),
        };
        parts.into_iter().map(move |part| {
            let chosen = |user| of_quarter(&random, user, part);
            match self {
                Self::Later => later(pairs, behaviors, part),
                Self::OnePurchase => {
                    let held = one_each(pairs, &random, |_| true);
                    without(pairs, behaviors, &held, |is_target| is_target, clock)
                }
                Self::OnePair => {
                    let held = one_each(pairs, &random, chosen);
                    without(pairs, behaviors, &held, |_| true, clock)
                }
                Self::LastPair | Self::LastPurchase => {
                    let keeps_earlier = self == Self::LastPurchase;
                    last(pairs, behaviors, keeps_earlier, chosen, &random)
                }
            }
        })
    }
}

fn spans_time(pairs: &Interactions) -> bool {
    let times = pairs.last_times();
    times.iter().min() != times.iter().max()
}

/// A day where all times are whole days, else a second.
pub(crate) fn resolution(pairs: &Interactions) -> i64 {
    let times = pairs.last_times().iter().copied();
    let events = pairs.events().values().iter().map(|event| event.time());
    match times.chain(events).all(|time| time % DAY_SECONDS == 0) {
        true => DAY_SECONDS,
        false => 1,
    }
}

fn of_quarter(random: &Random, user: UserId, quarter: i64) -> bool {
    i64::from(random.at(1, u64::from(user.0)).below(N_FOLDS as u32)) == quarter
}

/// The time of the first purchase of a pair; of its last event where single events are unknown.
fn first_purchase(pairs: &Interactions, pair: usize) -> Option<i64> {
    if !pairs.is_target(pair) {
        return None;
    }
    let events = pairs.events_of(pair).iter();
    let mut bought = events.filter(|event| pairs.target_behaviors()[event.behavior().index()]);
    let first = bought.next().map(|event| event.time());
    first.or_else(|| pairs.last_times().get(pair).copied())
}

fn cuts(pairs: &Interactions) -> Vec<i64> {
    let all = (0..pairs.n_pairs()).filter_map(|pair| first_purchase(pairs, pair));
    let mut times: Vec<i64> = all.collect();
    times.sort_unstable();
    let Some(&first) = times.first() else {
        return Vec::new();
    };
    let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
    let mut cuts: Vec<i64> = CUTS
        .iter()
        .map(|&share| at(share))
        .filter(|&cut| cut > first)
        .collect();
    cuts.dedup();
    // Where half of the purchases share their first time, a later one has to do.
    if cuts.is_empty() {
        cuts.extend(times.iter().copied().find(|&time| time > first));
    }
    cuts
}

/// A truth of these pairs as far as the reduced history knows their users and items.
fn known_truth(
    train: &Interactions,
    held: impl Iterator<Item = (UserId, ItemId)>,
) -> Result<Truth, RecommendError> {
    let mut known = vec![false; train.n_items()];
    train
        .items()
        .iter()
        .for_each(|item| known[item.index()] = true);
    let held = held.filter(|&(user, item)| known[item.index()] && !train.pairs_of(user).is_empty());
    Ok(Truth::from_pairs(
        train.n_users(),
        train.n_items(),
        held.collect(),
    )?)
}

pub(crate) fn fold(
    train: Interactions,
    truth: Truth,
    clock: Clock,
) -> Result<Fold, RecommendError> {
    let nothing = Truth::empty(train.n_users(), train.n_items());
    // It checks that no target is left in the history.
    let split = Split::new(train, truth, nothing)?;
    Ok(Fold { split, clock })
}

/// All first purchases from `cut` on.
fn later(
    pairs: &Interactions,
    behaviors: &BehaviorWeights,
    cut: i64,
) -> Result<Fold, RecommendError> {
    let train = pairs.filtered(behaviors, |_, _, time| time.is_some_and(|time| time < cut))?;
    let held = pairs
        .pairs()
        .filter(|&(_, pair)| first_purchase(pairs, pair).is_some_and(|time| time >= cut));
    let held = held.map(|(user, pair)| (user, pairs.items()[pair]));
    let truth = known_truth(&train, held)?;
    fold(train, truth, Clock::At(cut))
}

/// One random purchase of each chosen user who has at least two: the number of its pair.
fn one_each(pairs: &Interactions, random: &Random, chosen: impl Fn(UserId) -> bool) -> Vec<usize> {
    let users = (0..pairs.n_users() as u32)
        .map(UserId)
        .filter(|&user| chosen(user));
    let one = |user: UserId| {
        let bought: Vec<usize> = pairs
            .pairs_of(user)
            .filter(|&n| pairs.is_target(n))
            .collect();
        let mut draws = random.at(0, u64::from(user.0));
        (bought.len() > 1).then(|| bought[draws.below(bought.len() as u32) as usize])
    };
    users.filter_map(one).collect()
}

/// The pairs without the `held` ones (ascending), of which the behaviors for which `leaves(is_target)`
/// holds leave.
fn without(
    pairs: &Interactions,
    behaviors: &BehaviorWeights,
    held: &[usize],
    leaves: impl Fn(bool) -> bool,
    clock: Clock,
) -> Result<Fold, RecommendError> {
    let is_target = pairs.target_behaviors();
    let train = pairs.filtered(behaviors, |pair, behavior, _| {
        held.binary_search(&pair).is_err() || !leaves(is_target[behavior.index()])
    })?;
    let users = pairs
        .pairs()
        .filter(|(_, pair)| held.binary_search(pair).is_ok());
    let truth = known_truth(
        &train,
        users.map(|(user, pair)| (user, pairs.items()[pair])),
    )?;
    fold(train, truth, clock)
}

/// The last first purchase of each chosen user who has at least two. What the user did from then on
/// leaves, and without `keeps_earlier` all that they did with the item.
fn last(
    pairs: &Interactions,
    behaviors: &BehaviorWeights,
    keeps_earlier: bool,
    chosen: impl Fn(UserId) -> bool,
    random: &Random,
) -> Result<Fold, RecommendError> {
    let mut cut_of = vec![i64::MAX; pairs.n_users()];
    let mut held = vec![usize::MAX; pairs.n_users()];
    for user in (0..pairs.n_users() as u32)
        .map(UserId)
        .filter(|&user| chosen(user))
    {
        let bought = pairs.pairs_of(user);
        let bought = bought.filter_map(|pair| Some((first_purchase(pairs, pair)?, pair)));
        let bought: Vec<(i64, usize)> = bought.collect();
        // Purchases of the same second are in no known order.
        let last = bought
            .iter()
            .max_by_key(|&&(time, pair)| (time, random.at(2, pair as u64).next_u64()));
        if let Some(&(time, pair)) = last.filter(|_| bought.len() > 1) {
            (cut_of[user.index()], held[user.index()]) = (time, pair);
        }
    }
    let user_of: Vec<usize> = pairs.pairs().map(|(user, _)| user.index()).collect();
    let train = pairs.filtered(behaviors, |pair, _, time| {
        let user = user_of[pair];
        let is_before = time.is_none_or(|time| time < cut_of[user]);
        is_before && (keeps_earlier || held[user] != pair)
    })?;
    let found = held
        .iter()
        .enumerate()
        .filter(|(_, pair)| **pair != usize::MAX);
    let found = found.map(|(user, &pair)| (UserId(user as u32), pairs.items()[pair]));
    let truth = known_truth(&train, found)?;
    fold(train, truth, Clock::LastEvent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{BehaviorId, BehaviorWeightsConfig, InteractionsBuilder, PairEvent};

    /// Users with (item, [(behavior, day)]): 0 is a view, 3 a purchase.
    fn shop() -> (Interactions, BehaviorWeights) {
        let config = BehaviorWeightsConfig::shop_log();
        let names: Vec<&str> = config.behaviors.iter().map(|b| b.name.as_str()).collect();
        let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
        let mut push = |user, item, events: &[(u8, i64)]| {
            let event = |&(b, day)| PairEvent::new(BehaviorId(b), day * 86_400);
            let events: Vec<PairEvent> = events.iter().map(event).collect();
            pairs
                .push_events(UserId(user), ItemId(item), 1.0, &events)
                .unwrap();
        };
        for user in 0..8 {
            push(user, 0, &[(0, 0), (3, 1)]);
            push(user, 1, &[(0, 2), (3, 4 + i64::from(user % 3))]);
            push(user, 2, &[(0, 3), (0, 7)]);
        }
        (pairs.build(8, 3).unwrap(), config.check().unwrap())
    }

    fn folds(how: Withhold, pairs: &Interactions, behaviors: &BehaviorWeights) -> Vec<Fold> {
        let folds: Result<_, _> = how.folds(pairs, behaviors, 1).collect();
        folds.unwrap()
    }

    #[test]
    fn later_purchases_leave_with_all_that_came_after_the_cut() {
        let (pairs, behaviors) = shop();
        let folds = folds(Withhold::Later, &pairs, &behaviors);
        assert!(!folds.is_empty());
        for fold in &folds {
            let Clock::At(cut) = fold.clock else { panic!() };
            let train = fold.train().interactions();
            assert!(train.last_times().iter().all(|&time| time < cut));
            assert!(fold.truth().iter().all(|(_, item)| item == ItemId(1)));
        }
        assert_eq!(Withhold::Later.clock(&pairs), Clock::At(8 * 86_400));
    }

    #[test]
    fn last_purchases_leave_with_or_without_the_views_before() {
        let (pairs, behaviors) = shop();
        for (how, n_left) in [(Withhold::LastPair, 0), (Withhold::LastPurchase, 1)] {
            let folds = folds(how, &pairs, &behaviors);
            let held: usize = folds.iter().map(|fold| fold.truth().n_pairs()).sum();
            assert_eq!(held, 8, "{how:?}");
            for fold in &folds {
                let train = fold.train().interactions();
                for (user, item) in fold.truth().iter() {
                    assert_eq!(item, ItemId(1));
                    let left = train.find(user, item);
                    assert_eq!(usize::from(left.is_some()), n_left, "{how:?}");
                    // The view of day 7 came after the purchase.
                    let other = train.find(user, ItemId(2)).unwrap();
                    assert_eq!(train.counts_of(other)[0], 1);
                }
            }
        }
    }

    #[test]
    fn one_purchase_or_one_pair_leaves() {
        let (pairs, behaviors) = shop();
        let fold = &folds(Withhold::OnePurchase, &pairs, &behaviors)[0];
        assert_eq!(fold.truth().n_pairs(), 8);
        assert!(
            fold.truth()
                .users()
                .all(|u| fold.truth().familiar_of(u) == [true])
        );
        let folds = folds(Withhold::OnePair, &pairs, &behaviors);
        assert_eq!(
            folds
                .iter()
                .map(|fold| fold.truth().n_pairs())
                .sum::<usize>(),
            8
        );
        assert!(folds.iter().all(|fold| {
            fold.truth()
                .users()
                .all(|u| fold.truth().familiar_of(u) == [false])
        }));
    }
}
