//! What a user did, item by item.

use crate::answer::profile::ProfileItem;
use crate::shop::Shop;
use crate::{ContextEvent, HistoryItem, RecommendError};
use lightgcn_core::UserId;

/// The training pairs and events of a user: latest first, then by weight, then by row.
pub(crate) fn history(
    shop: &Shop,
    user: Option<UserId>,
    events: &[ContextEvent],
) -> Result<Vec<HistoryItem>, RecommendError> {
    let profile = shop.profile(user, events)?;
    let train = &shop.model.artifact.train;
    let trained_time = |known: &ProfileItem| {
        let user = profile.trained?;
        let in_training = known.item.index() < train.n_items();
        let pair = in_training.then(|| train.find(user, known.item))??;
        train.last_times().get(pair).copied()
    };
    let mut items: Vec<HistoryItem> = Vec::with_capacity(profile.items.len());
    for known in &profile.items {
        let item = shop.items.name(known.item);
        let mine = events
            .iter()
            .filter(|event| known.is_recent && event.item == item);
        items.push(HistoryItem {
            behaviors: shop.behaviors_of(known),
            weight: known.weight as f32,
            last_time: mine
                .filter_map(|event| event.time)
                .chain(trained_time(known))
                .max(),
            bought: known.bought,
            details: shop.items.catalogue.get(known.item),
            item,
        });
    }
    items.sort_by(|a, b| {
        let latest = b.last_time.cmp(&a.last_time);
        latest.then(b.weight.total_cmp(&a.weight))
    });
    Ok(items)
}
