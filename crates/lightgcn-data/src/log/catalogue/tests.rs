use super::*;
use crate::log::wanted::Wanted;

#[test]
fn bad_values_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    let price = "9".repeat(90) + ",5";
    std::fs::write(&path, format!("brand,price\nNULL,\"{price}\"\n")).unwrap();
    let config = ReadConfig::default();
    let mut table = Table::open(&path, &config.format, &Wanted::All).unwrap();
    let columns = DetailColumns::find(&table, &config).unwrap();
    assert!(table.next_row().unwrap());
    let missing = columns.read(&table).unwrap().missing;
    assert_eq!(missing, Missing(1 << 2 | Missing::BAD_PRICE.0));
    assert_eq!(described(2, &table, &columns), r#"bad brand "NULL""#);
    let cut = format!("bad price \"{}…\"", "9".repeat(80));
    assert_eq!(described(3, &table, &columns), cut);
}

/// A brand, a price, or both.
fn said(brand: &str, price: Option<f64>) -> Details<'_> {
    Details {
        category_id: "",
        category_code: "",
        brand,
        price,
        missing: Missing::default(),
    }
}

#[test]
fn the_latest_non_empty_value_wins() {
    let mut seen = Observations::default();
    let item = ItemId(1);
    let at = |time| Moment { time, row: 0 };
    seen.observe(item, at(20), &said("runail", None));
    seen.observe(item, at(25), &said("runail", None));
    // Earlier than the last time that runail was seen.
    seen.observe(item, at(24), &said("irisk", None));
    seen.observe(item, at(30), &said("", None));
    seen.observe(item, Moment { time: 10, row: 7 }, &said("", Some(6.0)));
    // The same time, an earlier row.
    seen.observe(item, Moment { time: 10, row: 6 }, &said("", Some(5.0)));
    seen.observe(item, at(9), &said("", Some(7.0)));
    seen.observe(item, at(11), &said("", Some(-1.0)));
    let mut other = Observations::default();
    other.observe(item, at(0), &said("cnd", None));
    other.observe(ItemId(0), at(0), &said("cnd", None));
    let catalogue = seen.catalogue(3, &other).unwrap();
    assert_eq!(catalogue.get(item).brand.as_deref(), Some("runail"));
    assert_eq!(catalogue.get(item).price, Some(6.0));
    assert_eq!(catalogue.get(ItemId(0)).brand.as_deref(), Some("cnd"));
    assert_eq!(catalogue.get(ItemId(2)).brand, None);
    let chosen = select(&catalogue, &[2, 1]).unwrap();
    assert_eq!(chosen.get(ItemId(1)), catalogue.get(item));
    assert_eq!(chosen.brand().labels(), ["runail"]);
}
