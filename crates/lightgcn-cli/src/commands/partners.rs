//! Models and linear filters that join a model in an ensemble.

use super::evaluate::check_same_data;
use crate::config::Config;
use anyhow::{Context, ensure};
use lightgcn::core::{Dataset, Split, Train, Truth};
use lightgcn::linear::{Filter, FilterConfigs};
use lightgcn::metrics::Metric;
use lightgcn::recommend::{
    EnsembleRanker, Fusion, LinearRanker, Recommender, Scorer, check_same_catalogue, choose_weights,
};
use serde::Serialize;
use std::path::Path;

/// Weights that are tried: all that sum to 1 in so many steps, with one partner and with more.
const STEPS: [usize; 2] = [20, 10];

/// A partner, as a flag names it, with its weight where it has one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Partner {
    name: String,
    weight: Option<f64>,
}

impl Partner {
    /// NAME, or NAME=WEIGHT.
    fn parse(text: &str, weighed: bool) -> anyhow::Result<Self> {
        let (name, weight) = match text.rsplit_once('=') {
            Some((name, weight)) if weighed => {
                let number = weight.trim().parse::<f64>().ok();
                let number = number.filter(|weight| (0.0..=1.0).contains(weight));
                let number = number.with_context(|| {
                    format!("the weight in {text:?} must be a number from 0 to 1")
                })?;
                (name, Some(number))
            }
            None if weighed => {
                anyhow::bail!("{text:?} has no weight; write MODEL=WEIGHT or FILTER=WEIGHT")
            }
            _ => (text, None),
        };
        Ok(Self {
            name: name.trim().to_owned(),
            weight,
        })
    }

    /// The linear filter of that name, or the model in that folder.
    fn filter(&self) -> Option<Filter> {
        self.name.parse().ok()
    }
}

fn fitted(filter: Filter, filters: &FilterConfigs, train: &Train) -> anyhow::Result<LinearRanker> {
    filters.check(filter)?;
    Ok(LinearRanker::new(filters.fit(filter, train)?, train))
}

/// The recommender with the partners that `--with` names, which know its training pairs alone.
pub(crate) fn join(
    recommender: Recommender,
    given: &[String],
    fusion: Fusion,
    config: &Config,
) -> anyhow::Result<Recommender> {
    if given.is_empty() {
        return Ok(recommender);
    }
    let mut partners: Vec<(Box<dyn Scorer + Send>, f64)> = Vec::new();
    for text in given {
        let partner = Partner::parse(text, true)?;
        let scorer: Box<dyn Scorer + Send> = match partner.filter() {
            Some(filter) => {
                // An artifact has nothing that was held out.
                let pairs = recommender.artifact().train.clone();
                let (users, items) = (pairs.n_users(), pairs.n_items());
                let nothing = || Truth::empty(users, items);
                let split = Split::new(pairs, nothing(), nothing())?;
                Box::new(fitted(filter, &config.filters, &split.train)?)
            }
            None => {
                let other = Recommender::open(Path::new(&partner.name))?;
                check_same_catalogue(recommender.artifact(), other.artifact())
                    .with_context(|| format!("joining {}", partner.name))?;
                Box::new(other)
            }
        };
        partners.push((scorer, partner.weight.unwrap_or_default()));
    }
    let own = 1.0 - partners.iter().map(|(_, weight)| weight).sum::<f64>();
    ensure!(
        own > -1e-9,
        "the weights of --with sum to {:.3}; the model itself has what is left of 1",
        1.0 - own
    );
    Ok(recommender.with_partners(own.max(0.0), partners, fusion)?)
}

/// An ensemble that was weighed.
#[derive(Debug, Serialize)]
pub(crate) struct EnsembleReport {
    pub(crate) fusion: Fusion,
    pub(crate) members: Vec<String>,
    pub(crate) weights: Vec<f64>,
    pub(crate) chosen_on: &'static str,
    pub(crate) metric: Metric,
    pub(crate) k: usize,
}

/// The members of an ensemble: the model first.
pub(crate) struct Members {
    names: Vec<String>,
    partners: Vec<Box<dyn Scorer + Send>>,
}

impl Members {
    /// Opens and fits the partners of the model in `model`.
    pub(crate) fn open(
        model: &Path,
        given: &[String],
        config: &Config,
        dataset: &Dataset,
    ) -> anyhow::Result<Self> {
        ensure!(
            !dataset.split.validation.truth().is_empty(),
            "the validation part holds no target, so the weights of --ensemble cannot be chosen on it; \
             make a split with validation targets"
        );
        let mut members = Self {
            names: vec![model.display().to_string()],
            partners: Vec::new(),
        };
        for text in given {
            let partner = Partner::parse(text, false)?;
            members.partners.push(match partner.filter() {
                Some(filter) => {
                    eprintln!("fitting {filter}");
                    Box::new(fitted(filter, &config.filters, &dataset.split.train)?)
                }
                None => {
                    let other = Recommender::open(Path::new(&partner.name))?;
                    check_same_data(Path::new(&partner.name), &other, dataset)?;
                    Box::new(other)
                }
            });
            members.names.push(partner.name);
        }
        Ok(members)
    }

    /// Chooses the weights on the validation part.
    pub(crate) fn weigh<'a>(
        &'a self,
        model: &'a dyn Scorer,
        fusion: Fusion,
        dataset: &Dataset,
        k: usize,
    ) -> anyhow::Result<(EnsembleRanker<'a>, EnsembleReport)> {
        let mut members: Vec<&'a dyn Scorer> = vec![model];
        for partner in &self.partners {
            members.push(&**partner);
        }
        let (split, metric) = (&dataset.split, Metric::Recall);
        let steps = STEPS[usize::from(members.len() > 2)];
        eprintln!("weighing {} members by {fusion}", members.len());
        let (train, validation) = (&split.train, &split.validation);
        let weights = choose_weights(&members, fusion, train, validation, steps, metric, k)?;
        let boxed = members
            .into_iter()
            .map(|member| Box::new(member) as Box<dyn Scorer + 'a>)
            .collect();
        let report = EnsembleReport {
            fusion,
            members: self.names.clone(),
            weights: weights.clone(),
            chosen_on: "validation",
            metric,
            k,
        };
        Ok((EnsembleRanker::new(boxed, &weights, fusion)?, report))
    }
}

impl EnsembleReport {
    /// For people: the weights, and how to answer with them.
    pub(crate) fn text(&self) -> String {
        let parts = self.members.iter().zip(&self.weights);
        let weighed: Vec<String> = parts
            .clone()
            .map(|(name, weight)| format!("{name} {weight}"))
            .collect();
        let with: Vec<String> = parts
            .skip(1)
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(name, weight)| format!(" --with {name}={weight}"))
            .collect();
        let (fusion, metric, k) = (self.fusion, self.metric, self.k);
        let mut text = format!(
            "\n\nthe ensemble by {fusion}, weights chosen on validation data ({metric}@{k}): {}\n",
            weighed.join(", ")
        );
        if !with.is_empty() {
            let model = &self.members[0];
            let with = with.concat();
            text += &format!(
                "answers from it: lightgcn recommend {model}{with} --fusion {fusion} ...\n"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_have_a_name_and_a_weight() {
        let partner = Partner::parse("a=b/model=0.25", true).unwrap();
        assert_eq!(
            (&partner.name[..], partner.weight),
            ("a=b/model", Some(0.25))
        );
        assert_eq!(partner.filter(), None);
        let filter = Partner::parse("ease", false).unwrap();
        assert_eq!((filter.weight, filter.filter()), (None, Some(Filter::Ease)));
        for (text, words) in [
            ("model", "has no weight"),
            ("model=x", "a number from 0 to 1"),
            ("model=1.5", "a number from 0 to 1"),
            ("model=NaN", "a number from 0 to 1"),
        ] {
            let error = Partner::parse(text, true).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
