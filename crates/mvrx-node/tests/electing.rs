//! Candidates on loopback, with their elections, hosts and bridges: a person moves one to another group, and it takes part there at once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_discovery::{Discovery, DiscoveryEvent, LanDiscovery, SessionSighting};
use mvrx_message::StationUuid;
use mvrx_node::electing::{Beside, BridgeNews, Part};
use mvrx_node::node::{News, Node};
use mvrx_node::place::Place;
use mvrx_station::{ElectionNews, Event, Heard, KeptPlace, Moves, SessionTarget, Station, kept_place};
use mvrx_store::FsStore;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// No wait here takes longer when it works.
const LIMIT: Duration = Duration::from_secs(60);
/// Who has come into a group and sees another candidate there hosts, or is in its session, within this: 3 s, 2.25 s for the second of the two, and
/// what discovery takes.
const ELECTED: Duration = Duration::from_secs(10);

/// The network of one test: a port of multicast DNS on this machine.
struct Lan {
    folder: tempfile::TempDir,
    port: u16,
}

/// A candidate that runs.
struct Candidate {
    name: &'static str,
    station: Station,
    data: PathBuf,
    news: mpsc::UnboundedReceiver<News>,
    /// Told while something else was waited for.
    member: Option<StationUuid>,
    told: Vec<String>,
}

impl Lan {
    fn new() -> Self {
        let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        Self { folder: tempfile::tempdir().unwrap(), port }
    }

    fn place(&self, name: &str, group: &str) -> Place {
        Place {
            name: name.to_owned(),
            group: group.to_owned(),
            interfaces: vec!["lo".to_owned()],
            peers: Vec::new(),
            mdns_port: self.port,
            any_file: true,
        }
    }

    async fn candidate(&self, name: &'static str, group: &str, priority: u32) -> Candidate {
        let data = self.folder.path().join(name);
        let place = self.place(name, group);
        // Nobody follows anybody, but whom it elected.
        let part = Part::new(priority, Moves::Never, 8);
        let describe = place
            .station()
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .store(FsStore::open(&data).unwrap())
            .moves(Moves::Never)
            .keep_place_in(&data)
            .candidate(part.candidate);
        let (station, events) = place.join(describe, None).unwrap().spawn().await.unwrap();
        let mut node = Node::new(station.clone(), events, &data);
        node.elect(part, &place).unwrap();
        let (tell, news) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // Until the station has stopped, or the test has ended.
            while let Ok(told) = node.next().await {
                if tell.send(told).is_err() {
                    break;
                }
            }
        });
        Candidate { name, station, data, news, member: None, told: Vec::new() }
    }

    /// The session of an elected host that is shown for this group.
    async fn session_of(&self, group: &str) -> SessionSighting {
        let mut looking = LanDiscovery::start(self.place("looks", group).options()).unwrap();
        looking.look_for_sessions().unwrap();
        let found = async {
            loop {
                if let Some(DiscoveryEvent::Session(seen)) = looking.next().await
                    && seen.group == group
                    && seen.elected.is_some()
                {
                    return seen;
                }
            }
        };
        timeout(LIMIT, found).await.unwrap_or_else(|_| panic!("no session of {group} is shown"))
    }
}

impl Candidate {
    async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&News) -> Option<T>) -> T {
        let end = Instant::now() + LIMIT;
        loop {
            let Ok(Some(news)) = tokio::time::timeout_at(end, self.news.recv()).await else {
                panic!("{} never told: {what}; it told {:#?}", self.name, self.told)
            };
            if let Some(found) = wanted(&news) {
                return found;
            }
            if let News::Electing(Beside::Election(ElectionNews::Member { host })) = &news {
                self.member = Some(*host);
            }
            self.told.push(format!("{news:?}"));
        }
    }

    /// It hosts for this group, and has a bridge there; where it does.
    async fn hosts_for(&mut self, group: &str) -> String {
        let (of, url) = self
            .until("it hosts", |news| match news {
                News::Electing(Beside::Election(ElectionNews::Hosting { group, url })) => {
                    Some((group.clone(), url.clone()))
                }
                _ => None,
            })
            .await;
        assert_eq!(of.as_str(), group, "{}", self.name);
        // Whether its bridge begins first, or it is one of its own session, is not laid down.
        self.member = None;
        self.until("its bridge begins", |news| {
            matches!(news, News::Electing(Beside::Bridge(BridgeNews::Begins(_)))).then_some(())
        })
        .await;
        url
    }

    async fn is_member(&mut self) -> StationUuid {
        if let Some(host) = self.member.take() {
            return host;
        }
        self.until("it is one of an elected host's session", |news| match news {
            News::Electing(Beside::Election(ElectionNews::Member { host })) => Some(*host),
            _ => None,
        })
        .await
    }

    async fn is_in(&mut self, wanted: &SessionTarget) {
        self.until("it is where a person moved it", |news| match news {
            News::Heard(Heard::Event(seen)) => {
                matches!(&seen.event, Event::Moved { to, .. } if to == wanted).then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// It has told nothing more of its host or of being one of a session.
    fn tells_nothing_of_hosts(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            assert!(!matches!(news, News::Electing(Beside::Election(_))), "{}: {news:?}", self.name);
        }
    }

    async fn host(&self) -> Option<StationUuid> {
        self.station.session().await.unwrap().and_then(|session| session.host)
    }
}

fn group(name: &str) -> SessionTarget {
    SessionTarget::Group(name.parse().unwrap())
}

fn kept(data: &Path) -> Option<KeptPlace> {
    kept_place(data).unwrap()
}

// proves: ELE-16
#[tokio::test]
async fn a_candidate_that_a_person_moves_to_another_group_elects_there_at_once_and_back() {
    let lan = Lan::new();
    let mut a = lan.candidate("A", "Default", 30).await;
    let mut b = lan.candidate("B", "Default", 20).await;
    let mut c = lan.candidate("C", "Default", 10).await;
    let mut d = lan.candidate("D", "Tour", 5).await;
    a.hosts_for("Default").await;
    let first = a.is_member().await;
    assert_eq!((b.is_member().await, c.is_member().await), (first, first));

    // A, whose host is asked to move the session, follows nobody: C goes alone.
    c.station.move_to(group("Tour"), true).await.unwrap();
    let begun = Instant::now();
    c.is_in(&group("Tour")).await;
    c.hosts_for("Tour").await;
    let second = c.is_member().await;
    assert_eq!(d.is_member().await, second);
    let took = begun.elapsed();
    assert!(took < ELECTED, "it took {took:?}");
    assert_ne!(first, second);
    let shown = lan.session_of("Tour").await;
    assert_eq!((shown.station, shown.station_name.as_str()), (second, "C"));
    let shown = lan.session_of("Default").await;
    assert_eq!((shown.station, shown.station_name.as_str()), (first, "A"));
    // The next start is there, wherever its election has sent it since.
    let place = kept(&c.data).unwrap();
    assert_eq!((place.group.as_str(), place.session), ("Tour", None));
    assert_eq!((a.host().await, b.host().await), (Some(first), Some(first)));
    a.tells_nothing_of_hosts();
    b.tells_nothing_of_hosts();

    // And back: C's session stays with D, who succeeds it for that group, and C is one of A's session at once.
    c.station.move_to(group("Default"), true).await.unwrap();
    let begun = Instant::now();
    c.is_in(&group("Default")).await;
    assert_eq!(c.is_member().await, first);
    let url = d.hosts_for("Tour").await;
    let third = d.is_member().await;
    let took = begun.elapsed();
    assert!(took < ELECTED, "it took {took:?}");
    assert_ne!(third, second);
    let place = kept(&c.data).unwrap();
    assert_eq!((place.group.as_str(), place.session), ("Default", None));
    a.tells_nothing_of_hosts();
    b.tells_nothing_of_hosts();

    // Moved into D's session, A succeeds D in its group; B takes over in the one that it left.
    a.station.move_to(SessionTarget::Url(url), true).await.unwrap();
    assert_eq!(a.is_member().await, third);
    b.hosts_for("Default").await;
    d.station.stop().await;
    a.hosts_for("Tour").await;
    let shown = lan.session_of("Tour").await;
    assert_eq!((shown.station, shown.station_name.as_str()), (first, "A"));
}
