//! An artifact without one of its users.

use crate::{Artifact, EmbeddingTable, StoreError, popularity_of};
use lightgcn_core::{CoreError, UserId, Vocabulary};

impl Artifact {
    /// Everything except one user's data: their id, training pairs and rows of both tables. Later
    /// users move up by one row; popularity is recounted. `None` if the artifact does not know the
    /// user. O(size).
    ///
    /// What training learned for others stays unchanged, although it also learned from this user:
    /// the other rows of the tables, the weights of a learned ranking, which are sums over all
    /// users, and what nodes with attention take of others.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] if no training pair would be left, which is not a valid model.
    pub fn without_user(&self, user: &str) -> Result<Option<Self>, StoreError> {
        let Some(user) = self.users.get(user) else {
            return Ok(None);
        };
        let all = (0..self.users.len() as u32).map(UserId);
        let others: Vec<UserId> = all.filter(|&other| other != user).collect();
        let damaged = |error: CoreError| StoreError::Inconsistent {
            what: "artifact".to_owned(),
            issues: vec![error.to_string()],
        };
        let train = self.train.of_users(&others).map_err(damaged)?;
        if train.n_pairs() == 0 {
            let issue = "no other user has training pairs; remove the whole artifact instead";
            return Err(StoreError::Inconsistent {
                what: "artifact".to_owned(),
                issues: vec![issue.to_owned()],
            });
        }
        let names = others.iter().filter_map(|&user| self.users.name(user));
        let users = Vocabulary::from_names(names).map_err(damaged)?;
        let users = users.with_normalization(self.lineage.id_normalization());
        let without = |table: &EmbeddingTable| table.without_row(user.index());
        let mut lineage = self.lineage.clone();
        lineage.forget_user();
        Ok(Some(Self {
            layer0: without(&self.layer0),
            embeddings: without(&self.embeddings),
            popularity: popularity_of(&train),
            users,
            train,
            lineage,
            model: self.model.clone(),
            items: self.items.clone(),
            catalogue: self.catalogue.clone(),
            behaviors: self.behaviors.clone(),
            ranking: self.ranking.clone(),
            attention: self.attention.as_ref().map(|all| all.without(user.0)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::tests::tiny;

    #[test]
    fn nothing_is_left_of_a_user() {
        let artifact = tiny();
        assert_eq!(artifact.without_user("nobody").unwrap(), None);
        let rest = artifact.without_user("ann").unwrap().unwrap();
        rest.check().unwrap();
        assert_eq!(rest.users.iter().collect::<Vec<_>>(), [""]);
        assert_eq!(rest.train.n_pairs(), 2);
        assert_eq!(rest.layer0.row(0), artifact.layer0.row(1));
        assert_eq!(rest.embeddings.row(2), artifact.embeddings.row(3));
        // Ann was the only buyer.
        assert_eq!(
            (&artifact.popularity, &rest.popularity),
            (&vec![0, 1], &vec![0, 0])
        );
        let last = rest.without_user("").unwrap_err();
        assert!(matches!(last, StoreError::Inconsistent { .. }), "{last}");
    }
}
