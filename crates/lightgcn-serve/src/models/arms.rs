//! The models of an experiment, and which of them answers which user.

use super::{Model, Registry};
use crate::catalogue::CatalogueStore;
use crate::error::ServeError;
use crate::experiment::{ArmConfig, ExperimentConfig};
use arc_swap::ArcSwap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A model that answers a request, and the arm of the experiment that it answers for.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) model: Arc<Model>,
    /// `EXPERIMENT/ARM`; `None` without an experiment.
    pub(crate) arm: Option<Arc<str>>,
}

impl Chosen {
    /// A model outside any experiment.
    pub(crate) fn alone(model: Arc<Model>) -> Self {
        Self { model, arm: None }
    }
}

/// The arms of an experiment with their models.
#[derive(Debug)]
pub(crate) struct Arms {
    pub(crate) config: ExperimentConfig,
    /// In the order of the configuration.
    models: Vec<Arm>,
}

#[derive(Debug)]
struct Arm {
    /// `EXPERIMENT/ARM`.
    label: Arc<str>,
    /// `None` for the active model.
    model: Option<ArcSwap<Model>>,
    /// The sum of the shares up to and including its own, in (0, 1].
    until: f64,
}

impl Arms {
    /// Loads the models that the configuration names.
    pub(crate) fn open(
        config: ExperimentConfig,
        registry: &Registry,
        catalogue: &CatalogueStore,
    ) -> Result<Self, ServeError> {
        let total: f64 = config.arms.iter().map(|arm| arm.weight).sum();
        let mut sum = 0.0;
        let mut models = Vec::with_capacity(config.arms.len());
        for ArmConfig {
            name,
            model,
            weight,
        } in &config.arms
        {
            sum += weight / total;
            let model = model.as_deref().map(|name| registry.open(name));
            let model = model.transpose()?.map(|model| catalogue.told(model));
            models.push(Arm {
                label: format!("{}/{name}", config.name).into(),
                model: model.map(ArcSwap::from_pointee),
                until: sum,
            });
        }
        Ok(Self { config, models })
    }

    /// The arm of a user, always the same one: by the XXH3 of the experiment's name and the user's id.
    pub(crate) fn choose(&self, user: &str, active: Arc<Model>) -> Chosen {
        let key = format!("{}\n{user}", self.config.name);
        // 53 bits of the hash, in [0, 1).
        let place = (xxh3_64(key.as_bytes()) >> 11) as f64 / (1u64 << 53) as f64;
        let arm = self.models.iter().find(|arm| place < arm.until);
        // Rounding may leave the last sum below 1.
        let Some(arm) = arm.or(self.models.last()) else {
            return Chosen::alone(active);
        };
        Chosen {
            model: arm.model.as_ref().map_or(active, ArcSwap::load_full),
            arm: Some(Arc::clone(&arm.label)),
        }
    }

    /// Replaces the model of the arms that use it; `None` if no arm does.
    pub(crate) fn reload(
        &self,
        name: &str,
        registry: &Registry,
        catalogue: &CatalogueStore,
    ) -> Option<Result<Arc<Model>, ServeError>> {
        let arms = self.config.arms.iter().zip(&self.models);
        let named = arms.filter(|(config, _)| config.model.as_deref() == Some(name));
        let slots: Vec<&ArcSwap<Model>> = named.filter_map(|(_, arm)| arm.model.as_ref()).collect();
        if slots.is_empty() {
            return None;
        }
        Some(registry.open(name).map(|model| {
            let model = Arc::new(catalogue.told(model));
            slots.iter().for_each(|slot| slot.store(Arc::clone(&model)));
            tracing::info!(version = %model.version, name, "replaced the model of an arm");
            model
        }))
    }

    /// Applies catalogue changes to the models of all arms.
    pub(crate) fn refresh(&self, catalogue: &CatalogueStore) {
        self.update(|model| catalogue.applied(model));
    }

    /// Makes a user a stranger to the models of all arms.
    pub(crate) fn forget(&self, user: &str) {
        self.update(|model| model.without_user(user));
    }

    /// Replaces the models of arms by those that are made of them, whoever else does so meanwhile.
    fn update(&self, updated: impl Fn(&Model) -> Option<Model>) {
        for slot in self.models.iter().filter_map(|arm| arm.model.as_ref()) {
            slot.rcu(|model| updated(model).map_or_else(|| Arc::clone(model), Arc::new));
        }
    }

    /// The models that the arms use.
    pub(crate) fn models(&self) -> impl Iterator<Item = Arc<Model>> {
        let models = self.models.iter().filter_map(|arm| arm.model.as_ref());
        models.map(ArcSwap::load_full)
    }

    /// The label of each arm, in the order of the configuration.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.models.iter().map(|arm| &arm.label)
    }
}
