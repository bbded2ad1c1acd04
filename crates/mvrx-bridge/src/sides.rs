//! The stations of a bridge: its own one on each side, and its stand-ins; what they see becomes [`View`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use mvrx_discovery::{Discovery, DiscoveryError, LanDiscovery, MdnsOptions};
use mvrx_message::{BridgeMark, StationUuid};
use mvrx_station::{Builder, Events, Membership, Moves, StartError, Station, StationInfo, Stopped};

use crate::eyes::{Eyes, Marked, Marks};
use crate::kept::KeptOf;
use crate::{Known, Options, Seen, Side, Through, View};

/// A running stand-in.
#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) station: Station,
    pub(crate) name: String,
}

/// All stations of a bridge.
#[derive(Debug)]
pub(crate) struct Sides {
    options: Options,
    marks: Marks,
    /// The bridge's own station of the session.
    pub(crate) host: Station,
    /// The bridge's own station of the group, once the session's host is known.
    pub(crate) lan: Option<Station>,
    /// The host that its mark says.
    marked: Option<StationUuid>,
    pub(crate) stand_ins: BTreeMap<(Side, StationUuid), StandIn>,
}

impl Sides {
    /// Begins with the session.
    pub(crate) async fn start(options: Options) -> Result<(Self, Events), StartError> {
        let mark = BridgeMark::Bridge { host: options.station };
        let builder = describe(&options, (&options.name, PROVIDER), options.station, None).bridge(mark);
        let (host, events) = (options.session)(builder).spawn().await?;
        let (marks, stand_ins) = (Marks::default(), BTreeMap::new());
        Ok((Self { options, marks, host, lan: None, marked: None, stand_ins }, events))
    }

    /// Joins the group, as the bridge to this host.
    pub(crate) async fn join_group(&mut self, host: StationUuid) -> Result<Events, StartError> {
        let options = &self.options;
        let eyes = Eyes::of_bridge(discovery(options)?, self.marks.clone());
        let (station, events) = describe(options, (&options.name, PROVIDER), options.station, None)
            .bridge(BridgeMark::Bridge { host })
            .listen(SocketAddr::new(options.listen, 0))
            .discovery(eyes)
            .spawn()
            .await?;
        (self.lan, self.marked) = (Some(station), Some(host));
        Ok(events)
    }

    /// Another host may be behind the session's URL than when the group was joined; other bridges to it are to know us as one of theirs.
    // req: BRG-20
    pub(crate) async fn mark(&mut self, host: StationUuid) -> Result<(), Stopped> {
        if let Some(lan) = self.lan.as_ref().filter(|_| self.marked != Some(host)) {
            lan.mark_as(BridgeMark::Bridge { host }).await?;
            self.marked = Some(host);
        }
        Ok(())
    }

    /// Begins to stand in for a station.
    pub(crate) async fn stand_in(
        &mut self,
        side: Side,
        station: StationUuid,
        (name, provider): (&str, &str),
    ) -> Result<Events, StartError> {
        let options = &self.options;
        let mark = BridgeMark::StandIn { bridge: options.station };
        let builder = describe(options, (name, provider), station, Some(station)).bridge(mark);
        let builder = match side {
            Side::Host => (options.session)(builder),
            Side::Lan => builder
                .listen(SocketAddr::new(options.listen, 0))
                .discovery(Eyes::of_stand_in(discovery(options)?)),
        };
        let (running, events) = builder.spawn().await?;
        self.stand_ins.insert((side, station), StandIn { station: running, name: name.to_owned() });
        Ok(events)
    }

    pub(crate) fn of(&self, side: Side, through: Through) -> Option<Station> {
        match (through, side) {
            (Through::Bridge, Side::Host) => Some(self.host.clone()),
            (Through::Bridge, Side::Lan) => self.lan.clone(),
            (Through::StandIn(station), _) => {
                self.stand_ins.get(&(side, station)).map(|stand_in| stand_in.station.clone())
            }
        }
    }

    /// The session as it is now, and its host.
    pub(crate) async fn view_session(&self) -> Result<(View, Option<StationUuid>), Stopped> {
        let session = self.host.session().await?;
        let (joined, tells, host) = session
            .map_or((false, false, None), |session| (session.joined, session.tells_stations, session.host));
        let seen = self.host.stations().await?;
        let stations = seen.iter().filter(|info| info.membership == Membership::Member);
        let stations =
            stations.map(|info| seen_with(info, Marked { bridge: info.bridge, candidate: false })).collect();
        let commits = self.commits(Side::Host, &self.host, &left(&seen)).await?;
        Ok((View { joined, tells_marks: tells, stations, commits }, host))
    }

    /// The group as it is now.
    pub(crate) async fn view_group(&self) -> Result<View, Stopped> {
        let Some(lan) = &self.lan else { return Ok(View::default()) };
        let seen = lan.stations().await?;
        let shown = seen.iter().map(|info| (info, self.marks.of(info.station)));
        // Who is shown as stood in for by another bridge is there, though its LEAVE came once: ours beside it would come and go for ever.
        let by_another = |shown: &Marked| match shown.bridge {
            Some(BridgeMark::StandIn { bridge }) => bridge != self.options.station,
            _ => false,
        };
        let there = shown.filter(|(info, shown)| info.membership == Membership::Member || by_another(shown));
        // A station that moved away may be shown unmarked still, beside who stands in for it: what counts is who answers.
        // req: BRG-19
        let marked =
            |shown: Marked, said: Option<BridgeMark>| Marked { bridge: said.or(shown.bridge), ..shown };
        let said = |info: &StationInfo| info.bridge.filter(|_| info.membership == Membership::Member);
        let stations = there.map(|(info, shown)| {
            let seen = seen_with(info, marked(shown, said(info)));
            let from = info.addresses.first().map(|at| at.ip().to_canonical());
            Seen { doubted: seen.mark != shown.bridge, from, ..seen }
        });
        let stations = stations.collect();
        let commits = self.commits(Side::Lan, lan, &left(&seen)).await?;
        Ok(View { joined: true, tells_marks: true, stations, commits })
    }

    /// What the bridge knows there, and what its stand-ins know that was told to them alone, or that they hold.
    // req: BRG-13
    async fn commits(
        &self,
        side: Side,
        own: &Station,
        left: &BTreeSet<StationUuid>,
    ) -> Result<Vec<Known>, Stopped> {
        let mut known = known_by(own, Through::Bridge, left).await?;
        for ((at, station), stand_in) in &self.stand_ins {
            if *at == side {
                // One that has just stopped knows nothing.
                let its = known_by(&stand_in.station, Through::StandIn(*station), left).await;
                let its = its.unwrap_or_default();
                known.extend(its.into_iter().filter(|known| known.held || !known.for_all));
            }
        }
        Ok(known)
    }

    /// Asks those of the group whether they are there of whom it is to be known.
    pub(crate) async fn probe(&self, group: &View) {
        let Some(lan) = &self.lan else { return };
        for seen in group.stations.iter().filter(|seen| seen.is_to_be_asked()) {
            // It has stopped with the bridge.
            let _ = lan.join(seen.station).await;
        }
    }

    /// Leaves on both sides.
    pub(crate) async fn stop(self) {
        let mut leaving = tokio::task::JoinSet::new();
        let own = [Some(self.host), self.lan];
        let all =
            self.stand_ins.into_values().map(|stand_in| stand_in.station).chain(own.into_iter().flatten());
        for station in all {
            leaving.spawn(async move { station.stop().await });
        }
        while leaving.join_next().await.is_some() {}
    }
}

fn describe(
    options: &Options,
    (name, provider): (&str, &str),
    station: StationUuid,
    author: Option<StationUuid>,
) -> Builder {
    let provider = if provider.is_empty() { PROVIDER } else { provider };
    Station::builder(name)
        .provider(provider)
        .group(options.group.as_str())
        .identity(station)
        .timers(options.timers.clone())
        .moves(Moves::Never)
        .any_file(options.any_file)
        // req: BRG-12
        .refuse_size_mismatch(true)
        .store(KeptOf {
            all: Arc::clone(&options.store),
            author,
            again: options.again.clone(),
            gone: options.gone.clone(),
        })
}

fn discovery(options: &Options) -> Result<Box<dyn Discovery>, DiscoveryError> {
    match &options.discovery {
        Some(make) => make(),
        None => Ok(Box::new(LanDiscovery::start(MdnsOptions::default())?)),
    }
}

/// Who said LEAVE gives nothing any more.
fn left(seen: &[StationInfo]) -> BTreeSet<StationUuid> {
    seen.iter().filter(|info| info.membership == Membership::Left).map(|info| info.station).collect()
}

async fn known_by(
    station: &Station,
    through: Through,
    left: &BTreeSet<StationUuid>,
) -> Result<Vec<Known>, Stopped> {
    let commits = station.commits().await?;
    let known = commits.into_iter().map(|info| Known {
        available: info.held || info.holders.iter().any(|holder| !left.contains(holder)),
        held: info.held,
        file: info.commit.file,
        author: info.commit.station,
        for_all: info.commit.for_stations.is_empty(),
        through,
    });
    Ok(known.collect())
}

fn seen_with(info: &StationInfo, marked: Marked) -> Seen {
    Seen {
        station: info.station,
        name: info.name.clone(),
        provider: info.provider.clone(),
        mark: marked.bridge,
        candidate: marked.candidate,
        // Who has said LEAVE is not asked, and nothing is known of who is shown under its name since.
        answers: info.reachable || info.membership == Membership::Left,
        doubted: false,
        from: None,
    }
}

const PROVIDER: &str = "mvrx bridge";
