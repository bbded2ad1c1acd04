//! While this station hosts, the stations of the group that speak TCP mode alone are in its session by a bridge, and the session's in the group.
//!
//! It turns *we host there* and *we host no longer* into one bridge after the other: a bridge has left both sides before the next one comes.
//! Who is stood in for is the bridge's business; it gives those that take part in the election time to come by themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mvrx_bridge::{Bridge, Limits, News, Options};
use mvrx_store::{FsOptions, Limits as StoreLimits};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::data::{self, Data, DataError};
use crate::place::Place;

/// What becomes of the bridge beside our host.
#[derive(Debug)]
#[non_exhaustive]
pub enum BridgeNews {
    /// It begins, between the group and the session at this URL.
    Begins(String),
    /// It cannot, for this reason; it is tried again.
    Cannot(String),
    /// What the bridge tells.
    Of(News),
}

/// A bridge for as long as we host.
#[derive(Debug)]
pub(super) struct Bridging {
    session: watch::Sender<Option<Between>>,
    news: mpsc::UnboundedReceiver<BridgeNews>,
    task: JoinHandle<()>,
}

/// What a bridge joins.
#[derive(Debug, Clone)]
struct Between {
    /// The session that we host.
    session: String,
    /// The group for which we do.
    group: String,
}

/// Opens its data directory, beside the host's, and waits for a session. Not more than `most` stations of each side appear on the other one.
pub(super) fn begin(most: usize, place: &Place, path: &Path) -> Result<Bridging, DataError> {
    let name = format!("{} (bridge)", place.name);
    let limits = StoreLimits { oldest_go: true, ..StoreLimits::default() };
    let Data { station, store, .. } =
        data::open(Some(path), &name, &FsOptions { limits, ..FsOptions::default() }, false)?;
    let limits = Limits { stand_ins: most, candidates: CANDIDATES, ..Limits::default() };
    // The group and the session come with each host of ours.
    let options = Options::new(name, place.group.as_str(), "")
        .identity(station)
        .shared_store(Arc::new(store))
        .limits(limits)
        .host_too(false)
        .discovery(place.finder());
    let (tell, news) = mpsc::unbounded_channel();
    let (session, wanted) = watch::channel(None);
    let task = tokio::spawn(run(options, wanted, tell));
    Ok(Bridging { session, news, task })
}

impl Bridging {
    /// We host the session at this URL, for this group, or none.
    pub(super) fn hosting(&self, what: Option<(&str, &str)>) {
        let between = what.map(|(url, group)| Between { session: here(url), group: group.to_owned() });
        self.session.send_replace(between);
    }

    /// What is told next; never, when it has ended.
    pub(super) async fn next(&mut self) -> BridgeNews {
        match self.news.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }

    /// Leaves both sides.
    pub(super) async fn end(self) {
        drop(self.session);
        // What does not leave in time ends with the process.
        let _ = tokio::time::timeout(END, self.task).await;
    }
}

/// One bridge after the other, until nobody says any more where we host.
async fn run(
    options: Options,
    mut wanted: watch::Receiver<Option<Between>>,
    tell: mpsc::UnboundedSender<BridgeNews>,
) {
    loop {
        let session = wanted.borrow_and_update().clone();
        let over = match session {
            None => wanted.changed().await.is_err(),
            Some(between) => one(&options, between, &mut wanted, &tell).await,
        };
        if over {
            return;
        }
    }
}

/// The bridge of one session; whether it was the last.
async fn one(
    options: &Options,
    Between { session: url, group }: Between,
    wanted: &mut watch::Receiver<Option<Between>>,
    tell: &mpsc::UnboundedSender<BridgeNews>,
) -> bool {
    // Whoever does not read does not want to know.
    let tell = |told| drop(tell.send(told));
    let at = url.clone();
    let options = options.clone().group(group).session(move |builder| builder.session(at.clone()));
    match Bridge::start(options).await {
        Ok((bridge, mut news)) => {
            tell(BridgeNews::Begins(url));
            let over = loop {
                tokio::select! {
                    changed = wanted.changed() => break changed.is_err(),
                    Some(news) = news.recv() => tell(BridgeNews::Of(news)),
                }
            };
            bridge.stop().await;
            over
        }
        Err(error) => {
            tell(BridgeNews::Cannot(error.to_string()));
            tokio::time::timeout(AGAIN, wanted.changed()).await.is_ok_and(|changed| changed.is_err())
        }
    }
}

/// The URL by which a host on this machine is reached, whatever becomes of its network.
fn here(url: &str) -> String {
    let port = url.trim_end_matches('/').rsplit_once(':').map_or("", |(_, port)| port);
    let address: IpAddr =
        if url.contains('[') { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    match address {
        IpAddr::V4(ip) => format!("ws://{ip}:{port}/"),
        IpAddr::V6(ip) => format!("ws://[{ip}]:{port}/"),
    }
}

/// Who takes part in the election is in the session by itself before that; who cannot get there is stood in for.
const CANDIDATES: Duration = Duration::from_secs(15);
/// A bridge that could not begin is tried again.
const AGAIN: Duration = Duration::from_secs(5);
const END: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_ours_is_reached_on_this_machine_at_its_port() {
        assert_eq!(here("ws://10.78.0.5:42480/"), "ws://127.0.0.1:42480/");
        assert_eq!(here("ws://[fd78::5]:42481/"), "ws://[::1]:42481/");
    }
}
