//! Models and linear filters in an ensemble with a model.

use super::data::open_trained_on;
use crate::args::EnsembleArgs;
use crate::config::Config;
use anyhow::{Context, bail, ensure};
use lightgcn::core::{Dataset, Split, Train, Truth, aligned};
use lightgcn::linear::{Filter, FilterConfigs};
use lightgcn::metrics::Metric;
use lightgcn::recommend::{
    EnsembleRanker, Fusion, LinearRanker, Member, Recommender, Scorer, WeightOptions,
    check_same_catalogue, choose_weights,
};
use serde::Serialize;
use std::path::Path;

/// Weights are multiples of 1 / this, for two members and for more.
const STEPS: [usize; 2] = [20, 10];

/// A member as named by a flag.
#[derive(Debug, Clone, PartialEq)]
struct NamedMember {
    name: String,
    weight: Option<f64>,
}

impl NamedMember {
    /// Parses NAME or NAME=WEIGHT; a name may be a path with `=` in it.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, weight) = match text.rsplit_once('=') {
            Some((name, weight)) if !weight.contains(std::path::is_separator) => {
                let number = weight.trim().parse::<f64>().ok();
                let number = number.filter(|weight| (0.0..=1.0).contains(weight));
                let number = number.with_context(|| {
                    format!("the weight in {text:?} must be a number from 0 to 1")
                })?;
                (name, Some(number))
            }
            _ => (text, None),
        };
        Ok(Self {
            name: name.trim().to_owned(),
            weight,
        })
    }

    fn parse_all(given: &[String]) -> anyhow::Result<Vec<Self>> {
        given.iter().map(|text| Self::parse(text)).collect()
    }

    /// The linear filter of that name; `None` for a model's folder.
    fn filter(&self) -> Option<Filter> {
        self.name.parse().ok()
    }
}

/// The weight left for the model, and one per member.
fn all_weights(members: &[f64], flag: &str) -> anyhow::Result<Vec<f64>> {
    let sum: f64 = members.iter().sum();
    ensure!(
        sum < 1.0 + 1e-9,
        "the weights of {flag} sum to {sum:.3}; they must sum to at most 1, and the model gets the \
        rest"
    );
    let own = (1.0 - sum).max(0.0);
    Ok(std::iter::once(own)
        .chain(members.iter().copied())
        .collect())
}

fn fitted(filter: Filter, filters: &FilterConfigs, train: &Train) -> anyhow::Result<LinearRanker> {
    filters.check(filter)?;
    Ok(LinearRanker::new(filters.fit(filter, train)?, train))
}

/// Adds the members that `--with` names, which know only the model's training pairs.
pub(crate) fn join(
    recommender: Recommender,
    args: &EnsembleArgs,
    config: &Config,
) -> anyhow::Result<Recommender> {
    let given = NamedMember::parse_all(&args.with)?;
    if given.is_empty() {
        return Ok(recommender);
    }
    let weight = |member: &NamedMember| {
        let name = &member.name;
        let missing = || format!("{name:?} has no weight; write MODEL=WEIGHT or FILTER=WEIGHT");
        member.weight.with_context(missing)
    };
    let weights: Vec<f64> = given.iter().map(weight).collect::<anyhow::Result<_>>()?;
    let own = all_weights(&weights, "--with")?[0];
    let mut members: Vec<Member<'static>> = Vec::new();
    for (member, weight) in given.iter().zip(weights) {
        let scorer: Box<dyn Scorer + Send> = match member.filter() {
            Some(filter) => {
                // An artifact has no held-out pairs.
                let pairs = recommender.artifact().train.clone();
                let (users, items) = (pairs.n_users(), pairs.n_items());
                let nothing = || Truth::empty(users, items);
                let split = Split::new(pairs, nothing(), nothing())?;
                Box::new(fitted(filter, &config.filters, &split.train)?)
            }
            None => {
                let other = Recommender::open(Path::new(&member.name))?;
                check_same_catalogue(recommender.artifact(), other.artifact())
                    .with_context(|| format!("joining {}", member.name))?;
                Box::new(other)
            }
        };
        members.push((scorer, weight));
    }
    Ok(recommender.with_ensemble(own, members, args.fusion.into())?)
}

/// The weights of an ensemble, and how they were found.
#[derive(Debug, Serialize)]
pub(crate) struct EnsembleReport {
    fusion: Fusion,
    members: Vec<String>,
    weights: Vec<f64>,
    /// The part they were chosen on; `None` if they were given.
    chosen_on: Option<&'static str>,
    metric: Metric,
    k: usize,
    /// Every combination of weights and its metric on that part.
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Figure {
    weights: Vec<f64>,
    figure: f64,
}

/// The members that `--ensemble` names.
pub(crate) struct Members {
    names: Vec<String>,
    /// The model's weight, then one per member; `None` if they are yet to be chosen.
    weights: Option<Vec<f64>>,
    scorers: Vec<Box<dyn Scorer + Send>>,
}

impl Members {
    /// Opens and fits the members; `None` if the flag names none.
    pub(crate) fn open(
        given: &[String],
        config: &Config,
        dataset: &Dataset,
    ) -> anyhow::Result<Option<Self>> {
        let given = NamedMember::parse_all(given)?;
        let given_weights: Vec<f64> = given.iter().filter_map(|member| member.weight).collect();
        let weights = match given_weights.len() {
            _ if given.is_empty() => return Ok(None),
            0 => None,
            n if n == given.len() => Some(all_weights(&given_weights, "--ensemble")?),
            _ => bail!("give a weight to all members of --ensemble or to none"),
        };
        ensure!(
            weights.is_some() || !dataset.split.validation.truth().is_empty(),
            "the validation part has no targets, so the weights of --ensemble cannot be chosen on \
            it; \
             give them as MEMBER=WEIGHT, or make a split with validation targets"
        );
        let mut scorers: Vec<Box<dyn Scorer + Send>> = Vec::new();
        for member in &given {
            scorers.push(match member.filter() {
                Some(filter) => {
                    eprintln!("fitting {filter}");
                    Box::new(fitted(filter, &config.filters, &dataset.split.train)?)
                }
                None => Box::new(open_trained_on(dataset, Path::new(&member.name))?),
            });
        }
        Ok(Some(Self {
            names: given.into_iter().map(|member| member.name).collect(),
            weights,
            scorers,
        }))
    }

    /// The ensemble with the model. Chooses weights on the validation part if none are given.
    pub(crate) fn join<'a>(
        &'a self,
        (name, model): (String, &'a (dyn Scorer + Send)),
        fusion: Fusion,
        dataset: &Dataset,
        k: usize,
    ) -> anyhow::Result<(EnsembleRanker<'a>, EnsembleReport)> {
        let others = self.scorers.iter().map(|scorer| &**scorer);
        let all: Vec<&'a (dyn Scorer + Send)> = std::iter::once(model).chain(others).collect();
        let mut report = EnsembleReport {
            fusion,
            members: std::iter::once(name)
                .chain(self.names.iter().cloned())
                .collect(),
            weights: Vec::new(),
            chosen_on: None,
            metric: Metric::Recall,
            k,
            figures: Vec::new(),
        };
        match &self.weights {
            Some(weights) => report.weights.clone_from(weights),
            None => report.choose(&all, dataset)?,
        }
        let weighted = all.into_iter().zip(report.weights.iter().copied());
        let members = weighted.map(|(member, weight)| (Box::new(member) as _, weight));
        Ok((EnsembleRanker::new(members.collect(), fusion)?, report))
    }
}

impl EnsembleReport {
    fn choose(
        &mut self,
        members: &[&(dyn Scorer + Send)],
        dataset: &Dataset,
    ) -> anyhow::Result<()> {
        let members: Vec<&dyn Scorer> = members.iter().map(|member| *member as _).collect();
        eprintln!("choosing weights of {} members", members.len());
        let options = WeightOptions {
            fusion: self.fusion,
            steps: STEPS[usize::from(members.len() > 2)],
            metric: self.metric,
            k: self.k,
        };
        let split = &dataset.split;
        let choice = choose_weights(&members, &split.train, &split.validation, &options)?;
        self.weights = choice.weights;
        self.chosen_on = Some("validation");
        let figures = choice.figures.into_iter();
        let figure = |(weights, figure)| Figure { weights, figure };
        self.figures = figures.map(figure).collect();
        Ok(())
    }

    /// Human-readable: the weights, the metrics that chose them, and how to use them.
    pub(crate) fn text(&self) -> String {
        let (fusion, metric, k) = (self.fusion, self.metric, self.k);
        let chosen = match self.chosen_on {
            Some(part) => format!("chosen on {part} data ({metric}@{k})"),
            None => "as given".to_owned(),
        };
        let parts = self.members.iter().zip(&self.weights);
        let weighted: Vec<String> = parts
            .clone()
            .map(|(name, w)| format!("{name} {w}"))
            .collect();
        let weighted = weighted.join(", ");
        let mut text = format!("\n\nensemble by {fusion}, weights {chosen}: {weighted}\n");
        let with: Vec<String> = parts
            .skip(1)
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(name, weight)| format!(" --with {name}={weight}"))
            .collect();
        if !with.is_empty() {
            let (model, with) = (&self.members[0], with.concat());
            text += &format!("to use it: lightgcn recommend {model}{with} --fusion {fusion} ...\n");
        }
        // More members have too many combinations to print.
        if self.members.len() == 2 && !self.figures.is_empty() {
            let mut rows = vec![vec!["weight".to_owned(), format!("{metric}@{k}")]];
            rows.extend(self.figures.iter().rev().map(|figure| {
                let (weight, value) = (figure.weights[1], figure.figure);
                vec![format!("{weight:.2}"), format!("{value:.4}")]
            }));
            text += &format!("by the weight of {}:\n{}", self.members[1], aligned(&rows));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_a_name_and_perhaps_a_weight() {
        let member = |text| NamedMember::parse(text).unwrap();
        let path = member("a=b/model=0.25");
        assert_eq!((&path.name[..], path.weight), ("a=b/model", Some(0.25)));
        assert_eq!(path.filter(), None);
        let plain = member("a=b/model");
        assert_eq!((&plain.name[..], plain.weight), ("a=b/model", None));
        let filter = member("ease");
        assert_eq!((filter.weight, filter.filter()), (None, Some(Filter::Ease)));
        for text in ["model=x", "model=1.5", "model=-0.1", "model=NaN"] {
            assert!(NamedMember::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_model_gets_what_is_left_of_one() {
        assert_eq!(all_weights(&[0.25, 0.5], "").unwrap(), [0.25, 0.25, 0.5]);
        assert_eq!(all_weights(&[0.7, 0.3], "").unwrap()[0], 0.0);
        assert!(all_weights(&[0.7, 0.4], "").is_err());
    }
}
