//! Shortens explanations: to a few contributions, or to nothing about the history.

use crate::{Explanation, Remainder, Term, TermKind};

/// Why an explanation without the history has no path.
const HIDDEN: &str = "histories are hidden, and every path starts from one";

impl Explanation {
    /// Keeps the `limit` contributions with the largest absolute values; the others become one
    /// [`Explanation::remainder`], so that the parts still sum to the score.
    pub fn limit_contributions(&mut self, limit: usize) {
        if self.contributions.len() <= limit {
            return;
        }
        let rest = self.contributions.split_off(limit);
        let count = self.remainder.map_or(Some(0), |before| before.n_items);
        self.set_aside(
            rest.iter().map(|part| (part.value, part.share)),
            count.map(|n| n + rest.len()),
        );
    }

    /// Removes what reveals the user's history: the contributions and the terms about it, which
    /// become one [`Explanation::remainder`], the paths, which start from its items, and whether
    /// the user bought or interacted with the item.
    ///
    /// The score, its method, and the terms about the item that are the same for every user stay.
    pub fn hide_history(&mut self) {
        let is_of_user = |kind: TermKind| matches!(kind, TermKind::History | TermKind::Taste);
        let terms = std::mem::take(&mut self.terms).into_iter();
        let (own, kept): (Vec<Term>, Vec<Term>) = terms.partition(|term| is_of_user(term.kind));
        self.terms = kept;
        let contributions = std::mem::take(&mut self.contributions);
        let terms = own.iter().map(|term| (term.value, term.share));
        let parts = contributions.iter().map(|part| (part.value, part.share));
        if !own.is_empty() || !contributions.is_empty() || self.remainder.is_some() {
            self.set_aside(terms.chain(parts), None);
        }
        self.bought = false;
        self.familiar = false;
        self.paths.clear();
        self.reason = Some(HIDDEN.to_owned());
    }

    fn set_aside(&mut self, parts: impl Iterator<Item = (f64, f64)>, n_items: Option<usize>) {
        let before = self.remainder.map_or((0.0, 0.0), |r| (r.value, r.share));
        let (value, share) = parts.fold(before, |sum, part| (sum.0 + part.0, sum.1 + part.1));
        self.remainder = Some(Remainder {
            n_items,
            value,
            share,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contribution, Method, Part};
    use lightgcn_core::ItemDetails;

    fn explanation() -> Explanation {
        let contribution = |item: &str, value: f64| Contribution {
            item: item.to_owned(),
            details: ItemDetails::default(),
            behaviors: Vec::new(),
            value,
            share: value / 10.0,
        };
        let term = |kind, text: &str, value: f64| Term {
            kind,
            text: text.to_owned(),
            value,
            share: value / 10.0,
            facts: Vec::new(),
        };
        Explanation {
            user: "ann".to_owned(),
            item: "lamp".to_owned(),
            details: ItemDetails::default(),
            score: 7.0,
            bought: true,
            familiar: true,
            method: Method::Ranking,
            terms: vec![
                term(TermKind::History, "viewed 5x", 2.0),
                term(TermKind::Popularity, "met by 9 users", 1.0),
                term(TermKind::Taste, "its brand", -1.0),
            ],
            self_contribution: Some(Part {
                value: 0.5,
                share: 0.05,
            }),
            contributions: vec![
                contribution("glove", 3.0),
                contribution("mug", -1.5),
                contribution("oil", 1.0),
            ],
            remainder: None,
            rounding: 2.0,
            paths: Vec::new(),
            reason: None,
            instead: None,
        }
    }

    /// The sum of all parts.
    fn sum(of: &Explanation) -> f64 {
        let terms = of.terms.iter().map(|term| term.value);
        let contributions = of.contributions.iter().map(|part| part.value);
        let others = [
            of.self_contribution.map_or(0.0, |own| own.value),
            of.remainder.map_or(0.0, |rest| rest.value),
            of.rounding,
        ];
        terms.chain(contributions).chain(others).sum()
    }

    #[test]
    fn the_rest_of_the_contributions_is_one_sum() {
        let mut short = explanation();
        short.limit_contributions(3);
        assert_eq!(short, explanation());
        short.limit_contributions(2);
        short.limit_contributions(1);
        assert_eq!(short.contributions.len(), 1);
        let rest = short.remainder.unwrap();
        assert_eq!((rest.n_items, rest.value), (Some(2), -0.5));
        assert!((rest.share + 0.05).abs() < 1e-12);
        assert_eq!(sum(&short), 7.0);
        let line = "\n  +30.0 %  because the user met item glove\n";
        assert!(short.to_string().contains(line), "{short}");
    }

    #[test]
    fn nothing_tells_of_the_history() {
        let mut hidden = explanation();
        hidden.limit_contributions(1);
        hidden.hide_history();
        assert_eq!(sum(&hidden), 7.0);
        assert!(!hidden.bought && !hidden.familiar);
        assert_eq!(hidden.terms.len(), 1);
        assert_eq!(hidden.remainder.unwrap().n_items, None);
        let text = format!("{hidden}{}", serde_json::to_string(&hidden).unwrap());
        for told in ["glove", "mug", "oil", "viewed", "brand\":\"", "n_items"] {
            assert!(!text.contains(told), "{told} is in {text}");
        }
    }
}
