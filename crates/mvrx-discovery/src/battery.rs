//! What every [`Discovery`] must do, as tests that any implementation can run. Feature `battery`.
//!
//! An implementation says in a [`Rig`] how several of its discoveries come to be on one network; [`discovery_battery!`](crate::discovery_battery) then makes one test
//! per case. [`quiet_discovery_battery!`](crate::quiet_discovery_battery) makes those that hold for a discovery that carries no advertisements, as a fixed list.
//!
//! In a test file: `mvrx_discovery::discovery_battery!(MyRig::new());`
//!
//! Every wait ends with the event it is for; [`Rig::patience`] only bounds how long a failing test takes.

// This is test code: a failed expectation is a panic.
#![allow(clippy::panic, clippy::expect_used)]

use std::fmt::Debug;
use std::time::Duration;

use mvrx_message::{BridgeMark, GroupName, StationUuid};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Advertisement, Discovery, DiscoveryError, DiscoveryEvent, Sighting, SightingKey};

/// Makes discoveries on one network of their own.
pub trait Rig {
    /// Another discovery on this rig's network.
    fn discovery(&mut self) -> Box<dyn Discovery>;

    /// A discovery that will show something, and whatever has to live for that.
    fn one_that_sees(&mut self) -> (Box<dyn Discovery>, Vec<Box<dyn Discovery>>) {
        let mut other = self.discovery();
        other.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
        (self.discovery(), vec![other])
    }

    /// How long a failing test may wait for its event.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How long a suspected station has to answer.
    fn verified_within(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether a station that goes from two groups into one of them is seen all the time, however slow the machine is.
    fn is_seen_without_a_gap(&self) -> bool {
        true
    }
}

/// One `#[tokio::test]` per case, each with a rig of its own.
#[macro_export]
macro_rules! discovery_battery {
    ($rig:expr) => {
        $crate::discovery_battery!(@cases $rig;
            shows_a_station_that_was_there_before
            shows_a_station_that_comes_later
            a_withdrawn_station_vanishes
            a_station_that_shuts_down_vanishes
            another_advertisement_replaces_the_first
            a_station_may_be_in_two_groups_and_then_in_either
            does_not_show_the_station_itself
            a_bridge_does_not_see_whom_it_stands_in_for
            stations_of_one_name_in_one_group_are_separate
            shows_groups_of_any_utf8
            a_suspected_station_that_answers_stays
            refuses_what_nobody_could_use
        );
        $crate::quiet_discovery_battery!($rig);
    };
    (@cases $rig:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::battery::$case(&mut $rig).await;
            }
        )*
    };
}

/// The cases that need no advertisement to arrive anywhere.
#[macro_export]
macro_rules! quiet_discovery_battery {
    ($rig:expr) => {
        $crate::discovery_battery!(@cases $rig;
            a_dropped_next_loses_nothing
            unknown_keys_do_no_harm
            shutdown_ends_in_time
        );
    };
}

/// A station advertised before a discovery begins is shown with all it said.
pub async fn shows_a_station_that_was_there_before(rig: &mut impl Rig) {
    let mut desk = rig.discovery();
    desk.advertise(&advertisement(1, "FOH 1.2", "Default")).expect("it can be advertised");
    let mut hub = rig.discovery();
    let shown = Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
    assert_eq!(shown.key, SightingKey::Station(station(1)));
    assert_eq!(shown.station_name.as_deref(), Some("FOH 1.2"));
    assert_eq!(shown.group.as_deref(), Some("Default"));
    assert!(shown.ours.is_some(), "one of ours");
    assert!(!shown.addresses.is_empty() && shown.addresses.iter().all(|a| a.port() == port(1)), "{shown:?}");
}

/// One that comes later is shown as well.
pub async fn shows_a_station_that_comes_later(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    hub.advertise(&advertisement(2, "Hub", "Default")).expect("it can be advertised");
    Watched::new(rig, &mut desk).with(&mut hub).sighting(|s| s.station == Some(station(2))).await;
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
}

/// A goodbye is understood.
pub async fn a_withdrawn_station_vanishes(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
    desk.withdraw();
    Watched::new(rig, &mut hub).with(&mut desk).vanishing(station(1)).await;
    desk.withdraw();
}

/// So is the goodbye of one that ends.
pub async fn a_station_that_shuts_down_vanishes(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
    desk.shutdown().await;
    Watched::new(rig, &mut hub).vanishing(station(1)).await;
}

/// A new group, name and port of one station replace the old ones under the same key.
pub async fn another_advertisement_replaces_the_first(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.group.as_deref() == Some("Default")).await;
    let mut moved = advertisement(1, "Desk", "Stage");
    moved.port = 50_001;
    desk.advertise(&moved).expect("it can be advertised");
    let is_moved =
        |s: &Sighting| s.group.as_deref() == Some("Stage") && s.addresses.iter().all(|a| a.port() == 50_001);
    let shown = Watched::new(rig, &mut hub).with(&mut desk).sighting(is_moved).await;
    assert_eq!(shown.key, SightingKey::Station(station(1)));
}

// proves: DIS-TWO-GROUPS
/// One that changes its group is shown in both, then in one of the two alone, and is never gone meanwhile, where that is promised.
pub async fn a_station_may_be_in_two_groups_and_then_in_either(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    let (old, new) = (advertisement(1, "Desk", "Default"), advertisement(1, "Desk", "Stage"));
    assert_eq!(desk.advertise_also(&new), Err(DiscoveryError::NothingAdvertised));
    let groups = |s: &Sighting| -> Vec<String> {
        let mut groups: Vec<String> = s.group.iter().chain(&s.also_in).cloned().collect();
        groups.sort_unstable();
        groups
    };
    desk.advertise(&old).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| groups(s) == ["Default"]).await;
    for last in [&old, &new] {
        desk.advertise_also(&new).expect("it can be advertised as well");
        let mut watched = Watched::new(rig, &mut hub).with(&mut desk);
        let both = watched.sighting(|s| groups(s) == ["Default", "Stage"]).await;
        assert_eq!(both.key, SightingKey::Station(station(1)));
        let mut seen = watched.seen;
        desk.advertise(last).expect("it can be advertised");
        let mut watched = Watched::new(rig, &mut hub).with(&mut desk);
        watched.sighting(|s| groups(s) == [last.group.as_str()]).await;
        seen.append(&mut watched.seen);
        let gone = |event: &DiscoveryEvent| matches!(event, DiscoveryEvent::Vanished { .. });
        assert!(!rig.is_seen_without_a_gap() || !seen.iter().any(gone), "{seen:#?}");
    }
}

/// Nobody is shown to itself, though its announcement reaches everybody.
pub async fn does_not_show_the_station_itself(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
    hub.advertise(&advertisement(2, "Hub", "Default")).expect("it can be advertised");
    let mut watched = Watched::new(rig, &mut desk).with(&mut hub);
    watched.sighting(|s| s.station == Some(station(2))).await;
    let own =
        |event: &DiscoveryEvent| matches!(event, DiscoveryEvent::Sighted(s) if s.station == Some(station(1)));
    assert!(!watched.seen.iter().any(own), "{:?}", watched.seen);
}

/// A bridge does not see the station for which it stands in, where its own stand-in is all there is of it; others do.
// proves: BRG-19
pub async fn a_bridge_does_not_see_whom_it_stands_in_for(rig: &mut impl Rig) {
    let (mut bridge, mut stand_in, mut hub) = (rig.discovery(), rig.discovery(), rig.discovery());
    let host = Some(BridgeMark::Bridge { host: station(9) });
    bridge.advertise(&advertisement(2, "Bridge", "Default").with_bridge(host)).expect("it can be advertised");
    Watched::new(rig, &mut hub).with(&mut bridge).sighting(|s| s.station == Some(station(2))).await;
    let mark = Some(BridgeMark::StandIn { bridge: station(2) });
    stand_in.advertise(&advertisement(1, "Desk", "Default").with_bridge(mark)).expect("it can be advertised");
    let mut watched = Watched::new(rig, &mut hub).with(&mut stand_in);
    let shown = watched.sighting(|s| s.station == Some(station(1))).await;
    assert_eq!(shown.ours.and_then(|ours| ours.bridge), mark);
    hub.advertise(&advertisement(3, "Hub", "Default")).expect("it can be advertised");
    let mut watched = Watched::new(rig, &mut bridge).with(&mut hub);
    let first = watched.sighting(|s| s.station != Some(station(2))).await;
    assert_eq!(first.station, Some(station(3)), "{first:?}");
}

/// Two of the same name in the same group are two.
pub async fn stations_of_one_name_in_one_group_are_separate(rig: &mut impl Rig) {
    let (mut hub, mut one, mut two) = (rig.discovery(), rig.discovery(), rig.discovery());
    one.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    two.advertise(&advertisement(2, "Desk", "Default")).expect("it can be advertised");
    let mut left = vec![station(1), station(2)];
    let mut watched = Watched::new(rig, &mut hub).with(&mut one).with(&mut two);
    while !left.is_empty() {
        let shown = watched.sighting(|s| s.station.is_some_and(|s| left.contains(&s))).await;
        assert_eq!(shown.group.as_deref(), Some("Default"));
        assert_eq!(shown.station_name.as_deref(), Some("Desk"));
        left.retain(|station| shown.station != Some(*station));
    }
}

/// Groups that others made, whatever they are called.
pub async fn shows_groups_of_any_utf8(rig: &mut impl Rig) {
    let groups = ["Bühne 2", "舞台", "DEFAULT"];
    let mut desks: Vec<Box<dyn Discovery>> = Vec::new();
    for (n, group) in (1..).zip(groups) {
        let mut desk = rig.discovery();
        desk.advertise(&advertisement(n, "Desk", group)).expect("it can be advertised");
        desks.push(desk);
    }
    let mut hub = rig.discovery();
    let mut watched = Watched::new(rig, &mut hub);
    for desk in &mut desks {
        watched = watched.with(desk);
    }
    let mut left = groups.to_vec();
    while !left.is_empty() {
        let shown = watched.sighting(|s| s.group.as_deref().is_some_and(|group| left.contains(&group))).await;
        left.retain(|group| shown.group.as_deref() != Some(*group));
    }
}

/// A doubt does not end a station that is there.
pub async fn a_suspected_station_that_answers_stays(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    let shown = Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
    hub.confirm(&shown.key);
    hub.suspect(&shown.key);
    let until = Instant::now() + rig.verified_within();
    let mut watched = Watched::new(rig, &mut hub).with(&mut desk);
    while let Ok(event) = timeout_at(until, watched.next()).await {
        assert_ne!(event, DiscoveryEvent::Vanished { key: shown.key.clone() });
    }
}

/// An advertisement that nobody could connect to is the caller's mistake, and changes nothing.
pub async fn refuses_what_nobody_could_use(rig: &mut impl Rig) {
    let (mut hub, mut desk) = (rig.discovery(), rig.discovery());
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    let mut wrong = advertisement(1, "Desk", "Other");
    wrong.port = 0;
    assert_eq!(desk.advertise(&wrong), Err(DiscoveryError::PortIsZero));
    let shown = Watched::new(rig, &mut hub).with(&mut desk).sighting(|s| s.station == Some(station(1))).await;
    assert_eq!(shown.group.as_deref(), Some("Default"));
}

/// `next` can be given up at any moment, again and again.
pub async fn a_dropped_next_loses_nothing(rig: &mut impl Rig) {
    let (mut hub, mut others) = rig.one_that_sees();
    let until = Instant::now() + rig.patience();
    loop {
        assert!(Instant::now() < until, "nothing was shown");
        for other in &mut others {
            let _ = timeout(Duration::from_millis(1), other.next()).await;
        }
        if let Ok(event) = timeout(Duration::from_millis(1), hub.next()).await
            && matches!(event, Some(DiscoveryEvent::Sighted(_)))
        {
            return;
        }
    }
}

/// Keys nobody ever showed may be suspected and confirmed.
pub async fn unknown_keys_do_no_harm(rig: &mut impl Rig) {
    let (mut hub, mut others) = rig.one_that_sees();
    let unknown = SightingKey::Station(station(99));
    hub.suspect(&unknown);
    hub.confirm(&unknown);
    let mut watched = Watched::new(rig, &mut hub);
    for other in &mut others {
        watched = watched.with(other);
    }
    watched.sighting(|_| true).await;
}

/// The end takes two seconds at most, and a little for a slow machine.
pub async fn shutdown_ends_in_time(rig: &mut impl Rig) {
    let mut desk = rig.discovery();
    desk.advertise(&advertisement(1, "Desk", "Default")).expect("it can be advertised");
    let ended = timeout(Duration::from_secs(10), desk.shutdown()).await;
    assert!(ended.is_ok(), "it took longer than 10 s");
}

/// A StationUUID for tests.
#[must_use]
pub fn station(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

/// An advertisement for tests.
///
/// # Panics
/// When the group is no label.
#[must_use]
pub fn advertisement(n: u8, name: &str, group: &str) -> Advertisement {
    Advertisement::new(GroupName::join(group).expect("a label"), station(n), name, port(n))
}

fn port(n: u8) -> u16 {
    40_000 + u16::from(n)
}

/// A discovery that is watched for an event while others work too: an implementation may do its part only while it is polled.
struct Watched<'a> {
    watched: &'a mut Box<dyn Discovery>,
    others: Vec<&'a mut Box<dyn Discovery>>,
    patience: Duration,
    seen: Vec<DiscoveryEvent>,
}

impl<'a> Watched<'a> {
    fn new(rig: &impl Rig, watched: &'a mut Box<dyn Discovery>) -> Self {
        Self { watched, others: Vec::new(), patience: rig.patience(), seen: Vec::new() }
    }

    fn with(mut self, other: &'a mut Box<dyn Discovery>) -> Self {
        self.others.push(other);
        self
    }

    async fn sighting(&mut self, wanted: impl Fn(&Sighting) -> bool) -> Sighting {
        self.until("a sighting", |event| match event {
            DiscoveryEvent::Sighted(sighting) if wanted(sighting) => Some(sighting.clone()),
            _ => None,
        })
        .await
    }

    async fn vanishing(&mut self, gone: StationUuid) {
        let gone = DiscoveryEvent::Vanished { key: SightingKey::Station(gone) };
        self.until("a goodbye", |event| (*event == gone).then_some(())).await;
    }

    async fn until<T: Debug>(&mut self, what: &str, take: impl Fn(&DiscoveryEvent) -> Option<T>) -> T {
        let until = Instant::now() + self.patience;
        loop {
            let Ok(event) = timeout_at(until, self.next()).await else {
                panic!("no {what} within {:?}, only {:#?}", self.patience, self.seen)
            };
            let taken = take(&event);
            self.seen.push(event);
            if let Some(taken) = taken {
                return taken;
            }
        }
    }

    /// The next event of the watched one; what the others say meanwhile is dropped.
    async fn next(&mut self) -> DiscoveryEvent {
        let Self { watched, others, .. } = self;
        let mut work: Vec<_> = others.iter_mut().map(|other| Box::pin(work(other))).collect();
        let mut next = watched.next();
        std::future::poll_fn(|cx| {
            work.retain_mut(|other| other.as_mut().poll(cx).is_pending());
            next.as_mut().poll(cx)
        })
        .await
        .expect("it has not ended")
    }
}

/// Works until it ends. Its events are nobody's affair.
async fn work(other: &mut Box<dyn Discovery>) {
    while other.next().await.is_some() {}
}
