//! Commits over HTTP: sent, listed, fetched, downloaded, taken back; and how far they are.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_station::{CommitDraft, Event};
use mvrx_web::Limits;
use serde_json::{Value, json};
use support::{Node, Stream, answer, crew, in_time, open};
use tokio::io::AsyncWriteExt;

fn show(seed: u64) -> Vec<u8> {
    mvrx_file::generate::Recipe::new(seed).fixtures(30).to_bytes()
}

/// Reads the transfers until one is at its end.
async fn ended(node: &Node, id: &str) -> Value {
    let mut stream = Stream::open(node.at, "", &[]).await;
    let at_end = |transfer: &Value| transfer["id"] == id && !transfer["ended_unix_ms"].is_null();
    let listed = node.json("/api/v1/transfers").await;
    if let Some(transfer) = listed["transfers"].as_array().unwrap().iter().find(|one| at_end(one)) {
        return transfer.clone();
    }
    loop {
        let told: Value = serde_json::from_str(&stream.until("transfer").await.data).unwrap();
        if at_end(&told["transfer"]) {
            return told["transfer"].clone();
        }
    }
}

// proves: WEB-07, WEB-08
#[tokio::test]
async fn a_file_that_is_sent_appears_at_the_other_station_and_is_fetched_and_downloaded_there() {
    let bus = crew();
    let mut a = Node::start(&bus, "FOH").await;
    let mut b = Node::start(&bus, "LX").await;
    a.joined().await;
    let bytes = show(1);
    let path = "/api/v1/commits?file_name=..%2FTour.mvr&comment=hang%20LX2";
    let sent = a.order("POST", path, &bytes).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let commit = &sent.json()["commit"];
    let file = commit["file"].as_str().unwrap().to_owned();
    assert_eq!(
        (commit["file_name"].as_str(), commit["comment"].as_str()),
        (Some("Tour.mvr"), Some("hang LX2"))
    );
    assert_eq!((commit["own"].as_bool(), commit["author_name"].as_str()), (Some(true), Some("FOH")));
    assert!(sent.json()["odd"].is_null());

    b.until(|event| matches!(event, Event::CommitSeen { .. })).await;
    let listed = b.json("/api/v1/commits").await;
    assert_eq!((listed["total"].as_u64(), &listed["next"]), (Some(1), &Value::Null));
    let there = &listed["commits"][0];
    assert_eq!((there["file"].as_str(), there["held"].as_bool()), (Some(file.as_str()), Some(false)));
    assert_eq!((there["own"].as_bool(), there["author_name"].as_str()), (Some(false), Some("FOH")));
    assert_eq!(there["holders"][0].as_str().unwrap(), a.station.uuid().to_string());
    let missing = b.get(&format!("/api/v1/commits/{file}/content")).await;
    assert_eq!((missing.status, missing.error().contains("fetch it first")), (409, true));

    let fetch = b.order_json("POST", "/api/v1/transfers", &json!({ "file": &file[..6] })).await;
    assert_eq!(fetch.status, 202, "{}", fetch.text());
    let id = fetch.json()["transfer"]["id"].as_str().unwrap().to_owned();
    let done = ended(&b, &id).await;
    assert_eq!((done["state"].as_str(), done["direction"].as_str()), (Some("done"), Some("in")), "{done}");
    assert_eq!(
        (done["bytes"].as_u64(), done["file_name"].as_str()),
        (Some(bytes.len() as u64), Some("Tour.mvr"))
    );
    assert_eq!(
        (done["bytes"].as_u64(), done["name"].as_str()),
        (done["total"].as_u64(), Some("FOH")),
        "{done}"
    );

    let content = b.get(&format!("/api/v1/commits/{file}/content")).await;
    assert_eq!((content.status, content.body == bytes), (200, true));
    assert!(content.header("content-disposition").unwrap().contains("filename=\"Tour.mvr\""));
    let tag = content.header("etag").unwrap().to_owned();
    let part = |range: &'static str| {
        let path = format!("/api/v1/commits/{file}/content");
        let (b, tag) = (&b, tag.clone());
        async move { b.ask("GET", &path, &[("Range", range), ("If-Range", &tag)], b"").await }
    };
    let middle = part("bytes=100-299").await;
    assert_eq!((middle.status, middle.body.as_slice()), (206, &bytes[100..300]));
    assert_eq!(middle.header("content-range").unwrap(), format!("bytes 100-299/{}", bytes.len()));
    assert_eq!(part("bytes=-7").await.body, bytes[bytes.len() - 7..]);
    assert_eq!(part("bytes=99999999-").await.status, 416);
    let again =
        b.ask("GET", &format!("/api/v1/commits/{file}/content"), &[("If-None-Match", &tag)], b"").await;
    assert_eq!(again.status, 304);
    let one = b.json("/api/v1/commits/latest").await;
    assert_eq!(
        (one["commit"]["held"].as_bool(), one["summary"]["bytes"].as_u64()),
        (Some(true), Some(bytes.len() as u64))
    );

    let foreign = b.order("DELETE", &format!("/api/v1/commits/{file}"), b"").await;
    assert_eq!(foreign.status, 409, "another station's: {}", foreign.text());
    let withdrawn = a.order("DELETE", &format!("/api/v1/commits/{file}"), b"").await;
    assert_eq!((withdrawn.status, withdrawn.json()["new"].as_bool()), (200, Some(true)));
    b.until(|event| matches!(event, Event::CommitWithdrawn { .. })).await;
    assert_eq!(b.json("/api/v1/commits").await["total"], 0);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn the_list_has_pages_and_says_what_each_revision_changed() {
    let node = Node::start(&crew(), "A").await;
    let mut ids = Vec::new();
    for seed in 1..=5 {
        let (path, _) = node.make_show("show.mvr", seed);
        let commit = node.station.commit(CommitDraft::from_path(path)).await.unwrap();
        ids.insert(0, commit.file.to_string());
    }
    let mut seen = Vec::new();
    let mut next = Value::Null;
    for expected in [2, 2, 1] {
        let before = next.as_str().map(|next| format!("&before={next}")).unwrap_or_default();
        let page = node.json(&format!("/api/v1/commits?limit=2{before}")).await;
        let commits = page["commits"].as_array().unwrap().clone();
        assert_eq!((commits.len(), page["total"].as_u64()), (expected, Some(5)));
        seen.extend(commits.iter().map(|commit| commit["file"].as_str().unwrap().to_owned()));
        next = page["next"].clone();
    }
    assert_eq!((seen, &next), (ids.clone(), &Value::Null));
    let gone = node.get("/api/v1/commits?before=00000000-0000-4000-8000-000000000000").await;
    assert_eq!(gone.status, 409);
    for wrong in ["limit=0", "limit=1001", "limit=x"] {
        assert_eq!(node.get(&format!("/api/v1/commits?{wrong}")).await.status, 400, "{wrong}");
    }
    // What they changed is found out meanwhile, and told.
    let mut stream = Stream::open(node.at, "", &[]).await;
    let (path, _) = node.make_show("show.mvr", 6);
    node.station.commit(CommitDraft::from_path(path)).await.unwrap();
    node.json("/api/v1/commits").await;
    let told: Value = serde_json::from_str(&stream.until("rolled_up").await.data).unwrap();
    let list = node.json("/api/v1/commits").await;
    let commit = list["commits"].as_array().unwrap().iter().find(|one| one["file"] == told["file"]).unwrap();
    assert_eq!((&commit["roll_up"], &commit["since"]), (&told["roll_up"], &told["since"]));
    assert!(commit["roll_up"].as_str().is_some_and(|words| !words.is_empty()), "{commit}");
    node.stop().await;
}

// proves: WEB-07
#[tokio::test]
async fn what_is_no_mvr_or_half_sent_or_too_long_leaves_nothing_behind() {
    let mut limits = Limits::default();
    (limits.upload_bytes, limits.uploads) = (100_000, 1);
    limits.upload_idle = Duration::from_millis(300);
    let node = Node::with(&crew(), "A", limits, |options| options).await;
    let left = || {
        let folder = std::fs::read_dir(node.folder.path().join("uploads"));
        folder.map(|entries| entries.count()).unwrap_or(0)
    };
    let path = "/api/v1/commits?file_name=a.mvr";
    let refused = node.order("POST", path, b"no zip at all").await;
    assert_eq!((refused.status, refused.error().contains("not a zip archive")), (422, true));
    let mut damaged = show(2);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let refused = node.order("POST", path, &damaged).await;
    assert_eq!(
        (refused.status, refused.error().contains("a.mvr is damaged")),
        (422, true),
        "{}",
        refused.text()
    );
    assert_eq!(node.order("POST", path, b"").await.status, 422, "empty");
    assert_eq!(node.order("POST", "/api/v1/commits", b"x").await.status, 400, "without a name");
    assert_eq!(node.order("POST", "/api/v1/commits?file_name=..%2F..", b"x").await.status, 400);
    assert_eq!(node.order("POST", "/api/v1/commits?file_name=a.mvr&for=me", b"x").await.status, 400);
    let taken = node.order("POST", "/api/v1/commits?file_name=a.bin&any_file=1", &vec![7; 100_000]).await;
    assert_eq!(
        (taken.status, taken.json()["odd"].is_string()),
        (201, true),
        "as long as may be: {}",
        taken.text()
    );
    assert_eq!(node.order("POST", path, &vec![7; 100_001]).await.status, 413);

    // One that says nothing of its length, and goes on.
    let authorization = format!("Bearer {}", node.token);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        node.at
    );
    let mut stream = tokio::net::TcpStream::connect(node.at).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"186a1\r\n").await.unwrap();
    stream.write_all(&vec![7; 100_001]).await.unwrap();
    let refused = answer(stream).await;
    assert_eq!(refused.status, 413, "{}", refused.text());

    // Half of it, and then nothing; or the sender goes.
    let headers = [("Authorization", authorization.as_str())];
    let mut silent = open(node.at, "POST", path, &headers, Some(50_000)).await;
    silent.write_all(&[7; 25_000]).await.unwrap();
    let mut second = Value::Null;
    for _ in 0..200 {
        let refused = node.order("POST", path, b"x").await;
        if refused.status == 503 {
            second = refused.json();
            break;
        }
    }
    assert!(second["error"].as_str().is_some_and(|words| words.contains("wait for one")), "one at a time");
    let refused = answer(silent).await;
    assert_eq!(refused.status, 408, "{}", refused.text());
    let mut gone = open(node.at, "POST", path, &headers, Some(50_000)).await;
    gone.write_all(&[7; 25_000]).await.unwrap();
    drop(gone);
    // The place is free again when nothing is left of it.
    in_time(async {
        while node.order("POST", path, b"x").await.status == 503 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(left(), 0, "nothing is left");
    assert_eq!(node.json("/api/v1/commits").await["total"], 1);
    node.stop().await;
}

#[tokio::test]
async fn what_a_killed_run_left_of_an_upload_is_gone_at_the_next_start() {
    let node = Node::start(&crew(), "A").await;
    let folder = node.folder.path().join("uploads");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("upload-old"), b"half").unwrap();
    let options = mvrx_web::Options::station(node.station.clone(), node.folder.path());
    let second = mvrx_web::Web::start(options, mvrx_web::Listen::Usual).unwrap();
    assert!(!folder.join("upload-old").exists());
    second.stop().await;
    node.stop().await;
}

#[tokio::test]
async fn a_transfer_that_nobody_gives_fails_in_words_and_is_not_ended_twice() {
    let bus = crew();
    let mut a = Node::start(&bus, "A").await;
    let b = Node::start(&bus, "B").await;
    a.joined().await;
    let none = a
        .order_json("POST", "/api/v1/transfers", &json!({ "file": "00000000-0000-4000-8000-000000000000" }))
        .await;
    assert_eq!(none.status, 404);
    let (path, _) = b.make_show("show.mvr", 3);
    let commit = b.station.commit(CommitDraft::from_path(path)).await.unwrap();
    a.until(|event| matches!(event, Event::CommitSeen { .. })).await;
    // Its only holder is not asked: another station is named, which is none of the group.
    let stranger = "11111111-1111-4111-8111-111111111111";
    let wish = json!({ "file": commit.file.to_string(), "from": stranger });
    let begun = a.order_json("POST", "/api/v1/transfers", &wish).await;
    let id = begun.json()["transfer"]["id"].as_str().unwrap().to_owned();
    let failed = ended(&a, &id).await;
    assert_eq!((failed["state"].as_str(), failed["reason"].is_string()), (Some("failed"), true), "{failed}");
    let late = a.order("DELETE", &format!("/api/v1/transfers/{id}"), b"").await;
    assert_eq!(late.status, 409);
    assert_eq!(a.order("DELETE", "/api/v1/transfers/99", b"").await.status, 404);
    let wrong = a
        .order_json("POST", "/api/v1/transfers", &json!({ "file": commit.file.to_string(), "from": "B" }))
        .await;
    assert_eq!(wrong.status, 400);
    a.stop().await;
    b.stop().await;
}
