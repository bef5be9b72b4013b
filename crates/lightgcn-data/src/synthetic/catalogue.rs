//! The shop's items: category, community, brand, style, price and popularity.

use super::config::ValidShopConfig;
use super::distributions::{cumulate, pick};
use super::epoch;
use lightgcn_core::random::{Draws, Random};
use std::ops::Range;

/// Category sizes fall as rank^-0.65 · exp(-rank / (0.33 · categories)): fitted to the ranked sizes
/// of the real catalogue's categories (6.4, 3.4, 2.5 per cent of all items at ranks 1 to 3, 1.3
/// at rank 10, 0.2 at rank 130).
const CATEGORY_EXPONENT: f64 = 0.65;
const CATEGORY_CUT: f64 = 0.33;
/// Brands of one category: the first has 80 of 100 of its branded items; in the real catalogue
/// one brand often has nearly all.
const BRANDS_PER_CATEGORY: u32 = 6;
const FIRST_BRAND: f64 = 0.8;
/// The taxonomy codes used by rows that have one.
const CODES: [&str; 12] = [
    "accessories.bag",
    "accessories.cosmetic_bag",
    "apparel.glove",
    "appliances.environment.air_conditioner",
    "appliances.environment.vacuum",
    "appliances.personal.hair_cutter",
    "appliances.personal.massager",
    "furniture.bathroom.bath",
    "furniture.living_room.cabinet",
    "furniture.living_room.chair",
    "sport.diving",
    "stationery.cartridge",
];
const SYLLABLES: [&str; 16] = [
    "ba", "co", "di", "fe", "go", "hu", "ka", "li", "mo", "ne", "pa", "ri", "so", "tu", "ve", "zi",
];
const FIRST_ITEM_ID: u64 = 3_752;
const ITEM_ID_SPAN: u64 = 5_928_000;
const FIRST_CATEGORY_ID: u64 = 1_487_580_004_807_082_827;

/// Items in order of category and, within one, of popularity.
pub(super) struct Catalogue {
    /// The items of category c are `starts[c]..starts[c + 1]`.
    starts: Vec<u32>,
    category_cumulative: Vec<f64>,
    communities: Vec<Community>,
    /// Cumulative popularity, each category from 0.
    item_cumulative: Vec<f64>,
    styles: Vec<u8>,
    never_carted: Vec<bool>,
    /// The fields `product_id,category_id,category_code,brand,price` as the log writes them.
    fields: Vec<u8>,
    field_ends: Vec<usize>,
}

/// The categories of one community.
struct Community {
    categories: Vec<u32>,
    cumulative: Vec<f64>,
}

impl Catalogue {
    pub(super) fn new(config: &ValidShopConfig, random: &Random) -> Self {
        let weights = category_weights(config.n_categories);
        let starts = sizes_to_starts(&weights, config.n_items);
        let labels = Labels::new(config, &weights, random);
        let ids = product_ids(config.n_items, random);
        let taste = &config.config.taste;
        let mut catalogue = Self {
            category_cumulative: cumulate(weights.iter().copied()),
            communities: communities(config, &weights),
            item_cumulative: Vec::with_capacity(ids.len()),
            styles: Vec::with_capacity(ids.len()),
            never_carted: Vec::with_capacity(ids.len()),
            fields: Vec::new(),
            field_ends: Vec::with_capacity(ids.len()),
            starts,
        };
        for category in 0..config.n_categories {
            let items = catalogue.items(category);
            let size = items.len() as f64;
            let shift = taste.popularity_shift * size;
            let popularity = (0..items.len())
                .map(|rank| (rank as f64 + 1.0 + shift).powf(-taste.popularity_exponent));
            catalogue.item_cumulative.extend(cumulate(popularity));
            for item in items {
                let mut draws = random.at(epoch::ITEM, item as u64);
                let brand = labels.brand(category, &mut draws);
                let style = labels.style(brand, taste.styles, &mut draws);
                catalogue.styles.push(style);
                let never = draws.unit() < config.config.funnel.never_carted_share;
                catalogue.never_carted.push(never);
                let price = labels.price(category, config, &mut draws);
                let item = NewItem {
                    id: ids[item],
                    category,
                    brand,
                    cents: price,
                };
                labels.write(&item, &mut catalogue.fields);
                catalogue.field_ends.push(catalogue.fields.len());
            }
        }
        catalogue
    }

    fn items(&self, category: u32) -> Range<usize> {
        let c = category as usize;
        self.starts[c] as usize..self.starts[c + 1] as usize
    }

    pub(super) fn n_communities(&self) -> u32 {
        self.communities.len() as u32
    }

    /// Any category of the shop, in proportion to its items.
    pub(super) fn any_category(&self, draws: &mut Draws) -> u32 {
        pick(draws, &self.category_cumulative) as u32
    }

    /// A category of a community, in proportion to its items.
    pub(super) fn category_of(&self, community: u32, draws: &mut Draws) -> u32 {
        let community = &self.communities[community as usize];
        community.categories[pick(draws, &community.cumulative)]
    }

    /// An item of a category by popularity, `preference` times more likely if it has the style.
    pub(super) fn item(&self, category: u32, style: u8, preference: f64, draws: &mut Draws) -> u32 {
        let range = self.items(category);
        let cumulative = &self.item_cumulative[range.clone()];
        let mut item = range.start + pick(draws, cumulative);
        // Rejection sampling; a category without the style falls through after 16 tries.
        for _ in 0..16 {
            if self.styles[item] == style || draws.unit() * preference < 1.0 {
                break;
            }
            item = range.start + pick(draws, cumulative);
        }
        item as u32
    }

    /// The most popular item of a category.
    pub(super) fn bestseller(&self, category: u32) -> u32 {
        self.starts[category as usize]
    }

    pub(super) fn is_never_carted(&self, item: u32) -> bool {
        self.never_carted[item as usize]
    }

    /// The item's five fields, separated by commas.
    pub(super) fn fields(&self, item: u32) -> &[u8] {
        let item = item as usize;
        let start = if item == 0 {
            0
        } else {
            self.field_ends[item - 1]
        };
        &self.fields[start..self.field_ends[item]]
    }
}

fn category_weights(n: u32) -> Vec<f64> {
    let cut = CATEGORY_CUT * f64::from(n);
    (1..=n)
        .map(|rank| f64::from(rank).powf(-CATEGORY_EXPONENT) * (-f64::from(rank) / cut).exp())
        .collect()
}

/// Where each category's items start: one item each, the rest in proportion to weight.
fn sizes_to_starts(weights: &[f64], n_items: u32) -> Vec<u32> {
    let cumulative = cumulate(weights.iter().copied());
    let total = cumulative[cumulative.len() - 1];
    let spare = f64::from(n_items) - weights.len() as f64;
    let mut starts = vec![0];
    starts.extend(
        cumulative
            .iter()
            .enumerate()
            .map(|(c, sum)| c as u32 + 1 + (sum / total * spare).round() as u32),
    );
    starts
}

/// Assigns each category, largest first, to the community with the fewest items.
fn communities(config: &ValidShopConfig, weights: &[f64]) -> Vec<Community> {
    let mut members = vec![(0.0f64, Vec::new()); config.n_communities as usize];
    for (category, &weight) in weights.iter().enumerate() {
        let lightest = (0..members.len())
            .min_by(|&a, &b| members[a].0.total_cmp(&members[b].0))
            .unwrap_or(0);
        members[lightest].0 += weight;
        members[lightest].1.push(category as u32);
    }
    let build = |(_, categories): (f64, Vec<u32>)| Community {
        cumulative: cumulate(categories.iter().map(|&c| weights[c as usize])),
        categories,
    };
    members.into_iter().map(build).collect()
}

/// Distinct ids over the real log's range, unrelated to category and popularity.
fn product_ids(n_items: u32, random: &Random) -> Vec<u64> {
    let gap = (ITEM_ID_SPAN / u64::from(n_items)).max(1);
    let mut ids: Vec<u64> = (0..u64::from(n_items))
        .map(|n| {
            let within = random.at(epoch::ITEM_IDS, 1 << 40 | n).below_u64(gap);
            FIRST_ITEM_ID + n * gap + within
        })
        .collect();
    random.shuffle(epoch::ITEM_IDS, &mut ids);
    ids
}

/// What a row says about its item.
struct NewItem {
    id: u64,
    category: u32,
    brand: Option<u32>,
    cents: u64,
}

/// Labels and prices by category.
struct Labels {
    brandless: Vec<f64>,
    brands: Vec<[u32; BRANDS_PER_CATEGORY as usize]>,
    brand_names: Vec<String>,
    codes: Vec<Option<&'static str>>,
    median_prices: Vec<f64>,
}

impl Labels {
    fn new(config: &ValidShopConfig, weights: &[f64], random: &Random) -> Self {
        let n = weights.len();
        let mut order: Vec<usize> = (0..n).collect();
        random.shuffle(epoch::CATALOGUE, &mut order);
        let mut price_order = order.clone();
        random.shuffle(epoch::PRICES, &mut price_order);
        let draws = |category: usize| random.at(epoch::CATALOGUE, 1 << 40 | category as u64);
        let brands = |category| {
            let mut draws = draws(category);
            [(); BRANDS_PER_CATEGORY as usize].map(|()| {
                // The power makes the first brand common to many categories.
                (draws.unit().powf(2.5) * f64::from(config.n_brands)) as u32
            })
        };
        let [between, _] = config.config.price_deviation;
        // Logistic rather than normal: the real log's prices have the heavier tail.
        let spread = between * 3f64.sqrt() / std::f64::consts::PI;
        let places = even_places(weights, &price_order);
        let median = |x: &f64| config.config.median_price * (x / (1.0 - x)).powf(spread);
        Self {
            brandless: brandless_shares(config.config.brand_missing, weights, &order),
            brands: (0..n).map(brands).collect(),
            brand_names: (0..config.n_brands).map(brand_name).collect(),
            codes: codes(1.0 - config.config.category_code_missing, weights, &order),
            median_prices: places.iter().map(median).collect(),
        }
    }

    fn brand(&self, category: u32, draws: &mut Draws) -> Option<u32> {
        let category = category as usize;
        if draws.unit() < self.brandless[category] {
            return None;
        }
        let mut place = 0;
        while place + 1 < BRANDS_PER_CATEGORY as usize && draws.unit() > FIRST_BRAND {
            place += 1;
        }
        Some(self.brands[category][place])
    }

    /// A brand has the same style in every category; items without a brand have any style.
    fn style(&self, brand: Option<u32>, styles: u32, draws: &mut Draws) -> u8 {
        match brand {
            Some(brand) => (brand % styles) as u8,
            None => draws.below(styles) as u8,
        }
    }

    /// The price in cents.
    fn price(&self, category: u32, config: &ValidShopConfig, draws: &mut Draws) -> u64 {
        let [_, within] = config.config.price_deviation;
        let price = self.median_prices[category as usize] * (within * draws.normal()).exp();
        if draws.unit() < config.config.zero_price {
            return 0;
        }
        ((price * 100.0).round() as u64).max(5)
    }

    fn write(&self, item: &NewItem, out: &mut Vec<u8>) {
        let &NewItem {
            id,
            category,
            brand,
            cents,
        } = item;
        let code = self.codes[category as usize].unwrap_or("");
        let brand = brand.map_or("", |b| self.brand_names[b as usize].as_str());
        let category_id = FIRST_CATEGORY_ID + u64::from(category) * 7_340_129_377;
        let line = format!(
            "{id},{category_id},{code},{brand},{}.{:02}",
            cents / 100,
            cents % 100
        );
        out.extend_from_slice(line.as_bytes());
    }
}

/// The middle of each category's stretch of [0, 1] when the categories lie side by side in `order`,
/// each as wide as its share of the items.
fn even_places(weights: &[f64], order: &[usize]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut places = vec![0.0; weights.len()];
    let mut before = 0.0;
    for &category in order {
        places[category] = (before + weights[category] / 2.0) / total;
        before += weights[category];
    }
    places
}

/// The share of items without a brand, category by category: from none to all, evenly spread
/// over the shuffled categories and then bent (a power) until the weighted mean is `target`.
fn brandless_shares(target: f64, weights: &[f64], order: &[usize]) -> Vec<f64> {
    if target <= 0.0 || target >= 1.0 {
        return vec![target; weights.len()];
    }
    let total: f64 = weights.iter().sum();
    let even = even_places(weights, order);
    // Stretched beyond 0 and 1 so that some categories have no brands and some no other items.
    let shares = |power: f64| -> Vec<f64> {
        let bent = even.iter().map(|x| x.powf(power));
        bent.map(|x| (1.4 * x - 0.2).clamp(0.0, 1.0)).collect()
    };
    let mean = |shares: &[f64]| -> f64 {
        shares.iter().zip(weights).map(|(s, w)| s * w).sum::<f64>() / total
    };
    let (mut low, mut high) = (0.01f64, 100.0f64);
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if mean(&shares(middle)) > target {
            low = middle;
        } else {
            high = middle;
        }
    }
    shares(low)
}

/// Codes for shuffled categories until those hold `share` of the items.
fn codes(share: f64, weights: &[f64], order: &[usize]) -> Vec<Option<&'static str>> {
    let total: f64 = weights.iter().sum();
    let mut left = share * total;
    let mut codes = vec![None; weights.len()];
    let mut used = 0;
    for &category in order {
        // A category may overshoot by half, so that the mean is kept.
        if weights[category] / 2.0 <= left {
            left -= weights[category];
            codes[category] = Some(CODES[used % CODES.len()]);
            used += 1;
        }
        if left <= 0.0 {
            break;
        }
    }
    codes
}

/// A pronounceable name of three syllables, or more once those run out.
fn brand_name(brand: u32) -> String {
    let mut name = String::new();
    // 1,237 is odd, so that the item runs through all 4,096 three-syllable names.
    let mut rest = brand % 4096 * 1237 % 4096;
    for _ in 0..3 {
        name.push_str(SYLLABLES[(rest % 16) as usize]);
        rest /= 16;
    }
    let mut rest = brand / 4096;
    while rest > 0 {
        name.push_str(SYLLABLES[(rest % 16) as usize]);
        rest /= 16;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::ShopConfig;
    use lightgcn_core::random::Stream;
    use std::collections::HashSet;

    fn catalogue(n_items: u64) -> (ValidShopConfig, Catalogue) {
        let config = ShopConfig {
            n_items: Some(n_items),
            ..ShopConfig::default()
        };
        let config = config.check().unwrap();
        let random = Random::new(1, Stream::Synthetic);
        let catalogue = Catalogue::new(&config, &random);
        (config, catalogue)
    }

    #[test]
    fn every_item_has_its_own_id_and_five_fields() {
        for n_items in [2, 10, 333, 10_000] {
            let (config, catalogue) = catalogue(n_items);
            assert_eq!(*catalogue.starts.last().unwrap(), config.n_items);
            assert!(catalogue.starts.windows(2).all(|w| w[0] < w[1]));
            let ids: HashSet<Vec<u8>> = (0..config.n_items)
                .map(|item| {
                    let fields = catalogue.fields(item);
                    assert_eq!(fields.iter().filter(|&&b| b == b',').count(), 4);
                    fields.split(|&b| b == b',').next().unwrap().to_vec()
                })
                .collect();
            assert_eq!(ids.len() as u64, n_items);
        }
    }

    #[test]
    fn communities_share_out_the_categories() {
        let (config, catalogue) = catalogue(10_000);
        let mut all: Vec<u32> = catalogue
            .communities
            .iter()
            .flat_map(|c| c.categories.iter().copied())
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..config.n_categories).collect::<Vec<_>>());
        assert_eq!(catalogue.n_communities(), 24);
    }

    #[test]
    fn the_preferred_style_is_preferred() {
        let (_, catalogue) = catalogue(10_000);
        let random = Random::new(2, Stream::Synthetic);
        let with = |preference: f64| {
            (0..20_000)
                .filter(|&n| {
                    let mut draws = random.at(0, n);
                    let item = catalogue.item(0, 3, preference, &mut draws);
                    catalogue.styles[item as usize] == 3
                })
                .count() as f64
                / 20_000.0
        };
        let (plain, preferred) = (with(1.0), with(4.0));
        let expected = 4.0 * plain / (4.0 * plain + 1.0 - plain);
        assert!((preferred - expected).abs() < 0.03, "{plain} {preferred}");
    }

    #[test]
    fn missing_brands_reach_their_share() {
        let weights = category_weights(300);
        let order: Vec<usize> = (0..300).rev().collect();
        for target in [0.0, 0.1, 0.423, 0.9, 1.0] {
            let shares = brandless_shares(target, &weights, &order);
            let total: f64 = weights.iter().sum();
            let mean = shares.iter().zip(&weights).map(|(s, w)| s * w).sum::<f64>() / total;
            assert!((mean - target).abs() < 0.01, "{target}: {mean}");
        }
    }

    #[test]
    fn brand_names_differ() {
        let names: HashSet<String> = (0..10_000).map(brand_name).collect();
        assert_eq!(names.len(), 10_000);
    }
}
