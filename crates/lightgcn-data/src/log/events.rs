//! A log in memory, column by column.

use crate::DataError;
use crate::error::shorten;
use crate::log::catalogue::{Details, Missing, Moment, Observations};
use crate::log::session::{SessionId, session_marks};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use lightgcn_core::{
    BehaviorId, BehaviorWeights, Catalogue, IdNormalization, InputFile, ItemDetails, ItemId,
    NodeId, SessionMark, StageReport, UserId, Vocabulary, check_id,
};

/// The events of a log, in file and row order: 17 bytes per event, 18 if it names sessions, plus the
/// vocabularies.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLog {
    users: Vec<u32>,
    items: Vec<u32>,
    behaviors: Vec<u8>,
    times: Vec<i64>,
    sessions: Vec<SessionMark>,
    user_ids: Vocabulary<UserId>,
    item_ids: Vocabulary<ItemId>,
    catalogue: Catalogue,
    inputs: Vec<InputFile>,
    stages: Vec<StageReport>,
}

impl EventLog {
    /// The number of events.
    #[must_use]
    pub fn n_events(&self) -> usize {
        self.users.len()
    }

    /// The user of each event, as a row of [`EventLog::user_ids`].
    #[must_use]
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// The item of each event, as a row of [`EventLog::item_ids`].
    #[must_use]
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The behavior of each event, as an index into the table of weights.
    #[must_use]
    pub fn behaviors(&self) -> &[u8] {
        &self.behaviors
    }

    /// The time of each event, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The session of each event among those of its user, or empty if the log names none.
    #[must_use]
    pub fn sessions(&self) -> &[SessionMark] {
        &self.sessions
    }

    /// The users, in order of first appearance.
    #[must_use]
    pub fn user_ids(&self) -> &Vocabulary<UserId> {
        &self.user_ids
    }

    /// The items, in order of first appearance.
    #[must_use]
    pub fn item_ids(&self) -> &Vocabulary<ItemId> {
        &self.item_ids
    }

    /// The items' metadata: the latest non-empty value of each column.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The files that were read.
    #[must_use]
    pub fn inputs(&self) -> &[InputFile] {
        &self.inputs
    }

    /// What reading kept and dropped.
    #[must_use]
    pub fn stages(&self) -> &[StageReport] {
        &self.stages
    }

    /// Adds a note to the reading report.
    pub(crate) fn note(&mut self, note: String) {
        if let Some(read) = self.stages.first_mut() {
            read.notes.push(note);
        }
    }

    /// The number of events of each behavior, `[n_behaviors]`. O(events).
    ///
    /// # Panics
    /// If the log has a behavior beyond `n_behaviors`.
    #[must_use]
    pub fn count_behaviors(&self, n_behaviors: usize) -> Vec<u64> {
        let mut counts = vec![0; n_behaviors];
        for &behavior in &self.behaviors {
            counts[behavior as usize] += 1;
        }
        counts
    }
}

/// Builds an [`EventLog`] from events that are already in memory, one by one.
///
/// ```
/// use lightgcn_core::BehaviorWeightsConfig;
/// use lightgcn_data::EventLogBuilder;
///
/// let weights = BehaviorWeightsConfig::shop_log().check()?;
/// let mut log = EventLogBuilder::new(&weights);
/// log.push("ann", "lipstick", "view", 1_569_888_000)?;
/// log.push("ann", "lipstick", "purchase", 1_569_888_060)?;
/// let log = log.build()?;
/// assert_eq!(log.n_events(), 2);
/// assert_eq!(log.user_ids().len(), 1);
/// # Ok::<(), lightgcn_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct EventLogBuilder {
    labels: Vec<String>,
    events: Events,
}

/// The growing columns of a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    pub(crate) users: Vec<u32>,
    pub(crate) items: Vec<u32>,
    pub(crate) behaviors: Vec<u8>,
    pub(crate) times: Vec<i64>,
    /// Those of events after the last one here are unknown.
    sessions: Vec<SessionId>,
    pub(crate) user_ids: GrowingIds<UserId>,
    pub(crate) item_ids: GrowingIds<ItemId>,
    pub(crate) observations: Observations,
}

/// A growing vocabulary with a shortcut for numeric ids: almost all ids in shop logs are, and a
/// lookup by number touches one place in memory, a lookup by text three.
#[derive(Debug, Clone, Default)]
pub(crate) struct GrowingIds<I: NodeId> {
    names: Vocabulary<I>,
    by_number: HashMap<u64, I>,
}

impl<I: NodeId> GrowingIds<I> {
    fn new(normalization: IdNormalization) -> Self {
        Self {
            names: Vocabulary::new().with_normalization(normalization),
            by_number: HashMap::new(),
        }
    }

    fn insert(&mut self, name: &str) -> Result<I, DataError> {
        let Some(number) = canonical_number(name) else {
            return Ok(self.names.insert(name)?);
        };
        match self.by_number.entry(number) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(new) => Ok(*new.insert(self.names.insert(name)?)),
        }
    }

    pub(crate) fn names(&self) -> &Vocabulary<I> {
        &self.names
    }
}

/// `name` as a number, if it is one in canonical form: up to 19 digits, no leading zero.
#[inline]
fn canonical_number(name: &str) -> Option<u64> {
    let digits = name.as_bytes();
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, &digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

impl Events {
    /// No events, with ids in this form.
    pub(crate) fn new(normalization: IdNormalization) -> Self {
        Self {
            user_ids: GrowingIds::new(normalization),
            item_ids: GrowingIds::new(normalization),
            ..Self::default()
        }
    }

    /// Adds an event and returns its item.
    #[inline]
    pub(crate) fn push(
        &mut self,
        user: &str,
        item: &str,
        behavior: BehaviorId,
        time: i64,
        session: SessionId,
    ) -> Result<ItemId, DataError> {
        let limit = u64::from(u32::MAX);
        if self.users.len() as u64 >= limit {
            return Err(DataError::TooManyEvents { limit });
        }
        let user = self.user_ids.insert(user)?;
        let item = self.item_ids.insert(item)?;
        if session.is_some() {
            self.sessions.resize(self.users.len(), SessionId::NONE);
            self.sessions.push(session);
        }
        self.users.push(user.0);
        self.items.push(item.0);
        self.behaviors.push(behavior.0);
        self.times.push(time);
        Ok(item)
    }

    /// Reserves room for that many events in total, so that adding them moves none. If the
    /// allocation fails, the columns grow on demand.
    pub(crate) fn expect(&mut self, n_events: usize) {
        let more = n_events.saturating_sub(self.users.len());
        let _ = self.users.try_reserve_exact(more);
        let _ = self.items.try_reserve_exact(more);
        let _ = self.behaviors.try_reserve_exact(more);
        let _ = self.times.try_reserve_exact(more);
        if !self.sessions.is_empty() {
            let more = n_events.saturating_sub(self.sessions.len());
            let _ = self.sessions.try_reserve_exact(more);
        }
    }

    /// Removes events by their numbers, in ascending order. Their users and items stay. O(events).
    pub(crate) fn remove(&mut self, numbers: &[u32]) {
        if numbers.is_empty() {
            return;
        }
        remove(&mut self.users, numbers);
        remove(&mut self.items, numbers);
        remove(&mut self.behaviors, numbers);
        remove(&mut self.times, numbers);
        remove(&mut self.sessions, numbers);
    }

    /// Moves events after `limit` to the last one that is not after it, or to `limit` if there is none;
    /// returns how many. O(events).
    pub(crate) fn cap_times(&mut self, limit: i64) -> u64 {
        let present = self.times.iter().filter(|&&time| time <= limit);
        let last = present.max().copied().unwrap_or(limit);
        let mut n = 0;
        for time in self.times.iter_mut().filter(|time| **time > limit) {
            *time = last;
            n += 1;
        }
        n
    }

    pub(crate) fn finish(
        self,
        other: &Observations,
        inputs: Vec<InputFile>,
        stages: Vec<StageReport>,
    ) -> Result<EventLog, DataError> {
        let catalogue = self
            .observations
            .catalogue(self.item_ids.names.len(), other)?;
        let mut sessions = self.sessions;
        let sessions = match sessions.is_empty() {
            true => Vec::new(),
            false => {
                sessions.resize(self.users.len(), SessionId::NONE);
                let n_users = self.user_ids.names.len();
                session_marks(n_users, &self.users, &self.times, &sessions)
            }
        };
        Ok(EventLog {
            sessions,
            users: self.users,
            items: self.items,
            behaviors: self.behaviors,
            times: self.times,
            user_ids: self.user_ids.names,
            item_ids: self.item_ids.names,
            catalogue,
            inputs,
            stages,
        })
    }
}

/// Removes values by their numbers, in ascending order.
fn remove<T>(values: &mut Vec<T>, numbers: &[u32]) {
    let mut next = numbers.iter().copied().peekable();
    let mut number = 0;
    values.retain(|_| {
        let is_removed = next.next_if_eq(&number).is_some();
        number += 1;
        !is_removed
    });
}

impl EventLogBuilder {
    /// An empty log for the behaviors that have a weight.
    #[must_use]
    pub fn new(behaviors: &BehaviorWeights) -> Self {
        let labels = behaviors.behaviors().iter().map(|b| b.name.clone());
        Self {
            labels: labels.collect(),
            events: Events::default(),
        }
    }

    /// Adds an event at `time`, in seconds since 1970-01-01 UTC, in an unknown session.
    ///
    /// # Errors
    /// [`DataError::Config`] if the behavior has no weight or [`check_id`] refuses an id,
    /// [`DataError::TooManyEvents`] beyond 2^32 − 1 events, [`DataError::Core`] beyond 2^32 − 1 ids.
    pub fn push(
        &mut self,
        user: &str,
        item: &str,
        behavior: &str,
        time: i64,
    ) -> Result<(), DataError> {
        self.push_in_session(user, item, behavior, time, "")
    }

    /// Adds an event of the user's session with this id; an empty one is unknown.
    ///
    /// # Errors
    /// Those of [`EventLogBuilder::push`].
    pub fn push_in_session(
        &mut self,
        user: &str,
        item: &str,
        behavior: &str,
        time: i64,
        session: &str,
    ) -> Result<(), DataError> {
        let mut issues = Vec::new();
        for (kind, id) in [("user", user), ("item", item)] {
            if let Err(issue) = check_id(id) {
                let id = shorten(id);
                issues.push(format!(
                    "{kind} {id:?} is not a valid id: it {issue}; every event needs one"
                ));
            }
        }
        let number = self.labels.iter().position(|label| label == behavior);
        if number.is_none() {
            issues.push(format!(
                "behavior {behavior:?} has no weight; the known ones are {:?}",
                self.labels
            ));
        }
        match number {
            Some(number) if issues.is_empty() => {
                let behavior = BehaviorId(number as u8);
                let session = SessionId::of(session.as_bytes());
                let pushed = self.events.push(user, item, behavior, time, session);
                pushed.map(drop)
            }
            _ => Err(DataError::Config { issues }),
        }
    }

    /// Records an item's metadata at `time`. Ignores unknown fields and items without an event. For
    /// titles, addresses and stock, the value described last counts.
    pub fn describe(&mut self, item: &str, time: i64, details: &ItemDetails) {
        let Some(item) = self.events.item_ids.names.get(item) else {
            return;
        };
        self.events.observations.listed.observe(item, details);
        let details = Details {
            category_id: details.category_id.as_deref().unwrap_or_default(),
            category_code: details.category_code.as_deref().unwrap_or_default(),
            brand: details.brand.as_deref().unwrap_or_default(),
            price: details.price.filter(|price| price.is_finite()),
            missing: Missing::default(),
        };
        // At equal times, the value described later wins.
        let row = self.events.users.len() as u32;
        let moment = Moment { time, row };
        self.events.observations.observe(item, moment, &details);
    }

    /// The log.
    ///
    /// # Errors
    /// [`DataError::NoEvents`] if it is empty.
    pub fn build(self) -> Result<EventLog, DataError> {
        let n = self.events.users.len() as u64;
        if n == 0 {
            return Err(DataError::NoEvents {
                report: "none were added".to_owned(),
            });
        }
        let mut report = StageReport::new("events", "events");
        report.rows_in = n;
        report.kept = n;
        self.events
            .finish(&Observations::default(), Vec::new(), vec![report])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::BehaviorWeightsConfig;

    #[test]
    fn numeric_and_text_ids_are_distinct() {
        let mut ids = GrowingIds::<UserId>::default();
        let names = [
            "7",
            "07",
            "0",
            "00",
            "-7",
            "9999999999999999999",
            "99999999999999999999",
            "x",
            "7",
        ];
        let rows: Vec<u32> = names
            .iter()
            .map(|name| ids.insert(name).unwrap().0)
            .collect();
        assert_eq!(rows, [0, 1, 2, 3, 4, 5, 6, 7, 0]);
        assert_eq!(ids.names().iter().collect::<Vec<_>>(), names[..8]);
        assert_eq!(
            canonical_number("9999999999999999999"),
            Some(9_999_999_999_999_999_999)
        );
        assert_eq!(canonical_number(""), None);
    }

    #[test]
    fn events_are_numbered_in_order_of_first_appearance() {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        let mut log = EventLogBuilder::new(&weights);
        assert!(matches!(
            log.clone().build(),
            Err(DataError::NoEvents { .. })
        ));
        log.push("u", "a", "view", 5).unwrap();
        log.push("v", "b", "cart", 6).unwrap();
        log.push("u", "b", "purchase", 4).unwrap();
        let details = ItemDetails {
            brand: Some("cnd".to_owned()),
            price: Some(2.5),
            ..ItemDetails::default()
        };
        log.describe("b", 6, &details);
        log.describe("unseen", 6, &details);
        let Err(DataError::Config { issues }) = log.push("", "a", "wish", 1) else {
            panic!("a bad event is an error");
        };
        assert_eq!(issues.len(), 2);
        let log = log.build().unwrap();
        assert_eq!(log.users(), [0, 1, 0]);
        assert_eq!(log.items(), [0, 1, 1]);
        assert_eq!(log.behaviors(), [0, 1, 3]);
        assert_eq!(log.times(), [5, 6, 4]);
        assert_eq!(log.count_behaviors(4), [1, 1, 0, 1]);
        assert!(log.sessions().is_empty());
        assert_eq!(log.catalogue().get(ItemId(1)), details);
        assert!(log.stages().iter().all(StageReport::balances));
    }
}
