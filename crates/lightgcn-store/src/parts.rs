//! The parts that artifacts and datasets share, as tensors.

use crate::StoreError;
use crate::folder::Folder;
use crate::names::{CATALOGUE, INTERACTIONS};
use crate::tensors::{Column, Streamed, TensorFile, encode, write};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, CoreError, Interactions, InteractionsBuilder, ItemId,
    LabelColumn, Lineage, Listings, NodeId, PairEvent, Rows, SessionMark, Truth, UserId,
    Vocabulary,
};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn content(path: &Path, source: CoreError) -> StoreError {
    StoreError::Content {
        path: path.to_owned(),
        source,
    }
}

/// JSON as it is written here: indented, with an end of line.
pub(crate) fn encode_json<T: serde::Serialize>(
    name: &str,
    value: &T,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| StoreError::json(Path::new(name), &error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn encode_vocabulary<I: NodeId>(
    name: &str,
    vocabulary: &Vocabulary<I>,
) -> Result<Vec<u8>, StoreError> {
    let (text, ends) = vocabulary.as_parts();
    let columns = [
        Column::new("text", text.bytes()),
        Column::new("ends", ends.iter().copied()),
    ];
    encode(Path::new(name), &columns)
}

pub(crate) fn read_vocabulary<I: NodeId>(
    folder: &Folder,
    name: &str,
) -> Result<Vocabulary<I>, StoreError> {
    let bytes = folder.read(name)?;
    let file = TensorFile::open(folder.file(name), &bytes, &["text", "ends"], &[])?;
    let text = read_text(&file, "text")?;
    let ends: Vec<u64> = file.column("ends", None)?;
    Vocabulary::from_parts(&text, &ends).map_err(|error| content(file.path(), error))
}

pub(crate) fn read_text(file: &TensorFile<'_>, name: &str) -> Result<String, StoreError> {
    String::from_utf8(file.column(name, None)?)
        .map_err(|error| file.tensor_error(name, format!("it is not UTF-8: {error}")))
}

const LABELS: [&str; 3] = ["category_id", "category_code", "brand"];

pub(crate) fn encode_catalogue(catalogue: &Catalogue) -> Result<Vec<u8>, StoreError> {
    let mut columns = vec![
        Column::new("price", catalogue.prices().iter().map(|p| p.unwrap_or(0.0))),
        Column::new(
            "has_price",
            catalogue.prices().iter().map(|p| u8::from(p.is_some())),
        ),
    ];
    let labels = [
        catalogue.category_id(),
        catalogue.category_code(),
        catalogue.brand(),
    ];
    for (name, column) in LABELS.iter().zip(labels) {
        columns.extend(label_columns(name, column));
    }
    columns.extend(listing_columns(catalogue.listings()));
    encode(Path::new(CATALOGUE), &columns)
}

fn label_columns(name: &str, column: &LabelColumn) -> [Column; 3] {
    let [text, ends] = text_columns(name, column.labels());
    let codes = Column::new(&format!("{name}.codes"), column.codes().iter().copied());
    [ends, text, codes]
}

/// Texts back to back, and the end of each.
pub(crate) fn text_columns(name: &str, texts: &[String]) -> [Column; 2] {
    let mut end = 0;
    let ends = texts.iter().map(|text| {
        end += text.len() as u64;
        end
    });
    let ends = Column::new(&format!("{name}.ends"), ends);
    let text = texts.iter().flat_map(|text| text.bytes());
    [Column::new(&format!("{name}.text"), text), ends]
}

/// The optional labels of a catalogue.
const LISTING_LABELS: [&str; 3] = ["title", "image_url", "page_url"];
/// Whether an item is in stock: 1 if it is, 0 if it is not, and this if unknown.
const IN_STOCK: &str = "in_stock";
const UNKNOWN_STOCK: u8 = 255;
/// When an item expires, and this if unknown.
const EXPIRES_AT: &str = "expires_at";
const NEVER: i64 = i64::MAX;

/// The columns of titles, addresses and stock that have any known values.
fn listing_columns(listings: &Listings) -> Vec<Column> {
    let mut columns = Vec::new();
    let labels = [&listings.title, &listings.image_url, &listings.page_url];
    for (name, column) in LISTING_LABELS.iter().zip(labels) {
        if !column.labels().is_empty() {
            columns.extend(label_columns(name, column));
        }
    }
    if !listings.in_stock.is_empty() {
        let code = |known: &Option<bool>| known.map_or(UNKNOWN_STOCK, u8::from);
        columns.push(Column::new(IN_STOCK, listings.in_stock.iter().map(code)));
    }
    if !listings.expires_at.is_empty() {
        let time = |known: &Option<i64>| known.unwrap_or(NEVER);
        columns.push(Column::new(
            EXPIRES_AT,
            listings.expires_at.iter().map(time),
        ));
    }
    columns
}

pub(crate) fn read_catalogue(folder: &Folder, n_items: usize) -> Result<Catalogue, StoreError> {
    let parts = |labels: &[&str], others: [&str; 2]| -> Vec<String> {
        let labels = labels.iter();
        let labels =
            labels.flat_map(|name| ["text", "ends", "codes"].map(|part| format!("{name}.{part}")));
        labels.chain(others.map(str::to_owned)).collect()
    };
    let names = parts(&LABELS, ["price", "has_price"]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let optional = parts(&LISTING_LABELS, [IN_STOCK, EXPIRES_AT]);
    let optional: Vec<&str> = optional.iter().map(String::as_str).collect();
    let bytes = folder.read(CATALOGUE)?;
    let file = TensorFile::open(folder.file(CATALOGUE), &bytes, &names, &optional)?;
    let has_price: Vec<u8> = file.column("has_price", Some(n_items))?;
    let prices: Vec<f64> = file.column("price", Some(n_items))?;
    let price = |(&has, &price): (&u8, &f64)| match has {
        1 => Ok(Some(price)),
        0 if price.to_bits() == 0 => Ok(None),
        _ => {
            let detail = format!("{has} with price {price} is neither yes (1) nor no (0)");
            Err(file.tensor_error("has_price", detail))
        }
    };
    let prices = has_price.iter().zip(&prices).map(price);
    let prices = prices.collect::<Result<_, _>>()?;
    let [category_id, category_code, brand] = LABELS.map(|name| read_labels(&file, name, n_items));
    let listings = read_listings(&file, n_items)?;
    Catalogue::from_columns(category_id?, category_code?, brand?, prices)
        .and_then(|catalogue| catalogue.with_listings(listings))
        .map_err(|error| content(file.path(), error))
}

/// The columns of titles, addresses and stock that the file has.
fn read_listings(file: &TensorFile<'_>, n_items: usize) -> Result<Listings, StoreError> {
    let labels = |name: &str| {
        let parts = ["text", "ends", "codes"];
        match parts.iter().any(|part| file.has(&format!("{name}.{part}"))) {
            true => read_labels(file, name, n_items),
            false => Ok(LabelColumn::default()),
        }
    };
    let [title, image_url, page_url] = LISTING_LABELS.map(labels);
    let mut listings = Listings {
        title: title?,
        image_url: image_url?,
        page_url: page_url?,
        ..Listings::default()
    };
    if file.has(IN_STOCK) {
        let codes: Vec<u8> = file.column(IN_STOCK, Some(n_items))?;
        let stock = codes.iter().map(|&code| match code {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            UNKNOWN_STOCK => Ok(None),
            _ => {
                let detail = format!("{code} is neither yes (1), no (0) nor unknown (255)");
                Err(file.tensor_error(IN_STOCK, detail))
            }
        });
        listings.in_stock = Arc::new(stock.collect::<Result<_, _>>()?);
    }
    if file.has(EXPIRES_AT) {
        let times: Vec<i64> = file.column(EXPIRES_AT, Some(n_items))?;
        let times = times.into_iter();
        listings.expires_at = Arc::new(
            times
                .map(|time| Some(time).filter(|&t| t != NEVER))
                .collect(),
        );
    }
    Ok(listings)
}

fn read_labels(
    file: &TensorFile<'_>,
    name: &str,
    n_items: usize,
) -> Result<LabelColumn, StoreError> {
    let labels = read_texts(file, name)?;
    let codes = file.column(&format!("{name}.codes"), Some(n_items))?;
    LabelColumn::from_parts(labels, codes).map_err(|error| content(file.path(), error))
}

/// What [`text_columns`] wrote.
pub(crate) fn read_texts(file: &TensorFile<'_>, name: &str) -> Result<Vec<String>, StoreError> {
    let text_name = format!("{name}.text");
    let text = read_text(file, &text_name)?;
    let ends: Vec<u64> = file.column(&format!("{name}.ends"), None)?;
    let mut texts = Vec::with_capacity(ends.len());
    let mut start = 0;
    for &end in &ends {
        let label = (start <= end)
            .then(|| text.get(start as usize..end as usize))
            .flatten()
            .ok_or_else(|| {
                file.tensor_error(&text_name, format!("no label spans {start} to {end}"))
            })?;
        texts.push(label.to_owned());
        start = end;
    }
    if start != text.len() as u64 {
        let detail = format!("the labels end at byte {start} of {}", text.len());
        return Err(file.tensor_error(&text_name, detail));
    }
    Ok(texts)
}

pub(crate) fn encode_interactions(pairs: &Interactions) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let written = write(interaction_columns(pairs), &mut bytes);
    written.map_err(|error| StoreError::io("write", Path::new(INTERACTIONS), error))?;
    Ok(bytes)
}

/// Streams the file of interactions without building it in memory, since it is the largest part of
/// a dataset.
pub(crate) fn write_interactions(folder: &Path, pairs: &Interactions) -> Result<(), StoreError> {
    let path = folder.join(INTERACTIONS);
    File::create_new(&path)
        .and_then(|mut file| write(interaction_columns(pairs), &mut file))
        .map_err(|error| StoreError::io("write", &path, error))
}

/// The mark of the session of each event, if any is known.
const SESSIONS: &str = "sessions";

fn interaction_columns(pairs: &Interactions) -> Vec<Streamed<'_>> {
    let mut columns = vec![
        Streamed::new("offsets", pairs.offsets().iter().copied()),
        Streamed::new("items", pairs.items().iter().map(|item| item.0)),
        Streamed::new("weights", pairs.weights().iter().copied()),
        Streamed::new("counts", pairs.counts().iter().copied())
            .with_shape(pairs.n_pairs(), pairs.behaviors().len()),
    ];
    // If there are events, the last times follow from them.
    if pairs.events().n_rows() > 0 {
        let events = pairs.events().values().iter();
        let marks = events.clone().map(|event| event.session());
        if marks.clone().any(SessionMark::is_known) {
            columns.push(Streamed::new(SESSIONS, marks.map(SessionMark::to_byte)));
        }
        columns.push(Streamed::new("events", events.map(|event| event.to_bits())));
    } else if !pairs.last_times().is_empty() {
        let times = pairs.last_times().iter().copied();
        columns.push(Streamed::new("last_times", times));
    }
    columns
}

pub(crate) fn read_interactions(
    folder: &Folder,
    behaviors: &BehaviorWeightsConfig,
    n_users: usize,
    n_items: usize,
) -> Result<Interactions, StoreError> {
    let names = ["offsets", "items", "weights", "counts"];
    let bytes = folder.read(INTERACTIONS)?;
    let path = folder.file(INTERACTIONS);
    let file = TensorFile::open(path, &bytes, &names, &["last_times", "events", SESSIONS])?;
    let items: Vec<u32> = file.column("items", None)?;
    let n_pairs = items.len();
    let offsets: Vec<u64> = file.column("offsets", Some(n_users + 1))?;
    let rows = Rows::from_parts(offsets, items);
    let rows = rows.map_err(|error| file.tensor_error("offsets", error.to_string()))?;
    let ascends = |items: &[u32]| items.is_sorted_by(|a, b| a < b);
    if let Some(row) = rows.iter().position(|items| !ascends(items)) {
        let detail = format!("the items of user row {row} do not ascend");
        return Err(file.tensor_error("items", detail));
    }
    let weights: Vec<f32> = file.column("weights", Some(n_pairs))?;
    let (n_counted, width, counts) = file.matrix::<u32>("counts")?;
    let n_behaviors = behaviors.behaviors.len();
    if (n_counted, width) != (n_pairs, n_behaviors) {
        let detail =
            format!("its shape is [{n_counted}, {width}] instead of [{n_pairs}, {n_behaviors}]");
        return Err(file.tensor_error("counts", detail));
    }
    let times: Option<Vec<i64>> = file
        .has("last_times")
        .then(|| file.column("last_times", Some(n_pairs)))
        .transpose()?;
    let events = read_events(&file, &counts, width)?;
    let names: Vec<&str> = behaviors
        .behaviors
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    let targets = behaviors.behaviors.iter().filter(|b| b.target);
    let targets: Vec<&str> = targets.map(|b| b.name.as_str()).collect();
    let build = || {
        let mut builder = InteractionsBuilder::from_names(&names, &targets)?;
        for user in 0..n_users {
            for pair in rows.range(user) {
                let counts = &counts[pair * width..(pair + 1) * width];
                let time = times.as_ref().map(|times| times[pair]);
                let (user, item) = (UserId(user as u32), ItemId(rows.values()[pair]));
                match &events {
                    Some(events) => {
                        builder.push_events(user, item, weights[pair], events.row(pair))?;
                    }
                    None => builder.push(user, item, weights[pair], counts, time)?,
                }
            }
        }
        builder.build(n_users, n_items)
    };
    build().map_err(|error| content(file.path(), error))
}

/// The events of each pair, if the file has them: as many of each behavior as are counted, in order
/// of time.
fn read_events(
    file: &TensorFile<'_>,
    counts: &[u32],
    width: usize,
) -> Result<Option<Rows<PairEvent>>, StoreError> {
    if !file.has("events") {
        return match file.has(SESSIONS) {
            true => Err(file.tensor_error(SESSIONS, "there are no events".to_owned())),
            false => Ok(None),
        };
    }
    let n_events: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let bits: Vec<i64> = file.column("events", usize::try_from(n_events).ok())?;
    let marks: Option<Vec<u8>> = file
        .has(SESSIONS)
        .then(|| file.column(SESSIONS, Some(bits.len())))
        .transpose()?;
    let event = |n: usize| {
        let mark = marks.as_ref().map_or(0, |marks| marks[n]);
        PairEvent::from_bits(bits[n]).in_session(SessionMark::from_byte(mark))
    };
    let mut found = vec![0u32; width];
    let mut begin = 0;
    let mut rows = Rows::new();
    for (pair, counts) in counts.chunks_exact(width.max(1)).enumerate() {
        let end = begin + counts.iter().map(|&n| n as usize).sum::<usize>();
        let events = (begin..end).map(event);
        begin = end;
        found.fill(0);
        for event in events.clone() {
            if let Some(count) = found.get_mut(event.behavior().index()) {
                *count += 1;
            }
        }
        if found != counts || !events.clone().is_sorted() {
            let detail =
                format!("the events of pair {pair} do not match its counts, or are out of order");
            return Err(file.tensor_error("events", detail));
        }
        rows.push(events);
    }
    Ok(Some(rows))
}

pub(crate) fn encode_truth(name: &str, truth: &Truth) -> Result<Vec<u8>, StoreError> {
    let columns = [
        Column::new("users", truth.iter().map(|(user, _)| user.0)),
        Column::new("items", truth.iter().map(|(_, item)| item.0)),
    ];
    encode(Path::new(name), &columns)
}

pub(crate) fn read_truth(
    folder: &Folder,
    name: &str,
    n_users: usize,
    n_items: usize,
) -> Result<Truth, StoreError> {
    let bytes = folder.read(name)?;
    let file = TensorFile::open(folder.file(name), &bytes, &["users", "items"], &[])?;
    let users: Vec<u32> = file.column("users", None)?;
    let items: Vec<u32> = file.column("items", Some(users.len()))?;
    let pairs: Vec<(UserId, ItemId)> = users
        .into_iter()
        .zip(items)
        .map(|(user, item)| (UserId(user), ItemId(item)))
        .collect();
    if !pairs.is_sorted_by(|a, b| a < b) {
        let detail = "the pairs do not ascend by user, then item".to_owned();
        return Err(file.tensor_error("users", detail));
    }
    Truth::from_pairs(n_users, n_items, pairs).map_err(|error| content(file.path(), error))
}

/// Adds wrong numbers to `issues`: each check has a name, the number found and the number needed.
pub(crate) fn check_counts(counts: &[(&str, usize, usize)], issues: &mut Vec<String>) {
    for (what, found, wanted) in counts.iter().filter(|(_, found, wanted)| found != wanted) {
        issues.push(format!("there are {found} {what}, but {wanted} are needed"));
    }
}

/// Adds to `issues` what is wrong with the table of behaviors or does not match the pairs.
pub(crate) fn check_behaviors(
    behaviors: &BehaviorWeightsConfig,
    pairs: &Interactions,
    issues: &mut Vec<String>,
) {
    if let Err(error) = behaviors.clone().check() {
        issues.push(error.to_string());
    }
    let table: Vec<(&str, bool)> = behaviors
        .behaviors
        .iter()
        .map(|b| (b.name.as_str(), b.target))
        .collect();
    let names = pairs.behaviors().iter().map(String::as_str);
    let counted: Vec<(&str, bool)> = names
        .zip(pairs.target_behaviors().iter().copied())
        .collect();
    if table != counted {
        issues.push(format!(
            "the behaviors (and whether each is a target) are {table:?} in the table of weights \
             and {counted:?} in the pairs"
        ));
    }
}

/// Adds to `issues` values that JSON or the catalogue's file cannot represent.
pub(crate) fn check_numbers(lineage: &Lineage, catalogue: &Catalogue, issues: &mut Vec<String>) {
    for (name, figure) in &lineage.figures {
        if !figure.is_finite() {
            issues.push(format!("the figure {name:?} of the lineage is {figure}"));
        }
    }
    let bad = |price: &Option<f64>| price.is_some_and(|price| !price.is_finite());
    if let Some(row) = catalogue.prices().iter().position(bad) {
        issues.push(format!("the price of item row {row} is not finite"));
    }
    if let Err(error) = catalogue.listings().check(catalogue.n_items()) {
        issues.push(error.to_string());
    }
}
