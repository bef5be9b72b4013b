//! Reads inputs from object stores and web servers.

use crate::DataError;
use crate::log::address::is_single;
use crate::log::input::{Input, is_hidden, skips_hidden};
use futures_util::{Stream, StreamExt, TryStreamExt};
use glob::{MatchOptions, Pattern};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{
    ClientConfigKey, ClientOptions, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt,
};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

pub(crate) type Store = Arc<dyn ObjectStore>;

/// The number of chunks to download ahead of the reader.
const CHUNKS_AHEAD: usize = 8;

/// The time limit of a whole request. A log may take hours, since it waits for its reader.
const NO_LIMIT: &str = "365days";

/// The time limit for the next bytes.
const READ_LIMIT: &str = "60s";

const PATTERN: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The objects that a URL matches.
pub(crate) fn expand(url: &str) -> Result<Vec<Input>, DataError> {
    if is_single(url) {
        return Ok(vec![Input {
            path: PathBuf::from(url),
            bytes: 0,
            is_found: false,
        }]);
    }
    let (bucket, key) = split(url);
    let pattern = key
        .contains(['*', '?', '['])
        .then(|| Pattern::new(key))
        .transpose()
        .map_err(|error| DataError::Pattern {
            pattern: url.to_owned(),
            detail: error.to_string(),
        })?;
    let store = connect(bucket).map_err(|error| cannot_open(url, error))?;
    let found = wait(async {
        match pattern {
            Some(pattern) => matching(&store, key, &pattern).await,
            None => below(&store, key).await,
        }
    });
    let found = found.and_then(|found| found.map_err(io::Error::from));
    let found = found.map_err(|error| cannot_open(url, error))?;
    if found.is_empty() {
        return Err(DataError::NoMatch {
            pattern: url.to_owned(),
        });
    }
    let input = |object: ObjectMeta| {
        let path = format!("{bucket}/{}", object.location);
        Input {
            is_found: path != url,
            path: path.into(),
            bytes: object.size,
        }
    };
    Ok(found.into_iter().map(input).collect())
}

/// Opens the object at a URL. Reading fails if fewer bytes arrive than the store announced.
pub(crate) fn open(url: &str) -> Result<Box<dyn Read + Send>, DataError> {
    let opened = locate(url).and_then(|(store, key)| get(&store, &key, GetOptions::default()));
    let (_, download) = opened.map_err(|error| cannot_open(url, error))?;
    Ok(Box::new(download))
}

/// Starts to download an object. Reading fails if fewer bytes arrive than the store announced.
pub(crate) fn get(
    store: &Store,
    key: &Key,
    options: GetOptions,
) -> io::Result<(ObjectMeta, Download)> {
    let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
    let got = wait(async { store.get_opts(key, options).await })??;
    let meta = got.meta.clone();
    let runtime = runtime()?;
    std::thread::Builder::new()
        .name("lightgcn-download".to_owned())
        .spawn(move || {
            let size = got.range.end - got.range.start;
            let stream = got.into_stream().map_err(io::Error::from);
            runtime.block_on(download(stream, size, &sender));
        })?;
    let download = Download {
        chunks,
        current: Vec::new(),
        at: 0,
    };
    Ok((meta, download))
}

/// The store of a URL, and the key in that store.
fn locate(url: &str) -> io::Result<(Store, Key)> {
    if is_single(url) {
        // The file's name is last in the path, before the query, which may be a signature.
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let slash = url[..end].rfind('/').unwrap_or(0);
        let (name, query) = (&url[slash + 1..end], &url[end..]);
        let name = Key::from_url_path(name).map_err(io::Error::other)?;
        return Ok((web_folder(&format!("{}{query}", &url[..slash]))?, name));
    }
    in_bucket(url)
}

/// The store of the folder at a URL, and the folder's key in that store.
pub(crate) fn locate_folder(url: &str) -> io::Result<(Store, Key)> {
    if is_single(url) {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let path = url[..end].trim_end_matches('/');
        return Ok((
            web_folder(&format!("{path}{}", &url[end..]))?,
            Key::default(),
        ));
    }
    in_bucket(url)
}

/// The store of a bucket's URL, and the key in that store.
fn in_bucket(url: &str) -> io::Result<(Store, Key)> {
    let (bucket, key) = split(url);
    Ok((connect(bucket)?, Key::parse(key).map_err(io::Error::other)?))
}

/// The files below a URL of a web server; its query is kept.
fn web_folder(url: &str) -> io::Result<Store> {
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_timeout_disabled()
        .with_read_timeout(Duration::from_secs(60));
    let http = HttpBuilder::new()
        .with_url(url)
        .with_client_options(options);
    prepare_tls();
    Ok(Arc::new(http.build()?))
}

/// `scheme://bucket`, and the key.
fn split(url: &str) -> (&str, &str) {
    let begin = url.find("://").map_or(0, |at| at + 3);
    match url[begin..].find('/') {
        Some(slash) => (&url[..begin + slash], &url[begin + slash + 1..]),
        None => (url, ""),
    }
}

/// The store of a bucket. Credentials and endpoints come from the environment, as the provider's own tools take
/// them.
fn connect(bucket: &str) -> io::Result<Store> {
    static STORES: OnceLock<Mutex<HashMap<String, Store>>> = OnceLock::new();
    let stores = STORES.get_or_init(Mutex::default);
    let mut stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = stores.get(bucket) {
        return Ok(Arc::clone(store));
    }
    prepare_tls();
    let scheme = bucket.split("://").next().unwrap_or_default();
    let (limit, read_limit) = (ClientConfigKey::Timeout, ClientConfigKey::ReadTimeout);
    let store: Store = match scheme {
        "s3" | "s3a" => Arc::new(
            AmazonS3Builder::from_env()
                .with_url(bucket)
                .with_config(AmazonS3ConfigKey::Client(limit), NO_LIMIT)
                .with_config(AmazonS3ConfigKey::Client(read_limit), READ_LIMIT)
                .build()?,
        ),
        "gs" => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_url(bucket)
                .with_config(GoogleConfigKey::Client(limit), NO_LIMIT)
                .with_config(GoogleConfigKey::Client(read_limit), READ_LIMIT)
                .build()?,
        ),
        _ => Arc::new(
            MicrosoftAzureBuilder::from_env()
                .with_url(bucket)
                .with_config(AzureConfigKey::Client(limit), NO_LIMIT)
                .with_config(AzureConfigKey::Client(read_limit), READ_LIMIT)
                .build()?,
        ),
    };
    stores.insert(bucket.to_owned(), Arc::clone(&store));
    Ok(store)
}

/// The object with that key; if there is none, or it marks a folder, all objects under it.
async fn below(store: &Store, key: &str) -> object_store::Result<Vec<ObjectMeta>> {
    let prefix = Key::parse(key)?;
    let is_folder = key.is_empty() || key.ends_with('/');
    let object = match is_folder {
        true => Ok(Vec::new()),
        false => store.head(&prefix).await.map(|object| vec![object]),
    };
    if object.as_ref().is_ok_and(|o| o.iter().any(|o| o.size > 0)) {
        return object;
    }
    let found = list(store, &prefix).await.map(|mut objects| {
        let from = prefix.as_ref().len();
        objects.retain(|object| object.location != prefix && is_visible(object, from));
        objects
    });
    match (found, object) {
        // Stores on a file system return different errors for a folder's key.
        (Ok(objects), _) if !objects.is_empty() => Ok(objects),
        (found, Err(object_store::Error::NotFound { .. })) => found,
        (found, Ok(_)) if is_folder => found,
        (_, object) => object,
    }
}

/// The objects whose keys match a pattern; if there are none, those under a matching key.
async fn matching(
    store: &Store,
    key: &str,
    pattern: &Pattern,
) -> object_store::Result<Vec<ObjectMeta>> {
    let literal = key.find(['*', '?', '[']).unwrap_or(key.len());
    let folder = key[..literal].rfind('/').unwrap_or(0);
    let mut objects = list(store, &Key::parse(&key[..folder])?).await?;
    objects.retain(|object| {
        let name = object.location.filename().unwrap_or_default();
        !skips_hidden(key) || !is_hidden(name)
    });
    let matches = |key: &str| pattern.matches_with(key, PATTERN);
    if objects
        .iter()
        .any(|object| matches(object.location.as_ref()))
    {
        let found = objects.into_iter();
        return Ok(found
            .filter(|object| matches(object.location.as_ref()))
            .collect());
    }
    let is_below = |object: &ObjectMeta| {
        let key = object.location.as_ref();
        let mut slashes = key.match_indices('/').map(|(at, _)| at);
        let folder = slashes.find(|&at| matches(&key[..at]));
        folder.is_some_and(|at| is_visible(object, at))
    };
    Ok(objects.into_iter().filter(is_below).collect())
}

/// All objects under a prefix, except markers of empty folders.
async fn list(store: &Store, prefix: &Key) -> object_store::Result<Vec<ObjectMeta>> {
    let mut objects: Vec<ObjectMeta> = store.list(Some(prefix)).try_collect().await?;
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    let is_folder = |n: usize| {
        let below = format!("{}/", objects[n].location);
        let mut later = objects[n + 1..].iter();
        later.any(|other| other.location.as_ref().starts_with(&below))
    };
    let keep: Vec<bool> = (0..objects.len())
        .map(|n| objects[n].size > 0 || !is_folder(n))
        .collect();
    let mut keep = keep.into_iter();
    objects.retain(|_| keep.next().unwrap_or(true));
    Ok(objects)
}

/// Whether no part of the key after the first `from` bytes names a hidden file or folder.
fn is_visible(object: &ObjectMeta, from: usize) -> bool {
    let parts = object.location.as_ref()[from..].split('/');
    !parts.into_iter().any(is_hidden)
}

/// Sends the bytes of an object until its end, an error, or the receiver is gone.
async fn download(
    mut stream: impl Stream<Item = io::Result<impl AsRef<[u8]>>> + Unpin,
    size: u64,
    sender: &SyncSender<io::Result<Vec<u8>>>,
) {
    let mut received = 0;
    while let Some(chunk) = stream.next().await {
        let failed = chunk.is_err();
        let chunk = chunk.map(|bytes| {
            received += bytes.as_ref().len() as u64;
            bytes.as_ref().to_vec()
        });
        // This thread runs nothing else, so it may wait for the reader.
        if sender.send(chunk).is_err() || failed {
            return;
        }
    }
    if received != size {
        let short = format!("only {received} of {size} bytes arrived");
        // If the receiver is gone, no one needs the error.
        drop(sender.send(Err(io::Error::new(io::ErrorKind::UnexpectedEof, short))));
    }
}

/// An object that is being downloaded.
#[derive(Debug)]
pub(crate) struct Download {
    chunks: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    at: usize,
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            match self.chunks.recv() {
                Ok(chunk) => {
                    self.current = chunk?;
                    self.at = 0;
                }
                // The sender is gone: the end of the object.
                Err(_) => return Ok(0),
            }
        }
        let n = into.len().min(self.current.len() - self.at);
        into[..n].copy_from_slice(&self.current[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// Waits for a result, even if the caller is inside a runtime itself.
pub(crate) fn wait<T: Send>(future: impl Future<Output = T> + Send) -> io::Result<T> {
    let runtime = runtime()?;
    let waiting = || runtime.block_on(future);
    let joined = std::thread::scope(|scope| scope.spawn(waiting).join());
    joined.map_err(|_| io::Error::other("the request was not finished"))
}

/// The runtime for all requests.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("lightgcn-requests")
        .enable_all()
        .build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Installs the TLS crypto provider, unless the program has installed one.
fn prepare_tls() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn cannot_open(url: &str, source: io::Error) -> DataError {
    DataError::Open {
        path: PathBuf::from(url),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    /// A store with these keys; those that end in a slash are the marks of empty folders.
    fn store(keys: &[&str]) -> Store {
        let store: Store = Arc::new(InMemory::new());
        for key in keys {
            let content = if key.ends_with('/') { "" } else { "x" };
            let put = wait(async { store.put(&Key::from(*key), content.into()).await });
            put.unwrap().unwrap();
        }
        store
    }

    fn keys(found: io::Result<object_store::Result<Vec<ObjectMeta>>>) -> Vec<String> {
        let found = found.unwrap().unwrap().into_iter();
        found.map(|object| object.location.to_string()).collect()
    }

    #[test]
    fn prefixes_and_patterns_find_what_folders_would() {
        let store = store(&[
            "log/",
            "log/dt=2/",
            "log/dt=2/b.csv",
            "log/dt=1/a.csv",
            "log/dt=1/_SUCCESS",
            "log/_old/a.csv",
            "log/.a.crc",
            "log/z.csv",
            "logs.csv",
            "empty/",
        ]);
        let below = |key: &str| keys(wait(below(&store, key)));
        let all = ["log/dt=1/a.csv", "log/dt=2/b.csv", "log/z.csv"];
        assert_eq!(below("log/"), all);
        assert_eq!(below("log"), all);
        assert_eq!(below("log/dt=1"), all[..1]);
        assert_eq!(below("logs.csv"), ["logs.csv"]);
        assert_eq!(below("empty"), ["empty"]);
        assert!(below("lo").is_empty());
        let matching = |pattern: &str| {
            let parsed = Pattern::new(pattern).unwrap();
            keys(wait(matching(&store, pattern, &parsed)))
        };
        assert_eq!(matching("log/*"), all[2..]);
        assert_eq!(matching("log/dt=?/*.csv"), all[..2]);
        assert_eq!(
            matching("log/**/*.csv"),
            ["log/_old/a.csv", all[0], all[1], all[2]]
        );
        assert_eq!(matching("log/dt=*"), all[..2]);
        assert_eq!(matching("log/dt=1/_*"), ["log/dt=1/_SUCCESS"]);
        assert_eq!(matching("l*"), ["logs.csv"]);
        assert!(matching("x*").is_empty());
    }

    #[test]
    fn urls_have_a_bucket_and_a_key() {
        assert_eq!(split("s3://shop/log/a.csv"), ("s3://shop", "log/a.csv"));
        assert_eq!(split("gs://shop"), ("gs://shop", ""));
        assert_eq!(split("az://shop/"), ("az://shop", ""));
    }

    #[test]
    fn fewer_and_more_bytes_than_announced_are_errors() {
        let received = |size: u64, failing: bool| {
            let (sender, receiver) = sync_channel(8);
            let mut chunks: Vec<io::Result<&[u8]>> = vec![Ok(b"ab"), Ok(b"c")];
            if failing {
                chunks.push(Err(io::Error::other("reset")));
            }
            let stream = futures_util::stream::iter(chunks);
            wait(download(stream, size, &sender)).unwrap();
            drop(sender);
            let mut text = String::new();
            let mut download = Download {
                chunks: receiver,
                current: Vec::new(),
                at: 0,
            };
            let read = download.read_to_string(&mut text);
            read.map(|_| text).map_err(|error| error.kind())
        };
        assert_eq!(received(3, false), Ok("abc".to_owned()));
        assert_eq!(received(4, false), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(received(2, false), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(received(3, true), Err(io::ErrorKind::Other));
    }
}
