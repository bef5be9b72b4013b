use super::*;

#[test]
fn standard_input_is_named() {
    let empty = |path: &str| DataError::EmptyFile { path: path.into() };
    insta::assert_snapshot!(
        empty("-"),
        @"standard input is empty; remove it from the inputs, or check how it was written"
    );
    insta::assert_snapshot!(
        empty("a/-"),
        @"a/- is empty; remove it from the inputs, or check how it was written"
    );
}

#[test]
fn messages_are_short() {
    let long = "ü".repeat(1 << 20);
    let error = DataError::MissingColumn {
        path: "log.json".into(),
        column: long.clone(),
        option: "user_id",
        present: vec![long; 1000],
        advice: "rename it".to_owned(),
    };
    let text = error.to_string();
    assert!(text.len() < 5_000, "{} bytes", text.len());
    assert!(text.contains("980"), "{text}");
    assert_eq!(shorten("short"), "short");
    assert_eq!(shorten(&"x".repeat(80)).len(), 80);
    assert_eq!(shorten(&"x".repeat(81)).chars().count(), 81);
}
