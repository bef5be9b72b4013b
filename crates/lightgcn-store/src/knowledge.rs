//! The facts that a dataset may have.

use crate::StoreError;
use crate::folder::Folder;
use crate::names::KNOWLEDGE;
use crate::parts::{content, read_text};
use crate::tensors::{Column, TensorFile, encode};
use lightgcn_core::{EntityId, Knowledge, NodeId, Triple, Vocabulary};
use std::path::Path;

const COLUMNS: [&str; 7] = [
    "entities.text",
    "entities.ends",
    "relations.text",
    "relations.ends",
    "heads",
    "relations",
    "tails",
];

pub(crate) fn encode_knowledge(knowledge: &Knowledge) -> Result<Vec<u8>, StoreError> {
    let relations = Vocabulary::<EntityId>::from_names(knowledge.relations())
        .map_err(|error| content(Path::new(KNOWLEDGE), error))?;
    let mut columns = Vec::new();
    for (name, names) in [
        ("entities", knowledge.entities()),
        ("relations", &relations),
    ] {
        let (text, ends) = names.as_parts();
        columns.push(Column::new(&format!("{name}.text"), text.bytes()));
        columns.push(Column::new(&format!("{name}.ends"), ends.iter().copied()));
    }
    let triples = knowledge.triples().iter();
    columns.push(Column::new("heads", triples.clone().map(|t| t.head)));
    columns.push(Column::new(
        "relations",
        triples.clone().map(|t| t.relation),
    ));
    columns.push(Column::new("tails", triples.map(|t| t.tail)));
    encode(Path::new(KNOWLEDGE), &columns)
}

pub(crate) fn read_knowledge(folder: &Folder, n_items: usize) -> Result<Knowledge, StoreError> {
    let bytes = folder.read(KNOWLEDGE)?;
    let file = TensorFile::open(folder.file(KNOWLEDGE), &bytes, &COLUMNS, &[])?;
    let entities = read_names::<EntityId>(&file, "entities")?;
    let relations = read_names::<EntityId>(&file, "relations")?;
    let relations: Vec<String> = relations.iter().map(str::to_owned).collect();
    let heads: Vec<u32> = file.column("heads", None)?;
    let numbers: Vec<u32> = file.column("relations", Some(heads.len()))?;
    let tails: Vec<u32> = file.column("tails", Some(heads.len()))?;
    let triples: Vec<Triple> = heads
        .into_iter()
        .zip(numbers)
        .zip(tails)
        .map(|((head, relation), tail)| Triple {
            relation,
            head,
            tail,
        })
        .collect();
    if triples.is_empty() || !triples.is_sorted_by(|a, b| a < b) {
        let detail = "the triples do not ascend by relation, head and tail".to_owned();
        return Err(file.tensor_error("heads", detail));
    }
    Knowledge::new(n_items, entities, relations, triples)
        .map_err(|error| content(file.path(), error))
}

fn read_names<I: NodeId>(file: &TensorFile<'_>, name: &str) -> Result<Vocabulary<I>, StoreError> {
    let text = read_text(file, &format!("{name}.text"))?;
    let ends: Vec<u64> = file.column(&format!("{name}.ends"), None)?;
    Vocabulary::from_parts(&text, &ends).map_err(|error| content(file.path(), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::tests::shown;
    use crate::dataset::tests::save_tiny;
    use crate::{DatasetFolder, kind::Kind, manifest::Manifest};
    use lightgcn_core::Dataset;
    use std::fs;

    fn knowledge() -> Knowledge {
        let entities = Vocabulary::from_names(["red", "blue"]).unwrap();
        let relations = ["color", "goes_with"].map(str::to_owned).to_vec();
        let triples = [(0, 0, 2), (1, 0, 3), (0, 1, 1)].map(|(head, relation, tail)| Triple {
            relation,
            head,
            tail,
        });
        Knowledge::new(2, entities, relations, triples.to_vec()).unwrap()
    }

    #[test]
    fn facts_come_back_and_are_part_of_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, with) = (folder.path().join("plain"), folder.path().join("with"));
        save_tiny(&plain).unwrap();
        let dataset = Dataset::load(&plain).unwrap();
        assert!(dataset.knowledge.is_empty());
        let dataset = dataset.with_knowledge(knowledge()).unwrap();
        dataset.save(&with).unwrap();
        assert_eq!(Dataset::load(&with).unwrap(), dataset);
        let manifest = |path: &Path| fs::read(path.join("manifest.json")).unwrap();
        assert_ne!(manifest(&plain), manifest(&with));
    }

    #[test]
    fn every_damaged_byte_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        save_tiny(&path).unwrap();
        let dataset = Dataset::load(&path).unwrap();
        fs::remove_dir_all(&path).unwrap();
        dataset
            .with_knowledge(knowledge())
            .unwrap()
            .save(&path)
            .unwrap();
        let file = path.join(KNOWLEDGE);
        let bytes = fs::read(&file).unwrap();
        for n in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[n] ^= 1 << (n % 8);
            fs::write(&file, &damaged).unwrap();
            assert!(Dataset::load(&path).is_err(), "byte {n}");
        }
    }

    #[test]
    fn facts_that_do_not_fit_are_named() {
        let mut messages = Vec::new();
        let error = |heads: &[u32], tails: &[u32]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("data");
            save_tiny(&path).unwrap();
            let relations = vec![0u32; heads.len()];
            let columns = [
                Column::new("entities.text", *b"red"),
                Column::new("entities.ends", [3u64]),
                Column::new("relations.text", *b"color"),
                Column::new("relations.ends", [5u64]),
                Column::new("heads", heads.to_vec()),
                Column::new("relations", relations),
                Column::new("tails", tails.to_vec()),
            ];
            let bytes = encode(Path::new(""), &columns).unwrap();
            fs::write(path.join(KNOWLEDGE), bytes).unwrap();
            fs::remove_file(path.join("manifest.json")).unwrap();
            Manifest::write(&path, Kind::DATASET).unwrap();
            shown(&Dataset::load(&path).unwrap_err())
        };
        messages.push(error(&[1, 0], &[2, 2]));
        messages.push(error(&[], &[]));
        messages.push(error(&[0, 1], &[2]));
        messages.push(error(&[0], &[3]));
        messages.push(error(&[1], &[1]));
        insta::assert_snapshot!(messages.join("\n"));
    }
}
