//! What can go wrong, as the caller's mistake ([`DiscoveryError`]) and as news from the network ([`DiscoveryProblem`]).

use std::net::SocketAddr;

use thiserror::Error;

/// Why something cannot be advertised.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Every product would take the group for another one.
    #[error("the group {group:?} would be read as {read_as:?} by others")]
    GroupReadAsAnother {
        /// The group that was asked for.
        group: String,
        /// What others would read.
        read_as: String,
    },
    /// `Station.Group` has to fit a label of 63 bytes with at least one byte for the station.
    #[error("a group name of {bytes} bytes leaves no room for the station's name, {max} are possible")]
    GroupLeavesNoRoomForStation {
        /// Its length in bytes.
        bytes: usize,
        /// The longest possible.
        max: usize,
    },
    /// Nobody can connect to port 0.
    #[error("port 0 cannot be advertised")]
    PortIsZero,
    /// A second group is advertised beside a first one only.
    #[error("nothing is advertised yet that a second group could stand beside")]
    NothingAdvertised,
    /// The responder has ended; another one has to be made.
    #[error("the mDNS responder has stopped")]
    ResponderStopped,
    /// The responder does not keep up with what it is asked to do; try again.
    #[error("the mDNS responder is busy")]
    ResponderBusy,
    /// The responder does not take it.
    #[error("the mDNS responder refused: {reason}")]
    ResponderRefused {
        /// In its words.
        reason: String,
    },
}

/// What a person may want to know about discovery. None of them ends it but [`ResponderStopped`](Self::ResponderStopped).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiscoveryProblem {
    /// Products that look for the group's own service type only do not see this station; all known ones look for the base type too.
    #[error("the group name has {bytes} bytes, its own service type is announced up to {max} only")]
    GroupTypeNotAnnounced {
        /// Its length in bytes.
        bytes: usize,
        /// The longest that can be announced.
        max: usize,
    },
    /// Another station has the same name in the same group, so this one shows itself under another instance name.
    #[error("another station is called {taken:?} too, this one is announced as {now:?}")]
    InstanceNameTaken {
        /// The name both had.
        taken: String,
        /// The name now.
        now: String,
    },
    /// The responder saw a conflict over the host name, and announces another one. As the name is made of the StationUUID, it is a copied
    /// data directory, or an echo of this host's own announcements between its interfaces.
    #[error("there is a conflict over the host name {from:?}, now {to:?} is announced")]
    HostRenamed {
        /// The name that was announced.
        from: String,
        /// The name now.
        to: String,
    },
    /// Another running station has this station's StationUUID: a copied data directory, usually. Peers confuse the two.
    #[error("another station announces this station's StationUUID, as {instance:?} at {addresses:?}")]
    OwnUuidElsewhere {
        /// Its instance name.
        instance: String,
        /// Where it is.
        addresses: Vec<SocketAddr>,
    },
    /// An announcement says nothing that a station could be reached by.
    #[error("the announcement {instance:?} is of no use: {reason}")]
    AnnouncementUnusable {
        /// Its name.
        instance: String,
        /// What is missing.
        reason: UnusableReason,
    },
    /// More stations are announced than are held; told once until there is room again.
    #[error("more than {limit} stations are announced, some are not shown")]
    TooManySightings {
        /// How many are held.
        limit: usize,
    },
    /// One address family is not heard at all: another program has the port for itself. It is tried again every few seconds.
    #[error(
        "UDP port {port} cannot be had in {family} ({reason}), usually because another program holds it and does not share it: stations that \
         are found by {family} are not seen until it ends"
    )]
    PortTaken {
        /// The port of mDNS.
        port: u16,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// In the system's words.
        reason: String,
    },
    /// The caller took events too slowly.
    #[error("{count} discovery events were lost")]
    EventsLost {
        /// How many.
        count: u64,
    },
    /// The responder reports an error.
    #[error("the mDNS responder reports: {text}")]
    ResponderError {
        /// In its words.
        text: String,
    },
    /// The responder has ended; nothing more will be seen.
    #[error("the mDNS responder has stopped")]
    ResponderStopped,
}

/// Why an announcement is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnusableReason {
    /// It is not under `_mvrxchange._tcp.local.`
    #[error("it is of another service")]
    OtherService,
    /// It does not say which group.
    #[error("it names no group")]
    NoGroup,
    /// Its SRV port is 0.
    #[error("its port is 0")]
    NoPort,
    /// No address, or only ones that mean another host (loopback of theirs, link-local without an interface).
    #[error("it has no address that can be reached from here")]
    NoReachableAddress,
    /// Its host has no address, as far as anybody tells who is asked.
    #[error("its host announces no address")]
    NoAddress,
    /// One of its names is longer than DNS allows.
    #[error("one of its names is too long")]
    TooLong,
}
