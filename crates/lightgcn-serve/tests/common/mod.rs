//! A small shop, and helpers to send requests to its service.
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod large;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Interactions, InteractionsBuilder, ItemDetails, ItemId,
    Lineage, UserId, Vocabulary,
};
use lightgcn_graph::Normalization;
use lightgcn_recommend::Recommender;
use lightgcn_serve::{MemoryEvents, ServeConfig, Server, Service};
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

pub(crate) const USERS: usize = 30;
pub(crate) const ITEMS: usize = 12;
/// The time of all training pairs.
pub(crate) const TRAINED: i64 = 1_000_000;
/// The brand of the items with odd numbers: markup, as in a hostile catalogue.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>";

/// Users `u0`, `u1`, ... and items `p0`, `p1`, ...: user u bought items u mod 4 and u mod 4 + 1, and viewed item 6.
/// The score of a pair is `sign` times the item's number, so a model of sign 1 lists the highest numbers first, and
/// one of sign −1 the lowest.
pub(crate) fn artifact(sign: f32) -> Artifact {
    artifact_at(sign, TRAINED)
}

/// As [`artifact`], with this time of all training pairs.
pub(crate) fn artifact_at(sign: f32, trained: i64) -> Artifact {
    let config = BehaviorWeightsConfig::shop_log();
    let names: Vec<&str> = config.behaviors.iter().map(|b| b.name.as_str()).collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
    for user in 0..USERS as u32 {
        for (item, counts, weight) in [
            (user % 4, [1, 0, 0, 1], 1.0),
            (user % 4 + 1, [0, 0, 0, 1], 1.0),
            (6, [2, 0, 0, 0], 0.02),
        ] {
            let (user, item) = (UserId(user), ItemId(item));
            pairs
                .push(user, item, weight, &counts, Some(trained))
                .unwrap();
        }
    }
    let train = pairs.build(USERS, ITEMS).unwrap();
    let mut numbers = vec![1.0; USERS];
    numbers.extend((0..ITEMS).map(|item| sign * item as f32));
    let table = EmbeddingTable::new(USERS + ITEMS, 1, numbers).unwrap();
    let details = (0..ITEMS).map(|item| ItemDetails {
        category_id: None,
        category_code: Some(
            if item < 6 {
                "apparel.glove"
            } else {
                "lighting"
            }
            .to_owned(),
        ),
        brand: Some(if item % 2 == 1 { HOSTILE } else { "acme" }.to_owned()),
        price: Some(10.0 + item as f64),
        ..ItemDetails::default()
    });
    let catalogue = Catalogue::from_details(details);
    let mut artifact = artifact_of(train, table, catalogue);
    let figure = ("validation recall@20".to_owned(), 0.25);
    artifact.lineage.figures.extend([figure]);
    artifact
}

/// A model without layers of users `u0`, `u1`, ... and items `p0`, `p1`, ..., whose table has both.
pub(crate) fn artifact_of(
    train: Interactions,
    table: EmbeddingTable,
    catalogue: Catalogue,
) -> Artifact {
    let (n_users, n_items) = (train.n_users(), train.n_items());
    Artifact {
        model: ModelDescription {
            name: "lightgcn".to_owned(),
            dimension: table.dimension(),
            n_layers: 0,
            layer_weights: Some(vec![1.0]),
            graphs: vec![Normalization::Symmetric.into()],
            further_nodes: Vec::new(),
            config: serde_json::json!({}),
        },
        layer0: table.clone(),
        embeddings: table,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names((0..n_users).map(|n| format!("u{n}"))).unwrap(),
        items: Vocabulary::from_names((0..n_items).map(|n| format!("p{n}"))).unwrap(),
        catalogue,
        behaviors: BehaviorWeightsConfig::shop_log(),
        lineage: Lineage::default(),
    }
}

/// A configuration with free ports on loopback.
pub(crate) fn config() -> ServeConfig {
    let mut config = ServeConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        ..ServeConfig::default()
    };
    config.admin.bind = config.bind;
    config
}

pub(crate) fn service_with(config: ServeConfig) -> Service {
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    Service::from_recommender(recommender, config, Arc::new(MemoryEvents::default())).unwrap()
}

pub(crate) fn service() -> Service {
    service_with(config())
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    /// The items of a list with status 200.
    pub(crate) fn items(&self) -> Vec<String> {
        let json = self.json();
        assert_eq!(self.status, 200, "{json}");
        items(&json)
    }

    /// The code of an error with this status.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> String {
        let json = self.json();
        assert_eq!(self.status, status, "{json}");
        let error = &json["error"];
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(error["issues"].is_array());
        error["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn items(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| item["item"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status,
        headers: parts.headers,
        bytes: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

pub(crate) async fn get(router: &Router, path: &str) -> Reply {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(crate) async fn post(router: &Router, path: &str, body: impl Into<Body>) -> Reply {
    let request = Request::post(path).header("content-type", "application/json");
    send(router, request.body(body.into()).unwrap()).await
}

/// A running server.
pub(crate) struct Running {
    pub(crate) service: Service,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(service: Service) -> Self {
        let server = Server::bind(service.clone()).await.unwrap();
        let (address, admin) = (server.address(), server.admin_address());
        let (stop, stopped) = oneshot::channel();
        let run = server.run(async {
            let _ = stopped.await;
        });
        Self {
            service,
            address,
            admin,
            stop,
            task: tokio::spawn(async { run.await.unwrap() }),
        }
    }

    /// Tells it to stop; the task ends when it has stopped.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.task
    }
}

/// Sends bytes over a new connection and reads to its end.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    // A connection that is cut has nothing more to read.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a GET request over a new connection.
pub(crate) async fn ask(address: SocketAddr, path: &str) -> String {
    raw(
        address,
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes(),
    )
    .await
}

/// The body of a response with status 200.
#[track_caller]
pub(crate) fn body_of(reply: &str) -> Value {
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            bytes: Vec::new(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, Value) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.bytes.clear();
        loop {
            let mut chunk = [0; 4096];
            let n = self.stream.read(&mut chunk).await.unwrap();
            assert!(n > 0, "the connection was cut");
            self.bytes.extend_from_slice(&chunk[..n]);
            let text = String::from_utf8_lossy(&self.bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, serde_json::from_str(body).unwrap());
            }
        }
    }
}

/// The resident memory of this process, in KiB.
pub(crate) fn resident() -> u64 {
    status("VmRSS:")
}

/// The most that was resident so far, in KiB.
pub(crate) fn most_resident() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let memory = lines.find_map(|line| line.strip_prefix(name)).unwrap();
    memory.trim().trim_end_matches(" kB").parse().unwrap()
}
