//! Logs in object stores and on web servers: a real S3 server and small HTTP servers, all on this machine.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod servers;

use lightgcn_core::BehaviorWeightsConfig;
use lightgcn_data::{DataError, EventLog, ReadConfig, expand_paths, read_events};
use servers::{Answer, serve, serve_after, serve_s3};
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

const ROWS: &str = "event_time,event_type,product_id,user_id
2019-10-01 08:00:00 UTC,view,7,46
2019-10-01 08:00:01 UTC,cart,7,46
2019-10-01 08:00:02 UTC,purchase,8,47
";

fn read<P: AsRef<Path>>(paths: &[P]) -> Result<EventLog, DataError> {
    let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
    read_events(paths, &ReadConfig::default(), &weights)
}

#[test]
fn logs_are_read_from_web_servers() {
    let rows = ROWS.as_bytes();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("log.csv");
    std::fs::write(&file, rows).unwrap();
    let expected = read(&[&file]).unwrap();
    let packed = zstd_of(rows);
    let address = serve(vec![
        Answer::new("/a/b%20c.csv", rows, Some(rows.len())),
        Answer::new("/log.csv?sig=x/y%2Fz", rows, Some(rows.len())),
        Answer::new("/log.csv.zst", &packed, Some(packed.len())),
    ]);
    for (path, name) in [
        ("a/b%20c.csv", "b%20c.csv"),
        // The query may be a signature, which no one else should see.
        ("log.csv?sig=x/y%2Fz", "log.csv"),
        ("log.csv.zst", "log.csv.zst"),
    ] {
        let log = read(&[format!("http://{address}/{path}")]).unwrap();
        assert_eq!(log.times(), expected.times());
        assert_eq!(log.user_ids(), expected.user_ids());
        assert_eq!(log.stages(), expected.stages());
        assert_eq!(log.inputs()[0].name, name);
    }
    let log = read(&[format!("http://{address}/log.csv?sig=x/y%2Fz")]).unwrap();
    assert_eq!(log.inputs(), expected.inputs());
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn a_download_that_is_cut_short_is_an_error() {
    // Cut at the end of a row, where a shorter log would look complete.
    let half = ROWS.find("2019-10-01 08:00:02").unwrap();
    let body = &ROWS.as_bytes()[..half];
    let tagged = Answer {
        head: format!("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {half}\r\n"),
        ..Answer::new("/whole", body, None)
    };
    let address = serve(vec![
        Answer::new("/cut", body, Some(ROWS.len())),
        Answer::new("/headless", b"event", Some(ROWS.len())),
        tagged,
    ]);
    for path in ["cut", "headless"] {
        let url = format!("http://{address}/{path}");
        let error = read(&[&url]).unwrap_err();
        assert!(
            matches!(&error, DataError::Read { path, .. } if path == Path::new(&url)),
            "{error}"
        );
    }
    // The same bytes are a log if they are all that was announced.
    let log = read(&[format!("http://{address}/whole")]).unwrap();
    assert_eq!(log.n_events(), 2);
}

#[test]
fn requests_are_repeated_while_the_server_is_busy() {
    let rows = ROWS.as_bytes();
    let half = ROWS.find("2019-10-01 08:00:02").unwrap();
    let (address, n_requests) = serve_after(
        2,
        vec![
            Answer::new("/log.csv", rows, Some(rows.len())),
            Answer::new("/cut.csv", &rows[..half], Some(rows.len())),
        ],
    );
    let log = read(&[format!("http://{address}/log.csv")]).unwrap();
    assert_eq!(log.n_events(), 3);
    // Twice in vain, and then the answer.
    assert!(n_requests.load(Ordering::SeqCst) >= 3);
    // What is cut short after that is still no shorter log.
    let url = format!("http://{address}/cut.csv");
    let error = read(&[&url]).unwrap_err();
    assert!(
        matches!(&error, DataError::Read { path, .. } if path == Path::new(&url)),
        "{error}"
    );
}

#[test]
fn files_that_are_not_there_or_have_no_length_are_errors() {
    let address = serve(vec![Answer::new("/endless", ROWS.as_bytes(), None)]);
    for path in ["none.csv", "endless"] {
        let url = format!("http://{address}/{path}");
        let error = read(&[&url]).unwrap_err();
        assert!(
            matches!(&error, DataError::Open { path, .. } if path == Path::new(&url)),
            "{error}"
        );
    }
    let error = read(&[format!("http://{address}/none.csv")]).unwrap_err();
    assert!(
        matches!(error, DataError::Open { source, .. } if source.kind() == ErrorKind::NotFound)
    );
}

#[test]
fn https_is_spoken() {
    // A server that does not speak TLS closes the connection; what matters is what the client said.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/log.csv", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 3];
        stream.read_exact(&mut head).unwrap();
        head
    });
    let error = read(&[&url]).unwrap_err();
    assert!(
        matches!(&error, DataError::Open { path, .. } if path == Path::new(&url)),
        "{error}"
    );
    // A handshake of TLS 1.
    assert_eq!(server.join().unwrap(), [22, 3, 1]);
}

#[test]
fn urls_work_within_a_runtime() {
    let rows = ROWS.as_bytes();
    let address = serve(vec![Answer::new("/log.csv", rows, Some(rows.len()))]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let log = runtime.block_on(async { read(&[format!("http://{address}/log.csv")]) });
    assert_eq!(log.unwrap().n_events(), 3);
}

/// The folder of the S3 server, in the environment of the process that reads from it.
const ROOT: &str = "LIGHTGCN_TEST_S3_ROOT";

/// Credentials come from the environment, which only a new process can be given: the test runs itself again.
#[test]
fn buckets_are_read_like_folders() {
    if let Some(root) = std::env::var_os(ROOT) {
        return read_buckets(Path::new(&root));
    }
    let folder = TempDir::new().unwrap();
    let bucket = folder.path().join("shop");
    let put = |key: &str, bytes: &[u8]| {
        let path = bucket.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put("log/dt=2019-10-01/part-0.csv", ROWS.as_bytes());
    let later = ROWS.replace("2019-10-01", "2019-10-02");
    put(
        "log/dt=2019-10-02/part-0.csv.zst",
        &zstd_of(later.as_bytes()),
    );
    put("log/dt=2019-10-02/_SUCCESS", b"");
    put("log/_temporary/part-0.csv", ROWS.as_bytes());
    put("other.csv", ROWS.as_bytes());
    // Several chunks, and several rows alike.
    let head = ROWS.lines().next().unwrap();
    let rows = (0..60_000).map(|n| format!("{},view,{},{n}\n", 1_569_888_000 + n, n % 7));
    put(
        "large.csv",
        format!("{head}\n{}", rows.collect::<String>()).as_bytes(),
    );
    #[cfg(feature = "parquet")]
    {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        for file in ["pyarrow.parquet", "log.csv"] {
            put(file, &std::fs::read(data.join(file)).unwrap());
        }
    }
    let address = serve_s3(folder.path());
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "buckets_are_read_like_folders"])
        .env(ROOT, folder.path())
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", "true")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}");
    assert!(told.contains("1 passed"), "{told}");
}

/// What the process with credentials does.
fn read_buckets(root: &Path) {
    let expanded = |url: &str| -> Vec<String> {
        let files = expand_paths(&[url]).unwrap().into_iter();
        files
            .map(|file| file.to_str().unwrap().to_owned())
            .collect()
    };
    let first = "s3://shop/log/dt=2019-10-01/part-0.csv".to_owned();
    let second = "s3://shop/log/dt=2019-10-02/part-0.csv.zst".to_owned();
    let both = [first.clone(), second];
    for url in [
        "s3://shop/log",
        "s3://shop/log/",
        "s3://shop/log/dt=*/part-*",
        "s3://shop/log/dt=*",
        "s3://shop/**/dt=*/*",
    ] {
        assert_eq!(expanded(url), both, "{url}");
    }
    assert_eq!(expanded(&first), both[..1]);
    assert_eq!(expanded("s3://shop/oth*"), ["s3://shop/other.csv"]);
    for url in [
        "s3://shop/lo",
        "s3://shop/*.txt",
        "s3://shop/log/dt=2019-10-01/x",
    ] {
        let error = expand_paths(&[url]).unwrap_err();
        assert!(
            matches!(&error, DataError::NoMatch { pattern } if pattern == url),
            "{error}"
        );
    }
    assert!(matches!(
        expand_paths(&["s3://shop/a***b.csv"]),
        Err(DataError::Pattern { .. })
    ));

    let bucket = root.join("shop");
    for key in ["log/", "other.csv", "large.csv"] {
        let remote = read(&[format!("s3://shop/{key}")]).unwrap();
        assert_eq!(remote, read(&[bucket.join(key)]).unwrap(), "{key}");
    }
    #[cfg(feature = "parquet")]
    {
        let remote = read(&["s3://shop/pyarrow.parquet"]).unwrap();
        assert_eq!(remote, read(&[bucket.join("pyarrow.parquet")]).unwrap());
        let mixed = read(&["s3://shop/pyarrow.parquet", "s3://shop/log.csv"]).unwrap();
        assert_eq!(mixed.n_events(), 40);
    }
    // A bucket that the credentials do not open, or that is not there.
    let error = read(&["s3://nobody/log.csv"]).unwrap_err();
    assert!(
        matches!(&error, DataError::Open { .. } | DataError::NoMatch { .. }),
        "{error}"
    );
}
