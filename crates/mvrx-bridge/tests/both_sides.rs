//! One bridge between a group and a session: who appears, what is carried, who goes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_bridge::{News, Side};
use mvrx_discovery::MemoryBus;
use mvrx_station::Membership;
use support::*;

// proves: BRG-01, BRG-09, BRG-10, BRG-12
#[tokio::test]
async fn stations_and_files_of_each_side_are_on_the_other() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (_rack, url) = host(200, 0).await;
    let desk = in_group(&bus, 1, "Desk", "GrandMA3").await;
    let remote = in_session(&url, 2, "Remote", "BlenderDMX").await;
    let (bridge, mut news) = bridge(&bus, 100, &url).await;
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    let info = |all: Vec<mvrx_station::StationInfo>, n| all.into_iter().find(|s| s.station == id(n)).unwrap();
    let seen = info(desk.stations().await.unwrap(), 2);
    assert_eq!((seen.name.as_str(), seen.provider.as_str()), ("Remote", "BlenderDMX"));
    let seen = info(remote.stations().await.unwrap(), 1);
    assert_eq!((seen.name.as_str(), seen.provider.as_str()), ("Desk", "GrandMA3"));

    let path = show(folder.path(), "rig.mvr", 3_000_000);
    let made = commit(&desk, &path, "re-hung LX2", &[]).await;
    let known = knows(&remote, made.file).await;
    assert_eq!((known.station, known.comment.as_str()), (Some(id(1)), "re-hung LX2"));
    assert_eq!((known.file_name.as_str(), known.blake3), ("rig.mvr", made.blake3));
    assert_eq!(fetch(&remote, made.file).await, std::fs::read(&path).unwrap());

    let back = show(folder.path(), "back.mvr", 1_000_001);
    let made = commit(&remote, &back, "", &[]).await;
    let known = knows(&desk, made.file).await;
    assert_eq!((known.station, known.file_size), (Some(id(2)), 1_000_001));
    assert_eq!(fetch(&desk, made.file).await, std::fs::read(&back).unwrap());
    hears(
        &mut news,
        |news| matches!(news, News::Carried { side: Side::Lan, file, .. } if *file == made.file),
    )
    .await;

    remote.stop().await;
    misses(&desk, 2).await;
    // What it committed is still there to be fetched.
    assert!(knows(&desk, made.file).await.station == Some(id(2)));
    bridge.stop().await;
    let left = desk.stations().await.unwrap();
    assert!(left.iter().all(|s| s.membership != Membership::Member), "{left:#?}");
}

// proves: BRG-13
#[tokio::test]
async fn a_commit_for_one_station_reaches_it_across_and_nobody_else() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (_rack, url) = host(200, 0).await;
    let desk = in_group(&bus, 1, "Desk", "A").await;
    let (wanted, other) = (in_session(&url, 2, "Wanted", "B").await, in_session(&url, 3, "Other", "B").await);
    let (_bridge, _news) = bridge(&bus, 100, &url).await;
    for n in [2, 3] {
        sees(&desk, n).await;
    }
    for station in [&wanted, &other] {
        sees(station, 1).await;
    }
    let path = show(folder.path(), "secret.mvr", 50_000);
    let made = commit(&desk, &path, "for you", &[2]).await;
    assert_eq!(knows(&wanted, made.file).await.for_stations, [id(2)]);
    assert_eq!(fetch(&wanted, made.file).await, std::fs::read(&path).unwrap());
    // What is for all comes after it, and comes.
    let later = commit(&desk, &path, "for all", &[]).await;
    knows(&other, later.file).await;
    assert!(other.commits().await.unwrap().iter().all(|info| info.commit.file != made.file));

    let answer = commit(&wanted, &path, "for the desk", &[1]).await;
    assert_eq!(fetch_when_known(&desk, answer.file).await, std::fs::read(&path).unwrap());
}

async fn fetch_when_known(who: &mvrx_station::Station, file: mvrx_message::FileUuid) -> Vec<u8> {
    knows(who, file).await;
    fetch(who, file).await
}

#[tokio::test]
async fn a_renamed_station_is_renamed_across() {
    let bus = MemoryBus::new();
    let (_rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let (_bridge, _news) = bridge(&bus, 100, &url).await;
    sees(&remote, 1).await;
    desk.rename("FOH desk").await.unwrap();
    until("the new name", || async {
        let all = remote.stations().await.unwrap();
        let named = all.iter().any(|s| s.station == id(1) && s.name == "FOH desk");
        if named { Ok(()) } else { Err(format!("{all:#?}")) }
    })
    .await;
}

// proves: BRG-14
#[tokio::test]
async fn a_host_that_is_lost_and_comes_back_gets_what_was_committed_meanwhile() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (rack, url) = host(200, 0).await;
    let port = rack.address().port();
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let (_bridge, mut news) = bridge(&bus, 100, &url).await;
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    rack.stop().await;
    hears(&mut news, |news| matches!(news, News::SessionLost { .. })).await;
    let path = show(folder.path(), "rig.mvr", 400_000);
    let made = commit(&desk, &path, "while it was gone", &[]).await;
    let (_rack, again) = host(200, port).await;
    assert_eq!(again, url);
    assert_eq!(fetch_when_known(&remote, made.file).await, std::fs::read(&path).unwrap());
    sees(&desk, 2).await;
}
