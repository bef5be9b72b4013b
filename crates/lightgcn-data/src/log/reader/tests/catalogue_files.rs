//! Catalogue files beside a log.

use super::*;

#[test]
fn catalogue_files_say_how_items_are_shown_and_whether_they_can_be_had() {
    let log = format!("{HEADER}{GOOD}2019-10-02,view,7,,,,,9,\n");
    let items = "product_id,title,image_url,page_url,in_stock,stock,expires_at\n\
        7, Nail file ,https://img.example/7.png,NULL,,4,2026-12-31\n\
        7,,,http://shop.example/7,no,9,1893456000\n\
        5773203,NULL,,,soon,,one day\n\
        8,Other,,,maybe,,\n";
    let (folder, paths) = files(&[("log.csv", log.as_bytes()), ("items.csv", items.as_bytes())]);
    let config = ReadConfig {
        catalogue: vec![
            folder
                .path()
                .join("items.csv")
                .to_string_lossy()
                .into_owned(),
        ],
        ..ReadConfig::default()
    };
    let log = read_events(&paths[..1], &config, &weights()).unwrap();
    let details = log.catalogue().get(ItemId(1));
    assert_eq!(details.title.as_deref(), Some("Nail file"));
    assert_eq!(
        details.image_url.as_deref(),
        Some("https://img.example/7.png")
    );
    assert_eq!(details.page_url.as_deref(), Some("http://shop.example/7"));
    assert_eq!(
        (details.in_stock, details.expires_at),
        (Some(false), Some(1_893_456_000))
    );
    let other = log.catalogue().get(ItemId(0));
    assert_eq!(
        (other.title, other.in_stock, other.expires_at),
        (None, None, None)
    );
    // Those of an item that the log does not have are not counted.
    let missing = [
        ("bad expires_at".to_owned(), 1),
        ("bad stock".to_owned(), 1),
    ];
    for (reason, n) in missing {
        assert_eq!(log.stages()[1].missing[&reason], n, "{reason}");
    }
    assert!(log.stages()[1].balances());
}

#[test]
fn items_that_the_log_writes_differently_are_counted_apart() {
    let log = format!("{HEADER}{GOOD}");
    let items = "product_id,in_stock\n5773203.0,no\n05773203,no\n9.0,no\n5773203,yes\n";
    let (folder, paths) = files(&[("log.csv", log.as_bytes()), ("items.csv", items.as_bytes())]);
    let items = folder.path().join("items.csv");
    let config = ReadConfig {
        catalogue: vec![items.to_string_lossy().into_owned()],
        ..ReadConfig::default()
    };
    let log = read_events(&paths[..1], &config, &weights()).unwrap();
    let report = &log.stages()[1];
    assert!(report.balances());
    assert_eq!(report.dropped["id written differently in the log"], 2);
    assert_eq!(report.dropped["item not in the log"], 1);
    assert_eq!(log.catalogue().get(ItemId(0)).in_stock, Some(true));
}

#[test]
fn bad_titles_and_addresses_of_catalogue_files_are_errors_with_their_place() {
    let log = format!("{HEADER}{GOOD}");
    let read = |row: &str, skip_bad_rows| {
        let items = format!("product_id,title,page_url\n5773203,Oil,\n{row}\n");
        let (folder, paths) =
            files(&[("log.csv", log.as_bytes()), ("items.csv", items.as_bytes())]);
        let config = ReadConfig {
            skip_bad_rows,
            catalogue: vec![
                folder
                    .path()
                    .join("items.csv")
                    .to_string_lossy()
                    .into_owned(),
            ],
            ..ReadConfig::default()
        };
        read_events(&paths[..1], &config, &weights())
    };
    let bad_item = |row: &str| match read(row, false) {
        Err(DataError::Row {
            path,
            at: Place::Line(3),
            issue,
        }) if path.ends_with("items.csv") => issue,
        other => panic!("expected a bad row, got {other:?}"),
    };
    let RowIssue::Url {
        column,
        value,
        issue,
    } = bad_item("5773203,Oil,javascript:alert(1)")
    else {
        panic!("the address was read");
    };
    let expected = (
        "page_url",
        "javascript:alert(1)",
        lightgcn_core::UrlIssue::Scheme,
    );
    assert_eq!((column.as_str(), value.as_str(), issue), expected);
    let RowIssue::Title { column, issue, .. } = bad_item("5773203,O\til,") else {
        panic!("the title was read");
    };
    let control = lightgcn_core::TitleIssue::Control { character: '\t' };
    assert_eq!((column.as_str(), issue), ("title", control));
    // Where bad rows are skipped, only the bad field is: the row may also say that the item is out of stock.
    for (row, title, reason) in [
        ("5773203,New,/relative", "New", "bad address"),
        ("5773203,O\til,", "Oil", "bad title"),
    ] {
        let kept = read(row, true).unwrap();
        assert_eq!(kept.stages()[1].missing, [(reason.to_owned(), 1)].into());
        assert!(kept.stages()[1].dropped.is_empty());
        let details = kept.catalogue().get(ItemId(0));
        assert_eq!(
            (details.title.as_deref(), details.page_url),
            (Some(title), None)
        );
    }
}

#[test]
fn catalogue_files_fill_in_what_the_log_does_not_say() {
    let log = format!("{HEADER}{GOOD}2019-10-02,view,7,,,,,9,\n");
    let items = "product_id,brand,category_id,price\n7,cnd,,1\n7,,500,2\n7,,,\n8,x,1,1\n5773203,other,1,9\n";
    let (folder, paths) = files(&[("log.csv", log.as_bytes()), ("item.csv", items.as_bytes())]);
    let mut config = ReadConfig {
        catalogue: vec![folder.path().join("item*").to_string_lossy().into_owned()],
        ..ReadConfig::default()
    };
    let read = |config: &ReadConfig| read_events(&paths[..1], config, &weights());
    let log = read(&config).unwrap();
    let second = log.catalogue().get(ItemId(1));
    assert_eq!(second.brand.as_deref(), Some("cnd"));
    assert_eq!(second.category_id.as_deref(), Some("500"));
    assert_eq!(second.price, Some(2.0));
    let first = log.catalogue().get(ItemId(0));
    assert_eq!(
        (first.brand.as_deref(), first.price),
        (Some("runail"), Some(2.62))
    );
    let names: Vec<_> = log.inputs().iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["log.csv", "item.csv"]);
    let report = &log.stages()[1];
    assert!(report.balances());
    assert_eq!(report.dropped["item not in the log"], 1);

    let path = folder.path().join("item.csv");
    std::fs::write(&path, "product_id,price\n7,\"1\n,1\n7,3\n7,cheap\n").unwrap();
    assert!(matches!(
        read(&config),
        Err(DataError::Row {
            at: Place::Line(2),
            ..
        })
    ));
    config.skip_bad_rows = true;
    let log = read(&config).unwrap();
    assert_eq!(log.catalogue().get(ItemId(1)).price, Some(3.0));
    assert_eq!(log.stages()[1].dropped.len(), 2);
    assert_eq!(
        log.stages()[1].missing,
        [("bad price".to_owned(), 1)].into()
    );
    std::fs::write(&path, "sku,price\n7,1\n").unwrap();
    assert!(matches!(
        read(&config),
        Err(DataError::MissingColumn { .. })
    ));
}
