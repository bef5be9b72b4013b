//! Stores all catalogue changes: in memory and, if there is a file, also in it.

use super::{CatalogueError, ItemChange};
use crate::events::database::{Guarded, check_regular, guarded, open_writer};
use crate::models::Model;
use lightgcn_core::ItemDetails;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of the tables below.
const FORMAT_VERSION: u64 = 1;
/// From an item's id to its change, in JSON.
const ITEMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("items");
/// A few numbers by name.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The [`FORMAT_VERSION`] of the writer.
const VERSION: &str = "version";
/// The revision of the content.
const REVISION: &str = "revision";
/// Bytes of memory for the file's pages, which are only read on opening.
const CACHE_BYTES: usize = 4 << 20;

/// Catalogue changes. Everything is in memory; a file makes them survive the process.
pub(crate) struct CatalogueStore {
    path: Option<PathBuf>,
    /// The open file; `None` after a failure, until it is reopened. Locked while a change is
    /// written.
    database: Mutex<Option<Guarded<Database>>>,
    /// The maximum number of bytes of changes.
    limit: usize,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    changes: HashMap<String, ItemChange>,
    bytes: usize,
    /// Identifies the content, also across processes; 0 while there are no changes.
    revision: u64,
    /// The previous revision, and the items changed since.
    before: (u64, Vec<String>),
}

impl fmt::Debug for CatalogueStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut store = f.debug_struct("CatalogueStore");
        store.field("path", &self.path).finish_non_exhaustive()
    }
}

impl CatalogueStore {
    /// A store in memory for at most `limit` bytes of changes.
    pub(crate) fn in_memory(limit: usize) -> Self {
        Self {
            path: None,
            database: Mutex::default(),
            limit,
            kept: RwLock::default(),
        }
    }

    /// Opens the file at `path`, or creates it.
    ///
    /// # Errors
    /// [`CatalogueError`], except [`CatalogueError::Full`]: the file's content is kept, whatever
    /// the limit.
    pub(crate) fn open(path: PathBuf, limit: usize) -> Result<Self, CatalogueError> {
        check_regular(&path).map_err(|error| CatalogueError::Failed {
            path: path.clone(),
            detail: error.to_string(),
        })?;
        let failed = |error: redb::Error| CatalogueError::of(&path, error);
        let database = open_writer(&path, CACHE_BYTES, true).map_err(failed)?;
        let version = guarded(|| set_up(&database)).map_err(failed)?;
        if version > FORMAT_VERSION {
            return Err(CatalogueError::NewerVersion {
                path,
                found: version,
                supported: FORMAT_VERSION,
            });
        }
        let (stored, revision) = guarded(|| read(&database)).map_err(failed)?;
        let mut kept = Kept {
            revision,
            ..Kept::default()
        };
        for (id, json) in stored {
            let change = from_json(&id, &json).map_err(|detail| CatalogueError::Failed {
                path: path.clone(),
                detail,
            })?;
            kept.bytes += change.bytes();
            kept.changes.insert(id, change);
        }
        Ok(Self {
            path: Some(path),
            database: Mutex::new(Some(database)),
            limit,
            kept: RwLock::new(kept),
        })
    }

    /// Stores all changes or none, in order. Repeating a change has no effect.
    ///
    /// # Errors
    /// [`CatalogueError::Full`], and [`CatalogueError::Failed`] if the file cannot be written.
    pub(crate) fn put(&self, changes: &[ItemChange]) -> Result<(), CatalogueError> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let (merged, bytes, revision) = {
            let kept = self.read();
            let mut merged: HashMap<&str, ItemChange> = HashMap::new();
            for change in changes {
                let id = change.item.as_str();
                let known = merged.entry(id).or_insert_with(|| {
                    let known = kept.changes.get(id).cloned();
                    known.unwrap_or_else(|| ItemChange {
                        item: change.item.clone(),
                        ..ItemChange::default()
                    })
                });
                known.merge(change);
            }
            merged.retain(|id, change| kept.changes.get(*id) != Some(change));
            let old = |id: &str| kept.changes.get(id).map_or(0, ItemChange::bytes);
            let mut bytes = kept.bytes;
            for (id, change) in &merged {
                bytes = bytes - old(id) + change.bytes();
            }
            (merged, bytes, kept.revision)
        };
        if merged.is_empty() {
            return Ok(());
        }
        if bytes > self.limit {
            let limit = self.limit;
            return Err(CatalogueError::Full { bytes, limit });
        }
        let next = next_revision(revision);
        if let Some(path) = &self.path {
            // A database that has failed once does not write again.
            let written = match database.take() {
                Some(open) => Ok(open),
                None => open_writer(path, CACHE_BYTES, false),
            }
            .and_then(|open| {
                guarded(|| write(&open, merged.values(), next))?;
                Ok(open)
            });
            *database = Some(written.map_err(|error| CatalogueError::of(path, error))?);
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let ids = merged.keys().map(|&id| id.to_owned()).collect();
        (kept.bytes, kept.revision) = (bytes, next);
        kept.before = (revision, ids);
        kept.changes.extend(
            merged
                .into_values()
                .map(|change| (change.item.clone(), change)),
        );
        Ok(())
    }

    /// The model with all changes.
    pub(crate) fn told(&self, model: Model) -> Model {
        self.applied(&model).unwrap_or(model)
    }

    /// The model with all changes; `None` if it already has them.
    pub(crate) fn applied(&self, model: &Model) -> Option<Model> {
        let kept = self.read();
        if model.catalogue_revision == kept.revision {
            return None;
        }
        let catalogue = model.recommender.catalogue();
        let of = |change: &ItemChange| -> Option<(String, ItemDetails)> {
            let item = model.recommender.item(&change.item)?;
            let details = change.applied_to(catalogue.get(item));
            Some((change.item.clone(), details))
        };
        let (before, latest) = &kept.before;
        let changes: HashMap<String, ItemDetails> = match model.catalogue_revision == *before {
            true if *before > 0 => {
                let latest = latest.iter().filter_map(|id| kept.changes.get(id));
                latest.filter_map(of).collect()
            }
            _ => kept.changes.values().filter_map(of).collect(),
        };
        let revision = kept.revision;
        drop(kept);
        match model.recommender.with_details(&changes) {
            Ok(recommender) => Some(model.with_recommender(recommender, revision)),
            Err(error) => {
                tracing::error!(%error, "cannot apply the catalogue changes");
                None
            }
        }
    }

    /// The number of changed items.
    pub(crate) fn n_items(&self) -> usize {
        self.read().changes.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number greater than `revision`, and than those of earlier processes that stored nothing.
fn next_revision(revision: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_nanos() as u64);
    now.max(revision + 1)
}

/// A stored change, if it is one of this item.
fn from_json(id: &str, json: &[u8]) -> Result<ItemChange, String> {
    let change: ItemChange = serde_json::from_slice(json)
        .map_err(|error| format!("the stored change of item {id:?} cannot be read: {error}"))?;
    match change.item == id {
        true => Ok(change),
        false => Err(format!("item {id:?} is stored as {:?}", change.item)),
    }
}

/// Creates the tables, and returns the format version.
fn set_up(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let version = {
        let mut meta = transaction.open_table(META)?;
        transaction.open_table(ITEMS)?;
        let version = meta.get(VERSION)?.map(|version| version.value());
        if version.is_none() {
            meta.insert(VERSION, FORMAT_VERSION)?;
        }
        version.unwrap_or(FORMAT_VERSION)
    };
    transaction.commit()?;
    Ok(version)
}

type Stored = Vec<(String, Vec<u8>)>;

/// Everything that is stored, and its revision.
fn read(database: &Database) -> Result<(Stored, u64), redb::Error> {
    let transaction = database.begin_read()?;
    let revision = transaction.open_table(META)?.get(REVISION)?;
    let revision = revision.map_or(0, |revision| revision.value());
    let mut stored = Vec::new();
    for entry in transaction.open_table(ITEMS)?.iter()? {
        let (id, json) = entry?;
        stored.push((id.value().to_owned(), json.value().to_owned()));
    }
    Ok((stored, revision))
}

fn write<'a>(
    database: &Database,
    changes: impl Iterator<Item = &'a ItemChange>,
    revision: u64,
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut items = transaction.open_table(ITEMS)?;
        for change in changes {
            let json = serde_json::to_vec(change)
                .map_err(|error| redb::Error::Io(std::io::Error::other(error)))?;
            items.insert(change.item.as_str(), json.as_slice())?;
        }
        transaction.open_table(META)?.insert(REVISION, revision)?;
    }
    transaction.commit()?;
    Ok(())
}

/// The catalogue file next to an event file.
pub(crate) fn beside(events: &Path) -> PathBuf {
    let mut name = events.as_os_str().to_owned();
    name.push(".catalogue");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(item: &str, price: f64) -> ItemChange {
        ItemChange {
            item: item.to_owned(),
            price: Some(Some(price)),
            ..ItemChange::default()
        }
    }

    fn price(store: &CatalogueStore, item: &str) -> Option<f64> {
        let kept = store.read();
        kept.changes.get(item)?.price?
    }

    #[test]
    fn what_was_said_survives_and_said_again_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = beside(&folder.path().join("events.redb"));
        let store = CatalogueStore::open(path.clone(), 10_000).unwrap();
        assert_eq!(store.read().revision, 0);
        store
            .put(&[change("lamp", 1.0), change("mug", 2.0), change("lamp", 3.0)])
            .unwrap();
        let revision = store.read().revision;
        store.put(&[change("lamp", 3.0)]).unwrap();
        assert_eq!(store.read().revision, revision);
        let error = CatalogueStore::open(path.clone(), 1).unwrap_err();
        assert!(matches!(error, CatalogueError::InUse { .. }), "{error}");
        drop(store);
        let again = CatalogueStore::open(path, 10_000).unwrap();
        assert_eq!((again.n_items(), again.read().revision), (2, revision));
        assert_eq!(
            (price(&again, "lamp"), price(&again, "mug")),
            (Some(3.0), Some(2.0))
        );
        again.put(&[change("mug", 5.0)]).unwrap();
        let kept = again.read();
        assert!(kept.revision > revision);
        assert_eq!(kept.before, (revision, vec!["mug".to_owned()]));
    }

    #[test]
    fn a_full_store_takes_nothing_of_a_request() {
        let limit = change("lamp", 1.0).bytes();
        let store = CatalogueStore::in_memory(limit);
        let error = store
            .put(&[change("lamp", 1.0), change("mug", 1.0)])
            .unwrap_err();
        assert!(
            matches!(error, CatalogueError::Full { limit: l, .. } if l == limit),
            "{error}"
        );
        assert_eq!(store.n_items(), 0);
        store.put(&[change("lamp", 1.0)]).unwrap();
        store.put(&[change("lamp", 2.0)]).unwrap();
        assert_eq!(price(&store, "lamp"), Some(2.0));
    }

    #[test]
    fn files_that_are_no_catalogue_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalogue");
        std::fs::write(&path, "lamp,3\n").unwrap();
        let error = CatalogueStore::open(path.clone(), 1).unwrap_err();
        assert!(matches!(error, CatalogueError::Failed { .. }), "{error}");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(CatalogueStore::open(path.clone(), 1).is_err());
        std::fs::remove_file(&path).unwrap();
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(META)
            .unwrap()
            .insert(VERSION, 2)
            .unwrap();
        transaction.commit().unwrap();
        drop(database);
        let error = CatalogueStore::open(path, 1).unwrap_err();
        assert!(
            matches!(error, CatalogueError::NewerVersion { found: 2, .. }),
            "{error}"
        );
    }
}
