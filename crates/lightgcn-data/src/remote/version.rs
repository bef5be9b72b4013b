//! Versions of remote files.

/// What a store says about one version of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteVersion {
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, if the store gives one.
    pub etag: Option<String>,
    /// When it was last modified, in seconds since 1970, if the store says so and that was more than a minute ago: within a
    /// second it may have been modified twice.
    pub modified: Option<i64>,
}

impl RemoteVersion {
    /// Whether both are certainly of the same content: by their entity tags or, without those, by size and time.
    ///
    /// ```
    /// use lightgcn_data::RemoteVersion;
    ///
    /// let of = |etag: Option<&str>, modified| RemoteVersion { size: 3, etag: etag.map(str::to_owned), modified };
    /// assert!(of(Some("a"), Some(1)).is_same(&of(Some("a"), Some(2))));
    /// assert!(!of(Some("a"), Some(1)).is_same(&of(Some("b"), Some(1))));
    /// assert!(of(None, Some(1)).is_same(&of(None, Some(1))));
    /// // Nothing is known.
    /// assert!(!of(None, None).is_same(&of(None, None)));
    /// ```
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let is_same_time = || self.modified.is_some() && self.modified == other.modified;
        let is_tagged = self.etag.is_some() || other.etag.is_some();
        let is_same = match is_tagged {
            true => self.etag == other.etag,
            false => is_same_time(),
        };
        is_same && self.size == other.size
    }
}
