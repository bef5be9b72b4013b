//! A change of one item.

use lightgcn_core::ItemDetails;
use lightgcn_recommend::lenient;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A change of an item's metadata. An absent field is left unchanged; null clears it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CatalogueItem)]
pub(crate) struct ItemChange {
    /// The item's id in the log; changes of an item that the model does not know are kept for the
    /// next model.
    #[serde(deserialize_with = "lenient::id")]
    #[schema(value_type = lenient::IdSchema)]
    pub(crate) item: String,
    /// The item's title, truncated to 300 characters.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(crate) title: Option<Option<String>>,
    /// The `http` or `https` address of its picture.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(crate) image_url: Option<Option<String>>,
    /// The `http` or `https` address of its page.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(crate) page_url: Option<Option<String>>,
    /// Whether it is in stock, or the quantity; also accepted as `stock`. An item that is out of
    /// stock is never recommended.
    #[serde(
        default,
        alias = "stock",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<StockValue>)]
    pub(crate) in_stock: Option<Option<Stock>>,
    /// When it stops being offered and recommended.
    #[serde(
        default,
        deserialize_with = "given_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<lenient::TimeSchema>)]
    pub(crate) expires_at: Option<Option<i64>>,
    /// Its price, in the log's currency: 0 or more.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<f64>)]
    pub(crate) price: Option<Option<f64>>,
    /// Its brand.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(crate) brand: Option<Option<String>>,
    /// The shop's id of its category.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(crate) category_id: Option<Option<String>>,
    /// The readable code of its category, such as `apparel.glove`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(crate) category_code: Option<Option<String>>,
}

/// A field that is present, null or not.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The same for a time.
fn given_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<i64>>, D::Error> {
    lenient::time(from).map(Some)
}

impl ItemChange {
    /// The fields with texts, by name.
    pub(crate) fn labels(&self) -> [(&'static str, Option<&String>); 3] {
        [
            ("brand", said(&self.brand)),
            ("category_id", said(&self.category_id)),
            ("category_code", said(&self.category_code)),
        ]
    }

    /// Applies a later change, which takes precedence.
    pub(crate) fn merge(&mut self, later: &Self) {
        fn field<T: Clone>(known: &mut Option<Option<T>>, later: &Option<Option<T>>) {
            if later.is_some() {
                known.clone_from(later);
            }
        }
        field(&mut self.title, &later.title);
        field(&mut self.image_url, &later.image_url);
        field(&mut self.page_url, &later.page_url);
        field(&mut self.in_stock, &later.in_stock);
        field(&mut self.expires_at, &later.expires_at);
        field(&mut self.price, &later.price);
        field(&mut self.brand, &later.brand);
        field(&mut self.category_id, &later.category_id);
        field(&mut self.category_code, &later.category_code);
    }

    /// The item's metadata after this change.
    pub(crate) fn applied_to(&self, details: ItemDetails) -> ItemDetails {
        fn field<T: Clone>(change: &Option<Option<T>>, known: Option<T>) -> Option<T> {
            change.clone().unwrap_or(known)
        }
        let in_stock = self.in_stock.map(|stock| stock.map(|Stock(is_in)| is_in));
        ItemDetails {
            category_id: field(&self.category_id, details.category_id),
            category_code: field(&self.category_code, details.category_code),
            brand: field(&self.brand, details.brand),
            price: field(&self.price, details.price),
            title: field(&self.title, details.title),
            image_url: field(&self.image_url, details.image_url),
            page_url: field(&self.page_url, details.page_url),
            in_stock: field(&in_stock, details.in_stock),
            expires_at: field(&self.expires_at, details.expires_at),
        }
    }

    /// Its approximate size in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [
            &self.title,
            &self.image_url,
            &self.page_url,
            &self.brand,
            &self.category_id,
            &self.category_code,
        ];
        let length = |text: &Option<Option<String>>| said(text).map_or(0, String::len);
        let texts: usize = texts.into_iter().map(length).sum();
        size_of::<Self>() + 2 * self.item.len() + texts
    }
}

fn said(field: &Option<Option<String>>) -> Option<&String> {
    field.as_ref().and_then(Option::as_ref)
}

/// Whether it is in stock, possibly given as a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Stock(pub(crate) bool);

/// The accepted forms of stock.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Stock)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes")]
pub(crate) enum StockValue {
    /// Whether it is in stock.
    InStock(bool),
    /// The quantity.
    Count(f64),
}

impl<'de> Deserialize<'de> for Stock {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(StockVisitor)
    }
}

struct StockVisitor;

impl Visitor<'_> for StockVisitor {
    type Value = Stock;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a number")
    }

    fn visit_bool<E: Error>(self, is_in: bool) -> Result<Stock, E> {
        Ok(Stock(is_in))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Stock, E> {
        Ok(Stock(count > 0))
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Stock, E> {
        Ok(Stock(count > 0))
    }

    fn visit_f64<E: Error>(self, count: f64) -> Result<Stock, E> {
        Ok(Stock(count > 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> ItemChange {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn absent_fields_stay_and_null_forgets() {
        let mut first = change(r#"{"item":"lamp","title":"Lamp","price":2.5,"stock":3}"#);
        assert_eq!(first.in_stock, Some(Some(Stock(true))));
        first.merge(&change(r#"{"item":"lamp","price":null,"in_stock":0}"#));
        let known = ItemDetails {
            price: Some(1.0),
            brand: Some("acme".to_owned()),
            ..ItemDetails::default()
        };
        let after = first.applied_to(known);
        let expected = ItemDetails {
            title: Some("Lamp".to_owned()),
            brand: Some("acme".to_owned()),
            in_stock: Some(false),
            ..ItemDetails::default()
        };
        assert_eq!(after, expected);
        // As it is stored.
        let json = serde_json::to_string(&first).unwrap();
        assert_eq!(
            json,
            r#"{"item":"lamp","title":"Lamp","in_stock":false,"price":null}"#
        );
        assert_eq!(change(&json), first);
    }

    #[test]
    fn expiries_are_times_and_ids_may_be_numbers() {
        let given = change(r#"{"item":5802432,"expires_at":"2026-12-31T00:00:00+01:00"}"#);
        assert_eq!(given.item, "5802432");
        assert_eq!(given.expires_at, Some(Some(1_798_671_600)));
        let null = change(r#"{"item":"a","expires_at":null}"#);
        assert_eq!(null.expires_at, Some(None));
        assert_eq!(change(r#"{"item":"a"}"#).expires_at, None);
    }

    #[test]
    fn fields_are_known_and_stand_once() {
        for json in [
            r#"{"title":"Lamp"}"#,
            r#"{"item":"lamp","colour":"red"}"#,
            r#"{"item":"lamp","stock":1,"in_stock":true}"#,
            r#"{"item":"lamp","in_stock":"yes"}"#,
            r#"{"item":"lamp","expires_at":"soon"}"#,
        ] {
            assert!(serde_json::from_str::<ItemChange>(json).is_err(), "{json}");
        }
    }
}
