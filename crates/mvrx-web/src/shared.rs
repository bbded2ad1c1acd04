//! What all requests share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use mixer::MetricsReader;
use mvrx_message::StationUuid;
use mvrx_node::messages::Messages;
use mvrx_node::place::Place;
use mvrx_station::Station;
use tokio::sync::{Semaphore, watch};

use crate::answers::around::Found;
use crate::feed::Feed;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::options::Kind;
use crate::refusal::Refusal;
use crate::roll_ups::RollUps;
use crate::seen::{Seen, Sides};
use crate::tickets::Tickets;
use crate::transfers::Transfers;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) kind: Kind,
    pub(crate) uuid: StationUuid,
    pub(crate) running: Option<Station>,
    pub(crate) sides: Option<Sides>,
    pub(crate) data: PathBuf,
    pub(crate) feed: Feed,
    pub(crate) messages: Option<Messages>,
    pub(crate) seen: Seen,
    pub(crate) urls: Vec<String>,
    pub(crate) place: Option<Place>,
    pub(crate) moves: &'static str,
    pub(crate) any_file: bool,
    pub(crate) mixer: Option<(Vec<std::net::SocketAddr>, MetricsReader)>,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    pub(crate) tickets: Tickets,
    pub(crate) transfers: Transfers,
    pub(crate) roll_ups: RollUps,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) found: Found,
    /// Random for each start: numbers of events of another one mean nothing.
    pub(crate) instance: String,
    pub(crate) started: SystemTime,
    pub(crate) streams: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    /// True: the server ends.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Shared {
    pub(crate) fn new(
        options: crate::Options,
        guard: Guard,
        instance: String,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let limits = options.limits;
        let place =
            crate::seen::Whereabouts { name: options.name, group: options.group, session: options.session };
        Self {
            kind: options.kind,
            uuid: options.uuid,
            running: options.station,
            sides: options.sides,
            data: options.data,
            feed: options.feed,
            messages: options.messages,
            seen: Seen::new(place),
            urls: options.urls,
            place: options.place,
            moves: options.moves,
            any_file: options.any_file,
            mixer: options.mixer,
            guard,
            tickets: Tickets::default(),
            transfers: Transfers::default(),
            roll_ups: RollUps::default(),
            found: Found::default(),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            instance,
            started: SystemTime::now(),
            streams: Arc::new(Semaphore::new(limits.event_streams)),
            looks: Arc::new(Semaphore::new(limits.looks.max(1))),
            closing,
            limits,
        }
    }

    /// The station; a bridge has none.
    pub(crate) fn station(&self) -> Result<&Station, Refusal> {
        self.running.as_ref().ok_or_else(|| {
            Refusal::not_found(
                "this is a bridge: it has its state, its stations and its events, and nothing else",
            )
        })
    }

    /// Work that blocks (a look into a file, at the disk), on a thread of its own; so many at once, and others wait for their turn.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = Arc::clone(&self.looks).acquire_owned();
        let turn = tokio::time::timeout(self.limits.look_wait, turn).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Refusal::busy("too much is being looked at just now; try again"));
        };
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        looked.await.map_err(|_| Refusal::ours("the look ended early"))
    }
}

/// Waits until the server is to end.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    // Whoever could say so is gone: that is the end as well.
    let _ = closing.wait_for(|closing| *closing).await;
}
