//! Ranking by sessions like a user's latest one.

use crate::rank::scorer::{check_scores, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::{Train, UserId};
use lightgcn_linear::{SessionKnn, SessionKnnConfig};
use rayon::prelude::*;

/// Ranks by [`SessionKnn`]: a baseline without training for logs with times.
#[derive(Debug)]
pub struct SessionKnnRanker {
    model: SessionKnn,
    n_users: usize,
    n_items: usize,
}

impl SessionKnnRanker {
    /// Keeps the sessions of the training part. Same cost as [`SessionKnnConfig::fit`].
    ///
    /// # Errors
    /// [`RecommendError::Linear`] if times are unknown or a setting is invalid.
    pub fn new(config: &SessionKnnConfig, train: &Train) -> Result<Self, RecommendError> {
        let pairs = train.interactions();
        Ok(Self {
            model: config.fit(train)?,
            n_users: pairs.n_users(),
            n_items: pairs.n_items(),
        })
    }
}

impl Ranker for SessionKnnRanker {
    fn name(&self) -> &str {
        "session kNN"
    }

    fn n_users(&self) -> usize {
        self.n_users
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        top_k_of_scores(self, users, k, excluded)
    }
}

impl Scorer for SessionKnnRanker {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let rows = out.par_chunks_exact_mut(self.n_items.max(1));
        rows.zip(users)
            .for_each(|(row, &user)| self.model.scores_into(user, row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth};

    #[test]
    fn what_follows_in_like_sessions_comes_first() {
        let mut pairs = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        for (user, item, time) in [(0, 0, 900), (1, 0, 0), (1, 1, 60), (2, 2, 0), (2, 3, 60)] {
            let (user, item) = (UserId(user), ItemId(item));
            pairs.push(user, item, 1.0, &[1], Some(time)).unwrap();
        }
        let nothing = || Truth::empty(3, 4);
        let split = Split::new(pairs.build(3, 4).unwrap(), nothing(), nothing()).unwrap();
        let ranker = SessionKnnRanker::new(&SessionKnnConfig::default(), &split.train).unwrap();
        let bought = Exclusions::targets(split.train.interactions());
        let lists = ranker.top_k(&[UserId(0), UserId(2)], 1, &bought);
        assert_eq!(lists[0][0].item, ItemId(1));
        assert_eq!(lists[1][0].score, 0.0);
        let mut scores = [f32::NAN; 4];
        ranker.scores(&[UserId(0)], &mut scores);
        assert_eq!(scores[1], lists[0][0].score);
    }
}
