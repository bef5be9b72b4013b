//! The stored form of a learned ranking.

use crate::StoreError;
use crate::folder::Folder;
use crate::model::sorted;
use crate::parts::encode_json;
use crate::tensors::{Column, TensorFile, encode};
use lightgcn_core::Rows;
use serde_json::Value;
use std::path::Path;

pub(crate) const RANKING: &str = "ranking.json";
pub(crate) const RANKING_MEMBERS: &str = "ranking.safetensors";

/// A learned ranking of an artifact: the description by the crate that fitted it, and the sparse
/// item-to-item weights of its members.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRanking {
    /// Its features, weights and report. Stored as is.
    pub description: Value,
    /// For each member the (item, weight) list of each item, items ascending: `[members][n_items]`.
    pub members: Vec<Rows<(u32, f32)>>,
}

impl StoredRanking {
    pub(crate) fn encode_description(&self) -> Result<Vec<u8>, StoreError> {
        encode_json(RANKING, &sorted(&self.description))
    }

    pub(crate) fn encode_members(&self) -> Result<Vec<u8>, StoreError> {
        let n_members = Column::new("members", std::iter::once(self.members.len() as u32));
        let mut columns = vec![n_members];
        for (n, rows) in self.members.iter().enumerate() {
            let offsets = rows.offsets().iter().copied();
            let items = rows.values().iter().map(|entry| entry.0);
            let weights = rows.values().iter().map(|entry| entry.1);
            columns.push(Column::new(&format!("{n}.offsets"), offsets));
            columns.push(Column::new(&format!("{n}.items"), items));
            columns.push(Column::new(&format!("{n}.weights"), weights));
        }
        encode(Path::new(RANKING_MEMBERS), &columns)
    }

    pub(crate) fn read(folder: &Folder, n_items: usize) -> Result<Self, StoreError> {
        /// More members than any ranking has.
        const MAX_MEMBERS: u32 = 64;
        let bytes = folder.read(RANKING_MEMBERS)?;
        let path = folder.file(RANKING_MEMBERS);
        let parts = ["offsets", "items", "weights"];
        let names = (0..MAX_MEMBERS).flat_map(|n| parts.map(|part| format!("{n}.{part}")));
        let names: Vec<String> = names.collect();
        let optional: Vec<&str> = names.iter().map(String::as_str).collect();
        let file = TensorFile::open(path.clone(), &bytes, &["members"], &optional)?;
        let counted: Vec<u32> = file.column("members", Some(1))?;
        let n_members = counted[0];
        if n_members > MAX_MEMBERS {
            let detail = format!("{n_members} members are more than {MAX_MEMBERS}");
            return Err(file.tensor_error("members", detail));
        }
        let names = &optional[..3 * n_members as usize];
        let file = TensorFile::open(path, &bytes, &[&["members"], names].concat(), &[])?;
        let mut members = Vec::new();
        for names in names.chunks_exact(3) {
            let offsets: Vec<u64> = file.column(names[0], Some(n_items + 1))?;
            let items: Vec<u32> = file.column(names[1], None)?;
            let weights: Vec<f32> = file.column(names[2], Some(items.len()))?;
            let values = items.into_iter().zip(weights).collect();
            let rows = Rows::from_parts(offsets, values);
            members.push(rows.map_err(|error| file.tensor_error(names[0], error.to_string()))?);
        }
        Ok(Self {
            description: folder.read_json(RANKING)?,
            members,
        })
    }

    /// Adds what is wrong with it to `issues`.
    pub(crate) fn check(&self, n_items: usize, issues: &mut Vec<String>) {
        for (n, rows) in self.members.iter().enumerate() {
            if rows.n_rows() != n_items {
                let found = rows.n_rows();
                issues.push(format!(
                    "member {n} of the ranking has {found} items, not {n_items}"
                ));
                continue;
            }
            let is_sound = |list: &[(u32, f32)]| {
                list.is_sorted_by(|a, b| a.0 < b.0)
                    && list
                        .iter()
                        .all(|(item, w)| (*item as usize) < n_items && w.is_finite())
            };
            if let Some(row) = rows.iter().position(|list| !is_sound(list)) {
                issues.push(format!(
                    "the list of item row {row} in member {n} of the ranking does not ascend, names an item \
                     beyond {n_items}, or holds a weight that is not finite"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::tests::tiny;
    use crate::{Artifact, StoreError};

    fn with_ranking() -> Artifact {
        let mut artifact = tiny();
        let n_items = artifact.items.len() as u32;
        let rows = (0..n_items).map(|item| vec![((item + 1) % n_items, 0.5)]);
        artifact.ranking = Some(StoredRanking {
            description: serde_json::json!({"bias": 0.25, "a": [1, 2]}),
            members: vec![rows.collect(), Rows::empty(n_items as usize)],
        });
        artifact
    }

    #[test]
    fn a_ranking_is_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let artifact = with_ranking();
        artifact.save(&path).unwrap();
        assert_eq!(Artifact::load(&path).unwrap(), artifact);
        assert_eq!(
            Artifact::identity_at(&path).unwrap(),
            artifact.identity().unwrap()
        );
        std::fs::remove_file(path.join(RANKING)).unwrap();
        assert!(matches!(
            Artifact::load(&path),
            Err(StoreError::FileSet { .. })
        ));
    }

    #[test]
    fn unsound_members_are_refused() {
        for list in [
            vec![(1, 0.1), (0, 0.2)],
            vec![(u32::MAX, 0.1)],
            vec![(0, f32::NAN)],
        ] {
            let mut artifact = with_ranking();
            let n_items = artifact.items.len();
            let rows = (0..n_items).map(|item| if item == 0 { list.clone() } else { vec![] });
            artifact.ranking.as_mut().unwrap().members[0] = rows.collect();
            assert!(matches!(
                artifact.check(),
                Err(StoreError::Inconsistent { .. })
            ));
        }
        let mut artifact = with_ranking();
        artifact.ranking.as_mut().unwrap().members[0] = Rows::empty(1);
        assert!(matches!(
            artifact.check(),
            Err(StoreError::Inconsistent { .. })
        ));
    }
}
