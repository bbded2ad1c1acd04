//! [`LanDiscovery`] as a [`Discovery`], and its end.

use std::time::Duration;

use lan_mdns::{Input, SeenId};
use mvrx_message::GroupName;
use tokio::time::{Instant, sleep_until, timeout};

use super::session::SESSION;
use super::{LanDiscovery, OURS, service_of};
use crate::sightings::Suspicion;
use crate::{
    Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, SessionAdvertisement, SightingKey,
};

impl Discovery for LanDiscovery {
    // req: DIS-JOIN-GROUP
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        if self.stopped {
            return Err(DiscoveryError::ResponderStopped);
        }
        let service = service_of(advertisement)?;
        if let [first, second] = self.own.as_slice() {
            // The second one stays as it is announced already, if it is meant.
            let stays = second.advertisement.group == advertisement.group;
            let gone = if stays { first.id } else { second.id };
            self.take_back(gone);
        }
        let id = self.own.first().map_or(OURS[0], |own| own.id);
        self.register(id, advertisement, service);
        Ok(())
    }

    // req: DIS-TWO-GROUPS
    fn advertise_also(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        if self.stopped {
            return Err(DiscoveryError::ResponderStopped);
        }
        let Some(first) = self.own.first().map(|own| own.id) else {
            return Err(DiscoveryError::NothingAdvertised);
        };
        let service = service_of(advertisement)?;
        let id = OURS.into_iter().find(|id| *id != first).unwrap_or(first);
        self.register(id, advertisement, service);
        Ok(())
    }

    // req: DIS-GOODBYE
    fn withdraw(&mut self) {
        self.table.withdraw_own();
        for id in OURS {
            self.take_back(id);
        }
    }

    fn announce_session(&mut self, session: &SessionAdvertisement) -> Result<(), DiscoveryError> {
        if self.stopped {
            return Err(DiscoveryError::ResponderStopped);
        }
        self.register_session(session)
    }

    fn look_for_sessions(&mut self) -> Result<(), DiscoveryError> {
        self.browse_sessions()
    }

    fn look_in(&mut self, group: &GroupName) {
        self.browse_group(group);
    }

    fn look_for_groups(&mut self) {
        self.browse_group_types();
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
        if self.table.suspect(key) == Suspicion::Unknown {
            return;
        }
        for id in self.of_key(key) {
            if self.doubted.iter().any(|(doubted, _)| *doubted == id) {
                // It said goodbye, and now nobody is there: both together are believed.
                self.doubted.retain(|(doubted, _)| *doubted != id);
                self.forget(id);
            } else {
                self.step(Input::Reconfirm(id));
            }
        }
    }

    fn confirm(&mut self, key: &SightingKey) {
        self.table.confirm(key);
        let all: Vec<SeenId> = self.of_key(key);
        for id in all {
            self.step(Input::Pin(id));
        }
    }

    fn shutdown(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _ = timeout(SHUTDOWN_WITHIN, self.say_goodbye()).await;
        })
    }
}

impl LanDiscovery {
    // req: DIS-GOODBYE
    async fn say_goodbye(&mut self) {
        for id in OURS.into_iter().chain([SESSION]) {
            self.step(Input::Withdraw(id));
        }
        while !self.mdns.said_goodbye() {
            let at = self.mdns.deadline().map_or_else(Instant::now, |at| self.clock.began + at);
            sleep_until(at).await;
            self.step(Input::Time);
        }
        self.stopped = true;
    }
}

impl Drop for LanDiscovery {
    fn drop(&mut self) {
        // What can be said without waiting: nothing if shutdown said it.
        for id in OURS.into_iter().chain([SESSION]) {
            self.step(Input::Withdraw(id));
        }
    }
}

const SHUTDOWN_WITHIN: Duration = Duration::from_secs(2);
