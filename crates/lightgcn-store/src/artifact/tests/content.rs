//! Files whose checksums are right and whose content is not: the error names what is wrong.

use super::*;

#[test]
fn damaged_embeddings_are_named() {
    let mut messages = Vec::new();
    let good = || tiny().layer0.column("layer0");
    let finals = || tiny().embeddings.column("final");
    let error = |columns: &[Column]| {
        let bytes = encode(Path::new(""), columns).unwrap();
        shown(&error_with(EMBEDDINGS, &bytes))
    };
    let wide: Vec<f64> = vec![0.0; 8];
    messages.push(error(&[
        Column::new("layer0", wide).with_shape(4, 2),
        finals(),
    ]));
    messages.push(error(&[Column::new("layer0", vec![0f32; 8]), finals()]));
    messages.push(error(&[
        Column::new("layer0", vec![0f32; 8]).with_shape(2, 4),
        finals(),
    ]));
    messages.push(error(&[
        Column::new("layer0", vec![0f32; 0]).with_shape(4, 0),
        finals(),
    ]));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut data = vec![0f32; 8];
        data[5] = bad;
        messages.push(error(&[
            Column::new("layer0", data).with_shape(4, 2),
            finals(),
        ]));
    }
    messages.push(error(&[good()]));
    messages.push(error(&[good(), finals(), Column::new("more", [0u8])]));
    insta::assert_snapshot!(messages.join("\n"));
}

/// Only final embeddings may be in 16 bits.
#[test]
fn damaged_embeddings_in_16_bits_are_named() {
    let mut messages = Vec::new();
    let layer0 = || tiny().layer0.column("layer0");
    let finals = || tiny_in_16_bits().embeddings.column("final");
    let error = |columns: &[Column]| {
        let bytes = encode(Path::new(""), columns).unwrap();
        shown(&error_with(EMBEDDINGS, &bytes))
    };
    let narrow = Column::new("layer0", [bf16::ONE; 8]).with_shape(4, 2);
    messages.push(error(&[narrow, finals()]));
    let other = Column::new("final", [0u8; 24]).with_shape(4, 6);
    messages.push(error(&[layer0(), other]));
    for bad in [0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffff] {
        let mut data = [bf16::ONE; 12];
        data[7] = bf16::from_bits(bad);
        messages.push(error(&[
            layer0(),
            Column::new("final", data).with_shape(4, 3),
        ]));
    }
    for (rows, width) in [(2, 6), (12, 1)] {
        let column = Column::new("final", [bf16::ONE; 12]).with_shape(rows, width);
        messages.push(error(&[layer0(), column]));
    }
    messages.push(error(&[layer0(), Column::new("final", [bf16::ONE; 12])]));
    let none = Column::new("final", [bf16::ONE; 0]).with_shape(4, 0);
    messages.push(error(&[layer0(), none]));
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn damaged_interactions_are_named() {
    let mut messages = Vec::new();
    let train = tiny().train;
    let offsets = || Column::new("offsets", [0u64, 1, 3]);
    let items = || Column::new("items", [1u32, 0, 1]);
    let weights = || Column::new("weights", [1.0f32, 0.01, 0.1]);
    let counts = || Column::new("counts", train.counts().to_vec()).with_shape(3, 4);
    let error = |columns: &[Column]| {
        let bytes = encode(Path::new(""), columns).unwrap();
        shown(&error_with(INTERACTIONS, &bytes))
    };
    for bad in [
        vec![0u64, 2, 1],
        vec![1, 1, 3],
        vec![0, 4, 3],
        vec![0, 1, 2],
        vec![0, 3],
    ] {
        messages.push(error(&[
            Column::new("offsets", bad),
            items(),
            weights(),
            counts(),
        ]));
    }
    for bad in [[1u32, 1, 0], [1, 1, 1]] {
        messages.push(error(&[
            offsets(),
            Column::new("items", bad),
            weights(),
            counts(),
        ]));
    }
    messages.push(error(&[
        offsets(),
        Column::new("items", [1u32, 0, 2]),
        weights(),
        counts(),
    ]));
    for bad in [0.0f32, -1.0, f32::NAN, f32::INFINITY] {
        let bad = Column::new("weights", [1.0, bad, 0.1]);
        messages.push(error(&[offsets(), items(), bad, counts()]));
    }
    let narrow = Column::new("counts", vec![0u32; 9]).with_shape(3, 3);
    messages.push(error(&[offsets(), items(), weights(), narrow]));
    let times = Column::new("last_times", [0i64, 1]);
    messages.push(error(&[offsets(), items(), weights(), counts(), times]));
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn damaged_vocabularies_and_catalogues_are_named() {
    let mut messages = Vec::new();
    let vocabulary = |text: &[u8], ends: &[u64]| {
        let columns = [
            Column::new("text", text.to_vec()),
            Column::new("ends", ends.to_vec()),
        ];
        let bytes = encode(Path::new(""), &columns).unwrap();
        shown(&error_with(ITEMS, &bytes))
    };
    messages.push(vocabulary(b"ab", &[2, 1]));
    messages.push(vocabulary(b"ab", &[u64::MAX, 2]));
    messages.push(vocabulary(b"aa", &[1, 2]));
    messages.push(vocabulary(b"a\xff", &[1, 2]));
    // One item less than all other files have.
    messages.push(vocabulary(b"a", &[1]));

    let catalogue = |name: &str, column: Column| {
        let mut columns = vec![
            Column::new("price", [0f64, 0.0]),
            Column::new("has_price", [0u8, 0]),
        ];
        for label in ["category_id", "category_code", "brand"] {
            columns.push(Column::new(&format!("{label}.text"), *b"ab"));
            columns.push(Column::new(&format!("{label}.ends"), [1u64, 2]));
            columns.push(Column::new(&format!("{label}.codes"), [0u32, u32::MAX]));
        }
        columns.retain(|c| c.name() != name);
        columns.push(column);
        let bytes = encode(Path::new(""), &columns).unwrap();
        shown(&error_with(CATALOGUE, &bytes))
    };
    let name = "brand.codes";
    messages.push(catalogue(name, Column::new(name, [0u32, 2])));
    messages.push(catalogue(name, Column::new(name, [0u32])));
    for ends in [[1u64, 1], [2, 1], [3, 2], [1, u64::MAX]] {
        messages.push(catalogue("brand.ends", Column::new("brand.ends", ends)));
    }
    messages.push(catalogue("has_price", Column::new("has_price", [2u8, 0])));
    messages.push(catalogue("price", Column::new("price", [0.0, 1.0])));
    messages.push(catalogue("in_stock", Column::new("in_stock", [1u8, 2])));
    messages.push(catalogue("expires_at", Column::new("expires_at", [7i64])));
    messages.push(catalogue("title.text", Column::new("title.text", *b"ab")));
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn titles_addresses_and_stock_come_back_and_are_left_out_where_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let mut artifact = tiny();
    artifact.save(&path).unwrap();
    let bytes = fs::read(path.join(CATALOGUE)).unwrap();
    for name in ["title", "in_stock", "expires_at"] {
        assert!(
            !bytes
                .windows(name.len())
                .any(|part| part == name.as_bytes()),
            "{name}"
        );
    }
    let lamp = ItemDetails {
        title: Some("Lampe «ünï»".to_owned()),
        page_url: Some("https://shop.example/lamp".to_owned()),
        in_stock: Some(false),
        expires_at: Some(-7),
        ..artifact.catalogue.get(ItemId(0))
    };
    artifact.catalogue = Catalogue::from_details([lamp.clone(), ItemDetails::default()]);
    artifact.save(&path).unwrap();
    let loaded = Artifact::load(&path).unwrap();
    assert_eq!(loaded, artifact);
    assert_eq!(loaded.catalogue.get(ItemId(0)), lamp);
    let hostile = ItemDetails {
        image_url: Some("javascript:alert(1)".to_owned()),
        ..lamp
    };
    artifact.catalogue = Catalogue::from_details([hostile, ItemDetails::default()]);
    let error = artifact.save(&path).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { issues, .. } if issues.len() == 1));
    insta::assert_snapshot!(error);
}

#[test]
fn damaged_json_is_named_with_its_place() {
    let json = |name: &str, from: &str, to: &str| {
        let (_folder, path) = saved();
        let text = fs::read_to_string(path.join(name)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        error_with(name, changed.as_bytes())
    };
    let error = json(MODEL, "\"name\"", "\"run\": 1,\n\"name\"");
    assert!(matches!(error, StoreError::Json { line: 2, .. }), "{error}");
    let error = json(MODEL, "\"symmetric\"", "\"sideways\"");
    assert!(matches!(error, StoreError::Json { .. }), "{error}");
    let error = json(
        MODEL,
        "\"n_layers\": 1",
        "\"n_layers\": 18446744073709551615",
    );
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
    let error = json(BEHAVIORS, "\"view\"", "\"cart\"");
    assert!(matches!(error, StoreError::Content { .. }), "{error}");
    let error = json(BEHAVIORS, "\"floor\": 0.01", "\"floor\": -1");
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
    let error = json(LINEAGE, "\"seed\"", "\"sead\"");
    assert!(matches!(error, StoreError::Json { .. }), "{error}");
    let popularity = Column::new("popularity", [1u64, 1]);
    let error = error_with(POPULARITY, &encode(Path::new(""), &[popularity]).unwrap());
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
}
