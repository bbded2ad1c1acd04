//! History, differences, plans, settings, moves, the doctor: what a station that runs is asked and told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_file::generate::Recipe;
use mvrx_file::{Diff, MvrFile};
use mvrx_node::place::Place;
use mvrx_station::{CommitDraft, Event};
use mvrx_store::Tags;
use mvrx_web::Limits;
use serde_json::{Value, json};
use support::{Node, Stream, crew, in_time, open};

fn place() -> Place {
    Place {
        name: "A".to_owned(),
        group: "Default".to_owned(),
        interfaces: vec!["lo".to_owned()],
        peers: Vec::new(),
        mdns_port: 42_499,
        any_file: false,
    }
}

#[tokio::test]
async fn the_history_a_difference_and_a_plan_are_those_of_the_files() {
    let node = Node::start(&crew(), "A").await;
    let (old, new) = (Recipe::new(1).fixtures(30).to_bytes(), Recipe::new(1).fixtures(40).to_bytes());
    let mut ids = Vec::new();
    for (number, bytes) in [&old, &new].into_iter().enumerate() {
        let path = node.folder.path().join("show.mvr");
        std::fs::write(&path, bytes).unwrap();
        let draft = CommitDraft::from_path(path).comment(format!("revision {number}"));
        ids.push(node.station.commit(draft).await.unwrap().file.to_string());
    }
    Tags::of(node.folder.path()).give("premiere", ids[0].parse().unwrap()).unwrap();

    let history = node.json("/api/v1/history").await;
    let revisions = history["revisions"].as_array().unwrap();
    let told: Vec<_> = revisions.iter().map(|revision| revision["file"].as_str().unwrap()).collect();
    assert_eq!(told, [ids[1].as_str(), ids[0].as_str()], "the newest first");
    assert_eq!((&revisions[1]["tags"], &revisions[0]["form"]), (&json!(["premiere"]), &json!("whole")));
    assert_eq!(node.json("/api/v1/history?limit=1").await["revisions"].as_array().unwrap().len(), 1);
    assert_eq!(node.json("/api/v1/history?group=Other").await["revisions"], json!([]));

    let read = |bytes: &Vec<u8>| {
        MvrFile::read(std::io::Cursor::new(bytes.clone()), &mvrx_file::Limits::default()).unwrap()
    };
    // Read back from its text, as the answer is.
    let expected = serde_json::to_string(&Diff::between(&read(&old), &read(&new))).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let diff = node.json(&format!("/api/v1/diff?from={}&to=latest", ids[0])).await;
    assert!(diff["diff"] == expected, "{}", diff["diff"]["sentence"]);
    assert_eq!((&diff["from"], &diff["to"]), (&json!(ids[0]), &json!(ids[1])));

    let plan = node.get(&format!("/api/v1/plan?from={}&to={}&theme=dark", ids[0], ids[1])).await;
    assert_eq!((plan.status, plan.header("content-type")), (200, Some("image/svg+xml")));
    assert!(plan.text().starts_with("<svg"), "{}", &plan.text()[..80]);
    let data = node.json(&format!("/api/v1/plan.json?from={}&to={}", ids[0], ids[1])).await;
    let items = data["plan"]["items"].as_array().unwrap();
    let added = items.iter().filter(|item| item["mark"]["added"] == true).count() as u64;
    assert_eq!(added, expected["counts"]["added"].as_u64().unwrap(), "{}", expected["counts"]);
    let alone = node.json(&format!("/api/v1/plan.json?to={}", ids[0])).await;
    assert!(alone["from"].is_null() && alone["plan"]["sentence"].is_null());

    for (path, status) in [
        ("/api/v1/diff?from=latest", 400),
        ("/api/v1/diff?to=latest", 400),
        ("/api/v1/plan?to=latest&theme=pink", 400),
        ("/api/v1/plan?to=abc", 400),
        ("/api/v1/plan?to=..%2f..%2fetc", 400),
        ("/api/v1/plan?to=00000000-0000-4000-8000-000000000000", 404),
        ("/api/v1/history?limit=0", 400),
    ] {
        let refused = node.get(path).await;
        assert_eq!((refused.status, refused.error().is_empty()), (status, false), "{path}");
    }
    node.stop().await;
}

#[tokio::test]
async fn name_and_group_are_set_and_what_cannot_be_is_told_in_words() {
    let bus = crew();
    let mut a = Node::start(&bus, "A").await;
    let b = Node::start(&bus, "B").await;
    a.joined().await;
    let set = a.order_json("PUT", "/api/v1/settings", &json!({ "name": " FOH desk " })).await;
    assert_eq!((set.status, set.json()["name"].as_str()), (200, Some("FOH desk")), "{}", set.text());
    assert_eq!(a.json("/api/v1/status").await["name"], "FOH desk");
    let renamed = in_time(async {
        loop {
            let stations = b.station.stations().await.unwrap();
            if let Some(station) = stations.into_iter().find(|station| station.name == "FOH desk") {
                return station.station;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(renamed.await, a.station.uuid());
    let set = a.order_json("PUT", "/api/v1/settings", &json!({ "group": "Stage" })).await;
    assert_eq!((set.status, set.json()["group"].as_str()), (200, Some("Stage")), "{}", set.text());
    for (wish, status) in [
        (json!({ "name": "" }), 400),
        (json!({ "name": "a\nb" }), 400),
        (json!({ "name": "x".repeat(64) }), 400),
        (json!({ "group": "" }), 409),
        (json!({ "nme": "x" }), 400),
        (json!([]), 400),
    ] {
        let refused = a.order_json("PUT", "/api/v1/settings", &wish).await;
        assert_eq!(
            (refused.status, refused.error().is_empty()),
            (status, false),
            "{wish}: {}",
            refused.text()
        );
    }
    assert_eq!(a.json("/api/v1/settings").await["name"], "FOH desk", "nothing of it was done");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_move_is_led_proposed_accepted_once_and_its_end_is_told() {
    let bus = crew();
    let mut a = Node::start(&bus, "A").await;
    let mut b = Node::start(&bus, "B").await;
    let mut stream = Stream::open(a.at, "", &[]).await;
    stream.next().await.unwrap();
    a.joined().await;
    b.joined().await;
    let wish = json!({ "group": "Stage", "force": false });
    let lead = b.order_json("POST", "/api/v1/moves", &wish);
    let follow = async {
        a.until(|event| matches!(event, Event::MoveProposed { .. })).await;
        let proposals = in_time(async {
            loop {
                let told = a.json("/api/v1/proposals").await["proposals"].clone();
                if told.as_array().is_some_and(|told| !told.is_empty()) {
                    return told;
                }
            }
        });
        let proposal = proposals.await[0].clone();
        assert_eq!((proposal["group"].as_str(), proposal["name"].as_str()), (Some("Stage"), Some("B")));
        let path = format!("/api/v1/proposals/{}", proposal["proposal"]);
        let accepted = a.order_json("POST", &path, &json!({ "accept": true })).await;
        assert_eq!(accepted.status, 204, "{}", accepted.text());
        assert_eq!(a.order_json("POST", &path, &json!({ "accept": false })).await.status, 404, "once");
        a.until(|event| matches!(event, Event::Moved { .. })).await;
    };
    let (led, ()) = tokio::join!(in_time(lead), follow);
    assert_eq!(led.status, 200, "{}", led.text());
    let led = led.json();
    assert_eq!(
        (led["moved"].as_u64(), led["stayed"].as_u64(), led["group"].as_str()),
        (Some(1), Some(0), Some("Stage"))
    );
    assert_eq!(
        (led["answers"][0]["answer"].as_str(), led["answers"][0]["name"].as_str()),
        (Some("moved"), Some("A"))
    );
    in_time(async {
        while a.json("/api/v1/status").await["group"] != "Stage" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for wrong in [json!({}), json!({ "group": "a", "session": "ws://x/" }), json!({ "session": "http://x/" })]
    {
        assert_eq!(b.order_json("POST", "/api/v1/moves", &wrong).await.status, 400, "{wrong}");
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn one_looks_for_what_is_wrong_at_a_time_and_whoever_goes_gives_it_up() {
    let node = Node::with(&crew(), "A", Limits::default(), |options| options.place(place())).await;
    assert_eq!(node.get("/api/v1/doctor").await.status, 404, "nobody has looked");
    let authorization = format!("Bearer {}", node.token);
    let first = open(node.at, "POST", "/api/v1/doctor", &[("Authorization", &authorization)], None).await;
    let refused = in_time(async {
        loop {
            let path = "/api/v1/doctor";
            let second = open(node.at, "POST", path, &[("Authorization", &authorization)], None).await;
            let answered =
                tokio::time::timeout(std::time::Duration::from_millis(300), support::answer(second));
            if let Ok(refused) = answered.await {
                return refused;
            }
        }
    })
    .await;
    assert_eq!((refused.status, refused.error().contains("already")), (409, true));
    drop(first);
    assert_eq!(node.get("/api/v1/doctor").await.status, 404);
    let none = Node::start(&crew(), "B").await;
    assert_eq!(
        none.order("POST", "/api/v1/doctor", b"").await.status,
        404,
        "it does not look at the network"
    );
    assert_eq!(none.get("/api/v1/groups").await.status, 404);
    none.stop().await;
    node.stop().await;
}

#[tokio::test]
async fn mixers_rooms_are_listed_with_their_figures_where_they_are_served() {
    let server = mixer::Server::builder().address(([127, 0, 0, 1], 0).into()).spawn().unwrap();
    let (addresses, reader) = (server.local_addresses().to_vec(), server.metrics_reader());
    let node =
        Node::with(&crew(), "A", Limits::default(), |options| options.mixer(addresses.clone(), reader)).await;
    let told = node.json("/api/v1/mixer").await;
    assert_eq!((&told["rooms"], told["metrics"]["rooms"].as_u64()), (&json!([]), Some(0)), "{told}");
    assert_eq!(told["addresses"], json!([addresses[0].to_string()]));
    assert_eq!(node.json("/api/v1/status").await["mixer"], Value::Bool(true));
    server.shutdown().await;
    assert_eq!(node.get("/api/v1/mixer").await.status, 404);
    node.stop().await;
}
