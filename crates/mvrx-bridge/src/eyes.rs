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
pub(crate) struct Marks(Arc<Mutex<BTreeMap<StationUuid, BridgeMark>>>);

impl Marks {
    pub(crate) fn of(&self, station: StationUuid) -> Option<BridgeMark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&station).copied()
    }

    fn note(&self, sighting: &Sighting) {
        let Some(station) = sighting.station else { return };
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sighting.ours.and_then(|ours| ours.bridge) {
            None => {
                marks.remove(&station);
            }
            Some(mark) if marks.len() < MARKED || marks.contains_key(&station) => {
                marks.insert(station, mark);
            }
            Some(_) => {}
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
