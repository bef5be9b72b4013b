//! Answers that do not reveal the history.

use crate::{Answer, Source};

impl Answer {
    /// Removes what reveals the user's history: whether the user interacted with an item, and
    /// reasons that say how. Which items are listed still depends on the history.
    pub fn hide_history(&mut self) {
        self.ignored_events = 0;
        for item in &mut self.items {
            item.familiar = false;
            item.reason = reason(item.source).to_owned();
        }
    }
}

/// The reason for an item of a source, independent of the user.
fn reason(source: Source) -> &'static str {
    match source {
        Source::Model => "fits the history",
        Source::FoldIn => "fits recent events",
        Source::Content => "fits by category, brand or price",
        Source::CategoryPopularity => "popular in a category from the history",
        Source::RecentPopularity => "bought often lately",
        Source::Popularity => "bought by many users",
        Source::Random => "picked at random: nothing better was left",
        Source::Exploration => "picked at random, to explore",
    }
}
