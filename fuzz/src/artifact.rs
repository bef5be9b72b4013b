//! Artifacts with one file replaced by any bytes, under a matching manifest.

use lightgcn_store::{Artifact, Storage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct FileEntry {
    name: String,
    bytes: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: String,
    format_version: u32,
    files: Vec<FileEntry>,
}

/// The shop's artifact in a folder, in 32 or 16 bits.
pub(crate) fn saved(folder: &Path, storage: Storage) -> PathBuf {
    let mut artifact = crate::shop::artifact();
    artifact.embeddings = artifact
        .embeddings
        .into_storage(storage)
        .expect("small numbers");
    let path = folder.join(format!("{storage:?}"));
    artifact.save(&path).expect("an artifact");
    path
}

/// The names of an artifact's files, in order.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let text = std::fs::read(path.join("manifest.json")).expect("a manifest");
    let manifest: Manifest = serde_json::from_slice(&text).expect("a manifest");
    manifest.files.into_iter().map(|file| file.name).collect()
}

struct Saved {
    _folder: tempfile::TempDir,
    paths: [PathBuf; 2],
    manifests: [Vec<u8>; 2],
    names: Vec<String>,
}

thread_local! {
    static SAVED: Saved = {
        let folder = crate::folder();
        let paths = [Storage::F32, Storage::Bf16].map(|storage| saved(folder.path(), storage));
        let manifests = paths.each_ref().map(|path| {
            std::fs::read(path.join("manifest.json")).expect("a manifest")
        });
        let names = names(&paths[0]);
        Saved { _folder: folder, paths, manifests, names }
    };
}

/// The first byte chooses the storage and the file (the last one is the manifest itself), the rest is the
/// file's content.
pub fn fuzz_one(bytes: &[u8]) {
    let Some((&choice, content)) = bytes.split_first() else {
        return;
    };
    SAVED.with(|saved| {
        let storage = usize::from(choice >> 7);
        let path = &saved.paths[storage];
        let number = usize::from(choice & 0x7f) % (saved.names.len() + 1);
        let manifest = path.join("manifest.json");
        let Some(name) = saved.names.get(number) else {
            std::fs::write(&manifest, content).expect("a file in memory");
            check(path);
            std::fs::write(&manifest, &saved.manifests[storage]).expect("a file in memory");
            return;
        };
        let file = path.join(name);
        let before = std::fs::read(&file).expect("a file of the artifact");
        std::fs::write(&file, content).expect("a file in memory");
        let mut sealed: Manifest =
            serde_json::from_slice(&saved.manifests[storage]).expect("a manifest");
        let entry = &mut sealed.files[number];
        entry.bytes = content.len() as u64;
        entry.sha256 = Sha256::digest(content)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let mut text = serde_json::to_vec_pretty(&sealed).expect("JSON");
        text.push(b'\n');
        std::fs::write(&manifest, text).expect("a file in memory");
        check(path);
        std::fs::write(&file, before).expect("a file in memory");
        std::fs::write(&manifest, &saved.manifests[storage]).expect("a file in memory");
    });
}

/// An accepted artifact can be written again and answers.
fn check(path: &Path) {
    let Ok(artifact) = Artifact::load(path) else {
        return;
    };
    artifact.identity().expect("what was read can be written");
    let user = artifact.users.iter().next().map(str::to_owned);
    if let Ok(recommender) = lightgcn_recommend::Recommender::from_artifact(artifact) {
        recommender.warm();
        let options = lightgcn_recommend::RecommendOptions::default();
        let answer = recommender.recommend(&user.unwrap_or_default(), &options);
        let answer = answer.expect("an accepted artifact answers");
        assert!(answer.items.iter().all(|item| !item.score.is_nan()));
    }
}
