//! [`Txt`]: the TXT record of a station (Table 65) from and to its key/value pairs.
//!
//! It does not know DNS: a caller takes the strings of a record apart at their first `=` and puts them together again. Keys are
//! compared without regard to capitals and the first of several counts (RFC 6763, 6.4). Each string is limited by DNS to 255 bytes,
//! so a long StationName is cut here and complete only in JOIN.
//!
//! ```
//! use mvrx_message::Txt;
//! let (txt, quirks) = Txt::parse([("StationName", &b"FOH"[..]), ("StationUUID", b"4aa291a1-1a62-45fe-aabc-e90e5e2399a8")]);
//! assert_eq!(txt.station_name.as_deref(), Some("FOH"));
//! assert!(txt.station.is_some() && quirks.is_empty());
//! ```

use crate::file_name::cut;
use crate::uuids::{self, Spelling};
use crate::{BridgeMark, Candidate, Ours, Quirk, QuirkSet, StationUuid, UuidError};

/// What a station's TXT record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Txt {
    /// The station's name; `None`: absent or empty.
    pub station_name: Option<String>,
    /// The station; `None`: absent, nil or unreadable. Then only its JOIN or JOIN_RET tells who it is.
    pub station: Option<StationUuid>,
    /// The mark of our own stations.
    pub ours: Option<Ours>,
}

impl Txt {
    /// The record of a station of our own.
    #[must_use]
    pub fn new(station_name: &str, station: StationUuid) -> Self {
        Self {
            station_name: Some(station_name.to_owned()),
            station: Some(station),
            ours: Some(Ours::CURRENT),
        }
    }

    /// The same of a station that can be elected to host a session.
    #[must_use]
    pub fn with_candidate(mut self, candidate: Option<Candidate>) -> Self {
        self.ours = self.ours.map(|ours| ours.with_candidate(candidate));
        self
    }

    /// The same of a bridge, or of a station that a bridge stands in for.
    #[must_use]
    pub fn with_bridge(mut self, bridge: Option<BridgeMark>) -> Self {
        self.ours = self.ours.map(|ours| ours.with_bridge(bridge));
        self
    }

    /// Reads the pairs of a record. Never fails: what cannot be read is a quirk and absent.
    // req: MSG-TXT
    pub fn parse<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> (Self, QuirkSet) {
        let (mut name, mut station, mut ours, mut host, mut bridge) = (None, None, None, None, None);
        for (key, value) in pairs.into_iter().take(PAIRS) {
            let slot = match key.as_ref() {
                key if key.eq_ignore_ascii_case(STATION_NAME.as_bytes()) => &mut name,
                key if key.eq_ignore_ascii_case(STATION_UUID.as_bytes()) => &mut station,
                key if key.eq_ignore_ascii_case(MVRX.as_bytes()) => &mut ours,
                key if key.eq_ignore_ascii_case(HOST.as_bytes()) => &mut host,
                key if key.eq_ignore_ascii_case(BRIDGE.as_bytes()) => &mut bridge,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        let mut quirks = QuirkSet::EMPTY;
        let txt = Self {
            station_name: name.and_then(|v| text(v.as_ref())),
            station: station.and_then(|v| read_station(v.as_ref(), &mut quirks)),
            ours: ours.and_then(|v| read_ours(v.as_ref(), &mut quirks)),
        };
        // req: ELE-01
        let txt = txt.with_candidate(host.and_then(|v| text(v.as_ref())?.parse().ok()));
        // req: BRG-01
        let txt = txt.with_bridge(bridge.and_then(|v| text(v.as_ref())?.parse().ok()));
        if txt.station_name.is_none() {
            quirks.insert(Quirk::StationNameMissing);
        }
        if txt.station.is_none() {
            quirks.insert(Quirk::StationUuidMissing);
        }
        (txt, quirks)
    }

    /// The pairs to put into a record; `key=value` of each has at most 255 bytes. The UUID has the spelling of the messages.
    // req: MSG-TXT
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let name = self.station_name.as_deref().unwrap_or_default();
        let mut pairs = vec![(STATION_NAME, cut(name, STRING_BYTES - STATION_NAME.len() - 1).to_owned())];
        if let Some(station) = self.station {
            pairs.push((STATION_UUID, station.to_string()));
        }
        if let Some(ours) = self.ours {
            pairs.push((MVRX, ours.version.to_string()));
            pairs.extend(ours.candidate.map(|candidate| (HOST, candidate.to_string())));
            pairs.extend(ours.bridge.map(|bridge| (BRIDGE, bridge.to_string())));
        }
        pairs
    }
}

fn text(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(cut_bytes(value));
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn read_station(value: &[u8], quirks: &mut QuirkSet) -> Option<StationUuid> {
    match uuids::read(&text(value).unwrap_or_default()) {
        Ok((uuid, spelling)) => {
            quirks.extend(match spelling {
                Spelling::LowerCase => None,
                Spelling::UpperCase => Some(Quirk::UuidUpperCase),
                Spelling::Odd => Some(Quirk::UuidOddlySpelled),
            });
            let station = StationUuid::from_uuid(uuid);
            if station.is_none() {
                quirks.insert(Quirk::UuidNil);
            }
            station
        }
        Err(error) => {
            quirks.insert(if error == UuidError::Empty { Quirk::UuidEmpty } else { Quirk::UuidUnreadable });
            None
        }
    }
}

fn read_ours(value: &[u8], quirks: &mut QuirkSet) -> Option<Ours> {
    let ours = text(value).and_then(|v| v.parse().ok()).map(|version| Ours { version, ..Ours::CURRENT });
    if ours.is_none() {
        quirks.insert(Quirk::MvrxObjectUnreadable);
    }
    ours
}

fn cut_bytes(value: &[u8]) -> &[u8] {
    value.get(..STRING_BYTES).unwrap_or(value)
}

const STATION_NAME: &str = "StationName";
const STATION_UUID: &str = "StationUUID";
const MVRX: &str = "mvrx";
/// Priority and port of a station that can be elected to host.
const HOST: &str = "mvrx-host";
/// Marks bridges and those that they stand in for.
const BRIDGE: &str = "mvrx-bridge";

/// The length of one string of a TXT record (RFC 1035).
const STRING_BYTES: usize = 255;

/// More pairs than this are not looked at.
const PAIRS: usize = 256;

#[cfg(test)]
mod tests;
