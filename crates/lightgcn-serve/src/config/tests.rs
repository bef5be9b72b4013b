use super::*;

/// The keys of a configuration that are wrong.
fn wrong_keys(config: ServeConfig) -> Vec<String> {
    match config.check() {
        Err(ServeError::Config { issues }) => issues.into_iter().map(|i| i.key).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_default_is_valid_and_on_loopback() {
    let config = ServeConfig::default().check().unwrap();
    assert!(config.get().bind.ip().is_loopback());
    assert!(config.get().admin.bind.ip().is_loopback());
    assert!(config.n_workers() >= 1);
}

#[test]
fn every_issue_is_listed() {
    let mut config = ServeConfig {
        queue: 0,
        workers: 2000,
        header_timeout_seconds: f64::NAN,
        request_timeout_seconds: -1.0,
        cors_origins: [
            "*",
            "https://shop.example:8443",
            "shop.example",
            "https://a/b",
            "https://",
        ]
        .map(str::to_owned)
        .to_vec(),
        currency: Some("euro".to_owned()),
        image_hosts: [
            "images.shop.example:8443",
            "*",
            "https://a",
            "a; script-src",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..ServeConfig::default()
    };
    config.limits.k = 0;
    config.admin.bind = "0.0.0.0:8081".parse().unwrap();
    let expected = [
        "header_timeout_seconds",
        "request_timeout_seconds",
        "queue",
        "limits.k",
        "workers",
        "cors_origins",
        "cors_origins",
        "cors_origins",
        "currency",
        "image_hosts",
        "image_hosts",
        "image_hosts",
        "admin.bind",
    ];
    assert_eq!(wrong_keys(config), expected);
}

#[test]
fn tokens_are_checked_and_never_printed() {
    let mut config = ServeConfig::default();
    config.admin.token = Some(Token::new("too short"));
    assert_eq!(wrong_keys(config), ["admin.token", "admin.token"]);
    let mut config = ServeConfig::default();
    config.admin.bind = "0.0.0.0:0".parse().unwrap();
    config.admin.token = Some(Token::new("0123456789abcdef"));
    let config = config.check().unwrap();
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
    let written = toml::to_string(config.get()).unwrap();
    assert!(!written.contains("0123456789abcdef"));
}

#[test]
fn the_token_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "0123456789abcdef\n").unwrap();
    let mut config = ServeConfig::default();
    config.admin.token_file = Some(path);
    let checked = config.clone().check().unwrap();
    assert_eq!(
        checked.get().admin.token,
        Some(Token::new("0123456789abcdef"))
    );
    let again = checked.get().clone().check().unwrap();
    assert_eq!(again, checked);
    config.admin.token_file = Some(folder.path().join("none"));
    assert_eq!(wrong_keys(config), ["admin.token_file"]);
}

#[test]
fn unknown_behaviors_are_refused_by_default() {
    let of = |text: &str| toml::from_str::<ServeConfig>(text).map(|c| c.unknown_behaviors);
    assert_eq!(of("").unwrap(), UnknownBehaviors::Refuse);
    let collect = of("unknown_behaviors = 'collect'").unwrap();
    assert_eq!(collect, UnknownBehaviors::Collect);
    assert!(of("unknown_behaviors = 'ignore'").is_err());
}

#[test]
fn metrics_need_their_listener() {
    let of = |text: &str| toml::from_str::<ServeConfig>(text).unwrap();
    assert_eq!(of("").metrics, MetricsListener::Public);
    let admin = of("metrics = 'admin'");
    assert_eq!(admin.metrics, MetricsListener::Admin);
    assert!(admin.check().is_ok());
    let without = of("metrics = 'admin'\n[admin]\nenabled = false");
    assert_eq!(wrong_keys(without), ["metrics"]);
    assert!(toml::from_str::<ServeConfig>("metrics = 'none'").is_err());
}

#[test]
fn unknown_keys_are_errors() {
    let config: ServeConfig = toml::from_str("bind = '127.0.0.1:1'\n[limits]\nk = 3").unwrap();
    assert_eq!((config.limits.k, config.bind.port()), (3, 1));
    for text in [
        "bond = 1",
        "[limits]\nj = 3",
        "[admin]\nport = 1",
        "bind = 'here'",
    ] {
        assert!(toml::from_str::<ServeConfig>(text).is_err(), "{text}");
    }
}
