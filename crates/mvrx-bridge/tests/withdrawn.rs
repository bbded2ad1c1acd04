//! What an author takes back on one side is gone on the other.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_bridge::Bridge;
use mvrx_discovery::MemoryBus;
use mvrx_message::{Commit, FileUuid};
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

// proves: BRG-27
#[tokio::test]
async fn a_commit_for_some_stations_is_withdrawn_on_the_other_side_too() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (_rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let (_bridge, _news) = bridge(&bus, 100, &url).await;
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    for (author, other, to, name) in [(&desk, &remote, 2, "a"), (&remote, &desk, 1, "b")] {
        let name = format!("{name}.mvr");
        let made = commit(author, &show(folder.path(), &name, 10_000), &name, &[to]).await;
        knows(other, made.file).await;
        assert!(author.withdraw(made.file).await.unwrap());
        lists_not(other, made.file).await;
    }
}

// proves: BRG-27
#[tokio::test]
async fn what_is_withdrawn_while_no_bridge_is_there_leaves_the_other_side_when_one_is() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (_rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let store = MemStore::new();
    let (bridge, _news) = Bridge::start(options(&bus, 100, &url).store(store.clone())).await.unwrap();
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    let mut made = Vec::new();
    for (author, other, to, name) in [(&desk, &remote, 2, "a"), (&remote, &desk, 1, "b")] {
        for for_stations in [&[][..], &[to]] {
            let name = format!("{name}{}.mvr", for_stations.len());
            let commit = commit(author, &show(folder.path(), &name, 10_000), &name, for_stations).await;
            knows(other, commit.file).await;
            made.push((author, other, commit.file));
        }
    }
    bridge.stop().await;
    for (author, _, file) in &made {
        assert!(author.withdraw(*file).await.unwrap());
    }
    let (_bridge, _news) = Bridge::start(options(&bus, 100, &url).store(store.clone())).await.unwrap();
    for (_, other, file) in &made {
        lists_not(other, *file).await;
    }
    assert_eq!(store.withdrawn().unwrap(), made.iter().map(|(.., file)| *file).collect());
}

// proves: BRG-27
#[tokio::test]
async fn nobody_takes_back_across_a_bridge_what_another_station_committed() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (_rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let store = MemStore::new();
    let (_bridge, _news) = Bridge::start(options(&bus, 100, &url).store(store.clone())).await.unwrap();
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    let made = commit(&desk, &show(folder.path(), "a.mvr", 10_000), "a", &[2]).await;
    knows(&remote, made.file).await;
    // He has a commit of his own under that FileUUID in his store, which is how he comes to say so.
    let forged = MemStore::new();
    let path = show(folder.path(), "forged.mvr", 100);
    let pending = forged.import(&path, &|_| (), &mvrx_store::Cancel::new()).unwrap();
    let his = Commit {
        station: Some(id(3)),
        for_stations: Vec::new(),
        file_size: 100,
        blake3: None,
        ..made.clone()
    };
    pending.publish(&his, "Default").unwrap();
    let stranger = Station::builder("Stranger").any_file(true).identity(id(3)).timers(quick());
    let stranger = stranger.listen(std::net::SocketAddr::new(HERE, 0)).discovery(bus.attach(HERE));
    let (stranger, _events) = stranger.store(forged).spawn().await.unwrap();
    sees(&remote, 3).await;
    stranger.withdraw(made.file).await.unwrap();
    // What he says after that has come: so that has, too.
    let after = commit(&stranger, &show(folder.path(), "b.mvr", 10_000), "b", &[]).await;
    knows(&remote, after.file).await;
    knows(&remote, made.file).await;
    assert!(store.withdrawn().unwrap().is_empty());
}
