//! The writing side: the names and strings by which a station is announced.
//!
//! The instance is `Station.Group`, in **two** labels where the responder can say them ([`Announced::two_labels`], as `LanDiscovery` does),
//! in one label where it cannot ([`Announced::of`], mdns-sd). All known products read the group from either, if it has neither a dot nor an
//! `@` ([`check_group`]). The bare group is never announced: it is shared, and a probing responder would rename it to a group of another name.

use mvrx_message::{BridgeMark, GroupName, SERVICE_TYPE, StationUuid, Txt};

use super::InstanceName;
use crate::{Advertisement, DiscoveryError};

/// The longest DNS label in bytes (RFC 1035).
pub const LABEL_BYTES: usize = 63;

/// The longest group that can be announced: one byte of station and a dot stand before it.
pub const LONGEST_GROUP: usize = LABEL_BYTES - 2;

/// What goes into the records of an announced station.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announced {
    /// The instance name under `_mvrxchange._tcp.local.`: one label, `Station.Group`, at most 63 bytes, the group whole.
    pub instance: String,
    /// The instance name under the group's own service type: the station's part alone.
    pub station_label: String,
    /// The first label of SRV's target. Made of the StationUUID, so no two stations of the world negotiate over it.
    pub host: String,
    /// SRV's port.
    pub port: u16,
    /// The strings of the TXT record (Table 65); each pair with its `=` has at most 255 bytes.
    pub txt: Vec<(&'static str, String)>,
}

impl Announced {
    /// The names for an advertisement.
    ///
    /// # Errors
    /// [`DiscoveryError::PortIsZero`], [`DiscoveryError::GroupLeavesNoRoomForStation`], [`DiscoveryError::GroupReadAsAnother`].
    pub fn of(advertisement: &Advertisement) -> Result<Self, DiscoveryError> {
        Self::named(advertisement, |room| clean_label(&advertisement.station_name, room))
    }

    /// The names for an advertisement said in two labels, [`station_label`](Self::station_label) and the group: both may be as long as a
    /// label is. [`instance`](Self::instance) is both joined by a dot, for people.
    ///
    /// # Errors
    /// [`DiscoveryError::PortIsZero`].
    // req: DIS-TWO-LABELS
    pub fn two_labels(advertisement: &Advertisement) -> Result<Self, DiscoveryError> {
        if advertisement.port == 0 {
            return Err(DiscoveryError::PortIsZero);
        }
        Ok(Self::with_station(advertisement, clean_label(&advertisement.station_name, LABEL_BYTES)))
    }

    /// The names for an advertisement whose instance name another station has: part of the StationUUID tells the two apart. Of two
    /// stations that both give way, none gets the other's name.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    // req: DIS-NAMESAKE
    pub fn beside_namesake(advertisement: &Advertisement) -> Result<Self, DiscoveryError> {
        Self::named(advertisement, |room| {
            let digits = distinction(advertisement.station);
            let tail = cut(&digits, room);
            match room.checked_sub(tail.len() + 1) {
                Some(rest @ 1..) => format!("{}-{tail}", clean_label(&advertisement.station_name, rest)),
                _ => tail.to_owned(),
            }
        })
    }

    // req: DIS-ONE-LABEL, DIS-TXT, DIS-HOST
    fn named(
        advertisement: &Advertisement,
        station: impl FnOnce(usize) -> String,
    ) -> Result<Self, DiscoveryError> {
        if advertisement.port == 0 {
            return Err(DiscoveryError::PortIsZero);
        }
        let group = advertisement.group.as_str();
        let Some(room @ 1..) = LABEL_BYTES.checked_sub(group.len() + 1) else {
            return Err(DiscoveryError::GroupLeavesNoRoomForStation {
                bytes: group.len(),
                max: LONGEST_GROUP,
            });
        };
        check_group(&advertisement.group)?;
        Ok(Self::with_station(advertisement, station(room)))
    }

    fn with_station(advertisement: &Advertisement, station_label: String) -> Self {
        Self {
            instance: format!("{station_label}.{}", advertisement.group.as_str()),
            station_label,
            host: host_label(advertisement),
            port: advertisement.port,
            txt: Txt::new(&advertisement.station_name, advertisement.station)
                .with_candidate(advertisement.candidate)
                .with_bridge(advertisement.bridge)
                .to_pairs(),
        }
    }
}

/// Whether every product reads the group as itself. One with a dot or an `@` is read as its last part by most, and in one label by all: it
/// is a group of our own stations and of such products as take a label for what it is. They find each other; it cannot be said in one label.
///
/// # Errors
/// [`DiscoveryError::GroupReadAsAnother`].
// req: DIS-GROUP-UNREADABLE
pub fn check_group(group: &GroupName) -> Result<(), DiscoveryError> {
    let instance = format!("{NAMELESS}.{}.{SERVICE_TYPE}", group.as_str());
    let read_as = InstanceName::read(&instance).map(|name| name.group).unwrap_or_default();
    if read_as == group.as_str() {
        Ok(())
    } else {
        Err(DiscoveryError::GroupReadAsAnother { group: group.as_str().to_owned(), read_as })
    }
}

/// A station's name as it may stand before `.Group`: nothing in it that a reader takes for a separator, at most `room` bytes, never empty.
fn clean_label(name: &str, room: usize) -> String {
    let cleaned: String = name
        .trim()
        .chars()
        .map(|c| if matches!(c, '.' | '@' | '\\') || c.is_control() { '-' } else { c })
        .collect();
    let label = cut(&cleaned, room).trim_end();
    if label.is_empty() { cut(NAMELESS, room).to_owned() } else { label.to_owned() }
}

/// Eight digits that depend on all of the StationUUID: products count UUIDs up or make them of addresses, so that only some part differs.
fn distinction(station: StationUuid) -> String {
    let (high, low) = station.as_uuid().as_u64_pair();
    let folded = high ^ low;
    format!("{:08x}", (folded >> 32) ^ (folded & 0xffff_ffff))
}

/// A stand-in is not the host that its station is: both may be announced for a while, and records of one name are one set.
fn host_label(advertisement: &Advertisement) -> String {
    let station = advertisement.station.to_string();
    match advertisement.bridge {
        Some(BridgeMark::StandIn { bridge }) => {
            let bridge = bridge.to_string();
            format!("{station}-{}", cut(&bridge, 8))
        }
        _ => station,
    }
}

/// The longest beginning of `text` of at most `bytes` bytes that ends between two characters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The station's part for a station without a name.
const NAMELESS: &str = "Station";
