//! Reads lists of items from files.

use super::spelling::{known_spelling, without_groups};
use crate::{RecommendError, Recommender};
use lightgcn_core::shorten;
use std::path::{Path, PathBuf};

/// The headers of a column of ids, in any case.
const HEADERS: [&str; 6] = ["product_id", "item_id", "productid", "itemid", "item", "id"];

/// The maximum number of unknown ids that are kept as examples.
const MAX_EXAMPLES: usize = 5;

/// The possible column separators.
const SEPARATORS: [char; 3] = ['\t', ';', ','];

/// A file of items: one id per line, or CSV (with commas, semicolons or tabs) with a column of ids.
///
/// A byte order mark, quotes and spaces around an id, and empty lines are not part of the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdList {
    path: PathBuf,
    /// The lines, whole and split into fields; each has at least one field.
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// The number of the line, from 1.
    line: u64,
    /// The whole line.
    text: String,
    fields: Vec<String>,
}

/// The ids of an [`IdList`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedIds {
    /// The ids, in the order of the lines.
    pub ids: Vec<String>,
    /// How many of them the model knows.
    pub n_known: usize,
    /// The first of those it does not know, at most 5, each cut to 80 characters.
    pub unknown: Vec<String>,
}

impl IdList {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RecommendError::IdList`] if it cannot be read, is not UTF-8, or has an unclosed quote.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RecommendError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| RecommendError::IdList {
            path: path.to_owned(),
            line: None,
            detail: format!("cannot be read: {error}"),
        })?;
        Self::parse(path, &bytes)
    }

    /// Reads the content of a file; errors name `path`.
    ///
    /// # Errors
    /// As [`IdList::read`].
    pub fn parse(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, RecommendError> {
        let path = path.into();
        let invalid = |line: Option<u64>, detail: &str| RecommendError::IdList {
            path: path.clone(),
            line,
            detail: detail.to_owned(),
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| invalid(None, "it is not UTF-8; save it as plain text in UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let delimiter = delimiter(text);
        let mut rows = Vec::new();
        // A single carriage return also ends a line, as in files from old spreadsheets.
        let lines = text.split('\n').zip(1..);
        for (line, number) in lines.flat_map(|(line, n)| line.split('\r').map(move |l| (l, n))) {
            if line.trim().is_empty() {
                continue;
            }
            let fields = fields(line, delimiter).ok_or_else(|| {
                invalid(
                    Some(number),
                    "unclosed quote; close it, or write the id without quotes",
                )
            })?;
            rows.push(Row {
                line: number,
                text: line.trim().to_owned(),
                fields,
            });
        }
        Ok(Self { path, rows })
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finds the ids. They are in the column with a header such as `product_id`, else in the first
    /// one with a known id, else in the first; a line that as a whole is a known id counts as that
    /// id. A first line with several columns and no known id is also a header, if other lines have
    /// known ids. O(fields).
    ///
    /// # Errors
    /// [`RecommendError::IdList`] if there is no id, if a line has other known ids, in columns without a header such
    /// as `product_id`, since it is ambiguous which ones are meant, or if an unknown id is a known one as another
    /// program writes it, such as `7.0`, `007` or `7 sold out` for `7`, since it would be missed silently.
    pub fn ids(&self, is_known: impl Fn(&str) -> bool) -> Result<ListedIds, RecommendError> {
        let Some((first, rest)) = self.rows.split_first() else {
            return Err(self.without_ids());
        };
        // Headers in the order of preference, not of the columns.
        let named = HEADERS.iter().find_map(|header| {
            let mut fields = first.fields.iter();
            fields.position(|field| field.eq_ignore_ascii_case(header))
        });
        let named = named.filter(|&column| !is_known(&first.fields[column]));
        let n_columns = self.rows.iter().map(|row| row.fields.len()).max();
        let has_known = |column: &usize| {
            let mut fields = self.rows.iter().filter_map(|row| row.fields.get(*column));
            fields.any(|field| is_known(field))
        };
        let known_column = || (0..n_columns.unwrap_or(1)).find(has_known);
        let column = named.or_else(known_column).unwrap_or(0);
        let n_headed = named.map_or(0, |_| first.fields.len());
        let has_further = |row: &&Row| row.has_further(column, n_headed, &is_known);
        if let Some(row) = self.rows.iter().find(has_further) {
            return Err(RecommendError::IdList {
                path: self.path.clone(),
                line: Some(row.line),
                detail:
                    "it has several known ids; write one id per line, or a header with item_id \
                    above the ids"
                        .to_owned(),
            });
        }
        // Such as 5,800,043 for 5800043: not three fields, and an error below.
        let is_grouped = |text: &str| without_groups(text).is_some_and(|id| is_known(&id));
        let id = |row: &Row| match is_known(&row.text) || is_grouped(&row.text) {
            true => Some(row.text.clone()),
            false => row.fields.get(column).filter(|id| !id.is_empty()).cloned(),
        };
        let numbered = |row: &Row| id(row).map(|id| (row.line, id));
        let mut ids: Vec<(u64, String)> = rest.iter().filter_map(numbered).collect();
        let has_known = ids.iter().any(|(_, id)| is_known(id));
        if let Some(id) = numbered(first).filter(|_| named.is_none()) {
            let is_id = is_known(&id.1) || known_spelling(&id.1, &is_known).is_some();
            let is_header = !is_id && has_known && first.fields.len() > 1;
            if !is_header {
                ids.insert(0, id);
            }
        }
        self.listed(ids, is_known)
    }

    /// Counts the known ids, unless one is written in another way than the model's.
    fn listed(
        &self,
        ids: Vec<(u64, String)>,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<ListedIds, RecommendError> {
        let (mut n_known, mut unknown) = (0, Vec::new());
        for (line, id) in &ids {
            if is_known(id) {
                n_known += 1;
                continue;
            }
            if let Some(known) = known_spelling(id, &is_known) {
                return Err(RecommendError::IdList {
                    path: self.path.clone(),
                    line: Some(*line),
                    detail: format!(
                        "it has {:?}, which is not an id of the model, but {:?} is; write ids as in the log, or \
                         remove the line",
                        shorten(id),
                        shorten(&known)
                    ),
                });
            }
            if unknown.len() < MAX_EXAMPLES {
                unknown.push(shorten(id).into_owned());
            }
        }
        match ids.is_empty() {
            true => Err(self.without_ids()),
            false => Ok(ListedIds {
                ids: ids.into_iter().map(|(_, id)| id).collect(),
                n_known,
                unknown,
            }),
        }
    }

    fn without_ids(&self) -> RecommendError {
        RecommendError::IdList {
            path: self.path.clone(),
            line: None,
            detail: "it has no ids; write one id per line, or omit the list".to_owned(),
        }
    }
}

impl Row {
    /// Whether the line has known ids outside `column` (ignoring the first `n_headed` columns), or
    /// several in `column` when split by a separator other than the first line's.
    fn has_further(&self, column: usize, n_headed: usize, is_known: impl Fn(&str) -> bool) -> bool {
        if is_known(&self.text) {
            return false;
        }
        let mut fields = self.fields.iter().enumerate();
        fields.any(|(n, field)| match n == column {
            true => !is_known(field) && field.split(SEPARATORS).any(|id| is_known(id.trim())),
            false => n >= n_headed && is_known(field),
        })
    }
}

impl Recommender {
    /// Hides the items of a list from every source, like [`Recommender::with_unsuitable`], and
    /// returns which of its entries are ids. Add new items first: an id that becomes known later
    /// counts as unknown.
    ///
    /// # Errors
    /// Those of [`IdList::ids`], and [`RecommendError::NoneKnown`] if none of them is an item's id:
    /// the list would hide nothing.
    pub fn with_unsuitable_list(self, list: &IdList) -> Result<(Self, ListedIds), RecommendError> {
        let listed = list.ids(|id| self.item(id).is_some())?;
        if listed.n_known == 0 {
            return Err(RecommendError::NoneKnown {
                path: list.path().to_owned(),
                n_ids: listed.ids.len(),
                example: listed.ids[0].clone(),
            });
        }
        Ok((self.with_unsuitable(listed.ids.iter().cloned()), listed))
    }
}

/// What separates fields: the first of tab, semicolon and comma that occurs outside quotes in the
/// first line.
fn delimiter(text: &str) -> char {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let mut quoted = false;
    let mut found = None;
    for c in line.unwrap_or_default().chars() {
        match c {
            '"' => quoted = !quoted,
            c if !quoted && SEPARATORS.contains(&c) => {
                found = Some(c);
                break;
            }
            _ => {}
        }
    }
    found.unwrap_or(',')
}

/// The fields of a line, without surrounding spaces and quotes; `None` if a quote is not closed.
fn fields(line: &str, delimiter: char) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(' ');
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (quoted[..end].replace("\"\"", "\""), &quoted[end + 1..])
            }
            None => (String::new(), rest),
        };
        let end = after.find(delimiter).unwrap_or(after.len());
        let field = field + &after[..end];
        fields.push(field.trim().to_owned());
        match after.get(end + delimiter.len_utf8()..) {
            Some(next) if end < after.len() => rest = next,
            _ => return Some(fields),
        }
    }
}

/// The position of the quote that ends a field; two quotes in a row are an escaped quote.
fn closing_quote(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"')?;
        if !text[quote + 1..].starts_with('"') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["5800004", "5800001", "a,b", "0"];

    fn listed(bytes: &[u8]) -> (Vec<String>, usize) {
        let list = IdList::parse("list.txt", bytes).unwrap();
        let listed = list.ids(|id| KNOWN.contains(&id)).unwrap();
        (listed.ids, listed.n_known)
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn marks_quotes_headers_and_columns_are_no_part_of_ids() {
        let one = (ids(&["5800004"]), 1);
        for text in [
            "\u{feff}5800004\r\n",
            "\"5800004\"\n",
            "\u{feff}\"5800004\"\r",
            "5800004,discontinued\n",
            " 5800004 ; \"sold; out\"\n",
            "product_id\n5800004\n",
            "reason,item_id\nold,5800004\n",
            "item,why\n5800004,0\n",
            "rank\titem\n0\t5800004\n",
            "\"name, as shown\",id\nGlove,5800004\n",
            "code,since\n5800004,2020-01-01\n",
            "\n\n5800004",
        ] {
            assert_eq!(listed(text.as_bytes()), one, "{text:?}");
        }
    }

    #[test]
    fn known_and_unknown_ids_are_counted() {
        let text = "5800001\n\"a,b\"\nnothing\n5800004\n";
        let expected = ids(&["5800001", "a,b", "nothing", "5800004"]);
        assert_eq!(listed(text.as_bytes()), (expected, 3));
        // An id with the separator, not quoted.
        assert_eq!(listed(b"5800001\na,b\n"), (ids(&["5800001", "a,b"]), 2));
        // The first line is an id that went out of the catalogue, not a header.
        assert_eq!(
            listed(b"5799999\n5800001\n"),
            (ids(&["5799999", "5800001"]), 1)
        );
        let list = IdList::parse("list.txt", b"a\n5800004\nb\nc\nd\ne\nf\n").unwrap();
        let listed = list.ids(|id| KNOWN.contains(&id)).unwrap();
        assert_eq!((listed.ids.len(), listed.n_known), (7, 1));
        assert_eq!(listed.unknown, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn ids_written_in_another_way_than_the_models_are_errors() {
        for text in [
            "5800001\n5800004 discontinued\n",
            "id\n5.800004E+06",
            "7\n05800004",
            "7\n\n5800004.0\u{200b}\n",
            "5800001\n5,800,004\n",
            "5800001\n+5800004\n",
        ] {
            let list = IdList::parse("list.txt", text.as_bytes()).unwrap();
            let error = list.ids(|id| KNOWN.contains(&id)).unwrap_err();
            let at = text.trim_end().split('\n').count() as u64;
            let RecommendError::IdList { line, detail, .. } = &error else {
                panic!("{text:?}: {error}");
            };
            assert_eq!(*line, Some(at), "{text:?}");
            assert!(detail.contains("\"5800004\""), "{detail}");
        }
        // A first line that is no header.
        for text in ["05800004,old\n5800001,old\n", "5,800,004\n5800001\n"] {
            let list = IdList::parse("list.txt", text.as_bytes()).unwrap();
            let error = list.ids(|id| KNOWN.contains(&id)).unwrap_err();
            assert!(
                matches!(error, RecommendError::IdList { line: Some(1), .. }),
                "{text:?}"
            );
        }
        let long = format!("5800001\n0{}\n", "9".repeat(5_000_000));
        let list = IdList::parse("list.txt", long.as_bytes()).unwrap();
        let error = list
            .ids(|id| KNOWN.contains(&id) || (id.len() > 100 && id.starts_with('9')))
            .unwrap_err();
        assert!(error.to_string().len() < 400, "{}", error.to_string().len());
    }

    #[test]
    fn lists_whose_ids_are_unclear_are_errors() {
        for (text, at) in [
            ("5800004,5800001\n", Some(1)),
            ("gone;5800004;5800001", Some(1)),
            ("5800004,old\n5800001,0\n", Some(2)),
            // A first line without a known id is no header that says which column has the ids.
            ("gone,gone too\n5800004,5800001\n", Some(2)),
            // More columns than the header has.
            ("id\n5800004,5800001\n", Some(2)),
            // Other separators than the first line's.
            ("5800004\n5800001;0\n", Some(2)),
            ("id\n5800001\t0\n", Some(2)),
            ("", None),
            ("\u{feff}\r\n", None),
            ("item_id\n", None),
        ] {
            let list = IdList::parse("list.txt", text.as_bytes()).unwrap();
            let error = list.ids(|id| KNOWN.contains(&id)).unwrap_err();
            assert!(
                matches!(error, RecommendError::IdList { line, .. } if line == at),
                "{text:?}: {error}"
            );
        }
    }

    #[test]
    fn issues_name_the_line() {
        let error = IdList::parse("list.txt", b"5800001\n\"5800004\n5800001\n").unwrap_err();
        assert!(
            matches!(error, RecommendError::IdList { line: Some(2), .. }),
            "{error}"
        );
        let utf16 = IdList::parse("list.txt", b"\xff\xfe5\x008\x00").unwrap_err();
        assert!(matches!(utf16, RecommendError::IdList { line: None, .. }));
        assert!(matches!(
            IdList::read("no/such/list"),
            Err(RecommendError::IdList { line: None, .. })
        ));
    }
}
