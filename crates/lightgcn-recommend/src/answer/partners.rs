//! Other rankers that have a say in the answers of a recommender.

use crate::rank::ensemble::{inverse, voice};
use crate::rank::scorer::ScoreParts;
use crate::{Exclusions, Fusion, Ranked, Ranker, RecommendError, Recommender, Scorer};
use lightgcn_core::{ItemId, UserId};

/// The members beside the recommender's own model.
pub(crate) struct Partners {
    members: Vec<Box<dyn Scorer + Send>>,
    /// The model's own weight, then one a member.
    weights: Vec<f64>,
    fusion: Fusion,
}

impl std::fmt::Debug for Partners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.members.iter().map(|member| member.name()).collect();
        f.debug_struct("Partners")
            .field("members", &names)
            .field("weights", &self.weights)
            .field("fusion", &self.fusion)
            .finish()
    }
}

/// A fused score, and what it is made of.
pub(crate) struct Fused {
    pub(crate) score: f32,
    /// What the model's own score is multiplied by, and what the partners add; none where the fused
    /// score is no such sum.
    pub(crate) parts: Option<(f64, ScoreParts)>,
}

impl Partners {
    /// A member's scores of all items, the mean standing for items that only the model knows.
    fn scores(&self, member: usize, user: UserId, n_items: usize) -> Vec<f32> {
        let member = &self.members[member];
        let mut row = vec![0.0; member.n_items()];
        member.scores(&[user], &mut row);
        let sum: f64 = row.iter().map(|&score| f64::from(score)).sum();
        let mean = (sum / row.len().max(1) as f64) as f32;
        row.resize(n_items, mean);
        row
    }

    /// Replaces the model's scores of all items by the fused ones.
    pub(crate) fn fuse(&self, user: UserId, row: &mut [f32]) {
        let n_items = row.len();
        let theirs = (0..self.members.len()).map(|n| self.scores(n, user, n_items));
        self.fuse_rows(row, theirs);
    }

    /// As [`fuse`](Self::fuse), from the members' scores in their order.
    fn fuse_rows(&self, row: &mut [f32], theirs: impl IntoIterator<Item = Vec<f32>>) {
        let own = voice(row, self.fusion).into_iter();
        let mut sums: Vec<f64> = own.map(|voice| self.weights[0] * voice).collect();
        for (weight, theirs) in self.weights[1..].iter().zip(theirs) {
            for (sum, voice) in sums.iter_mut().zip(voice(&theirs, self.fusion)) {
                *sum += weight * voice;
            }
        }
        for (score, sum) in row.iter_mut().zip(sums) {
            *score = sum as f32;
        }
    }

    /// The fused score of one item, `row` being the model's scores of all.
    pub(crate) fn explain(&self, user: UserId, item: ItemId, row: &mut [f32]) -> Fused {
        let own = self.weights[0] * inverse(row);
        let members = 0..self.members.len();
        let theirs: Vec<Vec<f32>> = members.map(|n| self.scores(n, user, row.len())).collect();
        let parts = match self.fusion {
            Fusion::Score => self.parts(user, item, &theirs),
            Fusion::Rank => None,
        };
        self.fuse_rows(row, theirs);
        Fused {
            score: row[item.index()],
            parts: parts.map(|parts| (own, parts)),
        }
    }

    /// What the partners add to the fused score of an item; none where it is no sum over the history.
    fn parts(&self, user: UserId, item: ItemId, theirs: &[Vec<f32>]) -> Option<ScoreParts> {
        let mut sum = ScoreParts::default();
        for (n, weight) in self.weights[1..].iter().enumerate() {
            if item.index() >= self.members[n].n_items() {
                return None;
            }
            if *weight > 0.0 {
                let factor = weight * inverse(&theirs[n]);
                sum.add(&self.members[n].parts(user, item)?, factor);
            }
        }
        Some(sum)
    }
}

impl Recommender {
    /// The same recommender as one of an ensemble: other models or linear filters of the same training
    /// pairs have a say in what known users get, as in
    /// [`EnsembleRanker`](crate::EnsembleRanker). `own_weight` is that of this recommender's model;
    /// [`choose_weights`](crate::choose_weights) finds good ones on validation data.
    ///
    /// Partners score what training knows: events of a request move the model's part alone, items
    /// that training does not know count as average ones to them, and newcomers get the model's answer.
    /// Where scores are fused and every member's score is a sum over the history, so is the fused one,
    /// and [`Recommender::explain`] splits it exactly. A partner costs a row of its scores for every
    /// question; items are ranked user by user.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if a weight is negative or not finite, or none is positive;
    /// [`RecommendError::DifferentCatalogues`] if a partner counts other users or items. (Whether
    /// ids agree, [`check_same_catalogue`](crate::check_same_catalogue) tells.)
    pub fn with_partners(
        mut self,
        own_weight: f64,
        partners: Vec<(Box<dyn Scorer + Send>, f64)>,
        fusion: Fusion,
    ) -> Result<Self, RecommendError> {
        let mut weights = vec![own_weight];
        weights.extend(partners.iter().map(|(_, weight)| weight));
        {
            let own: Box<dyn Scorer + '_> = Box::new(self.ranker());
            let others = partners.iter().map(|(partner, _)| {
                let partner: &dyn Scorer = &**partner;
                Box::new(partner) as Box<dyn Scorer + '_>
            });
            let members = std::iter::once(own).chain(others).collect();
            // It knows what fits together.
            crate::EnsembleRanker::new(members, &weights, fusion)?;
        }
        self.partners = (!partners.is_empty()).then(|| Partners {
            members: partners.into_iter().map(|(partner, _)| partner).collect(),
            weights,
            fusion,
        });
        Ok(self)
    }
}

/// The model as [`Recommender::ranker`] has it, without rules and partners.
impl Ranker for Recommender {
    fn name(&self) -> &str {
        &self.artifact().model.name
    }

    fn n_users(&self) -> usize {
        self.artifact().train.n_users()
    }

    fn n_items(&self) -> usize {
        self.artifact().train.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        self.ranker().top_k(users, k, excluded)
    }
}

impl Scorer for Recommender {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        self.ranker().scores(users, out);
    }

    /// Own taste and contributions, where the model's score is a sum over paths. A model without layers
    /// (matrix factorization) is all own taste, and so is the score of a user without training pairs.
    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        if item.index() >= Ranker::n_items(self) {
            return None;
        }
        let weights = self.artifact().model.layer_weights.as_deref();
        let has_history = !self.artifact().train.pairs_of(user).is_empty();
        let has_layers = !matches!(weights, Some([_]));
        if has_layers && !self.messages().are_exact() {
            return None;
        }
        if !has_layers || !has_history {
            return Some(ScoreParts {
                own_taste: f64::from(self.ranker().score(user, item)),
                contributions: Vec::new(),
            });
        }
        let profile = self.profile(Some(user), &[]).ok()?;
        let node = self.artifact().train.n_users() + item.index();
        Some(self.model_parts(&profile, self.artifact().embeddings.row(node)))
    }
}

#[cfg(test)]
mod tests;
