//! The page on the messages names every quirk.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use mvrx_message::Quirk;

#[test]
fn the_page_on_the_messages_names_every_quirk() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/messages.md");
    let page = std::fs::read_to_string(page).unwrap();
    let missing: Vec<_> = Quirk::ALL.iter().filter(|q| !page.contains(&format!("`{q}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
