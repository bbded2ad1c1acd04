//! Stations as the commands need them.

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_discovery::{DiscoveryError, Merged};
use mvrx_node::place::{Place, as_looking};
use mvrx_station::{Builder, Events, Membership, Moves, StartError, Station, StationInfo};

use crate::args::{Common, InSession};
use crate::failure::Failure;
use crate::{show, signals};

/// Describes a station of the wanted group with the wanted discovery, or of the session at the URL that was found for the wish.
pub(crate) fn describe(common: &Common, wish: &InSession) -> Result<Builder, Failure> {
    let place = place(common);
    // Who is there for an errand does not follow, and says so at once; `up` has its own rule.
    let station = place.station().moves(Moves::Never);
    let station = wish.reaching.apply(station, wish.password_for())?;
    place.join(station, wish.host.as_deref()).map_err(|error| cannot_look(&error))
}

/// The place that is wished for, and our name there.
pub(crate) fn place(common: &Common) -> Place {
    Place {
        name: name(common),
        group: common.group.clone(),
        interfaces: common.interface.clone(),
        peers: common.peer.clone(),
        mdns_port: common.mdns_port,
        any_file: common.any_file,
    }
}

/// A station that only looks; see [`Place::looking`].
pub(crate) fn describe_looking(common: &Common, wish: &InSession) -> Result<Builder, Failure> {
    Ok(as_looking(describe(common, wish)?, wish.host.is_some()))
}

/// Our name: as wished, else the machine's. Blanks alone are no name.
pub(crate) fn name(common: &Common) -> String {
    let wished = common.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    wished.map_or_else(|| format!("mvrx on {}", host_name()), str::to_owned)
}

pub(crate) fn discovery(common: &Common) -> Result<Merged, Failure> {
    place(common).discovery().map_err(|error| cannot_look(&error))
}

fn cannot_look(error: &DiscoveryError) -> Failure {
    Failure::peer(format!("cannot look for other stations: {error}"))
}

pub(crate) async fn spawn(builder: Builder) -> Result<(Station, Events), Failure> {
    builder.spawn().await.map_err(|error| match error {
        StartError::GroupName { .. } | StartError::SessionUrl { .. } => Failure::usage(error.to_string()),
        StartError::Discovery(_) => Failure::peer(error.to_string()),
        _ => Failure::local(error.to_string()),
    })
}

/// Nobody is in the group, as far as `waited` seconds told.
pub(crate) fn nobody(common: &Common, waited: f64, seen: &[StationInfo]) -> Failure {
    let group = &common.group;
    let silent = seen.iter().filter(|s| s.membership == Membership::Sighted && !s.addresses.is_empty());
    let silent: Vec<_> = silent.map(|s| (s.name.as_str(), s.addresses.as_slice())).collect();
    if let Some(words) = deaf(&silent) {
        return Failure::peer(words);
    }
    let mut words = format!("nobody is in the group {group}, as far as was seen within {waited} s");
    let silent: Vec<String> = common
        .peer
        .iter()
        .filter(|peer| !seen.iter().any(|s| s.reachable && s.addresses.contains(peer)))
        .map(ToString::to_string)
        .collect();
    if !silent.is_empty() {
        words.push_str(&format!("; no answer from {}", silent.join(", ")));
    } else {
        if waited < PATIENCE {
            words.push_str("; some products answer after three seconds (--wait)");
        }
        words.push_str("; is another group in use there (upper and lower case differ), or another network?");
    }
    Failure::nobody(words)
}

/// What is said of stations that discovery shows and that do not answer: the network lets their announcements through and nothing else.
fn deaf(stations: &[(&str, &[SocketAddr])]) -> Option<String> {
    let named: Vec<String> = stations
        .iter()
        .map(|(name, addresses)| {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("{} ({})", show::name(name), addresses.join(", "))
        })
        .collect();
    let (verb, runs) = if named.len() == 1 { ("does", "it still runs") } else { ("do", "they still run") };
    let who = named.join(", ");
    (!named.is_empty()).then(|| {
        format!("{who} {verb} not answer: see whether {runs}, and whether a firewall keeps that TCP port closed (mvrx doctor)")
    })
}

/// Ends when the user or the system wants the command to end. It listens from the moment this returns.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    let signal = signals::stop();
    async {
        let _number = signal.await;
    }
}

/// The same, for a command that has not done what it was to do.
pub(crate) async fn stopped() -> Failure {
    Failure::stopped(signals::stop().await)
}

pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(5))
}

fn host_name() -> String {
    let from_file = || std::fs::read_to_string("/etc/hostname").ok();
    let named = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|key| std::env::var(key).ok());
    let name = named.or_else(from_file).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this machine".to_owned() } else { name.to_owned() }
}

/// Who waits less, in seconds, misses the slowest products.
const PATIENCE: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_that_are_seen_and_do_not_answer_are_named_with_their_addresses() {
        assert_eq!(deaf(&[]), None);
        let (foh, lx) = (SocketAddr::from(([10, 0, 0, 5], 42424)), SocketAddr::from(([10, 0, 0, 6], 42424)));
        let one = deaf(&[("FOH", &[foh])]).unwrap();
        assert!(one.starts_with("FOH (10.0.0.5:42424) does not answer: see whether it still runs"), "{one}");
        let two = deaf(&[("FOH", &[foh]), ("LX", &[lx])]).unwrap();
        assert!(two.starts_with("FOH (10.0.0.5:42424), LX (10.0.0.6:42424) do not answer"), "{two}");
    }
}
