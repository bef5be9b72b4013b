//! The metadata of one item.

/// The metadata of one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemDetails {
    /// The shop's category id.
    pub category_id: Option<String>,
    /// The category's readable code, such as `apparel.glove`.
    pub category_code: Option<String>,
    /// The brand.
    pub brand: Option<String>,
    /// The last known price, in the log's currency.
    pub price: Option<f64>,
    /// Its title, as returned by [`check_title`](crate::check_title).
    pub title: Option<String>,
    /// The address of its picture, see [`check_url`](crate::check_url).
    pub image_url: Option<String>,
    /// The address of its page, see [`check_url`](crate::check_url).
    pub page_url: Option<String>,
    /// Whether it is in stock. Items out of stock are never recommended.
    pub in_stock: Option<bool>,
    /// When it stops being offered and recommended, in seconds since 1970-01-01 UTC.
    pub expires_at: Option<i64>,
}
