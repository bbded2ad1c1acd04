//! What runs beside a node: a bridge and Mixer's rooms, in one process with it and in its one stream of news.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mixer::{Client, ClientOptions};
use mvrx_bridge::{Limits, News as BridgeNews, Side};
use mvrx_discovery::MemoryBus;
use mvrx_node::node::{News, Node};
use mvrx_node::place::Place;
use mvrx_node::rooms::{Rooms, ServeError};
use mvrx_node::{bridge, data, host};
use mvrx_station::{CommitDraft, Event, Events, Heard, Membership, Station};
use mvrx_store::{FsOptions, FsStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// No test here takes longer when it works.
const LIMIT: Duration = Duration::from_secs(60);

fn anywhere() -> SocketAddr {
    SocketAddr::new(HERE, 0)
}

async fn in_group(bus: &MemoryBus, name: &str, data: &Path) -> (Station, Events) {
    let station = Station::builder(name).any_file(true).listen(anywhere()).discovery(bus.attach(HERE));
    station.store(FsStore::open(data).unwrap()).spawn().await.unwrap()
}

fn place(name: &str) -> Place {
    Place {
        name: name.to_owned(),
        group: "Default".to_owned(),
        interfaces: Vec::new(),
        peers: Vec::new(),
        mdns_port: 5353,
        any_file: true,
    }
}

async fn page(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.unwrap();
    let mut text = String::new();
    timeout(LIMIT, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

async fn rooms() -> Rooms {
    Rooms::start(mixer::Server::builder().address(anywhere()), Some(anywhere())).await.unwrap()
}

#[tokio::test]
async fn a_bridge_and_rooms_beside_a_node_are_told_in_its_stream_and_end_with_it() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let of = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    };
    let options = FsOptions { limits: host::room(1 << 30), ..FsOptions::default() };
    let of_host = data::open(Some(&of("rack")), "Rack", &options, false).unwrap();
    let identity = of_host.station;
    let hosting = host::describe(&place("Rack"), of_host, host::options(1 << 30, None), None);
    let (rack, _events) = hosting.listen(anywhere()).spawn().await.unwrap();
    assert_eq!(rack.uuid(), identity);
    let url = host::urls(rack.address(), None, false).remove(0);
    let far = Station::builder("Far").any_file(true).session(url.as_str()).spawn().await;
    let (far, _events) = far.unwrap();
    let data = of("node");
    let (own, events) = in_group(&bus, "Desk", &data).await;
    let mut node = Node::new(own.clone(), events, &data).rooms(Some(rooms().await));
    let of_bridge = bridge::open(Some(&of("bridge")), "Bridge", 1 << 30).unwrap();
    let seen_on = bus.clone();
    let turn = Duration::from_millis(100);
    let described = bridge::describe(&place("Bridge"), &url, of_bridge)
        .limits(Limits { turn, ..Limits::default() })
        .listen(HERE)
        .discovery(move || Ok(Box::new(seen_on.attach(HERE))));
    node.bridge(described).await.unwrap();
    let path = folder.path().join("show.mvr");
    fs::write(&path, vec![7; 10_000]).unwrap();
    let file = far.commit(CommitDraft::from_path(&path)).await.unwrap().file;
    let (mut carried, mut seen, mut told) = (false, false, Vec::new());
    while !(carried && seen) {
        let news = timeout(LIMIT, node.next()).await.unwrap_or_else(|_| panic!("told {told:#?}")).unwrap();
        match &news {
            News::Bridge(BridgeNews::Carried { side: Side::Lan, file: of, length, .. }) => {
                assert_eq!((*of, *length), (file, 10_000));
                carried = true;
            }
            News::Heard(Heard::Event(event)) => {
                seen |= matches!(event.event, Event::CommitSeen { file: of, .. } if of == file);
            }
            _ => {}
        }
        told.push(news);
    }
    node.stop().await;
    // Both have left the session with a word, so that nobody waits for them.
    let end = Instant::now() + LIMIT;
    loop {
        let stations = far.stations().await.unwrap();
        let here = |name: &str| {
            stations.iter().any(|s| s.name == name && s.membership == Membership::Member && s.reachable)
        };
        if !here("Desk") && !here("Bridge") && here("Rack") {
            break;
        }
        assert!(Instant::now() < end, "{stations:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    far.stop().await;
    rack.stop().await;
}

#[tokio::test]
async fn rooms_are_served_with_their_page_until_the_node_ends_and_it_says_how_they_stood() {
    let folder = tempfile::tempdir().unwrap();
    let rooms = rooms().await;
    let (at, page_at) = (rooms.addresses()[0], rooms.metrics_at().unwrap());
    let (own, events) = in_group(&MemoryBus::new(), "Desk", folder.path()).await;
    let mut node = Node::new(own, events, folder.path()).rooms(Some(rooms));
    let mut blender = Client::connect(at, ClientOptions::default()).await.unwrap();
    assert!(blender.list_rooms().await.unwrap().is_empty());
    assert!(page(page_at).await.contains("\nmixer_clients_seen_total 1\n"));
    // Rooms that go on have nothing to tell.
    let news = timeout(Duration::from_millis(50), async {
        loop {
            if let News::Rooms(news) = node.next().await.unwrap() {
                break news;
            }
        }
    });
    news.await.unwrap_err();
    assert_eq!(node.stop().await.rooms.unwrap().clients_seen, 1);
    timeout(LIMIT, blender.list_rooms()).await.unwrap().unwrap_err();
    TcpStream::connect(page_at).await.unwrap_err();
}

#[tokio::test]
async fn rooms_whose_page_has_no_place_leave_nothing_running() {
    let taken = tokio::net::TcpListener::bind(anywhere()).await.unwrap();
    let at = taken.local_addr().unwrap();
    let free = std::net::TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    let refused = Rooms::start(mixer::Server::builder().address(free), Some(at)).await.unwrap_err();
    assert!(matches!(refused, ServeError::Page { address, .. } if address == at), "{refused}");
    TcpStream::connect(free).await.unwrap_err();
    let refused = Rooms::start(mixer::Server::builder().address(at), None).await.unwrap_err();
    assert!(matches!(refused, ServeError::Server(_)), "{refused}");
}
