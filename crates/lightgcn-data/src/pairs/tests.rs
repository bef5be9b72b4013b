use super::*;
use std::io::Write;
use tempfile::TempDir;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn all(folder: &TempDir) -> PairFiles {
    let at = |name: &str| folder.path().join(name);
    PairFiles::new(at("train.txt"))
        .with_validation(at("valid.txt"))
        .with_test(at("test.txt"))
}

fn pairs(truth: &lightgcn_core::Truth) -> Vec<(u32, u32)> {
    truth.iter().map(|(user, item)| (user.0, item.0)).collect()
}

#[test]
fn a_small_dataset() {
    let folder = folder(&[
        ("train.txt", b"10 7 9 7 11\r\n2 9\t100\n\n3\n2 7\n"),
        ("valid.txt", b"2 100\n"),
        ("test.txt", b"10 100\n3 9\n2 8 11"),
    ]);
    let dataset = all(&folder).read().unwrap();
    // 3 has no training pair, and neither has 8, nor 100 once validation left training.
    assert_eq!(dataset.users.iter().collect::<Vec<_>>(), ["2", "10"]);
    assert_eq!(dataset.items.iter().collect::<Vec<_>>(), ["7", "9", "11"]);
    let train = dataset.split.train.interactions();
    assert_eq!(train.offsets(), [0, 2, 5]);
    assert_eq!(train.weights(), [1.0; 5]);
    assert!(train.last_times().is_empty());
    assert_eq!(train.behaviors(), ["interaction"]);
    assert_eq!(dataset.split.validation.truth().n_pairs(), 0);
    assert_eq!(pairs(dataset.split.test.truth()), [(0, 2)]);
    let stages = &dataset.lineage.stages;
    assert!(stages.iter().all(StageReport::balances));
    assert_eq!(stages[0].dropped["repeated pair"], 1);
    assert_eq!(stages[3].dropped["held out for validation"], 1);
    assert_eq!(stages[5].dropped["user unseen in training"], 1);
    assert_eq!(stages[5].dropped["item unseen in training"], 2);
    assert_eq!(dataset.lineage.inputs.len(), 3);

    let mut keep = all(&folder);
    keep.keep_unseen = true;
    let dataset = keep.read().unwrap();
    assert_eq!(dataset.users.iter().collect::<Vec<_>>(), ["2", "3", "10"]);
    assert_eq!(
        dataset.items.iter().collect::<Vec<_>>(),
        ["7", "8", "9", "11", "100"]
    );
    assert_eq!(pairs(dataset.split.validation.truth()), [(0, 4)]);
    assert_eq!(
        pairs(dataset.split.test.truth()),
        [(0, 1), (0, 3), (1, 2), (2, 4)]
    );
    assert_eq!(dataset.split.train.interactions().n_pairs(), 5);
}

#[test]
fn ids_that_are_not_numbers_keep_their_order() {
    let folder = folder(&[("train.txt", b"\xef\xbb\xbfzoe b a\nann 10 b\n")]);
    let dataset = PairFiles::new(folder.path().join("train.txt"))
        .read()
        .unwrap();
    assert_eq!(dataset.users.iter().collect::<Vec<_>>(), ["zoe", "ann"]);
    assert_eq!(dataset.items.iter().collect::<Vec<_>>(), ["b", "a", "10"]);
    assert!(dataset.split.test.truth().is_empty());
    assert_eq!(whole_number("007"), Some(7));
    assert_eq!(whole_number("-7"), None);
    assert_eq!(whole_number("99999999999999999999"), None);
}

#[test]
fn overlaps_name_file_line_and_pair() {
    let train = ("train.txt", &b"1 2 3\n4 5 6\n"[..]);
    let overlap = |valid: &[u8], test: &[u8], refuse: bool| {
        let folder = folder(&[train, ("valid.txt", valid), ("test.txt", test)]);
        let mut files = all(&folder);
        if refuse {
            files.validation_in_train = ValidationInTrain::Refuse;
        }
        match files.read() {
            Err(DataError::PairOverlap {
                path,
                line,
                user,
                item,
                other,
            }) => {
                let name = |path: PathBuf| path.file_name().unwrap().display().to_string();
                format!("{}:{line} {user}-{item} {}", name(path), name(other))
            }
            other => panic!("an overlap must be refused, not {other:?}"),
        }
    };
    assert_eq!(
        overlap(b"1 6\n", b"1 5\n4 2 6\n", false),
        "test.txt:2 4-6 train.txt"
    );
    assert_eq!(
        overlap(b"1 5\n", b"4 2\n1 5\n", false),
        "test.txt:2 1-5 valid.txt"
    );
    assert_eq!(
        overlap(b"1 5\n4 3 5\n", b"4 2\n", true),
        "valid.txt:2 4-5 train.txt"
    );
}

#[test]
fn bad_files_are_errors_with_their_path() {
    let read = |train: &[u8], test: &[u8]| {
        let folder = folder(&[
            ("train.txt", train),
            ("test.txt", test),
            ("valid.txt", b"1 9"),
        ]);
        all(&folder).read().unwrap_err()
    };
    assert!(matches!(
        read(b"1 2\n1 \xff\n", b"1 3"),
        DataError::PairNotUtf8 { line: 2, .. }
    ));
    assert!(
        matches!(read(b"", b"1 3"), DataError::NoPairs { path } if path.ends_with("train.txt"))
    );
    assert!(
        matches!(read(b"1 2", b"1\n2\n"), DataError::NoPairs { path } if path.ends_with("test.txt"))
    );
    assert!(matches!(
        read(b"1 2", b"7 3"),
        DataError::NothingToTest { .. }
    ));
    assert!(matches!(
        read(b"1 9", b"1 3"),
        DataError::NothingToTrain { .. }
    ));
    assert!(matches!(
        read(b"1 2\n1 NULL\n", b"1 3"),
        DataError::PairId { line: 2, id, issue: lightgcn_core::IdIssue::NoValue, .. } if id == "NULL"
    ));
    // Lines that end in \r alone would be one.
    assert!(matches!(
        read(b"1 2\r3 4\r", b"1 3"),
        DataError::PairId { line: 1, id, issue: lightgcn_core::IdIssue::Control { character: '\r' } , .. } if id == "2\r3"
    ));
    assert!(matches!(
        read(b"0\t1\t5\t881250949\n0\t2\t3\t881250950\n1\t2\t4\t881250951\n", b"1 3"),
        DataError::NotPairs { path, line: 1, .. } if path.ends_with("train.txt")
    ));
    assert!(matches!(
        read(b"user item item\n1 2 3\n4 5\n", b"1 9"),
        DataError::NotPairs { path, line: 1, .. } if path.ends_with("train.txt")
    ));
    assert!(matches!(
        read(b"1 2\n1 7\n", b"1 3\n{\"1\": [3]}"),
        DataError::NotPairs { path, line: 2, .. } if path.ends_with("test.txt")
    ));
    let gone = PairFiles::new("/no/such/train.txt").read().unwrap_err();
    assert!(matches!(gone, DataError::Open { .. }));
}

#[test]
fn compressed_pair_files_read_the_same() {
    let text = b"1 2 3\n4 5 6\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    let folder = folder(&[
        ("train.txt", text),
        ("train.gz", &encoder.finish().unwrap()),
    ]);
    let read = |name: &str| PairFiles::new(folder.path().join(name)).read().unwrap();
    assert_eq!(read("train.txt").split, read("train.gz").split);
}

#[test]
fn a_folder_or_a_parquet_file_is_no_pair_file() {
    let folder = folder(&[("train.txt", b"PAR1\x15\x04\x15\x10")]);
    let error = PairFiles::new(folder.path()).read().unwrap_err();
    assert!(matches!(error, DataError::Folder { path } if path == folder.path()));
    let error = PairFiles::new(folder.path().join("train.txt")).read();
    assert!(matches!(
        error,
        Err(DataError::UnreadFormat {
            format: "Parquet",
            ..
        })
    ));
}
