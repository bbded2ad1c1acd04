//! Instance names: what a product's SRV owner name says of its group and station, and the name by which we are announced.
//!
//! The specification puts the group into the service name (`Group._mvrxchange._tcp.local.`) and says nothing of instance names, so every
//! product has its own form. They meet in one rule: **the group is the last label of several, and the last dot-part of one label**.
//!
//! | SRV owner, service type left out | labels | by | group | station |
//! |---|---|---|---|---|
//! | `Default` | one, shared by all stations of the group | libMVRgdtf, BlenderDMX, mvr-gdtf | `Default` | - |
//! | `Desk.Default` | two | MVR4J, Perastage, we | `Default` | `Desk` |
//! | `Desk.Default` | one, with a dot in it | mdns-sd, avahi | `Default` | `Desk` |
//! | `Desk\.Default` | one, the escape sent as it is | - | `Default` | `Desk` |
//! | `Desk@Default` | one | Peraviz | `Default` | `Desk` |
//! | `Desk`, `Hall 1.2` | two, a dot in the last one | we, whoever counts bytes | `Hall 1.2` | `Desk` |
//!
//! A flattened name (labels joined by dots) says as much as the labels do, but for groups with a dot or an `@` in them: of those
//! [`InstanceName::from_labels`] alone reads the whole. In one label such a group cannot be told from a station's name before it. This
//! module deliberately does not know packets, TTLs or who else has the name. Nothing here allocates more than a DNS name's 255 bytes.
//!
//! A conflict suffix of a renaming responder (`Default (2)`) is left in place: it cannot be told from a group of that name, and to show
//! one group as another would hand files to the wrong people.
//!
//! ```
//! use mvrx_discovery::InstanceName;
//!
//! let name = InstanceName::read("FOH.Default._mvrxchange._tcp.local.")?;
//! assert_eq!((name.group.as_str(), name.station.as_deref()), ("Default", Some("FOH")));
//! let name = InstanceName::from_labels(["Peraviz@Default", "_mvrxchange", "_tcp", "local"])?;
//! assert_eq!(name.group, "Default");
//! # Ok::<(), mvrx_discovery::InstanceNameError>(())
//! ```

use mvrx_message::SERVICE_TYPE;
use thiserror::Error;

mod announced;

pub use announced::{Announced, LABEL_BYTES, LONGEST_GROUP, check_group};

/// What an SRV owner name says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceName {
    /// The group, exactly as spelled: groups are case-sensitive.
    pub group: String,
    /// The station's part, when there is one.
    pub station: Option<String>,
    /// How the two are put together.
    pub shape: InstanceShape,
}

/// How a product puts group and station together; see the table of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstanceShape {
    /// `Group` alone: the name may be that of several stations.
    GroupOnly,
    /// `Station.Group`, in one label or two.
    StationDotGroup,
    /// `Station@Group`.
    StationAtGroup,
}

/// Why a name is none of an MVR-xchange station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InstanceNameError {
    /// It does not end in `_mvrxchange._tcp.local.`
    #[error("the name is not one under {SERVICE_TYPE}")]
    OtherServiceType,
    /// Nothing stands where the group should.
    #[error("the name has no group in it")]
    NoGroup,
    /// A label is not UTF-8.
    #[error("a label of the name is not UTF-8")]
    NotUtf8,
}

impl InstanceName {
    /// Reads an SRV owner name whose labels are joined by dots, with or without the final one.
    ///
    /// # Errors
    /// [`InstanceNameError`], never on account of the characters used.
    // req: DIS-GROUP, DIS-SHAPES
    pub fn read(owner: &str) -> Result<Self, InstanceNameError> {
        let instance = without_service_type(owner).ok_or(InstanceNameError::OtherServiceType)?;
        let instance = instance.replace("\\.", ".");
        let (before, last) =
            instance.rsplit_once('.').map_or((None, instance.as_str()), |(b, l)| (Some(b), l));
        let (station, group, shape) = match (before, last.rsplit_once('@')) {
            // The station's name may have dots of its own here: `desk.lan@Default`.
            (_, Some((_, group))) => {
                let station = instance.get(..instance.len() - group.len() - 1);
                (station, group, InstanceShape::StationAtGroup)
            }
            (Some(before), None) => (Some(before), last, InstanceShape::StationDotGroup),
            (None, None) => (None, last, InstanceShape::GroupOnly),
        };
        if group.is_empty() {
            return Err(InstanceNameError::NoGroup);
        }
        let station = station.filter(|s| !s.is_empty()).map(str::to_owned);
        Ok(Self { group: group.to_owned(), station, shape })
    }

    /// Reads an SRV owner name from its labels, without the root's empty one. Of several the last one is the group, whatever is in it.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`InstanceNameError::NotUtf8`].
    pub fn from_labels<L: AsRef<[u8]>>(
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Self, InstanceNameError> {
        let mut parts = Vec::new();
        for label in labels {
            let text = std::str::from_utf8(label.as_ref()).map_err(|_| InstanceNameError::NotUtf8)?;
            parts.push(text.to_owned());
        }
        let owner = parts.join(".");
        let of_service = without_service_type(&owner).is_some();
        match parts.get(..parts.len().saturating_sub(SERVICE_LABELS)) {
            Some([before @ .., group]) if of_service && !before.is_empty() && !group.is_empty() => {
                let station = Some(before.join(".")).filter(|station| !station.is_empty());
                Ok(Self { group: group.clone(), station, shape: InstanceShape::StationDotGroup })
            }
            _ => Self::read(&owner),
        }
    }
}

/// The instance name in an SRV owner name, as it is; `None` under another service type.
pub(crate) fn without_service_type(owner: &str) -> Option<&str> {
    let owner = owner.strip_suffix('.').unwrap_or(owner);
    let service = SERVICE_TYPE.strip_suffix('.').unwrap_or(SERVICE_TYPE);
    let at = owner.len().checked_sub(service.len())?;
    let (instance, end) = (owner.get(..at)?, owner.get(at..)?);
    // DNS compares names without regard to the case of ASCII letters.
    if !end.eq_ignore_ascii_case(service) {
        return None;
    }
    if instance.is_empty() { Some(instance) } else { instance.strip_suffix('.') }
}

/// The labels of the service type.
const SERVICE_LABELS: usize = 3;

#[cfg(test)]
mod tests;
