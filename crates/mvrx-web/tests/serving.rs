//! A server of a station: its state, its page, its events.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::SocketAddr;

use mvrx_web::{Limits, Listen, Options, Web};
use support::{Node, Stream, crew};

#[tokio::test]
async fn two_stations_see_each_other_and_say_who_they_are() {
    let bus = crew();
    let mut a = Node::start(&bus, "FOH").await;
    let b = Node::start(&bus, "LX").await;
    a.joined().await;
    let status = a.json("/api/v1/status").await;
    assert_eq!((status["schema"].as_u64(), status["kind"].as_str()), (Some(1), Some("station")));
    assert_eq!((status["name"].as_str(), status["group"].as_str()), (Some("FOH"), Some("Default")));
    assert_eq!(status["station"].as_str().unwrap(), a.station.uuid().to_string());
    assert_eq!(status["address"].as_str().unwrap(), a.station.address().to_string());
    assert!(status["can"]["commit"].as_bool().unwrap());
    let stations = a.json("/api/v1/stations").await;
    let there = stations["stations"].as_array().unwrap();
    let lx = there.iter().find(|station| station["name"] == "LX").unwrap();
    assert_eq!(lx["station"].as_str().unwrap(), b.station.uuid().to_string());
    assert_eq!((lx["state"].as_str(), lx["reachable"].as_bool()), (Some("member"), Some(true)));
    assert!(lx["last_seen_unix_ms"].as_u64().is_some_and(|at| at > 1_600_000_000_000), "{lx}");
    assert_eq!(a.json("/health").await["status"], "ok");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn the_page_is_there_with_a_tag_and_no_path_leads_elsewhere() {
    let node = Node::start(&crew(), "A").await;
    let page = node.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().starts_with("<!doctype html>"), "{}", page.text());
    let tag = page.header("etag").unwrap().to_owned();
    let again = node.ask("GET", "/index.html", &[("If-None-Match", &tag)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml", "//etc/passwd", "/src/lib.rs"] {
        let refused = node.get(path).await;
        assert_eq!(refused.status, 404, "{path}: {}", refused.text());
    }
    node.stop().await;
}

// proves: WEB-09
#[tokio::test]
async fn an_event_stream_is_gone_on_with_and_told_when_it_cannot_be() {
    let node = Node::start(&crew(), "A").await;
    let mut stream = Stream::open(node.at, "", &[]).await;
    let start = stream.next().await.unwrap();
    assert!(start.event.is_empty() && start.id.ends_with("-0"), "{start:?}");
    node.feed.tell("station_joined", r#"{"schema":1,"n":1}"#);
    let first = stream.until("station_joined").await;
    assert_eq!(first.data, r#"{"schema":1,"n":1}"#);
    drop(stream);
    node.feed.tell("station_left", r#"{"schema":1,"n":2}"#);

    let mut again = Stream::open(node.at, "", &[("Last-Event-ID", &first.id)]).await;
    assert_eq!(again.next().await.unwrap().event, "station_left", "what was told meanwhile");
    let mut by_query = Stream::open(node.at, &format!("?last_event_id={}", first.id), &[]).await;
    assert_eq!(by_query.next().await.unwrap().event, "station_left");

    for gone in ["0123456789abcdef-1", "nonsense", &format!("{}-99", start.id.trim_end_matches("-0"))] {
        let mut stream = Stream::open(node.at, "", &[("Last-Event-ID", gone)]).await;
        let reset = stream.next().await.unwrap();
        assert_eq!((reset.event.as_str(), reset.id.ends_with("-2")), ("reset", true), "{gone}: {reset:?}");
    }
    // More is told than is kept: a client from before reads everything anew.
    for n in 0..2_000 {
        node.feed.tell("quirk", &format!(r#"{{"schema":1,"n":{n}}}"#));
    }
    let mut late = Stream::open(node.at, "", &[("Last-Event-ID", &first.id)]).await;
    assert_eq!(late.next().await.unwrap().event, "reset");
    node.stop().await;
}

#[tokio::test]
async fn event_streams_end_with_the_server() {
    let node = Node::start(&crew(), "A").await;
    let mut stream = Stream::open(node.at, "", &[]).await;
    stream.next().await.unwrap();
    let begun = std::time::Instant::now();
    node.web.stop().await;
    assert!(begun.elapsed() < Limits::default().grace, "nothing is waited for: {:?}", begun.elapsed());
    assert_eq!(stream.next().await, None);
    node.station.stop().await;
}

#[tokio::test]
async fn the_usual_port_or_the_next_free_one_and_a_port_that_is_said_alone() {
    let node = Node::start(&crew(), "A").await;
    let options = || Options::station(node.station.clone(), node.folder.path());
    let (first, second) = (Web::start(options(), Listen::Usual), Web::start(options(), Listen::Usual));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.address().ip().is_loopback() && second.address().ip().is_loopback());
    assert_ne!(first.address(), second.address());
    let taken: SocketAddr = first.address();
    let refused = Web::start(options(), Listen::At(taken)).unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    assert_eq!(first.url(), format!("http://{}/#token={}", first.address(), node.token));
    node.stop().await;
}
