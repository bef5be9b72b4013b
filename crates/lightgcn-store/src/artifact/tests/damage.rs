//! Damaged and hostile folders are errors, whatever is damaged.

use super::*;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

/// Cuts a file off in place.
fn shorten(file: &Path, length: usize) {
    let file = File::options().write(true).open(file).unwrap();
    file.set_len(length as u64).unwrap();
}

#[test]
fn every_single_bit_flip_is_detected() {
    let (_folder, path) = saved();
    detects_every_bit_flip(&path, all_files(&path), &tiny());
}

/// What differs in an artifact with embeddings of 16 bits.
#[test]
fn every_single_bit_flip_of_16_bit_embeddings_is_detected() {
    let (_folder, path) = saved_as(Storage::Bf16);
    let mut files = all_files(&path);
    files.retain(|name, _| [EMBEDDINGS, "manifest.json"].contains(&name.as_str()));
    detects_every_bit_flip(&path, files, &tiny_in_16_bits());
}

fn detects_every_bit_flip(path: &Path, files: BTreeMap<String, Vec<u8>>, artifact: &Artifact) {
    for (name, bytes) in files {
        let mut file = File::options().write(true).open(path.join(&name)).unwrap();
        let mut poke = |place: usize, byte: u8| {
            file.seek(SeekFrom::Start(place as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        for (place, &byte) in bytes.iter().enumerate() {
            for bit in 0..8 {
                poke(place, byte ^ (1 << bit));
                assert!(
                    Artifact::load(path).is_err(),
                    "{name}, byte {place}, bit {bit}"
                );
            }
            poke(place, byte);
        }
    }
    assert_eq!(&Artifact::load(path).unwrap(), artifact);
}

#[test]
fn every_truncation_and_extension_is_detected() {
    let (_folder, path) = saved();
    for (name, bytes) in all_files(&path) {
        let file = path.join(&name);
        for length in (0..bytes.len()).rev() {
            shorten(&file, length);
            let error = Artifact::load(&path).unwrap_err();
            if name != "manifest.json" {
                assert!(
                    matches!(error, StoreError::Size { .. }),
                    "{name} {length}: {error}"
                );
                assert!(error.to_string().contains(&name), "{error}");
            }
        }
        fs::write(&file, [&bytes[..], b"\n"].concat()).unwrap();
        assert!(Artifact::load(&path).is_err(), "{name}");
        fs::write(&file, &bytes).unwrap();
    }
}

/// The same truncations with a manifest that has their checksums: the parsers must refuse them.
#[test]
fn every_truncation_is_an_error_even_with_the_right_checksum() {
    let (_folder, path) = saved();
    refuses_every_truncation(&path, all_files(&path));
    let (_folder, path) = saved_as(Storage::Bf16);
    let mut files = all_files(&path);
    files.retain(|name, _| name == EMBEDDINGS);
    refuses_every_truncation(&path, files);
}

fn refuses_every_truncation(path: &Path, files: BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        if name == "manifest.json" {
            continue;
        }
        for length in (0..bytes.len() - 1).rev() {
            shorten(&path.join(&name), length);
            reseal(path);
            let error = Artifact::load(path).unwrap_err();
            assert!(
                error.to_string().contains(&name),
                "{name} {length}: {error}"
            );
        }
        fs::write(path.join(&name), &bytes).unwrap();
    }
}

#[test]
fn the_file_set_must_be_exact() {
    for (name, _) in FILES {
        let (_folder, path) = saved();
        fs::remove_file(path.join(name)).unwrap();
        let error = Artifact::load(&path).unwrap_err();
        assert!(
            matches!(&error, StoreError::FileSet { missing, .. } if *missing == [name]),
            "{error}"
        );
        // Even where the manifest agrees that there is no such file.
        reseal(&path);
        let error = Artifact::load(&path).unwrap_err();
        assert!(matches!(&error, StoreError::FileSet { missing, .. } if *missing == [name]));
    }
    let (_folder, path) = saved();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let unknown = |error: &StoreError| matches!(error, StoreError::FileSet { unknown, .. } if *unknown == ["notes.txt"]);
    assert!(unknown(&Artifact::load(&path).unwrap_err()));
    reseal(&path);
    assert!(unknown(&Artifact::load(&path).unwrap_err()));

    let (_folder, path) = saved();
    fs::create_dir(path.join("more")).unwrap();
    assert!(matches!(
        Artifact::load(&path),
        Err(StoreError::FileSet { .. })
    ));
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    for name in ["model.json", "manifest.json"] {
        let (_folder, path) = saved();
        let elsewhere = path.with_file_name("elsewhere");
        fs::rename(path.join(name), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path.join(name)).unwrap();
        let error = Artifact::load(&path).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn wrong_places_are_named() {
    let mut messages = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let error = Artifact::load(folder.path().join("nothing")).unwrap_err();
    messages.push(shown(&error));
    let error = Artifact::load(folder.path()).unwrap_err();
    messages.push(shown(&error));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Artifact::load(&file).unwrap_err();
    messages.push(shown(&error));
    insta::assert_snapshot!(messages.join("\n"));
}

/// The manifest's own issues; its text is changed before the checks of files begin.
#[test]
fn manifests_are_validated() {
    let mut messages = Vec::new();
    let error_after = |change: &dyn Fn(&str) -> String| {
        let (_folder, path) = saved();
        let file = path.join("manifest.json");
        let text = fs::read_to_string(&file).unwrap();
        let changed = change(&text);
        assert_ne!(changed, text);
        fs::write(&file, changed).unwrap();
        Artifact::load(&path).unwrap_err()
    };
    let replace = |from: &'static str, to: &'static str| {
        error_after(&move |text: &str| text.replacen(from, to, 1))
    };
    let newer = error_after(&|text| {
        // A newer version may have more to say.
        text.replacen(
            "\"format_version\": 3",
            "\"format_version\": 4, \"new\": {}",
            1,
        )
    });
    assert!(
        matches!(
            newer,
            StoreError::NewerVersion {
                found: 4,
                supported: 3,
                ..
            }
        ),
        "{newer}"
    );
    messages.push(shown(&newer));
    let other = replace("lightgcn-artifact", "lightgcn-dataset");
    assert!(matches!(other, StoreError::WrongFormat { .. }), "{other}");
    let zero = replace("\"format_version\": 3", "\"format_version\": 0");
    assert!(matches!(zero, StoreError::Damaged { .. }), "{zero}");
    messages.push(shown(&zero));
    let unknown = replace("\"files\"", "\"run\": \"rm -rf\", \"files\"");
    assert!(
        matches!(unknown, StoreError::Json { line: 4, .. }),
        "{unknown}"
    );
    for name in [
        "../model.json",
        "/etc/passwd",
        "a/b",
        ".hidden",
        "manifest.json",
    ] {
        let error = error_after(&|text| text.replacen("behaviors.json", name, 1));
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    let order = replace("behaviors.json", "z.json");
    messages.push(shown(&order));
    let spaced = replace("\"files\": ", "\"files\":  ");
    messages.push(shown(&spaced));
    let large = error_after(&|text| text.replacen('{', &format!("{{{}", " ".repeat(1 << 20)), 1));
    messages.push(shown(&large));
    let deep = error_after(&|_| "[".repeat(100_000));
    assert!(matches!(deep, StoreError::Json { .. }), "{deep}");
    insta::assert_snapshot!(messages.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Bytes that were damaged at random, with the right checksums, give an artifact or an error, no panic;
    /// and what is accepted can be written again.
    #[test]
    fn hostile_bytes_never_panic(
        file in 0..FILES.len(),
        storage in prop_oneof![Just(Storage::F32), Just(Storage::Bf16)],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_folder, path) = saved_as(storage);
        let file = path.join(FILES[file].0);
        let mut bytes = fs::read(&file).unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        fs::write(&file, bytes).unwrap();
        reseal(&path);
        if let Ok(artifact) = Artifact::load(&path) {
            prop_assert!(artifact.identity().is_ok());
        }
    }
}
