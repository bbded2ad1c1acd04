//! [`Merged`]: several discoveries as one, for example mDNS beside a fixed list, or one mDNS per network.
//!
//! What two of them see under one key is one sighting with the addresses of both, and it vanishes when neither sees it any more. Sightings
//! under different keys stay apart, even if they are of one station (an address of a fixed list and its announcement): who is who tells
//! only JOIN_RET.

use std::collections::HashMap;
use std::future;
use std::task::Poll;

use mvrx_message::GroupName;

use crate::{
    Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, Limits, SessionAdvertisement,
    Sighting, SightingKey,
};

/// Several discoveries as one.
#[derive(Debug)]
pub struct Merged {
    parts: Vec<Part>,
    seen: HashMap<SightingKey, Seen>,
    limits: Limits,
    /// Which part is asked first; it moves on, so that a busy one does not silence the others.
    turn: usize,
}

#[derive(Debug)]
struct Part {
    discovery: Box<dyn Discovery>,
    ended: bool,
}

/// What the parts see under one key, by the number of the part, and what was told of it.
#[derive(Debug, Default)]
struct Seen {
    by: Vec<(usize, Sighting)>,
    told: Option<Sighting>,
}

impl Merged {
    /// These discoveries as one. Where they differ in a station's name or group, the earlier one counts.
    pub fn new(parts: impl IntoIterator<Item = Box<dyn Discovery>>) -> Self {
        Self::with_limits(parts, Limits::default())
    }

    /// As [`new`](Self::new). Sightings beyond the limit are passed on as they come, unmerged.
    pub fn with_limits(parts: impl IntoIterator<Item = Box<dyn Discovery>>, limits: Limits) -> Self {
        let parts = parts.into_iter().map(|discovery| Part { discovery, ended: false }).collect();
        Self { parts, seen: HashMap::new(), limits, turn: 0 }
    }

    /// The next event of any part; `None` once all have ended. Cancel-safe as those of the parts are.
    async fn next_of_any(&mut self) -> Option<(usize, DiscoveryEvent)> {
        let (turn, count) = (self.turn, self.parts.len().max(1));
        let mut ended = Vec::new();
        let alive = self.parts.iter_mut().enumerate().filter(|(_, part)| !part.ended);
        let mut waiting: Vec<_> = alive.map(|(at, part)| (at, part.discovery.next())).collect();
        waiting.sort_by_key(|(at, _)| (*at + count - turn) % count);
        let first = future::poll_fn(|cx| {
            let mut at = 0;
            while let Some((part, next)) = waiting.get_mut(at) {
                match next.as_mut().poll(cx) {
                    Poll::Ready(Some(event)) => return Poll::Ready(Some((*part, event))),
                    Poll::Ready(None) => {
                        ended.push(*part);
                        drop(waiting.remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            if waiting.is_empty() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        drop(waiting);
        for at in ended {
            if let Some(part) = self.parts.get_mut(at) {
                part.ended = true;
            }
        }
        if let Some((at, _)) = &first {
            self.turn = (at + 1) % count;
        }
        first
    }

    /// What is to be told of an event of this part, if anything.
    fn merge(&mut self, part: usize, event: DiscoveryEvent) -> Option<DiscoveryEvent> {
        match event {
            DiscoveryEvent::Sighted(sighting) => {
                let key = sighting.key.clone();
                if !self.seen.contains_key(&key) && self.seen.len() >= self.limits.sightings {
                    return Some(DiscoveryEvent::Sighted(sighting));
                }
                let seen = self.seen.entry(key).or_default();
                seen.by.retain(|(by, _)| *by != part);
                seen.by.push((part, sighting));
                seen.tell(&self.limits)
            }
            DiscoveryEvent::Vanished { key } => {
                let Some(seen) = self.seen.get_mut(&key) else {
                    return Some(DiscoveryEvent::Vanished { key });
                };
                // What a part saw that has ended keeps nothing alive: it will never see it go.
                seen.by.retain(|(by, _)| *by != part && self.parts.get(*by).is_some_and(|p| !p.ended));
                if seen.by.is_empty() {
                    self.seen.remove(&key);
                    return Some(DiscoveryEvent::Vanished { key });
                }
                seen.tell(&self.limits)
            }
            // Sessions are few, and one part sees them.
            other => Some(other),
        }
    }
}

impl Seen {
    fn tell(&mut self, limits: &Limits) -> Option<DiscoveryEvent> {
        self.by.sort_by_key(|(by, _)| *by);
        let mut parts = self.by.iter().map(|(_, sighting)| sighting);
        let mut whole = parts.next()?.clone();
        for other in parts {
            let more: Vec<_> =
                other.addresses.iter().filter(|a| !whole.addresses.contains(a)).copied().collect();
            whole.addresses.extend(more);
            whole.station_name = whole.station_name.or_else(|| other.station_name.clone());
            for group in other.group.iter().chain(&other.also_in) {
                if whole.group.is_some()
                    && whole.group.as_ref() != Some(group)
                    && !whole.also_in.contains(group)
                {
                    whole.also_in.push(group.clone());
                }
            }
            whole.group = whole.group.or_else(|| other.group.clone());
            whole.ours = whole.ours.or(other.ours);
        }
        whole.addresses.truncate(limits.addresses_per_sighting);
        if self.told.as_ref() == Some(&whole) {
            return None;
        }
        self.told = Some(whole.clone());
        Some(DiscoveryEvent::Sighted(whole))
    }
}

impl Discovery for Merged {
    /// Advertises in every part, also when one of them cannot.
    ///
    /// # Errors
    /// The first part's that cannot.
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        let results: Vec<_> =
            self.parts.iter_mut().map(|part| part.discovery.advertise(advertisement)).collect();
        results.into_iter().collect()
    }

    fn announce_session(&mut self, session: &SessionAdvertisement) -> Result<(), DiscoveryError> {
        // Some ways of discovery have no sessions; one is enough.
        let results: Vec<_> =
            self.parts.iter_mut().map(|part| part.discovery.announce_session(session)).collect();
        if results.iter().any(Result::is_ok) { Ok(()) } else { results.into_iter().collect() }
    }

    fn look_for_sessions(&mut self) -> Result<(), DiscoveryError> {
        let results: Vec<_> = self.parts.iter_mut().map(|part| part.discovery.look_for_sessions()).collect();
        if results.iter().any(Result::is_ok) { Ok(()) } else { results.into_iter().collect() }
    }

    fn advertise_also(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        let results: Vec<_> =
            self.parts.iter_mut().map(|part| part.discovery.advertise_also(advertisement)).collect();
        results.into_iter().collect()
    }

    fn withdraw(&mut self) {
        for part in &mut self.parts {
            part.discovery.withdraw();
        }
    }

    fn look_in(&mut self, group: &GroupName) {
        for part in &mut self.parts {
            part.discovery.look_in(group);
        }
    }

    fn look_for_groups(&mut self) {
        for part in &mut self.parts {
            part.discovery.look_for_groups();
        }
    }

    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>> {
        Box::pin(async {
            loop {
                // Nothing is awaited between taking an event from a part and telling it, so none is lost when this future is dropped.
                let (part, event) = self.next_of_any().await?;
                if let Some(event) = self.merge(part, event) {
                    return Some(event);
                }
            }
        })
    }

    fn suspect(&mut self, key: &SightingKey) {
        for part in &mut self.parts {
            part.discovery.suspect(key);
        }
    }

    fn confirm(&mut self, key: &SightingKey) {
        for part in &mut self.parts {
            part.discovery.confirm(key);
        }
    }

    fn shutdown(self: Box<Self>) -> BoxFuture<'static, ()> {
        let mut ending: Vec<_> = self.parts.into_iter().map(|part| part.discovery.shutdown()).collect();
        // All at once: the goodbyes of one do not wait for those of another.
        Box::pin(future::poll_fn(move |cx| {
            ending.retain_mut(|one| one.as_mut().poll(cx).is_pending());
            if ending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}

#[cfg(test)]
mod tests;
