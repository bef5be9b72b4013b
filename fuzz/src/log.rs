//! Event logs, catalogue and pair files: any bytes give a dataset or a typed error.

use lightgcn_data::{Duplicates, PairFiles, PrepareConfig, SplitConfig, prepare};
use std::path::PathBuf;

thread_local! {
    static FOLDER: (tempfile::TempDir, PathBuf) = {
        let folder = crate::folder();
        let path = folder.path().join("log");
        (folder, path)
    };
}

/// The first byte chooses options, the rest is the file.
pub fn fuzz_one(bytes: &[u8]) {
    let Some((&choice, content)) = bytes.split_first() else {
        return;
    };
    FOLDER.with(|(_, path)| {
        std::fs::write(path, content).expect("a file in memory");
        if choice & 0x80 != 0 {
            let files = PairFiles {
                keep_unseen: choice & 1 != 0,
                ..PairFiles::new(path.clone())
            };
            drop(files.read());
            return;
        }
        let mut config = PrepareConfig {
            skip_bad_rows: choice & 1 != 0,
            ..PrepareConfig::default()
        };
        if choice & 2 != 0 {
            config.duplicates = Duplicates::Keep;
        }
        if choice & 4 != 0 {
            config.catalogue = vec![path.to_string_lossy().into_owned()];
        }
        config.split = match choice >> 3 & 3 {
            0 => SplitConfig::None,
            1 => SplitConfig::default(),
            2 => SplitConfig::reference(),
            _ => SplitConfig::leave_last_out(),
        };
        if let Ok(dataset) = prepare(&[path], &config) {
            let train = dataset.split.train.interactions();
            assert!(train.weights().iter().all(|w| w.is_finite() && *w > 0.0));
            assert!(dataset.lineage.stages.iter().all(|stage| stage.balances()));
        }
    });
}
