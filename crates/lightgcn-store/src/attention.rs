//! What the nodes of a model with attention take of each other.

use crate::StoreError;
use crate::folder::Folder;
use crate::parts::{read_texts, text_columns};
use crate::tensors::{Column, TensorFile, encode};
use lightgcn_core::{CoreError, Rows};
use std::path::Path;

pub(crate) const ATTENTION: &str = "attention.safetensors";

/// One edge of a model's graph, seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AttentionEdge {
    /// The other end: a user, an item, or another node, in the order of their rows.
    pub tail: u32,
    /// 2 · g along an edge of the model's graph g, 2 · g + 1 against it.
    pub relation: u32,
    /// How much of what the node takes of its neighbors it takes of this one, in [0, 1].
    pub weight: f32,
}

/// What each node of a model with attention takes of its neighbors: what explanations show of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAttention {
    /// The edges of each node by relation, then by tail, `[n_nodes]`: users first, then items, then
    /// the other nodes of the model. Each edge of a graph is seen from both of its ends.
    pub edges: Rows<AttentionEdge>,
    /// The names of the nodes after users and items, such as those of entities.
    pub names: Vec<String>,
}

impl StoredAttention {
    /// The edge from a node to another by a relation, if there is one. O(log of the node's edges).
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn find(&self, head: u32, relation: u32, tail: u32) -> Option<AttentionEdge> {
        let edges = self.edges.row(head as usize);
        let found = edges.binary_search_by_key(&(relation, tail), |e| (e.relation, e.tail));
        found.ok().map(|n| edges[n])
    }

    /// The same without a node, of which no other takes anything any more; those after it move up.
    pub(crate) fn without(&self, node: u32) -> Self {
        let mut edges = Rows::new();
        for (head, row) in (0..).zip(self.edges.iter()) {
            if head == node {
                continue;
            }
            let others = row.iter().filter(|edge| edge.tail != node);
            edges.push(others.map(|edge| AttentionEdge {
                tail: edge.tail - u32::from(edge.tail > node),
                ..*edge
            }));
        }
        Self {
            edges,
            names: self.names.clone(),
        }
    }

    /// Adds what is wrong with it to `issues`, given the numbers of users and items and of the model's graphs.
    pub(crate) fn check(&self, n_rows: usize, n_graphs: usize, issues: &mut Vec<String>) {
        let n_nodes = n_rows.saturating_add(self.names.len());
        if self.edges.n_rows() != n_nodes {
            issues.push(format!(
                "there are {} nodes with attention, but {n_nodes} are needed",
                self.edges.n_rows()
            ));
        }
        let is_valid = |edge: &AttentionEdge| {
            (edge.tail as usize) < n_nodes
                && (edge.relation as usize) < n_graphs.saturating_mul(2)
                && (0.0..=1.0).contains(&edge.weight)
        };
        let ascends = |row: &[AttentionEdge]| {
            row.is_sorted_by(|a, b| (a.relation, a.tail) < (b.relation, b.tail))
        };
        let bad = |row: &[AttentionEdge]| !row.iter().all(is_valid) || !ascends(row);
        if let Some(node) = self.edges.iter().position(bad) {
            issues.push(format!(
                "the attention of node {node} is out of order, beyond 0 to 1, or by an unknown \
                 node or relation"
            ));
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let edges = self.edges.values().iter();
        let mut columns = vec![
            Column::new("offsets", self.edges.offsets().iter().copied()),
            Column::new("tails", edges.clone().map(|edge| edge.tail)),
            Column::new("relations", edges.clone().map(|edge| edge.relation)),
            Column::new("weights", edges.map(|edge| edge.weight)),
        ];
        columns.extend(text_columns("names", &self.names));
        encode(Path::new(ATTENTION), &columns)
    }

    pub(crate) fn read(folder: &Folder, n_rows: usize) -> Result<Self, StoreError> {
        let bytes = folder.read(ATTENTION)?;
        let names = [
            "offsets",
            "tails",
            "relations",
            "weights",
            "names.text",
            "names.ends",
        ];
        let file = TensorFile::open(folder.file(ATTENTION), &bytes, &names, &[])?;
        let names = read_texts(&file, "names")?;
        let n_nodes = n_rows
            .checked_add(names.len())
            .and_then(|n| n.checked_add(1));
        let offsets: Vec<u64> = file.column("offsets", n_nodes)?;
        let tails: Vec<u32> = file.column("tails", None)?;
        let relations: Vec<u32> = file.column("relations", Some(tails.len()))?;
        let weights: Vec<f32> = file.column("weights", Some(tails.len()))?;
        let edges = tails.into_iter().zip(relations).zip(weights);
        let edges = edges.map(|((tail, relation), weight)| AttentionEdge {
            tail,
            relation,
            weight,
        });
        let edges = Rows::from_parts(offsets, edges.collect());
        let edges =
            edges.map_err(|error: CoreError| file.tensor_error("offsets", error.to_string()))?;
        Ok(Self { edges, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::tests::{shown, tiny};
    use crate::{Artifact, kind::Kind, manifest::Manifest};
    use std::fs;

    /// Of the tiny artifact, users 0 and 1, items 2 and 3, and an entity 4: user 0 met both items, user 1 the first,
    /// which has the entity.
    fn attention() -> StoredAttention {
        let edge = |relation, tail, weight| AttentionEdge {
            tail,
            relation,
            weight,
        };
        let rows = [
            vec![edge(0, 2, 0.25), edge(0, 3, 0.75)],
            vec![edge(0, 2, 1.0)],
            vec![edge(1, 0, 0.5), edge(1, 1, 0.25), edge(2, 4, 0.25)],
            vec![edge(1, 0, 1.0)],
            vec![edge(3, 2, 1.0)],
        ];
        StoredAttention {
            edges: rows.into_iter().collect(),
            names: vec!["red".to_owned()],
        }
    }

    fn artifact() -> Artifact {
        let mut artifact = tiny();
        artifact.model.layer_weights = None;
        let graph = artifact.model.graphs[0].clone();
        artifact.model.graphs = vec![graph.clone(), graph];
        artifact.attention = Some(attention());
        artifact
    }

    #[test]
    fn attention_comes_back_and_is_part_of_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let with = artifact();
        with.save(&path).unwrap();
        assert_eq!(Artifact::load(&path).unwrap(), with);
        assert_eq!(
            Artifact::identity_at(&path).unwrap(),
            with.identity().unwrap()
        );
        let without = Artifact {
            attention: None,
            ..with.clone()
        };
        assert_ne!(without.identity().unwrap(), with.identity().unwrap());
        let found = attention().find(2, 2, 4);
        assert_eq!(found.map(|edge| edge.weight), Some(0.25));
        assert_eq!(attention().find(2, 3, 4), None);
    }

    #[test]
    fn nothing_is_left_of_a_user() {
        let rest = artifact().without_user("ann").unwrap().unwrap();
        rest.check().unwrap();
        let edge = |relation, tail, weight| AttentionEdge {
            tail,
            relation,
            weight,
        };
        let rows = [
            vec![edge(0, 1, 1.0)],
            vec![edge(1, 0, 0.25), edge(2, 3, 0.25)],
            vec![],
            vec![edge(3, 1, 1.0)],
        ];
        let attention = rest.attention.unwrap();
        assert_eq!(attention.edges, rows.into_iter().collect());
        assert_eq!(attention.names, ["red"]);
    }

    #[test]
    fn issues_are_named() {
        let issue = |change: &dyn Fn(&mut StoredAttention)| {
            let mut artifact = artifact();
            change(artifact.attention.as_mut().unwrap());
            let StoreError::Inconsistent { issues, .. } = artifact.check().unwrap_err() else {
                panic!("it must be inconsistent");
            };
            issues.join("; ")
        };
        let with = |row: usize, edges: Vec<AttentionEdge>| {
            move |attention: &mut StoredAttention| {
                let mut rows: Vec<_> = attention.edges.iter().map(<[_]>::to_vec).collect();
                rows[row] = edges.clone();
                attention.edges = rows.into_iter().collect();
            }
        };
        let edge = |relation, tail, weight| AttentionEdge {
            tail,
            relation,
            weight,
        };
        let of_node = |n: usize| {
            format!(
                "the attention of node {n} is out of order, beyond 0 to 1, or by an unknown node or \
                 relation"
            )
        };
        for bad in [
            edge(0, 5, 0.5),
            edge(4, 2, 0.5),
            edge(0, 2, 1.5),
            edge(0, 2, -0.5),
            edge(0, 2, f32::NAN),
        ] {
            assert_eq!(issue(&with(1, vec![bad])), of_node(1));
        }
        let unsorted = vec![edge(0, 3, 0.5), edge(0, 2, 0.5)];
        assert_eq!(issue(&with(0, unsorted)), of_node(0));
        let few = issue(&|attention| attention.names.clear());
        assert!(few.starts_with("there are 5 nodes with attention, but 4 are needed"));
    }

    #[test]
    fn damaged_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        artifact().save(&path).unwrap();
        let file = path.join(ATTENTION);
        let bytes = fs::read(&file).unwrap();
        for n in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[n] ^= 1 << (n % 8);
            fs::write(&file, &damaged).unwrap();
            assert!(Artifact::load(&path).is_err(), "byte {n}");
        }
        let error = |offsets: &[u64], ends: &[u64]| {
            let columns = [
                Column::new("offsets", offsets.to_vec()),
                Column::new("tails", [2u32]),
                Column::new("relations", [0u32]),
                Column::new("weights", [1f32]),
                Column::new("names.text", *b"red"),
                Column::new("names.ends", ends.to_vec()),
            ];
            fs::write(&file, encode(Path::new(""), &columns).unwrap()).unwrap();
            fs::remove_file(path.join("manifest.json")).unwrap();
            Manifest::write(&path, Kind::ARTIFACT).unwrap();
            shown(&Artifact::load(&path).unwrap_err())
        };
        let messages = [
            error(&[0, 1, 1, 1, 1], &[3]),
            error(&[0, 1, 0, 1, 1, 1], &[3]),
            error(&[0, 1, 1, 1, 1, 1], &[2]),
        ];
        for (message, part) in messages.iter().zip(["offsets", "offsets", "names.text"]) {
            assert!(
                message.contains(ATTENTION) && message.contains(part),
                "{message}"
            );
        }
    }
}
