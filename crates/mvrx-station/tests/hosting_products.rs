//! Aim: the products that have a WebSocket client exchange files through the host, each in its own way of reading and writing.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use mvrx_station::HostOptions;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use ws_support::{LIMIT, content, hosting, kept, station, until};

/// What a product sends and what it can read.
#[derive(Clone, Copy)]
struct Product {
    provider: &'static str,
    /// Bytes of a binary message that it writes.
    writes: usize,
    /// Bytes of a binary message that it can read at most.
    reads: usize,
    /// It takes one message for the whole file.
    one_message: bool,
    upper_case: bool,
}

const BLENDER_DMX: Product =
    Product { provider: "BlenderDMX", writes: 8_192, reads: 1 << 20, one_message: false, upper_case: true };
const MVR4J: Product =
    Product { provider: "MVR4J", writes: 65_536, reads: 65_536, one_message: false, upper_case: false };
const THE_PULT: Product = Product {
    provider: "the-pult",
    writes: usize::MAX,
    reads: usize::MAX,
    one_message: true,
    upper_case: false,
};

const LENGTH: usize = 1_500_000;

struct Double {
    product: Product,
    socket: WebSocketStream<TcpStream>,
    /// The host's StationUUID, as JOIN_RET told it.
    host: String,
    commits: Vec<Value>,
    own: Vec<(String, Vec<u8>)>,
}

impl Double {
    async fn join(address: SocketAddr, n: u8, product: Product) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let config = WebSocketConfig::default()
            .max_message_size(Some(product.reads))
            .max_frame_size(Some(product.reads));
        let url = format!("ws://{address}/any/path");
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await.unwrap();
        let mut double = Self { product, socket, host: String::new(), commits: vec![], own: vec![] };
        let uuid = double.spell(&station(n).to_string());
        double
            .say(json!({
                "Type": "MVR_JOIN", "Provider": product.provider, "StationName": product.provider, "verMajor": 1,
                "verMinor": 6, "StationUUID": uuid, "Commits": [],
            }))
            .await;
        let ret = double.hear("MVR_JOIN_RET").await;
        assert_eq!(ret["OK"], json!(true));
        double.host = ret["StationUUID"].as_str().unwrap().to_owned();
        double
    }

    fn spell(&self, uuid: &str) -> String {
        if self.product.upper_case { uuid.to_uppercase() } else { uuid.to_lowercase() }
    }

    async fn say(&mut self, message: Value) {
        let text = serde_json::to_string_pretty(&message).unwrap();
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(LIMIT, self.socket.next()).await.expect("nothing came").unwrap().unwrap()
    }

    /// Reads until such a message comes; answers meanwhile what it is asked.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    self.note(&message).await;
                    if message["Type"] == kind {
                        return message;
                    }
                }
                Message::Binary(_) => panic!("a file that nobody asked for"),
                _ => {}
            }
        }
    }

    async fn note(&mut self, message: &Value) {
        if message["Type"] == "MVR_COMMIT" {
            self.commits.push(message.clone());
        }
        if message["Type"] == "MVR_REQUEST" {
            let wanted = message["FileUUID"].as_str().unwrap().to_lowercase();
            let (_, bytes) = self.own.iter().find(|(file, _)| *file == wanted).unwrap();
            for piece in bytes.clone().chunks(self.product.writes.min(bytes.len())) {
                self.socket.send(Message::binary(piece.to_vec())).await.unwrap();
            }
        }
    }

    async fn commit(&mut self, n: u8) {
        let uuid = ws_support::file(n).to_string();
        self.own.push((uuid.clone(), content(n, LENGTH)));
        let mut commit = json!({
            "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": LENGTH, "FileUUID": self.spell(&uuid),
            "StationUUID": self.spell(&station(n).to_string()), "Comment": "c", "FileName": "a.mvr",
        });
        if !self.product.one_message {
            commit["ForStationsUUID"] = json!([]);
        }
        self.say(commit).await;
        self.hear("MVR_COMMIT_RET").await;
    }

    /// As each product asks: the host is taken for the author of everything.
    async fn fetch(&mut self, n: u8) -> Vec<u8> {
        let (file, host) = (self.spell(&ws_support::file(n).to_string()), self.host.clone());
        let request = match self.product.provider {
            "the-pult" => json!({ "Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": host }),
            "BlenderDMX" => json!({
                "Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": [host], "FromStationsUUID": [host],
                "StationUUID": self.spell(&station(1).to_string()),
            }),
            _ => json!({ "Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": [host] }),
        };
        self.say(request).await;
        let mut got: Vec<u8> = Vec::new();
        while got.len() < LENGTH {
            match self.next().await {
                Message::Binary(bytes) => {
                    got.extend_from_slice(&bytes);
                    assert!(!self.product.one_message || got.len() == LENGTH, "the file came in pieces");
                }
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    assert_ne!(message["Type"], "MVR_REQUEST_RET", "{message}");
                    self.note(&message).await;
                }
                _ => {}
            }
        }
        got
    }
}

// proves: HDR-06
#[tokio::test]
async fn blenderdmx_mvr4j_and_the_pult_exchange_files_through_the_host() {
    let (rack, mut events) = hosting(HostOptions::default()).identity(station(0)).spawn().await.unwrap();
    let mut doubles = Vec::new();
    for (n, product) in [(1, BLENDER_DMX), (2, MVR4J), (3, THE_PULT)] {
        doubles.push(Double::join(rack.address(), n, product).await);
    }
    for (n, double) in (1..).zip(&mut doubles) {
        double.commit(n).await;
        let reading = double.hear("MVR_REQUEST");
        let (_, file) = tokio::join!(reading, until(&mut events, kept));
        assert_eq!(file, ws_support::file(n));
    }
    for (n, double) in (1..).zip(&mut doubles) {
        for other in (1..=3).filter(|other| *other != n) {
            assert!(
                double.fetch(other).await == content(other, LENGTH),
                "{} got {other}",
                double.product.provider
            );
        }
    }
}

#[tokio::test]
async fn a_file_that_the_host_does_not_keep_is_relayed_from_one_product_to_another() {
    let options = HostOptions::default().gather(false).kept_bytes(10);
    let (rack, _events) = hosting(options).spawn().await.unwrap();
    for (owner, asker) in [(BLENDER_DMX, MVR4J), (MVR4J, THE_PULT), (THE_PULT, BLENDER_DMX)] {
        let mut owner = Double::join(rack.address(), 1, owner).await;
        owner.commit(1).await;
        let mut asker = Double::join(rack.address(), 2, asker).await;
        let serving = async {
            owner.hear("MVR_REQUEST").await;
            // It stays while its file is read.
            owner.next().await
        };
        tokio::select! {
            got = asker.fetch(1) => assert!(got == content(1, LENGTH)),
            other = serving => panic!("{other:?}"),
        }
    }
}
