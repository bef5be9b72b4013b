use super::*;
use crate::{KCoreConfig, PairFiles, PrepareConfig, SplitConfig, prepare};
use lightgcn_core::IdIssue;
use std::fs;

/// A dataset of the items a, b and c with the facts of the files, or why there is none.
fn read(files: &[&str]) -> Result<Dataset, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let pairs = folder.path().join("pairs.txt");
    fs::write(&pairs, "u a b\nv b c\n").unwrap();
    let dataset = PairFiles::new(&pairs).read().unwrap();
    let paths: Vec<String> = (0..files.len())
        .map(|n| {
            let path = folder.path().join(format!("{n}.tsv"));
            fs::write(&path, files[n]).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    add_knowledge(dataset, &paths, |id| id == "gone")
}

/// The facts by their names.
fn facts(dataset: &Dataset) -> Vec<String> {
    let knowledge = &dataset.knowledge;
    let n_items = knowledge.n_items() as u32;
    let name = |node: u32| match node.checked_sub(n_items) {
        Some(entity) => knowledge.entities().name(EntityId(entity)).unwrap(),
        None => dataset.items.name(ItemId(node)).unwrap(),
    };
    let fact = |t: &Triple| {
        let relation = &knowledge.relations()[t.relation as usize];
        format!("{} {relation} {}", name(t.head), name(t.tail))
    };
    knowledge.triples().iter().map(fact).collect()
}

/// The line and the issue of the file, which must have one.
fn issue(file: &str) -> (u64, TripleIssue) {
    match read(&[file]).unwrap_err() {
        DataError::Triple { line, issue, .. } => (line, issue),
        other => panic!("{other}"),
    }
}

#[test]
fn heads_and_tails_are_items_or_entities() {
    let dataset = read(&[
        "head\trelation\ttail\na\tgenre\tcomedy\r\n\nAnn\tactor\tb\nc\tsequel\ta\n",
        "comedy\tkind_of\tfilm\n",
    ])
    .unwrap();
    assert_eq!(
        facts(&dataset),
        [
            "a genre comedy",
            "Ann actor b",
            "c sequel a",
            "comedy kind_of film"
        ]
    );
    let stage = dataset.lineage.stages.last().unwrap();
    assert_eq!(
        stage.to_string(),
        "knowledge: 4 triples in, 4 kept; 3 of 3 items, 3 entities, 4 relations"
    );
    let inputs: Vec<_> = dataset.lineage.inputs.iter().map(|i| &*i.name).collect();
    assert_eq!(inputs, ["pairs.txt", "0.tsv", "1.tsv"]);
}

#[test]
fn unknown_items_links_to_oneself_and_repeated_facts_are_counted() {
    let dataset = read(&[
        "a\tgenre\tcomedy\ngone\tgenre\tcomedy\nb\tsequel\tgone\na\tsequel\ta\nAnn\tknows\tAnn\n\
         a\tgenre\tcomedy\n",
    ])
    .unwrap();
    assert_eq!(facts(&dataset), ["a genre comedy"]);
    let stage = dataset.lineage.stages.last().unwrap();
    assert!(stage.balances());
    let dropped: Vec<_> = stage.dropped.iter().map(|(why, &n)| (&**why, n)).collect();
    assert_eq!(
        dropped,
        [
            ("about an item that is not trained on", 2),
            ("of a node with itself", 2),
            ("repeated", 1),
        ]
    );
}

#[test]
fn facts_about_no_item_are_an_error() {
    let error = read(&["x\tgenre\tcomedy\ny\tgenre\tcomedy\n"]).unwrap_err();
    assert!(
        matches!(error, DataError::NoKnownItem { n_triples: 2 }),
        "{error}"
    );
}

#[test]
fn files_of_recbole_are_read() {
    let dataset = read(&[
        "head_id:token\trelation_id:token\ttail_id:token\nm.1\tgenre\tm.9\nm.2\tgenre\tm.9\n",
        "item_id:token\tentity_id:token\nb\tm.1\nunseen\tm.2\n",
    ])
    .unwrap();
    assert_eq!(facts(&dataset), ["b genre m.9"]);
    let dropped = &dataset.lineage.stages.last().unwrap().dropped;
    assert_eq!(dropped["about an item that is not trained on"], 1);
}

#[test]
fn lines_that_are_no_triples_name_their_place() {
    let found = 2;
    assert_eq!(
        issue("a\tgenre\tcomedy\nb\tgenre\n"),
        (2, TripleIssue::Fields { found })
    );
    let found = 4;
    assert_eq!(issue("a\tb\tc\td\n"), (1, TripleIssue::Fields { found }));
    let found = 1;
    assert_eq!(
        issue("a genre comedy\n"),
        (1, TripleIssue::Fields { found })
    );
    let name = |field, issue| TripleIssue::Name {
        field,
        value: String::new(),
        issue,
    };
    assert_eq!(
        issue("a\t\tcomedy\n"),
        (1, name("relation", IdIssue::Empty))
    );
    assert_eq!(issue("a\tgenre\t\n"), (1, name("tail", IdIssue::Empty)));
    insta::assert_snapshot!(
        issue("a\tgenre\n").1,
        @"2 fields where a triple has 3; separate head, relation and tail by tabs"
    );
}

#[test]
fn files_without_a_triple_are_errors() {
    for file in ["", "\n\n", "head\trelation\ttail\n"] {
        let error = read(&[file]).unwrap_err();
        assert!(matches!(error, DataError::EmptyFile { .. }), "{error}");
    }
}

#[test]
fn items_that_preparation_drops_are_no_entities() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut log = "event_time,event_type,product_id,user_id\n".to_owned();
    for (item, user) in [
        ("a", "u"),
        ("b", "u"),
        ("a", "v"),
        ("b", "v"),
        ("rare", "u"),
    ] {
        log += &format!("2019-10-01 08:00:00 UTC,purchase,{item},{user}\n");
    }
    let config = PrepareConfig {
        knowledge: vec![write("k.tsv", "a\tgenre\tx\nrare\tgenre\tx\n")],
        split: SplitConfig::None,
        k_core: KCoreConfig {
            min_user_pairs: 2,
            min_item_pairs: 2,
        },
        ..PrepareConfig::default()
    };
    let dataset = prepare(&[write("log.csv", &log)], &config).unwrap();
    assert_eq!(facts(&dataset), ["a genre x"]);
    let dropped = &dataset.lineage.stages.last().unwrap().dropped;
    assert_eq!(dropped["about an item that is not trained on"], 1);
}
