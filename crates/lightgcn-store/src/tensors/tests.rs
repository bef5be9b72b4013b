use super::*;

fn open<'a>(bytes: &'a [u8], names: &[&str]) -> Result<TensorFile<'a>, StoreError> {
    TensorFile::open(PathBuf::from("x.safetensors"), bytes, names, &[])
}

/// A file with this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn message(bytes: &[u8]) -> String {
    match open(bytes, &["a"]) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn columns_come_back() {
    let columns = [
        Column::new("bytes", [1u8, 2, 255]),
        Column::new("times", [i64::MIN, -1, i64::MAX]),
        Column::new("none", Vec::<f64>::new()),
        Column::new("half", [0x3f80, 0x8000, 0x7fc1].map(bf16::from_bits)),
        Column::new("grid", [1.5f32, -0.0, f32::MAX, f32::MIN_POSITIVE]).with_shape(2, 2),
    ];
    let bytes = encode(Path::new(""), &columns).unwrap();
    let file = open(&bytes, &["bytes", "times", "none", "half", "grid"]).unwrap();
    assert_eq!(file.column::<u8>("bytes", Some(3)).unwrap(), [1, 2, 255]);
    assert_eq!(
        file.column::<i64>("times", None).unwrap(),
        [i64::MIN, -1, i64::MAX]
    );
    assert!(file.column::<f64>("none", Some(0)).unwrap().is_empty());
    let half: Vec<bf16> = file.column("half", Some(3)).unwrap();
    assert_eq!(
        half.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
        [0x3f80, 0x8000, 0x7fc1]
    );
    let (rows, width, values) = file.matrix::<f32>("grid").unwrap();
    assert_eq!((rows, width), (2, 2));
    let bits: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
    assert_eq!(
        bits,
        [1.5f32, -0.0, f32::MAX, f32::MIN_POSITIVE].map(f32::to_bits)
    );
    assert!(file.has("none") && !file.has("other"));
    // Types are never converted.
    assert!(file.column::<u64>("times", None).is_err());
    assert!(file.column::<f32>("half", None).is_err());
    assert!(file.column::<u8>("bytes", Some(4)).is_err());
    assert!(file.matrix::<u8>("bytes").is_err());
    assert!(file.column::<f32>("grid", None).is_err());
}

#[test]
fn the_order_of_columns_does_not_matter() {
    let a = || Column::new("a", [1u8]);
    let b = || Column::new("b", [2u8]);
    let c = || Column::new("c", [2f64]);
    let encode = |columns: &[Column]| encode(Path::new(""), columns).unwrap();
    assert_eq!(encode(&[a(), b(), c()]), encode(&[c(), b(), a()]));
}

#[test]
fn headers_are_bounded() {
    let mut messages = Vec::new();
    let tensor =
        |offsets: &str| format!(r#"{{"a":{{"dtype":"U8","shape":[1],"data_offsets":{offsets}}}}}"#);
    assert_eq!(message(&file(&tensor("[0,1]"), 1)), "accepted");
    messages.push(message(b"short"));
    messages.push(message(&[0xff; 64]));
    messages.push(message(&file(&" ".repeat(1 << 17), 0)));
    messages.push(message(&100u64.to_le_bytes()));
    messages.push(message(&file("{", 0)));
    messages.push(message(&file(&"[".repeat(60_000), 0)));
    messages.push(message(&file(&tensor("[0,2]"), 1)));
    messages.push(message(&file(&tensor("[0,1]"), 2)));
    messages.push(message(&file(&tensor("[1,0]"), 1)));
    let metadata = r#"{"__metadata__":{"run":"me"}}"#;
    messages.push(message(&file(metadata, 0)));
    let unknown = r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}"#;
    messages.push(message(&file(unknown, 0)));
    insta::assert_snapshot!(messages.join("\n"));
}

/// Offsets whose sum with the header's length wraps around to the length of the file.
#[test]
fn offsets_cannot_overflow() {
    let mut messages = Vec::new();
    let huge = u64::MAX / 8;
    let mut entries = Vec::new();
    for n in 0..8u64 {
        let (from, to) = (n * huge, (n + 1) * huge);
        entries.push(format!(
            r#""t{n}":{{"dtype":"U8","shape":[{huge}],"data_offsets":[{from},{to}]}}"#
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    messages.push(message(&file(&header, 0)));
    insta::assert_snapshot!(messages.join("\n"));
}
