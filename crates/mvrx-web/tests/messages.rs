//! Aim: what was said can be read, followed and saved.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::{Node, Stream, crew};

fn types(messages: &Value) -> Vec<(String, String)> {
    let messages = messages.as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    messages.iter().map(|one| (text(&one["direction"]), text(&one["type"]))).collect()
}

fn has(messages: &Value, direction: &str, kind: &str) -> bool {
    types(messages).iter().any(|(d, k)| d == direction && k == kind)
}

// proves: WEB-10
#[tokio::test]
async fn every_message_in_and_out_is_read_followed_and_saved() {
    let bus = crew();
    let mut node = Node::start(&bus, "A").await;
    let mut following = Stream::open(node.at, "?messages=1", &[]).await;
    following.next().await.unwrap();
    let mut silent = Stream::open(node.at, "", &[]).await;
    silent.next().await.unwrap();
    let other = Node::start(&bus, "B").await;
    node.joined().await;

    let told: Value = serde_json::from_str(&following.until("message").await.data).unwrap();
    assert_eq!((&told["number"], &told["what"]), (&1.into(), &"connected".into()), "{told}");
    loop {
        let told: Value = serde_json::from_str(&following.until("message").await.data).unwrap();
        if told["type"] == "MVR_JOIN_RET" {
            break;
        }
    }
    node.feed.tell("up", r#"{"schema":1}"#);
    assert_eq!(silent.until("up").await.event, "up");

    let all = node.json("/api/v1/messages").await;
    let messages = &all["messages"];
    assert!(has(messages, "in", "MVR_JOIN") || has(messages, "out", "MVR_JOIN"), "{messages}");
    let last = all["last"].as_u64().unwrap();
    assert!(last >= 3 && all["first"] == 1, "{all}");
    let rest = node.json("/api/v1/messages?after=1&limit=1").await;
    assert_eq!(rest["messages"][0]["number"], 2);
    assert_eq!(rest["messages"].as_array().unwrap().len(), 1);
    assert!(
        node.json(&format!("/api/v1/messages?after={}", u64::MAX)).await["messages"] == Value::Array(vec![])
    );
    for wrong in ["limit=0", "limit=1001", "after=x"] {
        assert_eq!(node.get(&format!("/api/v1/messages?{wrong}")).await.status, 400, "{wrong}");
    }

    let saved = node.get("/api/v1/messages.jsonl").await;
    assert_eq!(saved.header("content-disposition").unwrap(), "attachment; filename=\"mvrx-messages.jsonl\"");
    let text = saved.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() as u64 >= last, "{text}");
    assert!(lines.iter().all(|line| line["schema"] == 1));
    other.stop().await;
    node.stop().await;
}
