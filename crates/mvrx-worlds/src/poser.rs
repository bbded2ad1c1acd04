//! Somebody who joins a session as a station that it is not. It answers pings, and is no station otherwise.

use lan_sim::{Event, HostCtx};
use mvrx_message::{Dialect, Join, Message, MvrVersion, StationUuid};

use crate::crew::Places;
use crate::station::link::{Found, Link, pong};

/// One such machine.
#[derive(Debug, Default)]
pub struct Poser {
    link: Option<Link>,
    told: Vec<bool>,
}

impl Poser {
    /// Connects to the first session's host, and joins as this station; an earlier connection is left open.
    pub fn pose(&mut self, station: StationUuid, net: &mut HostCtx<'_>) {
        let [at, ..] = Places::of(0).sessions;
        let mut link = Link::new(net.dial(at), at);
        let join = Join::new(station, "somebody", "somebody", MvrVersion { major: 1, minor: 6 });
        link.push_message(&Message::Join(join).to_json(&Dialect::strict()));
        self.link = Some(link);
    }

    /// What each JOIN was told.
    pub fn told(&self) -> &[bool] {
        &self.told
    }

    /// Whether its last connection stands.
    pub const fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    pub(crate) fn handle(&mut self, event: &Event, net: &mut HostCtx<'_>) {
        let (Event::Connected { conn }
        | Event::Readable { conn }
        | Event::Writable { conn }
        | Event::Broken { conn, .. }
        | Event::DialFailed { conn, .. }) = *event
        else {
            return;
        };
        let Some(link) = self.link.as_mut().filter(|link| link.conn == conn) else { return };
        let mut over = matches!(event, Event::Broken { .. } | Event::DialFailed { .. });
        while let Some(found) = link.next(net) {
            match found {
                Found::Message(parsed) => {
                    if let Message::JoinRet(ret) = parsed.message {
                        self.told.push(ret.reply.ok);
                    }
                }
                Found::Beat(words) => link.push_message(&pong(&words)),
                // It ends again and again.
                Found::Ended(_) => {
                    over = true;
                    break;
                }
                _ => {}
            }
        }
        over |= link.out.flush(conn, net).is_err();
        if over {
            net.close(conn);
            self.link = None;
        }
    }
}
