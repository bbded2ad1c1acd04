//! What bridges and stand-ins see of the group: any [`Discovery`], with an eye on the marks of bridges.
//!
//! A bridge sees everybody and remembers who is marked; a stand-in sees nobody who is marked, so that stand-ins and bridges do not join
//! one another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mvrx_discovery::{
    Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, Sighting, SightingKey,
};
use mvrx_message::{BridgeMark, GroupName, StationUuid};

/// Who is marked, as discovery showed last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(Arc<Mutex<BTreeMap<StationUuid, Marked>>>);

/// What a station's TXT record says of it that matters to a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marked {
    /// Whether it is a bridge, or one stands in for it.
    pub(crate) bridge: Option<BridgeMark>,
    /// Whether it takes part in the election of a host.
    pub(crate) candidate: bool,
}

impl Marks {
    pub(crate) fn of(&self, station: StationUuid) -> Marked {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&station).copied().unwrap_or_default()
    }

    fn note(&self, sighting: &Sighting) {
        let Some(station) = sighting.station else { return };
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let says =
            sighting.ours.map(|ours| Marked { bridge: ours.bridge, candidate: ours.candidate.is_some() });
        match says.unwrap_or_default() {
            unmarked if unmarked == Marked::default() => {
                marks.remove(&station);
            }
            marked if marks.len() < MARKED || marks.contains_key(&station) => {
                marks.insert(station, marked);
            }
            _ => {}
        }
    }
}

/// A discovery as a bridge or a stand-in uses it.
#[derive(Debug)]
pub(crate) struct Eyes {
    inner: Box<dyn Discovery>,
    /// A bridge's; `None`: a stand-in's.
    marks: Option<Marks>,
}

impl Eyes {
    pub(crate) fn of_bridge(inner: Box<dyn Discovery>, marks: Marks) -> Self {
        Self { inner, marks: Some(marks) }
    }

    pub(crate) fn of_stand_in(inner: Box<dyn Discovery>) -> Self {
        Self { inner, marks: None }
    }

    /// What is told on of an event.
    // req: BRG-04
    fn look(&self, event: DiscoveryEvent) -> DiscoveryEvent {
        match (event, &self.marks) {
            (DiscoveryEvent::Sighted(sighting), Some(marks)) => {
                marks.note(&sighting);
                DiscoveryEvent::Sighted(sighting)
            }
            (DiscoveryEvent::Sighted(sighting), None)
                if sighting.ours.is_some_and(|ours| ours.bridge.is_some()) =>
            {
                // It may have been seen unmarked before.
                DiscoveryEvent::Vanished { key: sighting.key }
            }
            (other, _) => other,
        }
    }
}

impl Discovery for Eyes {
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        self.inner.advertise(advertisement)
    }

    fn advertise_also(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        self.inner.advertise_also(advertisement)
    }

    fn withdraw(&mut self) {
        self.inner.withdraw();
    }

    fn look_in(&mut self, group: &GroupName) {
        self.inner.look_in(group);
    }

    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>> {
        Box::pin(async {
            let event = self.inner.next().await?;
            Some(self.look(event))
        })
    }

    fn suspect(&mut self, key: &SightingKey) {
        self.inner.suspect(key);
    }

    fn confirm(&mut self, key: &SightingKey) {
        self.inner.confirm(key);
    }

    fn shutdown(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.inner.shutdown()
    }
}

/// More marked stations are not remembered.
const MARKED: usize = 4_096;
