//! The artifact: a trained model with everything that its answers need.

use crate::attention::{ATTENTION, StoredAttention};
use crate::files::write_file;
use crate::folder::Folder;
use crate::kind::Kind;
use crate::manifest::{FileEntry, Manifest, sha256};
use crate::model::OneGraphDescription;
use crate::names::{BEHAVIORS, CATALOGUE, INTERACTIONS, ITEMS, LINEAGE, USERS};
use crate::parts::{
    check_behaviors, check_counts, check_numbers, encode_catalogue, encode_interactions,
    encode_json, encode_vocabulary, read_catalogue, read_interactions, read_vocabulary,
};
use crate::ranking::{RANKING, RANKING_MEMBERS, StoredRanking};
use crate::tensors::{Column, TensorFile, encode, read_tables};
use crate::{EmbeddingTable, ModelDescription, Storage, StoreError, write_folder_atomically};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Interactions, ItemId, Lineage, UserId, Vocabulary,
};
use lightgcn_graph::{GraphError, GraphOptions, TrainGraph};
use std::path::Path;

const MODEL: &str = "model.json";
const EMBEDDINGS: &str = "embeddings.safetensors";
const POPULARITY: &str = "popularity.safetensors";

/// The optional file of a model's attention.
const ATTENTION_FILE: (&str, Encode) = (ATTENTION, |a| match &a.attention {
    Some(attention) => attention.encode(),
    None => Ok(Vec::new()),
});

/// The optional files of a learned ranking.
const RANKING_FILES: [(&str, Encode); 2] = [
    (RANKING, |a| match &a.ranking {
        Some(ranking) => ranking.encode_description(),
        None => Ok(Vec::new()),
    }),
    (RANKING_MEMBERS, |a| match &a.ranking {
        Some(ranking) => ranking.encode_members(),
        None => Ok(Vec::new()),
    }),
];

/// Encodes a file of an artifact.
type Encode = fn(&Artifact) -> Result<Vec<u8>, StoreError>;

/// The files of every artifact, except its manifest.
const FILES: [(&str, Encode); 9] = [
    (BEHAVIORS, |a| encode_json(BEHAVIORS, &a.behaviors)),
    (CATALOGUE, |a| encode_catalogue(&a.catalogue)),
    (USERS, |a| encode_vocabulary(USERS, &a.users)),
    (EMBEDDINGS, |a| {
        let columns = [a.layer0.column("layer0"), a.embeddings.column("final")];
        encode(Path::new(EMBEDDINGS), &columns)
    }),
    (INTERACTIONS, |a| encode_interactions(&a.train)),
    (LINEAGE, |a| encode_json(LINEAGE, &a.lineage)),
    (MODEL, |a| encode_json(MODEL, &a.model.canonical())),
    (POPULARITY, |a| {
        let popularity = Column::new("popularity", a.popularity.iter().copied());
        encode(Path::new(POPULARITY), &[popularity])
    }),
    (ITEMS, |a| encode_vocabulary(ITEMS, &a.items)),
];

/// The result of training and the input of answers: enough to recommend, explain and fold in
/// without the log.
///
/// It has no time, date, thread count or speed, so the same training gives the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// What the model is.
    pub model: ModelDescription,
    /// The trained embeddings, `[nodes, dimension]`: users, items, then other kinds of nodes.
    pub layer0: EmbeddingTable,
    /// The final embeddings used for ranking, `[nodes, any dimension]`, in the same order. Stored
    /// on disk as its [`EmbeddingTable::storage`] says.
    pub embeddings: EmbeddingTable,
    /// The training pairs with the counts of each behavior.
    pub train: Interactions,
    /// The shop's own ids of the users.
    pub users: Vocabulary<UserId>,
    /// The shop's own ids of the items.
    pub items: Vocabulary<ItemId>,
    /// The items' metadata.
    pub catalogue: Catalogue,
    /// How many users have each item as a target in training, `[n_items]`: what
    /// [`popularity_of`] gives.
    pub popularity: Vec<u64>,
    /// The behaviors and their weights.
    pub behaviors: BehaviorWeightsConfig,
    /// Its lineage.
    pub lineage: Lineage,
    /// The learned ranking, if there is one; otherwise the embeddings rank.
    pub ranking: Option<StoredRanking>,
    /// What the nodes take of their neighbors, for models with attention; explanations show it.
    pub attention: Option<StoredAttention>,
}

/// How many users have each item as a target (have bought it), `[n_items]`. O(pairs).
#[must_use]
pub fn popularity_of(pairs: &Interactions) -> Vec<u64> {
    let mut popularity = vec![0; pairs.n_items()];
    for (pair, item) in pairs.items().iter().enumerate() {
        popularity[item.index()] += u64::from(pairs.is_target(pair));
    }
    popularity
}

impl Artifact {
    /// Checks that the parts are consistent: sizes, dimensions, behaviors, popularity, and that all
    /// numbers are finite. [`Artifact::save`] and [`Artifact::load`] do so themselves.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] with every issue found.
    pub fn check(&self) -> Result<(), StoreError> {
        let mut issues = Vec::new();
        let (n_users, n_items) = (self.train.n_users(), self.train.n_items());
        let further = self.model.further_nodes.iter().map(|(_, count)| count);
        let n_nodes = further.fold(n_users + n_items, |n, &count| n.saturating_add(count));
        let counts = [
            ("rows of layer 0", self.layer0.rows(), n_nodes),
            ("rows of final embeddings", self.embeddings.rows(), n_nodes),
            (
                "numbers per row of layer 0",
                self.layer0.dimension(),
                self.model.dimension,
            ),
            ("user ids", self.users.len(), n_users),
            ("item ids", self.items.len(), n_items),
            ("items in the catalogue", self.catalogue.n_items(), n_items),
            ("numbers of popularity", self.popularity.len(), n_items),
        ];
        check_counts(&counts, &mut issues);
        if self.layer0.storage() != Storage::F32 {
            issues.push("layer 0 is in 16 bits; only the final embeddings may be".to_owned());
        }
        self.model.check(&mut issues);
        check_behaviors(&self.behaviors, &self.train, &mut issues);
        check_numbers(&self.lineage, &self.catalogue, &mut issues);
        if let Some(ranking) = &self.ranking {
            ranking.check(n_items, &mut issues);
        }
        if let Some(attention) = &self.attention {
            attention.check(n_users + n_items, self.model.graphs.len(), &mut issues);
        }
        let expected = popularity_of(&self.train);
        let differs = expected
            .iter()
            .zip(&self.popularity)
            .position(|(a, b)| a != b);
        if let Some(row) = differs {
            issues.push(format!(
                "the popularity of item row {row} is {}, but {} users have it as a target",
                self.popularity[row], expected[row]
            ));
        }
        if issues.is_empty() {
            return Ok(());
        }
        Err(StoreError::Inconsistent {
            what: "artifact".to_owned(),
            issues,
        })
    }

    fn files(&self) -> impl Iterator<Item = (&'static str, Encode)> {
        let ranking = RANKING_FILES.into_iter().filter(|_| self.ranking.is_some());
        let attention = self.attention.iter().map(|_| ATTENTION_FILE);
        let mut files: Vec<_> = FILES.into_iter().chain(ranking).chain(attention).collect();
        // In the order of a manifest.
        files.sort_unstable_by_key(|(name, _)| *name);
        files.into_iter()
    }

    /// Writes the artifact as a folder, all or nothing, as [`write_folder_atomically`] says.
    ///
    /// The final embeddings take half the space if their table was rounded to 16 bits before:
    ///
    /// ```no_run
    /// # fn keep(mut artifact: lightgcn_store::Artifact) -> Result<(), lightgcn_store::StoreError> {
    /// use lightgcn_store::Storage;
    ///
    /// artifact.embeddings = artifact.embeddings.into_storage(Storage::Bf16)?;
    /// artifact.save("model")
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Artifact::check`] and [`write_folder_atomically`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        self.check()?;
        write_folder_atomically(path.as_ref(), Kind::ARTIFACT.format, |folder| {
            self.files()
                .try_for_each(|(name, make)| write_file(folder, name, &make(self)?))?;
            Manifest::write(folder, Kind::ARTIFACT)
        })
    }

    /// Reads an artifact and checks everything: format and version, files, sizes, checksums, types,
    /// shapes, ranges, and that the parts are consistent.
    ///
    /// # Errors
    /// A [`StoreError`] that names the file and what is wrong with it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let folder = Folder::open(path, Kind::ARTIFACT)?;
        let has_ranking = folder.has(RANKING);
        let has_attention = folder.has(ATTENTION);
        let optional = RANKING_FILES.iter().filter(|_| has_ranking);
        let names: Vec<&str> = FILES
            .iter()
            .chain(optional)
            .chain(has_attention.then_some(&ATTENTION_FILE))
            .map(|(name, _)| *name)
            .collect();
        folder.expect_files(&names)?;
        let lineage: Lineage = folder.read_json(LINEAGE)?;
        let normalization = lineage.id_normalization();
        let users = read_vocabulary(&folder, USERS)?.with_normalization(normalization);
        let items = read_vocabulary(&folder, ITEMS)?.with_normalization(normalization);
        let (n_users, n_items) = (users.len(), items.len());
        let behaviors = folder.read_json(BEHAVIORS)?;
        // Before the embeddings: temporary memory for reading the pairs is freed before the largest
        // part is read.
        let train = read_interactions(&folder, &behaviors, n_users, n_items)?;
        let (layer0, embeddings) = read_embeddings(&folder)?;
        let artifact = Self {
            model: read_model(&folder)?,
            layer0,
            embeddings,
            train,
            users,
            items,
            catalogue: read_catalogue(&folder, n_items)?,
            popularity: read_popularity(&folder, n_items)?,
            behaviors,
            lineage,
            ranking: has_ranking
                .then(|| StoredRanking::read(&folder, n_items))
                .transpose()?,
            attention: has_attention
                .then(|| StoredAttention::read(&folder, n_users + n_items))
                .transpose()?,
        };
        artifact.check().map_err(|error| match error {
            StoreError::Inconsistent { what, issues } => StoreError::Inconsistent {
                what: format!("{what} {}", path.display()),
                issues,
            },
            other => other,
        })?;
        Ok(artifact)
    }

    /// The SHA-256 of the manifest that [`Artifact::save`] writes, in hexadecimal: it identifies
    /// the whole content and serves as the model's version. Encodes every file in memory, one at a
    /// time; for a saved artifact [`Artifact::identity_at`] is cheaper.
    ///
    /// # Errors
    /// As [`Artifact::check`].
    pub fn identity(&self) -> Result<String, StoreError> {
        self.check()?;
        let mut files = Vec::new();
        for (name, make) in self.files() {
            let bytes = make(self)?;
            files.push(FileEntry {
                name: name.to_owned(),
                bytes: bytes.len() as u64,
                sha256: sha256(&bytes),
            });
        }
        let manifest = Manifest::new(Kind::ARTIFACT, files);
        Ok(sha256(&manifest.to_bytes(Path::new("manifest.json"))?))
    }

    /// The identity of the artifact at `path`, from its manifest, without reading its files.
    ///
    /// # Errors
    /// A [`StoreError`] if there is no artifact, or its manifest, files or sizes are wrong.
    pub fn identity_at(path: impl AsRef<Path>) -> Result<String, StoreError> {
        Folder::open(path.as_ref(), Kind::ARTIFACT).map(|folder| folder.identity().to_owned())
    }

    /// The graph that the model was trained on, with the attributes that it requested. Relations
    /// are not part of an artifact.
    ///
    /// # Errors
    /// As [`TrainGraph::from_interactions`] and [`TrainGraph::with_attributes`].
    pub fn graph(&self) -> Result<TrainGraph, GraphError> {
        let options = GraphOptions {
            edge_weights: self.model.edge_weights(),
        };
        let attributes = self
            .model
            .graphs
            .iter()
            .flat_map(|graph| graph.attributes());
        TrainGraph::from_interactions(&self.train, &options)?
            .with_attributes(&self.catalogue, attributes)
    }
}

fn read_model(folder: &Folder) -> Result<ModelDescription, StoreError> {
    match folder.version() {
        ..=2 => Ok(folder.read_json::<OneGraphDescription>(MODEL)?.into()),
        _ => folder.read_json(MODEL),
    }
}

fn read_embeddings(folder: &Folder) -> Result<(EmbeddingTable, EmbeddingTable), StoreError> {
    // Versions 1 and 2 allow one storage each, so that the same content has the same bytes.
    let allowed: &[Storage] = match folder.version() {
        ..=1 => &[Storage::F32],
        2 => &[Storage::Bf16],
        _ => &[Storage::F32, Storage::Bf16],
    };
    let wanted = [("layer0", &[Storage::F32][..]), ("final", allowed)];
    let [layer0, embeddings] = read_tables(folder.reader(EMBEDDINGS)?, wanted)?;
    let path = folder.file(EMBEDDINGS);
    let layer0 = EmbeddingTable::from_read(&path, "layer0", layer0)?;
    let embeddings = EmbeddingTable::from_read(&path, "final", embeddings)?;
    Ok((layer0, embeddings))
}

fn read_popularity(folder: &Folder, n_items: usize) -> Result<Vec<u64>, StoreError> {
    let bytes = folder.read(POPULARITY)?;
    let path = folder.file(POPULARITY);
    TensorFile::open(path, &bytes, &["popularity"], &[])?.column("popularity", Some(n_items))
}

#[cfg(test)]
pub(crate) mod tests;
