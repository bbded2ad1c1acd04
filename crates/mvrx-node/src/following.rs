//! Looks for a session again whose host cannot be reached: it may have come back at another address or port.
//!
//! How it is looked for, whoever keeps one says ([`Look`]); this knows when: as long as the host is away, one look after the other.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;

use mvrx_message::StationUuid;
use mvrx_station::{Event, Heard};

/// One look, for the session of this host where it is known, else of the same name, at another URL than before. It takes its time: the next
/// one begins as soon as it has ended.
pub type Look = Box<dyn Fn(Option<StationUuid>, String) -> Looking + Send + Sync>;

/// A look under way; gives the URL that it found.
pub type Looking = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// The session that is followed.
pub struct Following {
    /// `None`: its URL is never another one.
    look: Option<Look>,
    url: String,
    host: Option<StationUuid>,
    away: bool,
    looking: Option<Looking>,
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("url", &self.url).field("away", &self.away).finish_non_exhaustive()
    }
}

impl Following {
    /// The session at this URL.
    #[must_use]
    pub fn new(url: &str, look: Look) -> Self {
        Self { look: Some(look), url: url.to_owned(), host: None, away: false, looking: None }
    }

    /// Takes notice of an event.
    pub fn heard(&mut self, heard: &Heard) {
        let Heard::Event(seen) = heard else { return };
        match &seen.event {
            Event::SessionUnreachable { host, .. } => {
                self.away = true;
                self.host = host.or(self.host);
            }
            // Where somebody led us, the name that was looked for says nothing.
            Event::Moved { .. } => (self.look, self.looking) = (None, None),
            Event::JoinedGroup | Event::LeftGroup => {
                self.away = false;
                self.looking = None;
            }
            _ => {}
        }
    }

    /// Waits until the session is seen at another URL. Cancel-safe.
    pub async fn moved(&mut self) -> String {
        let Some(look) = self.look.as_ref().filter(|_| self.away) else { return pending().await };
        loop {
            let looking = self.looking.get_or_insert_with(|| look(self.host, self.url.clone()));
            let found = looking.as_mut().await;
            self.looking = None;
            if let Some(url) = found {
                self.url.clone_from(&url);
                return url;
            }
        }
    }
}
