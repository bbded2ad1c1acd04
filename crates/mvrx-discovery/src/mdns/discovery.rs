//! [`MdnsDiscovery`] as a [`Discovery`], and its end.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::MdnsDiscovery;
use super::Repeat;
use super::registration::Registration;
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
        self.replace(next)?;
        if before.as_ref() != Some(&advertisement.group) {
            self.look_for_group(advertisement);
        }
        Ok(())
    }

    // req: DIS-GOODBYE
    fn withdraw(&mut self) {
        self.table.withdraw_own();
        self.announce_again = Repeat::Done;
        if let Some(registration) = self.registration.take() {
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
        let said = match self.registration.take() {
            Some(registration) => registration.unregister(&self.daemon, None).unwrap_or_default(),
            None => Vec::new(),
        };
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
