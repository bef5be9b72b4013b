//! Files of a folder in a store.

use super::shown::detail;
use super::{RemoteError, RemoteVersion};
use crate::log::address::is_url;
use crate::log::remote::{Download, Store, get, locate_folder, wait};
use chrono::Utc;
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, ObjectMeta, ObjectStoreExt};
use std::io;

/// The files below a key of a store.
#[derive(Debug)]
pub(super) struct Files {
    store: Store,
    folder: Key,
}

impl Files {
    /// Those of the folder at `url`, which is `location` in messages.
    pub(super) fn connect(url: &str, location: &str) -> Result<Self, RemoteError> {
        let invalid = |text: &str| RemoteError::Address {
            url: location.to_owned(),
            detail: detail(text),
        };
        if !is_url(url) {
            return Err(invalid(
                "it is not the URL of an object store or a web server",
            ));
        }
        let (store, folder) = locate_folder(url).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { store, folder })
    }

    /// The version of a file, whose URL is `url` in messages.
    pub(super) fn version(&self, name: &str, url: String) -> Result<RemoteVersion, RemoteError> {
        let key = self.folder.clone().join(name);
        let head = wait(async { self.store.head(&key).await });
        match head.and_then(|head| head.map_err(io::Error::from)) {
            Ok(object) => Ok(version_of(&object)),
            Err(error) => Err(classified(&error, url)),
        }
    }

    /// The version of a file and its bytes; `None` if its entity tag is still `etag`.
    pub(super) fn get(
        &self,
        name: &str,
        etag: Option<&str>,
        url: String,
    ) -> Result<Option<(RemoteVersion, Download)>, RemoteError> {
        let options = GetOptions {
            if_none_match: etag.map(str::to_owned),
            ..GetOptions::default()
        };
        match get(&self.store, &self.folder.clone().join(name), options) {
            Ok((object, download)) => Ok(Some((version_of(&object), download))),
            Err(error) if matches!(of_store(&error), Some(Error::NotModified { .. })) => Ok(None),
            Err(error) => Err(classified(&error, url)),
        }
    }
}

fn version_of(object: &ObjectMeta) -> RemoteVersion {
    // A server that does not say gives the time 0. HTTP's times are whole seconds, so a file may still change within the
    // second of its last change; a minute allows for differing clocks.
    let modified = object.last_modified.timestamp();
    let is_past = modified != 0 && Utc::now().timestamp() - modified > 60;
    RemoteVersion {
        size: object.size,
        etag: object.e_tag.clone(),
        modified: is_past.then_some(modified),
    }
}

fn of_store(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The error of a request for the file at `url`.
fn classified(error: &io::Error, url: String) -> RemoteError {
    let detail = detail(&error.to_string());
    match of_store(error) {
        Some(Error::NotFound { .. }) => RemoteError::NotFound { url },
        Some(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => {
            RemoteError::Denied { url, detail }
        }
        // The type of these errors is private.
        _ if ["status code: 503", "status code: 429", "SlowDown"]
            .iter()
            .any(|busy| detail.contains(busy)) =>
        {
            RemoteError::Busy { url, detail }
        }
        _ => RemoteError::Failed { url, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::http::HttpBuilder;
    use object_store::{BackoffConfig, ClientOptions, RetryConfig};
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::time::Duration;

    /// A server that answers everything with this status, and the URL of a file there.
    fn always(status: &'static str) -> (Files, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                lines
                    .take_while(|line| line.as_ref().is_ok_and(|l| !l.is_empty()))
                    .for_each(drop);
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                // The client may have hung up.
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        // The usual limits would take minutes.
        let retries = RetryConfig {
            max_retries: 2,
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(1),
                ..BackoffConfig::default()
            },
            ..RetryConfig::default()
        };
        let store = HttpBuilder::new()
            .with_url(&url)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_retry(retries)
            .build()
            .unwrap();
        let files = Files {
            store: Arc::new(store),
            folder: Key::default(),
        };
        (files, format!("{url}/a.bin"))
    }

    #[test]
    fn a_server_that_stays_busy_is_told_from_one_that_fails() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let (files, url) = always("503 Service Unavailable");
        let error = files.get("a.bin", None, url.clone()).unwrap_err();
        assert!(
            matches!(&error, RemoteError::Busy { url: named, detail } if *named == url && detail.contains("2 retries")),
            "{error}"
        );
        let (files, url) = always("500 Internal Server Error");
        let error = files.get("a.bin", None, url.clone()).unwrap_err();
        assert!(
            matches!(&error, RemoteError::Failed { url: named, detail } if *named == url && detail.contains("500")),
            "{error}"
        );
        let (files, url) = always("429 Too Many Requests");
        let error = files.version("a.bin", url).unwrap_err();
        assert!(matches!(&error, RemoteError::Busy { .. }), "{error}");
    }
}
