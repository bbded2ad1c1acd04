//! What an author takes back on one side is gone on the other.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_bridge::Bridge;
use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_station::Station;
use mvrx_store::{MemStore, Store};
use support::*;

async fn lists_not(who: &Station, file: FileUuid) {
    until("the commit leaves the list", || async {
        let listed = who.commits().await.unwrap();
        match listed.iter().any(|info| info.commit.file == file) {
            true => Err("it is listed".to_owned()),
            false => Ok(()),
        }
    })
    .await;
}

// proves: BRG-27
#[tokio::test]
async fn a_commit_that_is_withdrawn_on_one_side_leaves_the_lists_of_the_other() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let store = MemStore::new();
    let (bridge, _news) = Bridge::start(options(&bus, 100, &url).store(store.clone())).await.unwrap();
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    let mut kept = Vec::new();
    for (author, other, name) in [(&desk, &remote, "a"), (&remote, &desk, "b")] {
        let mut made = Vec::new();
        for n in 1..=2 {
            let name = format!("{name}{n}.mvr");
            let made_one = commit(author, &show(folder.path(), &name, 10_000), &name, &[]).await;
            knows(other, made_one.file).await;
            made.push(made_one.file);
        }
        assert!(author.withdraw(made[0]).await.unwrap());
        lists_not(other, made[0]).await;
        knows(other, made[1]).await;
        kept.push(made);
    }
    lists_not(&rack, kept[0][0]).await;
    assert_eq!(store.withdrawn().unwrap(), [kept[0][0], kept[1][0]].into(), "it is remembered");
    // A bridge that starts anew carries the others alone.
    bridge.stop().await;
    let (_bridge, _news) = Bridge::start(options(&bus, 100, &url).store(store)).await.unwrap();
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    for (other, made) in [(&remote, &kept[0]), (&desk, &kept[1])] {
        knows(other, made[1]).await;
        lists_not(other, made[0]).await;
    }
}
