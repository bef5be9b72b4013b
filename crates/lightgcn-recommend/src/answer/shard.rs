//! Parts of all users, for jobs on several machines.

use crate::RecommendError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use xxhash_rust::xxh3::xxh3_64;

/// One of several parts of all users: those for whom the XXH3-64 of the id, as text, modulo `of` is
/// `number − 1`. A user is in the same part on every machine and with every model.
///
/// ```
/// use lightgcn_recommend::Shard;
///
/// let shards: Vec<Shard> = (1..=3).map(|n| Shard::new(n, 3)).collect::<Result<_, _>>()?;
/// assert_eq!(shards.iter().filter(|shard| shard.contains("541312140")).count(), 1);
/// assert_eq!("2/3".parse::<Shard>()?, shards[1]);
/// assert!("4/3".parse::<Shard>().is_err());
/// # Ok::<(), lightgcn_recommend::RecommendError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Part `number` of `of`, from 1.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if there is no such part.
    pub fn new(number: u32, of: u32) -> Result<Self, RecommendError> {
        match (1..=of).contains(&number) {
            true => Ok(Self { number, of }),
            false => Err(Self::invalid(&format!("{number}/{of}"))),
        }
    }

    /// Whether a user belongs to it.
    #[must_use]
    pub fn contains(self, user: &str) -> bool {
        xxh3_64(user.as_bytes()) % u64::from(self.of) == u64::from(self.number - 1)
    }

    fn invalid(given: &str) -> RecommendError {
        RecommendError::Options {
            issues: vec![format!(
                "{given:?} is not a valid shard; use INDEX/COUNT, such as 2/8"
            )],
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = RecommendError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) => Self::new(number, of),
            None => Err(Self::invalid(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_about_equal_and_never_share_a_user() {
        let shards: Vec<Shard> = (1..=7).map(|n| Shard::new(n, 7).unwrap()).collect();
        let mut counts = [0; 7];
        for user in 0..7_000 {
            let user = user.to_string();
            let mine: Vec<usize> = (0..7).filter(|&n| shards[n].contains(&user)).collect();
            let [only] = mine[..] else {
                panic!("user {user} is in {mine:?}");
            };
            counts[only] += 1;
        }
        // 1,000 each; the standard deviation is 29.
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for text in ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", "1/2/3", ""] {
            let refused = text.parse::<Shard>();
            assert!(
                matches!(refused, Err(RecommendError::Options { .. })),
                "{text}"
            );
        }
        assert_eq!("1/1".parse::<Shard>().unwrap().to_string(), "1/1");
    }
}
