//! Attacks on the parser of tensor files, each in every tensor file of an artifact and under a manifest
//! with the right checksums: a typed error, no panic, and no more memory than the file has bytes.

use super::*;

/// The tensor files of an artifact, each with one of its tensors.
const TENSOR_FILES: [(&str, &str); 6] = [
    (CATALOGUE, "price"),
    (USERS, "ends"),
    (EMBEDDINGS, "layer0"),
    (INTERACTIONS, "items"),
    (POPULARITY, "popularity"),
    (ITEMS, "ends"),
];

/// A file of that header, whatever it is, and that data.
fn forge(header: &[u8], data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header, data].concat()
}

/// The header and the data of a good file.
fn parts(bytes: &[u8]) -> (String, Vec<u8>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, data) = bytes[8..].split_at(length);
    (String::from_utf8(header.to_vec()).unwrap(), data.to_vec())
}

/// Loads the artifact with one file replaced, and checks that it is refused by an error that names it.
fn refused(attack: &str, name: &str, bytes: &[u8]) {
    let error = error_with(name, bytes);
    let named = matches!(
        error,
        StoreError::Damaged { .. } | StoreError::Tensor { .. } | StoreError::Content { .. }
    );
    let message = error.to_string();
    assert!(
        named && message.contains(name),
        "{attack} in {name}: {message}"
    );
}

/// Every attack on the entry of one tensor, as the entry's new text.
fn entries(entry: &serde_json::Value) -> Vec<(&'static str, String)> {
    let dtype = entry["dtype"].as_str().unwrap();
    let shape = &entry["shape"];
    let (from, to) = (
        entry["data_offsets"][0].as_u64().unwrap(),
        entry["data_offsets"][1].as_u64().unwrap(),
    );
    let text = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let (shape, offsets) = (shape.to_string(), format!("[{from},{to}]"));
    let other = if dtype == "I16" { "I8" } else { "I16" };
    let sub_byte = "F4";
    vec![
        (
            "another type of another size",
            text(other, &shape, &offsets),
        ),
        (
            "another type of the same bytes",
            text("U8", &format!("[{}]", to - from), &offsets),
        ),
        ("an unknown type", text("F128", &shape, &offsets)),
        ("a type below a byte", text(sub_byte, &shape, &offsets)),
        ("a longer shape", text(dtype, "[1000000]", &offsets)),
        (
            "a shape whose item overflows",
            text(dtype, "[4294967296,4294967296,4]", &offsets),
        ),
        (
            "a shape whose bytes overflow",
            text(dtype, "[9223372036854775807]", &offsets),
        ),
        (
            "a shape beyond 64 bits",
            text(dtype, "[18446744073709551616]", &offsets),
        ),
        ("a negative shape", text(dtype, "[-1]", &offsets)),
        ("a fractional shape", text(dtype, "[1.5]", &offsets)),
        (
            "a shape of zeros and an item that overflows",
            text(dtype, "[0,18446744073709551615,2]", &offsets),
        ),
        ("an empty shape", text(dtype, "[]", &offsets)),
        (
            "a deep shape",
            text(
                dtype,
                &format!("{}{}", "[".repeat(500), "]".repeat(500)),
                &offsets,
            ),
        ),
        (
            "offsets beyond the file",
            text(dtype, &shape, &format!("[{from},{}]", to + (1 << 40))),
        ),
        (
            "offsets in the wrong order",
            text(dtype, &shape, &format!("[{to},{from}]")),
        ),
        (
            "offsets that wrap around",
            text(dtype, &shape, &format!("[18446744073709551615,{to}]")),
        ),
        (
            "offsets one byte early",
            text(dtype, &shape, &format!("[{from},{}]", to - 1)),
        ),
        ("one offset", text(dtype, &shape, &format!("[{from}]"))),
        (
            "three offsets",
            text(dtype, &shape, &format!("[{from},{to},{to}]")),
        ),
        ("offsets as text", text(dtype, &shape, r#"["0","8"]"#)),
        (
            "no type",
            format!(r#"{{"shape":{shape},"data_offsets":{offsets}}}"#),
        ),
        (
            "no shape",
            format!(r#"{{"dtype":"{dtype}","data_offsets":{offsets}}}"#),
        ),
        (
            "no offsets",
            format!(r#"{{"dtype":"{dtype}","shape":{shape}}}"#),
        ),
        (
            "more than an entry has",
            text(dtype, &shape, &offsets).replacen('{', r#"{"file":"/etc/passwd","#, 1),
        ),
        (
            "a key of the entry twice",
            text(dtype, &shape, &offsets).replacen('{', &format!(r#"{{"dtype":"{dtype}","#), 1),
        ),
        ("nothing", "null".to_owned()),
    ]
}

#[test]
fn every_attack_on_an_entry_is_an_error() {
    let (_folder, path) = saved();
    for (name, tensor) in TENSOR_FILES {
        let (header, data) = parts(&fs::read(path.join(name)).unwrap());
        let map: serde_json::Map<_, _> = serde_json::from_str(&header).unwrap();
        for (attack, entry) in entries(&map[tensor]) {
            let rebuilt: Vec<String> = map
                .iter()
                .map(|(key, value)| match key == tensor {
                    true => format!("{key:?}:{entry}"),
                    false => format!("{key:?}:{value}"),
                })
                .collect();
            let header = format!("{{{}}}", rebuilt.join(","));
            refused(attack, name, &forge(header.as_bytes(), &data));
        }
    }
}

#[test]
fn every_attack_on_a_header_is_an_error() {
    let (_folder, path) = saved();
    for (name, tensor) in TENSOR_FILES {
        let bytes = fs::read(path.join(name)).unwrap();
        let (header, data) = parts(&bytes);
        let attack = |attack: &str, header: &[u8], data: &[u8]| {
            refused(attack, name, &forge(header, data));
        };
        // Names that differ in their bytes and are the same in JSON.
        let entry = {
            let map: serde_json::Map<_, _> = serde_json::from_str(&header).unwrap();
            map[tensor].to_string()
        };
        let escaped: String = tensor
            .chars()
            .map(|c| format!("\\u{:04x}", c as u32))
            .collect();
        for twin in [tensor, &escaped] {
            let doubled = header.replacen('{', &format!("{{\"{twin}\":{entry},"), 1);
            attack("a tensor twice", doubled.as_bytes(), &data);
        }
        attack(
            "a stranger",
            header
                .replacen('{', &format!("{{\"run\":{entry},"), 1)
                .as_bytes(),
            &data,
        );
        let metadata = header.replacen('{', r#"{"__metadata__":{"run":"rm -rf /"},"#, 1);
        attack("metadata", metadata.as_bytes(), &data);
        attack(
            "bytes that no tensor has",
            header.as_bytes(),
            &[&data[..], &[0]].concat(),
        );
        attack(
            "fewer bytes than tensors have",
            header.as_bytes(),
            &data[..data.len() - 1],
        );
        attack(
            "a byte that is no UTF-8",
            &[header.as_bytes(), b"\xff"].concat(),
            &data,
        );
        attack(
            "a name that is no UTF-8",
            header
                .replacen(&tensor[..1], "?", 1)
                .replace('?', "\u{0}")
                .as_bytes(),
            &data,
        );
        attack(
            "half of the header",
            &header.as_bytes()[..header.len() / 2],
            &data,
        );
        attack("no header", b"", &data);
        attack("an empty map", b"{}", &data);
        attack("a list", b"[]", &data);
        attack(
            "text behind the map",
            format!("{header} {{}}").as_bytes(),
            &data,
        );
        attack("a deep header", "{\"a\":".repeat(10_000).as_bytes(), &data);
        let mut long = bytes.clone();
        for length in [
            1u64 << 17,
            1 << 32,
            1 << 62,
            u64::MAX,
            u64::MAX - 7,
            bytes.len() as u64,
        ] {
            long[..8].copy_from_slice(&length.to_le_bytes());
            refused("a header length", name, &long);
        }
    }
}

/// Two tensors that share bytes, and bytes between two tensors that none has.
#[test]
fn overlaps_and_holes_are_errors() {
    let (_folder, path) = saved();
    let (header, data) = parts(&fs::read(path.join(EMBEDDINGS)).unwrap());
    let mut map: serde_json::Map<_, _> = serde_json::from_str(&header).unwrap();
    let offsets = |map: &serde_json::Map<String, serde_json::Value>, name: &str| {
        let offsets = &map[name]["data_offsets"];
        (offsets[0].as_u64().unwrap(), offsets[1].as_u64().unwrap())
    };
    // The second tensor begins at the first byte, as long as it was.
    let (first, second) = match offsets(&map, "final").0 {
        0 => ("final", "layer0"),
        _ => ("layer0", "final"),
    };
    let (from, to) = offsets(&map, second);
    map[second]["data_offsets"] = json!([0, to - from]);
    let overlap = serde_json::to_vec(&map).unwrap();
    refused("an overlap", EMBEDDINGS, &forge(&overlap, &data));
    refused(
        "an overlap",
        EMBEDDINGS,
        &forge(&overlap, &data[..(to - from) as usize]),
    );
    map[second]["data_offsets"] = json!([from + 4, to + 4]);
    let hole = serde_json::to_vec(&map).unwrap();
    refused(
        "a hole",
        EMBEDDINGS,
        &forge(&hole, &[&data[..], &[0; 4]].concat()),
    );
    map[second]["data_offsets"] = json!([from, to]);
    map[first]["data_offsets"] = json!([from, to]);
    let same = serde_json::to_vec(&map).unwrap();
    refused("the same bytes twice", EMBEDDINGS, &forge(&same, &data));
}

/// Every byte of every header cut off and every byte replaced by each of three telling ones, under a
/// manifest with the right checksums: an error, or the very same artifact (a space in the header).
#[test]
fn every_byte_of_every_header_may_be_hostile() {
    let (_folder, path) = saved();
    let good = tiny();
    for (name, _) in TENSOR_FILES {
        let bytes = fs::read(path.join(name)).unwrap();
        let end = 8 + parts(&bytes).0.len();
        for place in 0..end {
            for value in [b'"', b'9', 0xff] {
                let mut changed = bytes.clone();
                if changed[place] == value {
                    continue;
                }
                changed[place] = value;
                fs::write(path.join(name), &changed).unwrap();
                reseal(&path);
                if let Ok(artifact) = Artifact::load(&path) {
                    assert_eq!(artifact, good, "{name}, byte {place}: {value}");
                }
            }
            fs::write(path.join(name), &bytes[..place]).unwrap();
            reseal(&path);
            let error = Artifact::load(&path).unwrap_err();
            assert!(
                error.to_string().contains(name),
                "{name} cut at {place}: {error}"
            );
        }
        fs::write(path.join(name), &bytes).unwrap();
    }
}
