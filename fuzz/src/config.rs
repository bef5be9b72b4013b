//! Configuration files: a valid one can be written and read again.

use lightgcn_data::PrepareConfig;
use lightgcn_data::synthetic::ShopConfig;
use lightgcn_linear::{Filter, FilterConfigs};
use serde::{Deserialize, Serialize};

/// The tables of a configuration file that need no deep-learning framework. Those of models and
/// training are tried by `cargo test -p lightgcn-train --test config_mutations`.
#[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    prepare: PrepareConfig,
    generate: ShopConfig,
    filters: FilterConfigs,
}

/// A TOML file.
pub fn fuzz_one(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(config) = toml::from_str::<Config>(text) else {
        return;
    };
    let mut usable = config.generate.check().is_ok();
    for filter in Filter::ALL {
        usable &= config.filters.check(filter).is_ok();
    }
    if let Ok(valid) = config.prepare.check() {
        valid.options();
        if usable && let Ok(text) = toml::to_string(&config) {
            let again: Config = toml::from_str(&text).expect("what was written can be read");
            assert_eq!(again, config, "{text}");
        }
    }
}
