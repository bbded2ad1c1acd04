//! Server-sent events: what the feed has, from a number on, to whoever reads as fast as it is told.
//!
//! ```text
//! asked ──no Last-Event-ID────────────────► at the end ─► reading ──behind the ring, or the server ends──► closed
//!    ├──one of this start, still there────► behind it ──►    │
//!    └──another one, or gone──► `reset`, at the end ────►    └──nothing for 15 s: a comment line
//! ```
//! Messages in and out have numbers of their own and no id here: whoever was away asks for those behind the last one that he has.
//!
//! A client that takes nothing is dropped by its connection ([`Limits::stall`](crate::Limits)); one whose documents made room meanwhile is
//! closed, comes again by itself and is told `reset`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use mvrx_node::messages::Messages;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::feed::{Feed, Read, Told};
use crate::refusal::{Answer, Refusal};
use crate::shared::{Shared, closed};

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    last_event_id: Option<String>,
    messages: Option<String>,
}

/// `GET /events`.
// req: WEB-09
pub(crate) async fn stream(
    State(shared): State<Arc<Shared>>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Answer {
    let place = Arc::clone(&shared.streams).try_acquire_owned();
    let place = place.map_err(|_| {
        Refusal::busy("as many event streams as are served are open; close one, or another window").after(5)
    })?;
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok().map(str::to_owned));
    let last = header.or(wish.last_event_id).filter(|id| !id.is_empty());
    let (end, more) = shared.feed.listen();
    let goes_on = last.as_deref().map(|last| number(last, &shared.instance));
    let goes_on = goes_on.map(|number| number.filter(|at| shared.feed.read(*at, 0) != Read::Lost));
    let instance = shared.instance.clone();
    let (after, begin) = match goes_on {
        // A client that knows no number goes on from here.
        None => (end, format!("id: {instance}-{end}\n\n")),
        Some(Some(number)) => (number, ": goes on\n\n".to_owned()),
        Some(None) => {
            let reset = r#"{"schema":1,"event":"reset"}"#;
            (end, format!("id: {instance}-{end}\nevent: reset\ndata: {reset}\n\n"))
        }
    };
    let reading = Reading {
        feed: shared.feed.clone(),
        more,
        closing: shared.closing.clone(),
        after,
        begin: Some(begin),
        instance,
        messages: shared
            .messages
            .as_ref()
            .filter(|_| wish.messages.is_some_and(|wish| wish == "1"))
            .map(Passing::from_now),
        _place: place,
    };
    let chunks = futures_util::stream::unfold(reading, async |mut reading| {
        let chunk = reading.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), reading))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies are not to gather it.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(Box::pin(chunks))).into_response())
}

/// The number of an id, if it is one of this start.
fn number(id: &str, instance: &str) -> Option<u64> {
    let (of, number) = id.rsplit_once('-')?;
    (of == instance).then(|| number.parse().ok())?
}

/// One client.
struct Reading {
    feed: Feed,
    more: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    after: u64,
    begin: Option<String>,
    instance: String,
    /// Where it wants every message in and out as well.
    messages: Option<Passing>,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    /// What to send next; `None`: nothing more.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(begin) = self.begin.take() {
            return Some(begin.into());
        }
        loop {
            if *self.closing.borrow() {
                return None;
            }
            self.more.mark_unchanged();
            let Read::Next(told) = self.feed.read(self.after, AT_ONCE) else { return None };
            if let Some(last) = told.last() {
                self.after = last.number;
                return Some(self.text(&told).into());
            }
            if let Some(text) = self.messages.as_mut().and_then(Passing::text) {
                return Some(text.into());
            }
            tokio::select! {
                changed = self.more.changed() => changed.ok()?,
                () = passed(&mut self.messages) => {}
                () = closed(&mut self.closing) => return None,
                () = tokio::time::sleep(SILENCE) => return Some(Bytes::from_static(b": here\n\n")),
            }
        }
    }

    fn text(&self, told: &[Told]) -> String {
        let mut text = String::new();
        for Told { number, event, document, .. } in told {
            let instance = &self.instance;
            // Writing into a string cannot fail.
            let _ = write!(text, "id: {instance}-{number}\nevent: {event}\ndata: {document}\n\n");
        }
        text
    }
}

/// Messages in and out, for one client.
struct Passing {
    messages: Messages,
    changed: watch::Receiver<u64>,
    after: u64,
}

impl Passing {
    fn from_now(messages: &Messages) -> Self {
        let changed = messages.changed();
        let after = *changed.borrow();
        Self { messages: messages.clone(), changed, after }
    }

    /// The next few; `None`: there are none yet. What went by too fast is missing, and the numbers show it.
    fn text(&mut self) -> Option<String> {
        self.changed.mark_unchanged();
        let page = self.messages.after(self.after, MESSAGES_AT_ONCE);
        self.after = page.entries.last()?.number;
        let mut text = String::new();
        for entry in page.entries {
            // Writing into a string cannot fail; compact JSON has no line end.
            let _ = write!(text, "event: message\ndata: {}\n\n", entry.json());
        }
        Some(text)
    }
}

/// Waits for a message; for ever where none are wished for.
async fn passed(messages: &mut Option<Passing>) {
    let changed = match messages {
        Some(passing) => passing.changed.changed().await,
        None => std::future::pending().await,
    };
    if changed.is_err() {
        *messages = None;
    }
}

/// Messages that are sent together.
const MESSAGES_AT_ONCE: usize = 64;
/// Bytes of documents that are sent together.
const AT_ONCE: usize = 64 << 10;
/// After so long without a word a comment says that the stream is alive.
const SILENCE: Duration = Duration::from_secs(15);
