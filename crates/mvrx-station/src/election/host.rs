//! The host that runs beside a candidate: started and ended as the election says, heard as far as its station has to know, and hidden while it waits for
//! the answers to a move on which its own station has gone already.
//!
//! It knows nothing of who else there is; one host of ours runs at a time.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use mvrx_core::Event;
use mvrx_core::election::{ElectedHost, ElectionInput};
use mvrx_core::host::Event as HostEvent;
use mvrx_message::{StationUuid, Successor};
use mvrx_transport::WsTransport;

use super::{ElectionNews, Outcome, Runner, network, watchful};
use crate::{Events, Heard, HostOptions, Station, StationInfo};

impl Runner {
    // req: ELE-11
    pub(super) async fn of_host(&mut self, heard: Heard) {
        self.note_move(&heard);
        self.tell_moves().await;
        if let (Some((host, _)), Heard::Event(seen)) = (&self.hosting, heard) {
            // It has stopped: its own events tell.
            let _ = self.station.host_tells(host.clone(), seen.event).await;
        }
        self.count_members().await;
    }

    fn note_move(&mut self, heard: &Heard) {
        match heard {
            Heard::Event(seen) if matches!(seen.event, Event::MoveBegun { .. }) => self.host_moves = true,
            Heard::Session(seen) if matches!(seen.event, HostEvent::MoveEnded { .. }) => {
                self.host_moves = false;
            }
            _ => {}
        }
    }

    /// The election knows whether our host, the present one or the one that our station has left, asks its stations to go elsewhere.
    pub(super) async fn tell_moves(&mut self) {
        if self.host_moves != self.machine.session_moves() {
            self.step(ElectionInput::SessionMoves(self.host_moves)).await;
        }
    }

    /// Our station has gone with its session: the host ends once everybody has answered.
    pub(super) async fn of_departed(&mut self, heard: Option<Heard>) {
        if let Some(heard) = &heard {
            self.note_move(heard);
        }
        if heard.is_none() || !self.host_moves {
            self.end_departed().await;
        }
    }

    pub(super) async fn end_departed(&mut self) {
        if let Some((host, _)) = self.departed.take() {
            host.stop().await;
            self.host_moves = false;
            self.tell(ElectionNews::HostEnded);
        }
    }

    pub(super) async fn count_members(&mut self) {
        let Some((host, _)) = &self.hosting else { return };
        let us = self.station.uuid();
        if let Ok(stations) = host.stations().await {
            self.step(ElectionInput::Members(members(&stations, us))).await;
        }
    }

    pub(super) fn start(&mut self) {
        // Where another program has the port meanwhile, any other one will do: the session shows where it is.
        let told = SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.wanted.candidate.port));
        let listen = if TcpListener::bind(told).is_ok() { told } else { SocketAddr::new(told.ip(), 0) };
        let mut options = HostOptions::default().announce(false);
        options.elected = Some(self.station.uuid());
        options.transport = watchful(options.transport);
        let says = Arc::clone(&self.says);
        let said = move || network::said(&says, Instant::now());
        let transport = WsTransport::default().with_limits(options.transport).with_note(said);
        let described = (self.wanted.make_host)();
        let (identity, group) = (self.wanted.host, self.wanted.group.clone());
        let (moves, told) = (self.wanted.moves.clone(), self.told.clone());
        tokio::spawn(async move {
            let started = async {
                let host = described?
                    .identity(identity)
                    .group(group.as_str())
                    .listen(listen)
                    .transport(transport)
                    .moves(moves);
                host.host(options).spawn().await.map_err(|error| error.to_string())
            };
            let result = match started.await {
                Ok((host, events)) => Outcome::Hosts(host, events, group),
                Err(why) => Outcome::DoesNotHost(why),
            };
            // The election has ended.
            let _ = told.send(result).await;
        });
    }

    pub(super) async fn give_way(&mut self, next: Option<ElectedHost>) {
        self.say(None);
        let Some((host, mut events)) = self.hosting.take() else { return };
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown().await;
        }
        match next {
            Some(next) => {
                self.tell(ElectionNews::GaveWay { url: next.url.clone() });
                let ElectedHost { host: station, priority, url, .. } = next;
                host.end_for(Successor { station, priority, url }).await;
                self.host_moves = false;
                self.gave_way = true;
            }
            None => {
                while let Some(heard) = told_already(&mut events).await {
                    self.note_move(&heard);
                }
                self.departed = Some((host, events));
                if !self.host_moves {
                    self.end_departed().await;
                }
            }
        }
        self.look();
    }
}

/// How many are in our session by themselves. Whoever is there by a bridge stays in its group whatever becomes of us, and our own bridge brings
/// itself.
// req: ELE-08
fn members(stations: &[StationInfo], us: StationUuid) -> usize {
    stations.iter().filter(|info| info.station != us && info.bridge.is_none()).count()
}

pub(super) async fn next_event(hosting: &mut Option<(Station, Events)>) -> Option<Heard> {
    match hosting {
        Some((_, events)) => events.next().await,
        None => std::future::pending().await,
    }
}

/// What waits to be heard; `None`: nothing at this moment.
async fn told_already(events: &mut Events) -> Option<Heard> {
    tokio::select! {
        biased;
        heard = events.next() => heard,
        () = std::future::ready(()) => None,
    }
}
