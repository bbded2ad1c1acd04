//! The server attacked: refused or bounded, and nothing left behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mvrx_station::CommitDraft;
use mvrx_web::{Feed, FeedLimits, Limits};
use serde_json::json;
use support::{Node, Stream, answer, crew, in_time, open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

// proves: WEB-03
#[tokio::test]
async fn a_host_that_is_not_ours_is_refused_whatever_is_asked() {
    let node = Node::with(&crew(), "A", Limits::default(), |o| {
        o.names(vec!["rack.show".into(), "x.show:81".into()])
    })
    .await;
    let port = node.at.port();
    let good = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST.:{port}"),
        "rack.show".to_owned(),
        format!("Rack.Show:{port}"),
        "x.show:81".to_owned(),
    ];
    for host in good {
        let told = node.ask("GET", "/api/v1/status", &[("Host", &host)], b"").await;
        assert_eq!(told.status, 200, "{host}: {}", told.text());
    }
    let wrong = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("10.0.0.1:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("user@127.0.0.1:{port}"),
        "x.show".to_owned(),
        "x.show:82".to_owned(),
        String::new(),
    ];
    for host in wrong {
        for path in ["/", "/health", "/api/v1/status", "/metrics"] {
            let refused = node.ask("GET", path, &[("Host", &host)], b"").await;
            assert_eq!(refused.status, 421, "{host} {path}: {}", refused.text());
        }
    }
    let both = node.ask("GET", "/", &[("Host", "rack.show"), ("Host", "evil.example")], b"").await;
    assert!(matches!(both.status, 400 | 421), "{}", both.text());
    node.stop().await;
}

// proves: WEB-04
#[tokio::test]
async fn another_sites_page_may_ask_nothing() {
    let node = Node::start(&crew(), "A").await;
    let ours = format!("http://{}", node.at);
    let told =
        node.ask("GET", "/api/v1/status", &[("Origin", &ours), ("Sec-Fetch-Site", "same-origin")], b"").await;
    assert_eq!(told.status, 200);
    let port = node.at.port();
    for origin in [
        "http://evil.example",
        "null",
        "",
        &format!("http://localhost:{port}"),
        &format!("ftp://{}", node.at),
        &format!("http://{}.evil.example", node.at),
    ] {
        for method in ["GET", "POST"] {
            let refused = node.ask(method, "/api/v1/status", &[("Origin", origin)], b"").await;
            assert_eq!(refused.status, 403, "{method} {origin}: {}", refused.text());
            assert!(refused.header("access-control-allow-origin").is_none());
        }
    }
    for site in ["cross-site", "same-site"] {
        let refused = node.ask("GET", "/api/v1/status", &[("Sec-Fetch-Site", site)], b"").await;
        assert_eq!(refused.status, 403, "{site}");
        assert_eq!(
            node.ask("GET", "/", &[("Sec-Fetch-Site", site)], b"").await.status,
            200,
            "a link to the page"
        );
    }
    let authorization = format!("Bearer {}", node.token);
    let form = [("Authorization", authorization.as_str()), ("Content-Type", "text/plain")];
    let refused = node.ask("PUT", "/api/v1/settings", &form, b"{\"name\":\"x\"}").await;
    assert_eq!(refused.status, 415, "what a form can send is no document");
    node.stop().await;
}

// proves: WEB-02
#[tokio::test]
async fn what_changes_something_needs_the_token_and_elsewhere_than_on_loopback_everything_does() {
    let bus = crew();
    let local = Node::start(&bus, "A").await;
    let changes = [
        ("POST", "/api/v1/commits?file_name=a.mvr"),
        ("DELETE", "/api/v1/commits/latest"),
        ("POST", "/api/v1/commits/latest/ticket"),
        ("POST", "/api/v1/transfers"),
        ("DELETE", "/api/v1/transfers/1"),
        ("PUT", "/api/v1/settings"),
        ("POST", "/api/v1/proposals/1"),
        ("POST", "/api/v1/moves"),
        ("POST", "/api/v1/doctor"),
        ("PATCH", "/api/v1/settings"),
        ("OPTIONS", "/api/v1/settings"),
    ];
    for (method, path) in changes {
        let refused = local.ask(method, path, &[("Content-Type", "application/json")], b"{}").await;
        assert_eq!(refused.status, 401, "{method} {path}: {}", refused.text());
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    // Bound to all addresses, and asked at one that is not known as loopback by its own name.
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let open = Node::at(&bus, "B", any, Limits::default(), |options| options).await;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, open.at.port()));
    let ask = |path: &'static str, token: Option<String>| async move {
        let authorization = token.map(|token| format!("bearer {token}"));
        let headers: Vec<(&str, &str)> =
            authorization.iter().map(|text| ("Authorization", text.as_str())).collect();
        support::ask(at, "GET", path, &headers, b"").await.status
    };
    let paths = ["/api/v1/status", "/api/v1/events", "/api/v1/openapi.json", "/api/v1/nothing", "/metrics"];
    for path in paths {
        assert_eq!(ask(path, None).await, 401, "{path}");
        assert_eq!(ask(path, Some(local.token.clone())).await, 401, "{path}, with another's");
    }
    assert_eq!(ask("/api/v1/status", Some(open.token.clone())).await, 200);
    assert_eq!((ask("/", None).await, ask("/health", None).await), (200, 200), "no secret is in them");

    // A ticket is for one download of one file.
    let (path, bytes) = open.make_show("a.mvr", 1);
    let file = open.station.commit(CommitDraft::from_path(path)).await.unwrap().file.to_string();
    let authorization = format!("Bearer {}", open.token);
    let path = format!("/api/v1/commits/{file}/ticket");
    let given = support::ask(at, "POST", &path, &[("Authorization", &authorization)], b"").await;
    let url = given.json()["url"].as_str().unwrap().to_owned();
    let get = |url: String, headers: Vec<(&'static str, String)>| async move {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        support::ask(at, "GET", &url, &headers, b"").await
    };
    let other = url.replace("ticket=", "ticket=0");
    assert_eq!(get(other.clone(), Vec::new()).await.status, 401);
    let with_wrong = vec![("Authorization", "Bearer nonsense".to_owned())];
    assert_eq!(get(other, with_wrong).await.status, 401, "a wrong ticket and a wrong token are no leave");
    assert_eq!(get(url.clone(), Vec::new()).await.body, bytes);
    assert_eq!(get(url, Vec::new()).await.status, 401, "once");
    assert_eq!(get("/api/v1/commits?ticket=1".to_owned(), Vec::new()).await.status, 401);
    assert_eq!(get("/api/v1/status/content?ticket=1".to_owned(), Vec::new()).await.status, 401);
    local.stop().await;
    open.stop().await;
}

// proves: WEB-06
#[tokio::test]
async fn wrong_tokens_and_requests_have_a_pace_and_the_right_token_counts_all_the_same() {
    let mut limits = Limits::default();
    limits.wrong_tokens_per_minute = 3;
    (limits.requests_per_second, limits.requests_at_once) = (1, 12);
    let node = Node::with(&crew(), "A", limits, |options| options).await;
    let guess = |n: usize| {
        let authorization = format!("Bearer {n:064}");
        let node = &node;
        async move { node.ask("PUT", "/api/v1/settings", &[("Authorization", &authorization)], b"").await }
    };
    for n in 0..3 {
        assert_eq!(guess(n).await.status, 401);
    }
    let slowed = guess(4).await;
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, Some("60")));
    let right = node.order_json("PUT", "/api/v1/settings", &json!({ "name": "B" })).await;
    assert_eq!(right.status, 200);
    let mut answered = 5;
    let refused = loop {
        let told = node.get("/health").await;
        if told.status != 200 {
            break told;
        }
        answered += 1;
        assert!(answered < 100, "it has an end");
    };
    assert!(answered >= 12, "{answered}");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    node.stop().await;
}

// proves: WEB-06, WEB-09
#[tokio::test]
async fn event_streams_have_an_end_and_one_that_closes_makes_room() {
    let mut limits = Limits::default();
    limits.event_streams = 3;
    let node = Node::with(&crew(), "A", limits, |options| options).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(Stream::open(node.at, "", &[]).await);
    }
    let refused = node.get("/api/v1/events").await;
    assert_eq!((refused.status, refused.error().contains("close one")), (503, true));
    assert_eq!(node.json("/api/v1/status").await["name"], "A", "everything else is answered");
    streams.pop();
    in_time(async {
        loop {
            let stream = open(node.at, "GET", "/api/v1/events", &[], None).await;
            let mut first = [0; 12];
            let mut stream = stream;
            stream.read_exact(&mut first).await.unwrap();
            if &first[9..] == b"200" {
                return;
            }
            // The server sees that it is gone when it writes next.
            node.feed.tell("up", "{}");
        }
    })
    .await;
    node.stop().await;
}

// proves: WEB-09
#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped_and_keeps_nobody_waiting() {
    let mut limits = Limits::default();
    limits.stall = Duration::from_millis(500);
    limits.event_streams = 2;
    let feed = Feed::new(FeedLimits { documents: 4_096, bytes: 64 << 20 });
    let given = feed.clone();
    let node = Node::with(&crew(), "A", limits, |options| options.feed(given)).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut silent = socket.connect(node.at).await.unwrap();
    silent
        .write_all(format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", node.at).as_bytes())
        .await
        .unwrap();
    let mut one = [0; 1];
    silent.read_exact(&mut one).await.unwrap();
    let mut reads = Stream::open(node.at, "", &[]).await;
    let text = format!("\"{}\"", "x".repeat(100_000));
    let begun = Instant::now();
    (0..200).for_each(|_| feed.tell("quirk", &text));
    for _ in 0..200 {
        assert_eq!(reads.until("quirk").await.data, text);
    }
    // Its place is free when it is dropped.
    in_time(async {
        while node.get("/metrics").await.text().contains("mvrx_web_event_streams 2") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    node.stop().await;
}

// proves: WEB-06
#[tokio::test]
async fn slow_and_large_heads_and_bodies_are_ended() {
    let mut limits = Limits::default();
    limits.head_time = Duration::from_millis(300);
    limits.upload_idle = Duration::from_millis(300);
    limits.connections = 8;
    limits.json_bytes = 1_000;
    let node = Node::with(&crew(), "A", limits, |options| options).await;
    // One that says nothing, and one that says its head a byte at a time.
    let mut silent = TcpStream::connect(node.at).await.unwrap();
    let mut end = Vec::new();
    in_time(silent.read_to_end(&mut end)).await.unwrap();
    let mut slow = TcpStream::connect(node.at).await.unwrap();
    let begun = Instant::now();
    let ended = in_time(async {
        loop {
            if slow.write_all(b"G").await.is_err() || begun.elapsed() > Duration::from_secs(20) {
                return begun.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(ended < Duration::from_secs(5), "{ended:?}");
    let long = "x".repeat(20 << 10);
    assert_eq!(node.ask("GET", "/health", &[("X-Long", &long)], b"").await.status, 431);
    // A document at its limit, and one byte more.
    let authorization = format!("Bearer {}", node.token);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let sized = |length: usize| format!("{{\"name\":\"B\"}}{}", " ".repeat(length - 12));
    assert_eq!(node.ask("PUT", "/api/v1/settings", &headers, sized(1_000).as_bytes()).await.status, 200);
    assert_eq!(node.ask("PUT", "/api/v1/settings", &headers, sized(1_001).as_bytes()).await.status, 413);
    let mut half = open(node.at, "PUT", "/api/v1/settings", &headers, Some(500)).await;
    half.write_all(b"{").await.unwrap();
    assert_eq!(answer(half).await.status, 408);
    // More connections than may be are reset, and it goes on when they are gone.
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(open(node.at, "GET", "/api/v1/events", &[], None).await);
    }
    for stream in &mut all {
        stream.read_exact(&mut [0; 12]).await.unwrap();
    }
    let mut more = TcpStream::connect(node.at).await.unwrap();
    let mut end = Vec::new();
    let ended = in_time(more.read_to_end(&mut end)).await;
    assert!(ended.is_err() || end.is_empty(), "{end:?}");
    drop(all);
    in_time(async {
        while node.get("/health").await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    node.stop().await;
}

// proves: WEB-07
#[tokio::test]
async fn ids_are_no_paths() {
    let node = Node::start(&crew(), "A").await;
    let (path, _) = node.make_show("a.mvr", 1);
    node.station.commit(CommitDraft::from_path(path)).await.unwrap();
    for id in [
        "..%2f..%2fweb-token",
        "%2e%2e",
        "..%2f",
        "web-token",
        "a%00b",
        "%ff%fe",
        "....",
        "-",
        "%2Fetc%2Fpasswd",
    ] {
        for rest in ["", "/content"] {
            let refused = node.get(&format!("/api/v1/commits/{id}{rest}")).await;
            assert!(matches!(refused.status, 400 | 404), "{id}{rest}: {} {}", refused.status, refused.text());
            assert!(!refused.text().contains(&node.token));
        }
    }
    for method in ["POST", "PUT", "DELETE", "TRACE", "BREW"] {
        assert!((400..500).contains(&node.order(method, "/api/v1/status", b"").await.status), "{method}");
    }
    for raw in [
        "GET http://evil.example/api/v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "\0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(node.at).await.unwrap();
        stream.write_all(raw.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let refused = answer(stream).await;
        assert!(refused.status == 0 || refused.status >= 400, "{raw:?}: {}", refused.head);
    }
    assert_eq!(node.json("/health").await["status"], "ok");
    node.stop().await;
}

// proves: WEB-05
#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let node = Node::start(&crew(), "A").await;
    for path in
        ["/", "/api/v1/status", "/nothing", "/api/v1/nothing", "/health", "/metrics", "/api/v1/commits/zz"]
    {
        let told = node.get(path).await;
        let policy = told.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(told.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(told.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        assert_eq!(told.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(told.header("access-control-allow-origin").is_none() && told.header("set-cookie").is_none());
    }
    assert_eq!(node.get("/api/v1/status").await.header("cache-control"), Some("no-store"));
    node.stop().await;
}
