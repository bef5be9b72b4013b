//! What a build without features says about inputs that it does not read.
#![cfg(not(feature = "parquet"))]

use lightgcn_core::BehaviorWeightsConfig;
use lightgcn_data::{DataError, ReadConfig, read_events};
use std::path::Path;

#[test]
fn a_parquet_file_needs_its_feature() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/polars.parquet");
    let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
    let error = read_events(&[&path], &ReadConfig::default(), &weights).unwrap_err();
    assert!(
        matches!(&error, DataError::MissingFeature { path: found, feature: "parquet", .. } if *found == path),
        "{error}"
    );
}
