//! Files whose checksums are right and whose content is not: the error names what is wrong.

use super::*;

#[test]
fn damaged_embeddings_are_named() {
    let good = || tiny().layer0.column("layer0");
    let finals = || tiny().embeddings.column("final");
    let error = |columns: &[Column]| {
        let bytes = encode(Path::new(""), columns).unwrap();
        error_with(EMBEDDINGS, &bytes).to_string()
    };
    let wide: Vec<f64> = vec![0.0; 8];
    let message = error(&[Column::new("layer0", wide).with_shape(4, 2), finals()]);
    assert!(
        message.contains("its type is F64 instead of F32"),
        "{message}"
    );
    let message = error(&[Column::new("layer0", vec![0f32; 8]), finals()]);
    assert!(
        message.contains("its shape is [8] instead of [rows, width]"),
        "{message}"
    );
    let message = error(&[
        Column::new("layer0", vec![0f32; 8]).with_shape(2, 4),
        finals(),
    ]);
    assert!(
        message.contains("2 rows of layer 0, but 4 are needed"),
        "{message}"
    );
    let message = error(&[
        Column::new("layer0", vec![0f32; 0]).with_shape(4, 0),
        finals(),
    ]);
    assert!(message.contains("dimension is 0"), "{message}");
    for bad in [f32::NAN, f32::INFINITY] {
        let mut data = vec![0f32; 8];
        data[5] = bad;
        let message = error(&[Column::new("layer0", data).with_shape(4, 2), finals()]);
        assert!(
            message.contains("tensor \"layer0\": row 2, column 1 is"),
            "{message}"
        );
    }
    let message = error(&[good()]);
    assert!(
        message.contains("tensor \"final\": it is absent"),
        "{message}"
    );
    let message = error(&[good(), finals(), Column::new("more", [0u8])]);
    assert!(
        message.contains("tensor \"more\": it does not belong here"),
        "{message}"
    );
}

/// Only final embeddings may be in 16 bits.
#[test]
fn damaged_embeddings_in_16_bits_are_named() {
    let layer0 = || tiny().layer0.column("layer0");
    let finals = || tiny_in_16_bits().embeddings.column("final");
    let error = |columns: &[Column]| {
        let bytes = encode(Path::new(""), columns).unwrap();
        error_with(EMBEDDINGS, &bytes).to_string()
    };
    let narrow = Column::new("layer0", [bf16::ONE; 8]).with_shape(4, 2);
    let message = error(&[narrow, finals()]);
    assert!(
        message.contains("tensor \"layer0\": its type is BF16 instead of F32"),
        "{message}"
    );
    let other = Column::new("final", [0u8; 24]).with_shape(4, 6);
    let message = error(&[layer0(), other]);
    assert!(
        message.contains("its type is U8 instead of F32 or BF16"),
        "{message}"
    );
    for bad in [0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffff] {
        let mut data = [bf16::ONE; 12];
        data[7] = bf16::from_bits(bad);
        let message = error(&[layer0(), Column::new("final", data).with_shape(4, 3)]);
        assert!(
            message.contains("tensor \"final\": row 2, column 1 is"),
            "{message}"
        );
    }
    for (rows, width) in [(2, 6), (12, 1)] {
        let column = Column::new("final", [bf16::ONE; 12]).with_shape(rows, width);
        let message = error(&[layer0(), column]);
        let issue = format!("{rows} rows of final embeddings, but 4 are needed");
        assert!(message.contains(&issue), "{message}");
    }
    let message = error(&[layer0(), Column::new("final", [bf16::ONE; 12])]);
    assert!(
        message.contains("its shape is [12] instead of [rows, width]"),
        "{message}"
    );
    let none = Column::new("final", [bf16::ONE; 0]).with_shape(4, 0);
    let message = error(&[layer0(), none]);
    assert!(message.contains("dimension is 0"), "{message}");
}

#[test]
fn damaged_interactions_are_named() {
    let train = tiny().train;
    let offsets = || Column::new("offsets", [0u64, 1, 3]);
    let items = || Column::new("items", [1u32, 0, 1]);
    let weights = || Column::new("weights", [1.0f32, 0.01, 0.1]);
    let counts = || Column::new("counts", train.counts().to_vec()).with_shape(3, 4);
    let error = |columns: &[Column]| {
        let bytes = encode(Path::new(""), columns).unwrap();
        error_with(INTERACTIONS, &bytes).to_string()
    };
    for bad in [
        vec![0u64, 2, 1],
        vec![1, 1, 3],
        vec![0, 4, 3],
        vec![0, 1, 2],
        vec![0, 3],
    ] {
        let message = error(&[Column::new("offsets", bad), items(), weights(), counts()]);
        assert!(message.contains("tensor \"offsets\""), "{message}");
    }
    for bad in [[1u32, 1, 0], [1, 1, 1]] {
        let message = error(&[offsets(), Column::new("items", bad), weights(), counts()]);
        assert!(message.contains("user row 1 do not ascend"), "{message}");
    }
    let message = error(&[
        offsets(),
        Column::new("items", [1u32, 0, 2]),
        weights(),
        counts(),
    ]);
    assert!(message.contains("item row 2 is out of range"), "{message}");
    for bad in [0.0f32, -1.0, f32::NAN, f32::INFINITY] {
        let bad = Column::new("weights", [1.0, bad, 0.1]);
        let message = error(&[offsets(), items(), bad, counts()]);
        assert!(
            message.contains("(user row 1, item row 0) has weight"),
            "{message}"
        );
    }
    let narrow = Column::new("counts", vec![0u32; 9]).with_shape(3, 3);
    let message = error(&[offsets(), items(), weights(), narrow]);
    assert!(message.contains("[3, 3] instead of [3, 4]"), "{message}");
    let times = Column::new("last_times", [0i64, 1]);
    let message = error(&[offsets(), items(), weights(), counts(), times]);
    assert!(message.contains("[2] instead of [3]"), "{message}");
}

#[test]
fn damaged_vocabularies_and_catalogues_are_named() {
    let vocabulary = |text: &[u8], ends: &[u64]| {
        let columns = [
            Column::new("text", text.to_vec()),
            Column::new("ends", ends.to_vec()),
        ];
        let bytes = encode(Path::new(""), &columns).unwrap();
        error_with(ITEMS, &bytes).to_string()
    };
    assert!(vocabulary(b"ab", &[2, 1]).contains("damaged vocabulary"));
    assert!(vocabulary(b"ab", &[u64::MAX, 2]).contains("damaged vocabulary"));
    assert!(vocabulary(b"aa", &[1, 2]).contains("occurs twice"));
    assert!(vocabulary(b"a\xff", &[1, 2]).contains("not UTF-8"));
    // One item less than all other files have.
    assert!(vocabulary(b"a", &[1]).contains("item row 1 is out of range"));

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
        error_with(CATALOGUE, &bytes).to_string()
    };
    let name = "brand.codes";
    let message = catalogue(name, Column::new(name, [0u32, 2]));
    assert!(message.contains("item row 1 has label 2 of 2"), "{message}");
    let message = catalogue(name, Column::new(name, [0u32]));
    assert!(message.contains("[1] instead of [2]"), "{message}");
    for ends in [[1u64, 1], [2, 1], [3, 2], [1, u64::MAX]] {
        let message = catalogue("brand.ends", Column::new("brand.ends", ends));
        assert!(message.contains("brand.text"), "{message}");
    }
    let message = catalogue("has_price", Column::new("has_price", [2u8, 0]));
    assert!(message.contains("neither yes (1) nor no (0)"), "{message}");
    let message = catalogue("price", Column::new("price", [0.0, 1.0]));
    assert!(message.contains("neither yes (1) nor no (0)"), "{message}");
    let message = catalogue("in_stock", Column::new("in_stock", [1u8, 2]));
    assert!(
        message.contains("2 is neither yes (1), no (0)"),
        "{message}"
    );
    let message = catalogue("expires_at", Column::new("expires_at", [7i64]));
    assert!(message.contains("[1] instead of [2]"), "{message}");
    let message = catalogue("title.text", Column::new("title.text", *b"ab"));
    assert!(message.contains("title.ends"), "{message}");
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
    assert!(
        matches!(&error, StoreError::Inconsistent { issues, .. } if issues[0].contains("does not start with http")),
        "{error}"
    );
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
    assert!(
        error.to_string().contains("model.json, line 2, column"),
        "{error}"
    );
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
    assert!(
        error.to_string().contains("floor must be positive"),
        "{error}"
    );
    let error = json(LINEAGE, "\"seed\"", "\"sead\"");
    assert!(matches!(error, StoreError::Json { .. }), "{error}");
    let popularity = Column::new("popularity", [1u64, 1]);
    let error = error_with(POPULARITY, &encode(Path::new(""), &[popularity]).unwrap());
    assert!(matches!(error, StoreError::Inconsistent { .. }), "{error}");
}
