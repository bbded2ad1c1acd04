//! [`MdnsDiscovery`] as a [`Discovery`], and its end.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::MdnsDiscovery;
use super::registration::Registration;
use super::{Repeat, refusal};
use crate::instance::Announced;
use crate::sightings::Suspicion;
use crate::{Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, SightingKey};

impl Discovery for MdnsDiscovery {
    // req: DIS-JOIN-GROUP
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        if self.stopped {
            return Err(DiscoveryError::ResponderStopped);
        }
        let next = Registration::new(advertisement, Announced::of(advertisement)?)?;
        let before = self.registration.as_ref().map(|before| before.advertisement.group.clone());
        if let Some(also) = self.also.take() {
            also.unregister(&self.daemon, Some(&next)).map_err(refusal)?;
        }
        self.replace(next)?;
        if before.as_ref() != Some(&advertisement.group) {
            self.look_for_group(advertisement);
        }
        Ok(())
    }

    // req: DIS-TWO-GROUPS
    fn advertise_also(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        if self.stopped {
            return Err(DiscoveryError::ResponderStopped);
        }
        let Some(first) = self.registration.as_ref().map(|first| first.announced.instance.clone()) else {
            return Err(DiscoveryError::NothingAdvertised);
        };
        let next = Registration::new(advertisement, Announced::of(advertisement)?)?;
        if let Some(before) = self.also.take() {
            before.unregister(&self.daemon, Some(&next)).map_err(refusal)?;
        }
        next.register(&self.daemon).map_err(refusal)?;
        let Advertisement { station, port, .. } = *advertisement;
        self.table.set_own(station, &[&first, &next.announced.instance], port, &mut self.queue);
        self.also = Some(next);
        Ok(())
    }

    // req: DIS-GOODBYE
    fn withdraw(&mut self) {
        self.table.withdraw_own();
        self.announce_again = Repeat::Done;
        for registration in self.also.take().into_iter().chain(self.registration.take()) {
            let said = registration.unregister(&self.daemon, None).map(|_| ());
            self.check(said);
        }
    }

    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>> {
        Box::pin(async {
            loop {
                if let Some(event) = self.queue.pop() {
                    return Some(event);
                }
                if self.stopped {
                    return None;
                }
                let woken = self.wait().await;
                self.handle(woken);
            }
        })
    }

    // req: DIS-VERIFY
    fn suspect(&mut self, key: &SightingKey) {
        let now = Instant::now();
        self.verifying.retain(|(_, until)| *until > now);
        match self.table.suspect(key) {
            Suspicion::Unknown => {}
            Suspicion::AskAll => self.ask_all_anew(),
            Suspicion::Verify(_) if self.verifying.iter().any(|(known, _)| known == key) => {}
            Suspicion::Verify(owners) => {
                self.verifying.push((key.clone(), now + self.options.verify_timeout));
                for owner in owners {
                    let asked = self.daemon.verify(owner, self.options.verify_timeout);
                    self.check(asked);
                }
            }
        }
    }

    fn confirm(&mut self, key: &SightingKey) {
        self.table.confirm(key);
    }

    fn shutdown(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Whatever the daemon is busy with: an application that quits does not wait for it any longer.
            let _ = timeout(SHUTDOWN_WITHIN, self.say_goodbye()).await;
        })
    }
}

impl MdnsDiscovery {
    // req: DIS-GOODBYE
    async fn say_goodbye(&mut self) {
        let all = self.also.take().into_iter().chain(self.registration.take());
        let said: Vec<_> =
            all.flat_map(|one| one.unregister(&self.daemon, None).unwrap_or_default()).collect();
        for one in &said {
            let _ = one.recv_async().await;
        }
        if !said.is_empty() {
            // The daemon says every goodbye twice, and would not say the second one any more once it is told to end.
            tokio::time::sleep(GOODBYE_REPEATED).await;
        }
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = ended.recv_async().await;
        }
        self.stopped = true;
    }
}

impl Drop for MdnsDiscovery {
    fn drop(&mut self) {
        // Says what goodbyes there are to say and ends the thread, which would not end by itself.
        let _ = self.daemon.shutdown();
    }
}

/// The daemon repeats a goodbye after 120 ms.
const GOODBYE_REPEATED: Duration = Duration::from_millis(150);

const SHUTDOWN_WITHIN: Duration = Duration::from_secs(2);
