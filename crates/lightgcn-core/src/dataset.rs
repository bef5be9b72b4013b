//! Everything that training needs.

use crate::{
    BehaviorId, BehaviorWeights, Catalogue, CoreError, Interactions, ItemId, Knowledge, Lineage,
    Split, Truth, UserId, Vocabulary,
};
use std::ops::Range;

/// A split log with its vocabularies, its catalogue and its lineage.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The three parts, without leakage.
    pub split: Split,
    /// The users of the training part.
    pub users: Vocabulary<UserId>,
    /// The items of the training part.
    pub items: Vocabulary<ItemId>,
    /// The items' metadata.
    pub catalogue: Catalogue,
    /// Facts about the items; empty unless set with [`Dataset::with_knowledge`].
    pub knowledge: Knowledge,
    /// The behaviors of the log and their weights.
    pub behaviors: BehaviorWeights,
    /// The inputs, the options, and what each stage kept and dropped.
    pub lineage: Lineage,
}

impl Dataset {
    /// Combines the parts and checks that their numbers of users and items agree. The vocabularies normalize ids as the
    /// lineage says.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the vocabularies, the catalogue or the behaviors do not match the
    /// split.
    pub fn new(
        split: Split,
        users: Vocabulary<UserId>,
        items: Vocabulary<ItemId>,
        catalogue: Catalogue,
        behaviors: BehaviorWeights,
        lineage: Lineage,
    ) -> Result<Self, CoreError> {
        let train = split.train.interactions();
        for (what, have, want) in [
            ("user vocabulary", users.len(), train.n_users()),
            ("item vocabulary", items.len(), train.n_items()),
            ("catalogue", catalogue.n_items(), train.n_items()),
        ] {
            if have != want {
                return Err(CoreError::Damaged {
                    what,
                    detail: format!("it has {have} rows, but the training part has {want}"),
                });
            }
        }
        let table = behaviors.behaviors().iter();
        let fits = train.behaviors().len() == table.len()
            && table
                .zip(train.behaviors().iter().zip(train.target_behaviors()))
                .all(|(b, (name, &target))| b.name == *name && b.target == target);
        if !fits {
            return Err(CoreError::Damaged {
                what: "table of behaviors",
                detail: format!("the training part counts {:?}", train.behaviors()),
            });
        }
        let normalization = lineage.id_normalization();
        Ok(Self {
            split,
            users: users.with_normalization(normalization),
            items: items.with_normalization(normalization),
            catalogue,
            knowledge: Knowledge::default(),
            behaviors,
            lineage,
        })
    }

    /// The same dataset with facts about its items.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if they are about another number of items.
    pub fn with_knowledge(self, knowledge: Knowledge) -> Result<Self, CoreError> {
        knowledge.check(self.items.len())?;
        Ok(Self { knowledge, ..self })
    }

    /// The same dataset with training pairs weighted by another table of the same behaviors, from
    /// their single events if these are known. O(events).
    ///
    /// # Errors
    /// [`CoreError::BehaviorCounts`] or [`CoreError::Damaged`] if the table has other behaviors.
    pub fn reweighted(&self, behaviors: BehaviorWeights) -> Result<Self, CoreError> {
        let Split {
            train,
            validation,
            test,
        } = &self.split;
        let pairs = train.interactions().filtered(&behaviors, |_, _, _| true)?;
        let split = Split::new(pairs, validation.truth().clone(), test.truth().clone())?;
        let (users, items) = (self.users.clone(), self.items.clone());
        let (catalogue, lineage) = (self.catalogue.clone(), self.lineage.clone());
        Self::new(split, users, items, catalogue, behaviors, lineage)?
            .with_knowledge(self.knowledge.clone())
    }

    /// Every n-th user with their pairs and held-out targets: a sample to try settings on. Items keep their rows.
    /// O(events of these users).
    ///
    /// # Errors
    /// Those of [`Dataset::new`]; none for a dataset that was valid.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn every_nth_user(&self, n: usize) -> Result<Self, CoreError> {
        let users: Vec<UserId> = self.user_rows().step_by(n).collect();
        self.of_users(&users)
    }

    /// Everything except one user's data: their id, pairs and held-out targets. Later users move up
    /// by one row; items keep theirs. `None` if the dataset does not know the user. O(events).
    ///
    /// # Errors
    /// Those of [`Dataset::new`]; none for a dataset that was valid.
    pub fn without_user(&self, user: &str) -> Result<Option<Self>, CoreError> {
        let Some(user) = self.users.get(user) else {
            return Ok(None);
        };
        let others: Vec<UserId> = self.user_rows().filter(|&other| other != user).collect();
        let mut rest = self.of_users(&others)?;
        rest.lineage.forget_user();
        Ok(Some(rest))
    }

    fn user_rows(&self) -> impl Iterator<Item = UserId> + use<> {
        (0..self.users.len() as u32).map(UserId)
    }

    /// These users with their pairs and held-out targets.
    fn of_users(&self, users: &[UserId]) -> Result<Self, CoreError> {
        let Split {
            train,
            validation,
            test,
        } = &self.split;
        let all = train.interactions();
        let truth = |truth: &Truth| {
            let kept = (0..).map(UserId).zip(users);
            let pairs = kept.flat_map(|(user, &old)| {
                let items = truth.items_of(old).iter();
                items.map(move |&item| (user, item))
            });
            Truth::from_pairs(users.len(), all.n_items(), pairs.collect())
        };
        let (validation, test) = (truth(validation.truth())?, truth(test.truth())?);
        let names = users.iter().filter_map(|&user| self.users.name(user));
        Self::new(
            Split::new(all.of_users(users)?, validation, test)?,
            Vocabulary::from_names(names)?,
            self.items.clone(),
            self.catalogue.clone(),
            self.behaviors.clone(),
            self.lineage.clone(),
        )?
        .with_knowledge(self.knowledge.clone())
    }

    /// A window in time: it trains on the training part's events in `train`, and its test part is
    /// what users first bought in `test`, for users and items that it trains on. Times are seconds
    /// since 1970. Users and items keep their rows; there is no validation part. Held-out parts of
    /// this dataset are ignored, so take windows of a log without any. O(events).
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the times of events are unknown.
    pub fn window(&self, train: Range<i64>, test: Range<i64>) -> Result<Self, CoreError> {
        let all = self.split.train.interactions();
        if all.last_times().is_empty() {
            return Err(CoreError::Damaged {
                what: "training part",
                detail: "the times of its events are unknown, so it has no windows".to_owned(),
            });
        }
        let within =
            |range: &Range<i64>, time: Option<i64>| time.is_some_and(|t| range.contains(&t));
        let is_target = |behavior: BehaviorId| all.target_behaviors()[behavior.index()];
        let pairs = all.filtered(&self.behaviors, |_, _, time| within(&train, time))?;
        let bought = all.filtered(&self.behaviors, |_, behavior, time| {
            is_target(behavior) && within(&test, time)
        })?;
        let truth = new_targets(&pairs, &bought)?;
        let none = Truth::empty(all.n_users(), all.n_items());
        let mut lineage = self.lineage.clone();
        let kind = ("split.kind".to_owned(), "by-time".to_owned());
        lineage.options.extend([kind]);
        for (name, time) in [
            ("from", train.start),
            ("until", train.end),
            ("test.until", test.end),
        ] {
            let option = (format!("window.{name}"), time.to_string());
            lineage.options.extend([option]);
        }
        Self::new(
            Split::new(pairs, none, truth)?,
            self.users.clone(),
            self.items.clone(),
            self.catalogue.clone(),
            self.behaviors.clone(),
            lineage,
        )?
        .with_knowledge(self.knowledge.clone())
    }
}

/// The bought pairs whose users and items also have other pairs, and that were not bought before.
fn new_targets(known: &Interactions, bought: &Interactions) -> Result<Truth, CoreError> {
    let mut is_known = vec![false; known.n_items()];
    known
        .items()
        .iter()
        .for_each(|item| is_known[item.index()] = true);
    let new = bought.iter().filter(|pair| {
        let before = known.find(pair.user, pair.item);
        let before = before.is_some_and(|pair| known.is_target(pair));
        !before && is_known[pair.item.index()] && !known.pairs_of(pair.user).is_empty()
    });
    let new = new.map(|pair| (pair.user, pair.item)).collect();
    Truth::from_pairs(known.n_users(), known.n_items(), new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BehaviorWeightsConfig, InteractionsBuilder, PairEvent};
    use std::collections::BTreeMap;

    /// Events as (user, item, behavior, time); behavior 0 is a view, 1 a purchase.
    fn log(events: &[(u32, u32, u8, i64)]) -> Dataset {
        let weights = BehaviorWeightsConfig::preset("shop-log")
            .unwrap()
            .check()
            .unwrap();
        let names: Vec<&str> = weights.behaviors().iter().map(|b| &*b.name).collect();
        let target = names.iter().position(|name| *name == "purchase").unwrap() as u8;
        let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
        let mut of_pair: BTreeMap<(u32, u32), Vec<PairEvent>> = BTreeMap::new();
        for &(user, item, behavior, time) in events {
            let event = PairEvent::new(BehaviorId(behavior * target), time);
            of_pair.entry((user, item)).or_default().push(event);
        }
        for ((user, item), events) in of_pair {
            pairs
                .push_events(UserId(user), ItemId(item), 1.0, &events)
                .unwrap();
        }
        let split = Split::new(
            pairs.build(3, 3).unwrap(),
            Truth::empty(3, 3),
            Truth::empty(3, 3),
        );
        Dataset::new(
            split.unwrap(),
            Vocabulary::from_names(["u", "v", "w"]).unwrap(),
            Vocabulary::from_names(["a", "b", "c"]).unwrap(),
            Catalogue::unknown(3),
            weights,
            Lineage::default(),
        )
        .unwrap()
    }

    #[test]
    fn every_second_user_keeps_pairs_and_targets() {
        let mut log = log(&[
            (0, 0, 1, 5),
            (1, 1, 0, 10),
            (2, 2, 0, 15),
            (2, 2, 0, 17),
            (2, 0, 1, 20),
        ]);
        let truth = Truth::from_pairs(3, 3, vec![(UserId(2), ItemId(2)), (UserId(1), ItemId(0))]);
        let pairs = log.split.train.interactions().clone();
        log.split = Split::new(pairs, truth.unwrap(), Truth::empty(3, 3)).unwrap();
        let sample = log.every_nth_user(2).unwrap();
        assert_eq!(sample.users.iter().collect::<Vec<_>>(), ["u", "w"]);
        let train = sample.split.train.interactions();
        let pairs = train.iter().map(|p| (p.user.0, p.item.0, p.is_target));
        assert_eq!(
            pairs.collect::<Vec<_>>(),
            [(0, 0, true), (1, 0, true), (1, 2, false)]
        );
        assert_eq!(train.events_of(2).len(), 2);
        let validation = sample.split.validation.truth();
        assert_eq!(
            validation.iter().collect::<Vec<_>>(),
            [(UserId(1), ItemId(2))]
        );
        assert_eq!(validation.familiar_of(UserId(1)), [true]);
    }

    #[test]
    fn a_window_trains_on_its_past_and_tests_first_purchases_after_it() {
        let log = log(&[
            (0, 0, 1, 5), // before the window
            (1, 1, 0, 10),
            (0, 2, 1, 12),
            (1, 2, 0, 15),
            (1, 0, 1, 20), // of an item that the window does not know
            (1, 1, 1, 21),
            (2, 1, 1, 22), // of a user that the window does not know
            (0, 1, 1, 30), // after the test period
        ]);
        let window = log.window(10..20, 20..30).unwrap();
        let train = window.split.train.interactions();
        let pairs: Vec<_> = train
            .iter()
            .map(|p| (p.user.0, p.item.0, p.is_target))
            .collect();
        assert_eq!(pairs, [(0, 2, true), (1, 1, false), (1, 2, false)]);
        let test = window.split.test.truth();
        assert_eq!(test.iter().collect::<Vec<_>>(), [(UserId(1), ItemId(1))]);
        assert_eq!(test.familiar_of(UserId(1)), [true]);
        assert!(window.split.validation.truth().is_empty());
        assert_eq!(window.lineage.options["window.until"], "20");
    }
}
