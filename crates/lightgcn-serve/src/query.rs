//! The part of an address after the question mark.

use crate::error::Fault;
use lightgcn_recommend::ItemFilter;
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

/// The keys and values of a query. Each key must be taken, once or as a list; what is left over is a fault.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    asked: Vec<&'static str>,
}

/// Pairs of a query at most.
const MOST_PAIRS: usize = 1000;

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let pairs: Vec<_> = pairs.take(MOST_PAIRS + 1).map(owned).collect();
        if pairs.len() > MOST_PAIRS {
            return Err(Fault::bad(
                "bad_query",
                format!("the query has more than {MOST_PAIRS} keys"),
            ));
        }
        Ok(Self {
            pairs,
            asked: Vec::new(),
        })
    }

    /// All values of a key, in their order.
    pub(crate) fn all(&mut self, key: &'static str) -> Vec<String> {
        self.asked.push(key);
        let (mine, rest) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition(|(k, _)| k == key);
        self.pairs = rest;
        let mine: Vec<(String, String)> = mine;
        mine.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a key that may stand once.
    pub(crate) fn one<T: FromStr>(&mut self, key: &'static str) -> Result<Option<T>, Fault>
    where
        T::Err: Display,
    {
        let mut values = self.all(key);
        if values.len() > 1 {
            return Err(Fault::bad(
                "bad_query",
                format!("{key} stands more than once"),
            ));
        }
        let Some(value) = values.pop() else {
            return Ok(None);
        };
        let parsed = value.parse().map(Some);
        parsed.map_err(|error| {
            let value: String = value.chars().take(40).collect();
            Fault::bad("bad_query", format!("{key} is {value:?}: {error}"))
        })
    }

    /// The filter of items that the keys ask for.
    pub(crate) fn filter(&mut self) -> Result<ItemFilter, Fault> {
        Ok(ItemFilter {
            categories: self.all("category"),
            brands: self.all("brand"),
            price_min: self.one("price_min")?,
            price_max: self.one("price_max")?,
            ..ItemFilter::default()
        })
    }

    /// Refuses keys that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        let Some((key, _)) = self.pairs.first() else {
            return Ok(());
        };
        let key: String = key.chars().take(40).collect();
        let known = self.asked.join(", ");
        Err(Fault::bad(
            "bad_query",
            format!("unknown key {key:?}; the keys are {known}"),
        ))
    }
}

fn owned((key, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    (key.into_owned(), value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_once_or_as_a_list() {
        let mut query = Query::parse(Some("k=3&brand=a%26b&brand=c+d")).unwrap();
        assert_eq!(query.one::<usize>("k").unwrap(), Some(3));
        assert_eq!(query.one::<u64>("seed").unwrap(), None);
        assert_eq!(query.all("brand"), ["a&b", "c d"]);
        query.finish().unwrap();
        for text in ["k=x", "k=1&k=2", "k=-1", "k=99999999999999999999999", "k="] {
            let mut query = Query::parse(Some(text)).unwrap();
            assert_eq!(
                query.one::<usize>("k").unwrap_err().code,
                "bad_query",
                "{text}"
            );
        }
        let mut query = Query::parse(Some("k=1&kk=2")).unwrap();
        query.one::<usize>("k").unwrap();
        assert!(query.finish().unwrap_err().message.contains("\"kk\""));
        assert!(Query::parse(Some(&"&a=1".repeat(2000))).is_err());
    }
}
