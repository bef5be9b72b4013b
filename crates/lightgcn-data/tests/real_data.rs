//! Reads the real data sets in the folder that `LIGHTGCN_DATA` names, to the figures that their
//! publishers state. Skipped, with a line that says so, where the variable is unset.

#[cfg(test)]
mod tests {
    use lightgcn_core::{BehaviorWeights, BehaviorWeightsConfig, ItemId, StageReport};
    use lightgcn_data::{
        Duplicates, EventLog, KCoreConfig, PairFiles, PrepareConfig, ReadConfig, SplitConfig,
        prepare, read_events,
    };
    use std::path::PathBuf;

    fn data(file: &str) -> Option<PathBuf> {
        match std::env::var_os("LIGHTGCN_DATA") {
            Some(folder) => Some(PathBuf::from(folder).join(file)),
            None => {
                println!("skipped: LIGHTGCN_DATA is unset, so {file} is not read");
                None
            }
        }
    }

    fn shop() -> BehaviorWeights {
        BehaviorWeightsConfig::shop_log().check().unwrap()
    }

    fn read(path: &PathBuf, config: &ReadConfig, behaviors: &BehaviorWeights) -> EventLog {
        let log = read_events(&[path], config, behaviors).unwrap();
        assert!(log.stages().iter().all(StageReport::balances));
        log
    }

    #[test]
    fn cosmetics_shop_sample() {
        let Some(path) = data("cosmetics-rees46-sample/events_joined_kaggle_columns.csv") else {
            return;
        };
        let mut config = ReadConfig {
            duplicates: Duplicates::Keep,
            ..ReadConfig::default()
        };
        let all = read(&path, &config, &shop());
        assert_eq!(all.count_behaviors(4), [2_321, 1_300, 1_051, 323]);
        assert_eq!(all.n_events(), 4_995);
        assert_eq!(all.user_ids().len(), 893);
        assert_eq!(all.item_ids().len(), 2_832);
        config.duplicates = Duplicates::Drop;
        let distinct = read(&path, &config, &shop());
        assert_eq!(distinct.n_events(), 4_995 - 291);
        assert_eq!(distinct.stages()[0].dropped["exact duplicate"], 291);
        assert_eq!(distinct.user_ids(), all.user_ids());
        // Every item of the sample has a category and a price.
        let catalogue = distinct.catalogue();
        for item in (0..2_832).map(ItemId) {
            let details = catalogue.get(item);
            assert!(details.category_id.is_some() && details.price.is_some());
        }
    }

    #[test]
    fn cosmetics_shop_without_item_columns_takes_them_from_its_catalogue() {
        let (Some(log), Some(items)) = (
            data("cosmetics-rees46-sample/data_20*.csv"),
            data("cosmetics-rees46-sample/item.csv"),
        ) else {
            return;
        };
        let config = ReadConfig {
            catalogue: vec![items.to_string_lossy().into_owned()],
            ..ReadConfig::default()
        };
        let log = read(&log, &config, &shop());
        assert_eq!(log.inputs().len(), 6);
        assert_eq!(log.stages()[0].rows_in, 4_995);
        assert_eq!(log.stages()[1].rows_in, 109_579);
        assert_eq!(log.item_ids().len(), 2_832);
        let with_category = (0..2_832)
            .filter(|&n| log.catalogue().get(ItemId(n)).category_id.is_some())
            .count();
        assert_eq!(with_category, 2_832);
    }

    #[test]
    fn cosmetics_shop_prepared_by_every_split() {
        let Some(path) = data("cosmetics-rees46-sample/events_joined_kaggle_columns.csv") else {
            return;
        };
        for (split, k) in [
            (
                SplitConfig::Random {
                    validation: 0.2,
                    test: 0.2,
                },
                1,
            ),
            (SplitConfig::leave_last_out(), 1),
            (SplitConfig::None, 2),
        ] {
            let config = PrepareConfig {
                split: split.clone(),
                k_core: KCoreConfig {
                    min_user_pairs: k,
                    min_item_pairs: k,
                },
                ..PrepareConfig::default()
            };
            let dataset = prepare(&[&path], &config).unwrap();
            assert!(dataset.lineage.stages.iter().all(StageReport::balances));
            assert!(dataset.split.train.interactions().n_targets() > 0);
            assert_eq!(
                dataset.split.test.truth().is_empty(),
                split == SplitConfig::None
            );
            // The same again gives the same.
            assert_eq!(prepare(&[&path], &config).unwrap(), dataset);
        }
    }

    #[test]
    fn ecomm_with_its_own_labels() {
        let Some(path) = data("ecomm-dyhatr/events.csv") else {
            return;
        };
        let config = PrepareConfig {
            duplicates: Duplicates::Keep,
            weights: toml::from_str(
                "behaviors = [
                { name = 'view', weight = 0.01 },
                { name = 'favorite', weight = 0.05 },
                { name = 'cart', weight = 0.1 },
                { name = 'purchase', weight = 1.0, target = true },
            ]",
            )
            .unwrap(),
            format: toml::from_str(
                "[rename_behaviors]\nclick = 'view'\ncollect = 'favorite'\nbuy = 'purchase'",
            )
            .unwrap(),
            ..PrepareConfig::default()
        };
        let valid = config.check().unwrap();
        let log = read(&path, &config.read_config(), valid.behaviors());
        assert_eq!(log.n_events(), 85_213);
        assert_eq!(log.count_behaviors(4), [57_917, 5_529, 15_066, 6_701]);
        assert_eq!(log.user_ids().len(), 1_476);
        assert_eq!(log.item_ids().len(), 34_505);

        let dataset = prepare(&[&path], &config).unwrap();
        let stages = &dataset.lineage.stages;
        assert!(stages.iter().all(StageReport::balances));
        // The log tells days only. The last day has 326 purchases of 6,701, less than a tenth: so the
        // test takes the last two days, and the validation the day before.
        let options = &dataset.lineage.options;
        assert_eq!(options["split.test.from"], "2019-06-18 00:00:00 UTC");
        assert_eq!(options["split.validation.from"], "2019-06-17 00:00:00 UTC");
        assert!(dataset.split.test.truth().n_pairs() > 50);
    }

    #[test]
    fn gowalla_pair_files() {
        let (Some(train), Some(valid), Some(test)) = (
            data("gowalla/train.txt"),
            data("gowalla/valid_lightgcnpp.txt"),
            data("gowalla/test.txt"),
        ) else {
            return;
        };
        let dataset = PairFiles::new(&train).with_test(&test).read().unwrap();
        assert_eq!(dataset.users.len(), 29_858);
        assert_eq!(dataset.items.len(), 40_981);
        // Ids 0..n without gaps are their own rows.
        assert!((0..40_981).all(|n| dataset.items.get(&n.to_string()) == Some(ItemId(n))));
        assert_eq!(dataset.split.train.interactions().n_pairs(), 810_128);
        assert_eq!(dataset.split.test.truth().n_pairs(), 217_242);

        let mut files = PairFiles::new(&train)
            .with_validation(&valid)
            .with_test(&test);
        let dropped = files.read().unwrap();
        assert!(dropped.lineage.stages.iter().all(StageReport::balances));
        assert_eq!(dropped.split.train.interactions().n_pairs(), 719_081);
        // Without the validation pairs, a few items have no training pair left.
        assert_eq!(dropped.split.validation.truth().n_pairs(), 91_047 - 4);
        assert_eq!(dropped.split.test.truth().n_pairs(), 217_242 - 21);
        files.keep_unseen = true;
        let kept = files.read().unwrap();
        assert_eq!(kept.items.len(), 40_981);
        assert_eq!(kept.split.train.interactions().n_pairs(), 719_081);
        assert_eq!(kept.split.validation.truth().n_pairs(), 91_047);
        assert_eq!(kept.split.test.truth().n_pairs(), 217_242);
    }
}
