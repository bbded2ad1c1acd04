//! What is described is what is answered.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use mvrx_station::CommitDraft;
use serde_json::Value;
use support::{Node, crew};

/// `docs/openapi.json` is what the code says; `MVRX_WRITE_OPENAPI=1` writes it.
#[tokio::test]
async fn the_description_in_docs_is_that_of_the_code() {
    let node = Node::start(&crew(), "A").await;
    let told = node.json("/api/v1/openapi.json").await;
    node.stop().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&told).unwrap());
    if std::env::var_os("MVRX_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/openapi.json is older than the code: MVRX_WRITE_OPENAPI=1 writes it anew");
}

#[tokio::test]
async fn documents_have_the_fields_that_are_described_and_no_others() {
    let node = Node::start(&crew(), "A").await;
    let (path, _) = node.make_show("a.mvr", 1);
    let file = node.station.commit(CommitDraft::from_path(path)).await.unwrap().file.to_string();
    let described = node.json("/api/v1/openapi.json").await;
    let mut compared = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        let schema = &methods["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let query = if path.ends_with("/diff") || path.ends_with("plan.json") {
            "?from=latest&to=latest"
        } else {
            ""
        };
        let asked = path.replace("{id}", &file);
        let skipped = ["/api/v1/groups", "/api/v1/doctor", "/api/v1/mixer", "/api/v1/openapi.json"];
        if schema["properties"].is_null() || skipped.contains(&path.as_str()) {
            continue;
        }
        let told = node.json(&format!("{asked}{query}")).await;
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&told), keys(&schema["properties"]), "{path}");
        for (name, value) in told.as_object().unwrap() {
            let kinds = &schema["properties"][name]["type"];
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "integer",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            let fits =
                kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
            assert!(fits, "{path}: {name} is {kind}, told as {kinds}");
        }
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
    node.stop().await;
}

#[tokio::test]
async fn figures_are_as_prometheus_reads_them() {
    let node = Node::start(&crew(), "A").await;
    let (path, bytes) = node.make_show("a.mvr", 1);
    node.station.commit(CommitDraft::from_path(path)).await.unwrap();
    let text = node.get("/metrics").await.text();
    for line in text.lines() {
        let is_comment = line.starts_with("# HELP mvrx_") || line.starts_with("# TYPE mvrx_");
        let number = line.split_once(' ').and_then(|(_, number)| number.parse::<u64>().ok());
        assert!(is_comment || number.is_some(), "{line}");
    }
    assert!(text.contains("\nmvrx_commits 1\n") && text.contains("\nmvrx_web_requests_total 1\n"), "{text}");
    assert!(text.contains(&format!("\nmvrx_commits_held_bytes {}\n", bytes.len())), "{text}");
    node.stop().await;
}
