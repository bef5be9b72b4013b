//! Facts about items from files of triples.

use crate::error::shorten;
use crate::log::inputs::expand;
use crate::log::stream::StoredFile;
use crate::{DataError, TripleIssue};
use hashbrown::{HashMap, HashSet};
use lightgcn_core::{
    Dataset, EntityId, InputFile, ItemId, Knowledge, StageReport, Triple, Vocabulary, check_id,
};
use std::io::BufRead;
use std::path::Path;

/// Adds the facts of files of triples to a dataset: lines of `head<TAB>relation<TAB>tail`, plain, gzip or zstd,
/// in files, folders or patterns. Heads and tails that are ids of the dataset's items are these items; everything
/// else is an entity, so give entities names that no item has. A first line `head relation tail`, and empty lines,
/// are skipped. Files of RecBole are read too: a `.kg` file and the `.link` file that says which entities are items.
///
/// Facts about items that `is_known` and that the dataset does not have, such as those that a k-core dropped, are
/// dropped and counted, and so are links of a node to itself and repeated facts. O(triples · log triples).
///
/// # Errors
/// Those of opening and decompressing; [`DataError::EmptyFile`]; [`DataError::Triple`] for a line;
/// [`DataError::NoKnownItem`] if no fact is about an item of the dataset.
pub fn add_knowledge(
    mut dataset: Dataset,
    files: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Result<Dataset, DataError> {
    if files.is_empty() {
        return Ok(dataset);
    }
    let mut reading = Reading::default();
    for file in expand(files)? {
        reading.read(&file.path)?;
    }
    let (knowledge, report) = reading.resolve(&dataset.items, is_known)?;
    tracing::info!("{report}");
    dataset.lineage.inputs.append(&mut reading.inputs);
    dataset.lineage.stages.push(report);
    Ok(dataset.with_knowledge(knowledge)?)
}

/// The files as they are read, before names have rows.
#[derive(Default)]
struct Reading {
    names: Vocabulary<EntityId>,
    relations: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Head, relation and tail.
    triples: Vec<[u32; 3]>,
    /// The item of an entity, by RecBole's links.
    links: HashMap<String, String>,
    inputs: Vec<InputFile>,
}

/// What the lines of a file are.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Triples,
    /// RecBole's: an item and its entity.
    Links,
}

impl Reading {
    fn read(&mut self, path: &Path) -> Result<(), DataError> {
        let mut stored = StoredFile::open(path)?;
        let (mut line, mut form, mut is_empty) = (Vec::new(), Form::Triples, true);
        for number in 1.. {
            line.clear();
            match stored.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(stored.error(error)),
            }
            let at = |issue| DataError::Triple {
                path: path.to_owned(),
                line: number,
                issue,
            };
            let text = std::str::from_utf8(&line).map_err(|_| at(TripleIssue::NotUtf8))?;
            let text = text
                .trim_start_matches('\u{feff}')
                .trim_end_matches(['\n', '\r']);
            let fields: Vec<&str> = text.split('\t').collect();
            if number == 1
                && let Some(named) = header(&fields)
            {
                form = named;
            } else if !text.trim().is_empty() {
                is_empty = false;
                self.line(form, &fields).map_err(|error| match error {
                    LineError::Issue(issue) => at(issue),
                    LineError::Other(error) => error,
                })?;
            }
        }
        if is_empty {
            return Err(DataError::EmptyFile {
                path: path.to_owned(),
            });
        }
        self.inputs.push(stored.finish()?);
        Ok(())
    }

    fn line(&mut self, form: Form, fields: &[&str]) -> Result<(), LineError> {
        match (form, fields) {
            (Form::Links, [item, entity]) => {
                check([("item", item), ("entity", entity)])?;
                let link = self.links.entry((*entity).to_owned());
                link.or_insert_with(|| (*item).to_owned());
            }
            (Form::Triples, [head, relation, tail]) => {
                check([("head", head), ("relation", relation), ("tail", tail)])?;
                let relations = &mut self.relations;
                let number = *self.numbers.entry_ref(*relation).or_insert_with(|| {
                    relations.push((*relation).to_owned());
                    relations.len() as u32 - 1
                });
                let mut node = |name| self.names.insert(name).map_err(DataError::from);
                let (head, tail) = (node(head)?.0, node(tail)?.0);
                self.triples.push([head, number, tail]);
            }
            _ => {
                let found = fields.len();
                return Err(TripleIssue::Fields { found }.into());
            }
        }
        Ok(())
    }

    /// The facts between the rows of items and of entities, which come in the order of their names' appearance.
    fn resolve(
        &mut self,
        items: &Vocabulary<ItemId>,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(Knowledge, StageReport), DataError> {
        let mut report = StageReport::new("knowledge", "triples");
        report.rows_in = self.triples.len() as u64;
        let n_items = items.len() as u32;
        let mut entities = Vocabulary::<EntityId>::new();
        let mut nodes = Vec::with_capacity(self.names.len());
        let mut covered = HashSet::new();
        for name in self.names.iter() {
            let item = self.links.get(name).map(String::as_str);
            nodes.push(match items.get(item.unwrap_or(name)) {
                Some(item) => Node::Row(item.0),
                None if item.is_some() || is_known(name) => Node::Dropped,
                None => Node::Entity(name),
            });
        }
        let mut row = |name: u32| -> Result<Option<u32>, DataError> {
            Ok(match nodes[name as usize] {
                Node::Row(row) => {
                    covered.insert(row);
                    Some(row)
                }
                Node::Dropped => None,
                Node::Entity(name) => Some(n_items + entities.insert(name)?.0),
            })
        };
        let mut triples = Vec::with_capacity(self.triples.len());
        for &[head, relation, tail] in &self.triples {
            match (row(head)?, row(tail)?) {
                (Some(head), Some(tail)) if head == tail => report.drop("of a node with itself", 1),
                (Some(head), Some(tail)) => triples.push(Triple {
                    relation,
                    head,
                    tail,
                }),
                _ => report.drop("about an item that is not trained on", 1),
            }
        }
        let n_covered = covered.len();
        if n_covered == 0 {
            return Err(DataError::NoKnownItem {
                n_triples: report.rows_in,
            });
        }
        let n_triples = triples.len();
        let relations = used(&self.relations, &mut triples);
        let n_relations = relations.len();
        let knowledge = Knowledge::new(items.len(), entities, relations, triples)?;
        report.kept = knowledge.triples().len() as u64;
        report.drop("repeated", (n_triples - knowledge.triples().len()) as u64);
        report.notes.push(format!(
            "{n_covered} of {n_items} items, {} entities, {n_relations} relations",
            knowledge.entities().len()
        ));
        Ok((knowledge, report))
    }
}

/// The relations that have a triple; `triples` name them by their new numbers.
fn used(relations: &[String], triples: &mut [Triple]) -> Vec<String> {
    let mut new_of = vec![None; relations.len()];
    let mut used = Vec::new();
    for triple in triples {
        let old = triple.relation as usize;
        triple.relation = *new_of[old].get_or_insert_with(|| {
            used.push(relations[old].clone());
            used.len() as u32 - 1
        });
    }
    used
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Node<'a> {
    /// An item of the dataset.
    Row(u32),
    /// An item that the dataset does not have.
    Dropped,
    Entity(&'a str),
}

/// An issue of the line, or another error.
enum LineError {
    Issue(TripleIssue),
    Other(DataError),
}

impl From<TripleIssue> for LineError {
    fn from(issue: TripleIssue) -> Self {
        Self::Issue(issue)
    }
}

impl From<DataError> for LineError {
    fn from(error: DataError) -> Self {
        Self::Other(error)
    }
}

/// What a first line says of the lines after it, if it is a header.
fn header(fields: &[&str]) -> Option<Form> {
    match fields {
        ["head", "relation", "tail"] | ["head_id:token", "relation_id:token", "tail_id:token"] => {
            Some(Form::Triples)
        }
        ["item_id:token", "entity_id:token"] => Some(Form::Links),
        _ => None,
    }
}

fn check<const N: usize>(names: [(&'static str, &str); N]) -> Result<(), TripleIssue> {
    for (field, value) in names {
        check_id(value).map_err(|issue| TripleIssue::Name {
            field,
            value: shorten(value).into(),
            issue,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
