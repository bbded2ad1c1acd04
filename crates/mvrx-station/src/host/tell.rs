//! What the application is told: as an event of any station where there is one, else as an event of the host.

use std::net::SocketAddr;
use std::time::SystemTime;

use mvrx_core::host::Event as HostEvent;
use mvrx_core::{Event, RequestFailure};
use mvrx_discovery::SessionAdvertisement;
use mvrx_message::StationUuid;

use super::driver::HostDriver;
use crate::events::{SessionSeen, Told};
use crate::{Seen, secure_session_url, session_url};

impl HostDriver {
    pub(super) fn tell_start(&self) {
        self.tell(Event::JoinedGroup);
    }

    pub(super) fn tell(&self, event: Event) {
        tracing::debug!(?event);
        // Nobody listens: fine.
        let _ = self.events.send(Told::Seen(Seen { at: SystemTime::now(), event }));
    }

    pub(super) fn on_event(&mut self, event: HostEvent) {
        if !self.note_down(&event) {
            return;
        }
        if let HostEvent::CommitSeen { file, .. } = &event {
            self.seen.note(*file, SystemTime::now());
            self.seen.shrink(self.host.holdings().commits, |file| self.host.knows(file));
        }
        if let HostEvent::StationReplaced { station, .. } | HostEvent::StationJoined { station, .. } = &event
        {
            self.set_paces(*station);
        }
        if let HostEvent::CommitWithdrawn { file, .. } = &event {
            self.note_withdrawn(*file);
        }
        if let HostEvent::Served { file, .. } = &event {
            self.fetched.note(*file, |file| self.host.holds(file));
        }
        if matches!(event, HostEvent::MoveEnded { .. })
            && let Some(led) = self.led.take()
        {
            led.end();
        }
        let told = self.end_request(&event);
        match told.or_else(|| common(&event, &|station| self.address_of(station))) {
            Some(event) => {
                self.led = self.led.take().and_then(|led| led.note(&event));
                self.tell(event);
            }
            None => {
                tracing::debug!(?event);
                let _ = self.events.send(Told::Session(SessionSeen { at: SystemTime::now(), event }));
            }
        }
    }

    /// Shows the session to the network, with its present name.
    pub(super) fn announce(&mut self) {
        if !self.options.announce {
            return;
        }
        let Some(discovery) = &mut self.discovery else { return };
        let config = self.host.config();
        let mut shown = SessionAdvertisement::new(config.station, config.station_name.clone(), self.port);
        shown.group.clone_from(&self.group);
        shown.secure = self.options.tls.is_some();
        let url = if shown.secure { secure_session_url } else { session_url };
        shown.url = self.options.url.as_deref().map(|wanted| url(wanted, self.port));
        if let Err(error) = discovery.announce_session(&shown) {
            self.problem(format!("this session is not announced: {error}"));
        }
    }
}

/// The same event as a station of TCP mode tells it; `None`: only a host has it.
fn common(event: &HostEvent, address: &dyn Fn(StationUuid) -> Option<SocketAddr>) -> Option<Event> {
    Some(match event.clone() {
        HostEvent::StationJoined { station, name, provider, product, .. } => {
            Event::StationJoined { station, name, provider, product }
        }
        HostEvent::StationRenamed { station, from, to } => Event::StationRenamed { station, from, to },
        HostEvent::StationLeft { station } => Event::StationLeft { station },
        HostEvent::CommitSeen { file, from, source } => Event::CommitSeen { file, from, source },
        HostEvent::CommitWithdrawn { file, station } => Event::CommitWithdrawn { file, station },
        HostEvent::CommitPublished { file, stations } => Event::CommitPublished { file, stations },
        HostEvent::FileSizeDiffers { file, from, announced, received } => {
            Event::FileSizeDiffers { file, from, announced, received }
        }
        HostEvent::Serving { file, station } => {
            Event::Serving { file, station: Some(station), address: address(station)? }
        }
        HostEvent::Served { file, station, length } => Event::Served { file, station: Some(station), length },
        HostEvent::RequestRefused { file, station, message } => {
            Event::RequestRefused { file, address: address(station)?, message }
        }
        HostEvent::Quirk { station, quirk } => Event::Quirk { station, quirk },
        HostEvent::PeerError { address, what, .. } => Event::PeerError { address, what },
        HostEvent::MoveProposed { proposal, station, to, within } => {
            Event::MoveProposed { proposal, station: Some(station), address: address(station)?, to, within }
        }
        HostEvent::MoveDeclined { station, to, why } => {
            Event::MoveDeclined { station: Some(station), address: address(station)?, to, why }
        }
        HostEvent::MoveBegun { to, .. } => Event::MoveBegun { to, errand: false },
        HostEvent::MoveAnswered { station, answer } => Event::MoveAnswered { station, answer },
        HostEvent::NotMoved { to, why, .. } => Event::NotMoved { to, why, errand: false },
        HostEvent::RequestFailed { request, why } => {
            Event::RequestFailed { request, failure: RequestFailure::NotGiven { why } }
        }
        HostEvent::Ended => Event::LeftGroup,
        _ => return None,
    })
}
