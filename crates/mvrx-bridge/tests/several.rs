//! Several bridges: one of two works, and in a ring nobody is there twice and nothing goes around.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_bridge::{News, Side};
use mvrx_discovery::{Discovery, DiscoveryEvent, MemoryBus};
use mvrx_message::{BridgeMark, Ours};
use mvrx_station::{Membership, Station};
use support::*;

// proves: BRG-06
#[tokio::test]
async fn of_two_bridges_the_lower_works_and_the_other_takes_over() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (_rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let (first, mut first_news) = bridge(&bus, 100, &url).await;
    hears(&mut first_news, |news| matches!(news, News::AtWork)).await;
    let (_second, mut second_news) = bridge(&bus, 101, &url).await;
    hears(&mut second_news, |news| *news == News::Waits { bridge: id(100) }).await;
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    first.stop().await;
    hears(&mut second_news, |news| matches!(news, News::AtWork)).await;
    let mut missing = vec![(Side::Host, id(1)), (Side::Lan, id(2))];
    while !missing.is_empty() {
        let told = hears(&mut second_news, |news| matches!(news, News::Appeared { .. })).await;
        let News::Appeared { side, station, .. } = told else { unreachable!() };
        missing.retain(|wanted| *wanted != (side, station));
    }
    let path = show(folder.path(), "rig.mvr", 100_000);
    let made = commit(&desk, &path, "by the second", &[]).await;
    knows(&remote, made.file).await;
    assert_eq!(fetch(&remote, made.file).await, std::fs::read(&path).unwrap());
}

// proves: BRG-03, BRG-07, BRG-08
#[tokio::test]
async fn in_a_ring_of_four_bridges_everybody_is_there_once_and_every_commit_arrives_once() {
    let (left, right, folder) = (MemoryBus::new(), MemoryBus::new(), tempfile::tempdir().unwrap());
    let ((_one, first), (_two, second)) = (host(200, 0).await, host(201, 0).await);
    let (a, b) = (in_group(&left, 1, "A", "x").await, in_group(&right, 2, "B", "x").await);
    let (c, d) = (in_session(&first, 3, "C", "x").await, in_session(&second, 4, "D", "x").await);
    let mut bridges = Vec::new();
    for (n, bus, url) in
        [(100, &left, &first), (101, &right, &first), (102, &right, &second), (103, &left, &second)]
    {
        bridges.push(bridge(bus, n, url).await);
    }
    for (who, others) in [(&a, [2, 3, 4]), (&b, [1, 3, 4])] {
        for other in others {
            sees(who, other).await;
        }
    }
    for who in [&c, &d] {
        sees(who, 1).await;
        sees(who, 2).await;
    }
    let path = show(folder.path(), "rig.mvr", 200_000);
    let made = commit(&a, &path, "around", &[]).await;
    for who in [&b, &c, &d] {
        knows(who, made.file).await;
        assert_eq!(fetch(who, made.file).await, std::fs::read(&path).unwrap());
    }
    // What goes around would be told or started again and again.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut standing: Vec<(u8, Side, mvrx_message::StationUuid)> = Vec::new();
    for (n, (_, news)) in (100..).zip(&mut bridges) {
        while let Ok(told) = news.try_recv() {
            match told {
                News::Appeared { side, station, .. } => standing.push((n, side, station)),
                News::Disappeared { side, station, .. } => {
                    let gone = standing.iter().position(|s| *s == (n, side, station)).unwrap();
                    standing.remove(gone);
                }
                News::NotStanding { .. } | News::NotCarried { .. } => panic!("{told:?}"),
                _ => {}
            }
        }
    }
    let in_group = |buses: [u8; 2], station: u8| {
        standing
            .iter()
            .filter(|(n, side, s)| *side == Side::Lan && buses.contains(n) && *s == id(station))
            .count()
    };
    for station in [2, 3, 4, 200, 201] {
        assert_eq!(in_group([100, 103], station), 1, "station {station} on the left; {standing:#?}");
    }
    for station in [1, 3, 4, 200, 201] {
        assert_eq!(in_group([101, 102], station), 1, "station {station} on the right; {standing:#?}");
    }
    assert_eq!((in_group([100, 103], 1), in_group([101, 102], 2)), (0, 0));
    let all = a.commits().await.unwrap();
    assert_eq!(all.iter().filter(|info| info.commit.file == made.file).count(), 1);
}

/// The host's disk was lost, say: another StationUUID under the same URL. Who joined the group before that is still a bridge to it.
// proves: BRG-20
#[tokio::test]
async fn bridges_know_each_other_when_their_host_comes_back_under_another_station_uuid() {
    let bus = MemoryBus::new();
    let (rack, url) = host(200, 0).await;
    let (_first, mut first_news) = bridge(&bus, 100, &url).await;
    hears(&mut first_news, |news| matches!(news, News::AtWork)).await;
    let port = rack.address().port();
    rack.stop().await;
    hears(&mut first_news, |news| matches!(news, News::SessionLost { .. })).await;
    let (_rack, again) = host(201, port).await;
    assert_eq!(again, url);
    hears(&mut first_news, |news| *news == News::SessionJoined { host: id(201) }).await;
    let (_second, mut second_news) = bridge(&bus, 101, &url).await;
    hears(&mut second_news, |news| *news == News::Waits { bridge: id(100) }).await;
}

/// Waits until `who` counts a station as one for which this bridge stands in; tells where it listens.
async fn stood_in(who: &Station, n: u8, bridge: u8) -> std::net::SocketAddr {
    until(&format!("bridge {bridge} stands in for station {n}"), || async {
        let all = who.stations().await.unwrap();
        let mark = Some(BridgeMark::StandIn { bridge: id(bridge) });
        let its =
            all.iter().find(|s| s.station == id(n) && s.membership == Membership::Member && s.bridge == mark);
        its.and_then(|s| s.addresses.first().copied()).ok_or_else(|| format!("{all:#?}"))
    })
    .await
}

/// A station went over from the group to the session, and what announced it in the group is believed for a while.
// proves: BRG-19
#[tokio::test]
async fn a_stand_in_stays_beside_an_outdated_announcement_of_its_station() {
    let bus = MemoryBus::new();
    let (_rack, url) = host(200, 0).await;
    let (desk, _remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let (_bridge, mut news) = bridge(&bus, 100, &url).await;
    let at = stood_in(&desk, 2, 100).await;
    // Nobody listens there.
    let before = std::net::TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap();
    let mut eye = bus.attach(HERE);
    let mut outdated = loop {
        match eye.next().await.unwrap() {
            DiscoveryEvent::Sighted(sighting) if sighting.station == Some(id(2)) => break sighting,
            _ => {}
        }
    };
    (outdated.addresses, outdated.ours) = (vec![before, at], Some(Ours::CURRENT));
    bus.inject(&DiscoveryEvent::Sighted(outdated));
    while news.try_recv().is_ok() {}
    // Another station comes to the session and appears: the bridge has looked more than once by then.
    let _later = in_session(&url, 3, "Later", "B").await;
    sees(&desk, 3).await;
    while let Ok(told) = news.try_recv() {
        assert!(!matches!(told, News::Disappeared { .. }), "{told:?}");
    }
    assert_eq!(stood_in(&desk, 2, 100).await, at);
}
