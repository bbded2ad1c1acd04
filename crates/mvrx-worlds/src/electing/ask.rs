//! One host asks another how it stands: dials it, says one word, reads one line, and is one of no session by that.

use lan_sim::{Event, HostCtx, Time};
use mvrx_core::election::{ElectedHost, ElectionConfig, ElectionInput};
use mvrx_message::{GroupName, Message, StationUuid};

use super::Candidacy;
use crate::planted::Planted;
use crate::session::ASK;
use crate::station::address_of;
use crate::station::link::{Found, Link};

/// A question under way.
#[derive(Debug)]
pub(super) struct Asking {
    link: Link,
    host: StationUuid,
    url: String,
    pub(super) until: Time,
}

impl Candidacy {
    pub(super) fn ask(&mut self, host: StationUuid, url: &str, net: &mut HostCtx<'_>) {
        self.ask_no_more(net);
        let Some(at) = address_of(url).filter(|_| self.setup.planted != Planted::HostsDoNotAsk) else {
            return self.inputs.push_back(ElectionInput::Probed { host, says: None });
        };
        let link = Link::new(net.dial(at), at);
        self.asking =
            Some(Asking { link, host, url: url.to_owned(), until: net.now() + ElectionConfig::ATTEMPT });
    }

    /// Whether this is about the question under way.
    pub(super) fn asked(&mut self, event: &Event, net: &mut HostCtx<'_>) -> bool {
        let Some(asking) = &mut self.asking else { return false };
        match *event {
            Event::Connected { conn } if conn == asking.link.conn => {
                asking.link.push_message(format!("{{\"Type\":\"{ASK}\"}}").as_bytes());
                if asking.link.out.flush(conn, net).is_err() {
                    self.answered(None, net);
                }
            }
            Event::Writable { conn } if conn == asking.link.conn => {
                // A question is far smaller than any window: a rest goes out as soon as it can.
                let _ = asking.link.out.flush(conn, net);
            }
            Event::DialFailed { conn, .. } | Event::Broken { conn, .. } if conn == asking.link.conn => {
                self.answered(None, net);
            }
            Event::Readable { conn } if conn == asking.link.conn => match asking.link.next(net) {
                Some(Found::Message(parsed)) => {
                    let says = read_note(&parsed.message, &asking.url, &self.setup.group);
                    self.answered(says, net);
                }
                Some(_) => self.answered(None, net),
                None => {}
            },
            _ => return false,
        }
        true
    }

    /// Who does not answer in time has not.
    pub(super) fn ask_no_longer(&mut self, net: &mut HostCtx<'_>) {
        if self.asking.as_ref().is_some_and(|asking| asking.until <= net.now()) {
            self.answered(None, net);
        }
    }

    fn answered(&mut self, says: Option<ElectedHost>, net: &mut HostCtx<'_>) {
        if let Some(host) = self.ask_no_more(net) {
            self.inputs.push_back(ElectionInput::Probed { host, says });
        }
    }

    fn ask_no_more(&mut self, net: &mut HostCtx<'_>) -> Option<StationUuid> {
        let asking = self.asking.take()?;
        net.close(asking.link.conn);
        Some(asking.host)
    }
}

/// What a host says of itself, and for which group it was elected.
pub(super) fn note(host: &ElectedHost, group: &GroupName) -> String {
    format!("{NOTE}{} {} {group}", host.host, standing(host))
}

fn read_note(message: &Message, url: &str, group: &GroupName) -> Option<ElectedHost> {
    let Message::Unknown { kind } = message else { return None };
    let (host, standing) = kind.strip_prefix(NOTE)?.split_once(' ')?;
    let (standing, _) = standing.split_once(' ').filter(|(_, of)| *of == group.as_str())?;
    read_standing(standing, host.parse().ok()?, url.to_owned())
}

/// How a host stands, as discovery shows it.
pub(super) fn standing(host: &ElectedHost) -> String {
    format!("{}:{}:{}", host.priority, host.since, u8::from(host.alone))
}

pub(super) fn read_standing(text: &str, host: StationUuid, url: String) -> Option<ElectedHost> {
    let mut parts = text.split(':');
    let (priority, since) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(ElectedHost { host, priority, since, alone: parts.next()? == "1", url })
}

const NOTE: &str = "WORLDS_NOTE ";
