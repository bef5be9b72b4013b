//! What is known of one item.

/// What is known of one item.
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
    /// What the item is called, as [`check_title`](crate::check_title) gives it.
    pub title: Option<String>,
    /// The address of its picture, see [`check_url`](crate::check_url).
    pub image_url: Option<String>,
    /// The address of its page, see [`check_url`](crate::check_url).
    pub page_url: Option<String>,
    /// Whether it is in stock. What is not is never recommended.
    pub in_stock: Option<bool>,
    /// From when on it is no longer offered, and never recommended, in seconds since 1970-01-01 UTC.
    pub expires_at: Option<i64>,
}
