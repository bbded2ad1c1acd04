//! What passwords had to do with a connection: which stations an accepted one may be, and what the host of a dialed one was told.

use std::sync::Arc;

use mvrx_message::StationUuid;

use super::door::Password;

/// What passwords had to do with a connection; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// Which stations it may be, by the password that it came with.
    pub may_be: MayBe,
    /// The password that the host was told in the handshake: its JOIN may say it as well.
    pub told: Option<Password>,
}

/// Which stations a connection may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MayBe {
    /// Any.
    #[default]
    Anyone,
    /// These: it knows their passwords.
    Only(Arc<[StationUuid]>),
    /// Any but these: they have passwords of their own, which it did not say.
    AnyoneBut(Arc<[StationUuid]>),
}

impl MayBe {
    /// Whether it may be this one.
    #[must_use]
    pub fn includes(&self, station: StationUuid) -> bool {
        match self {
            Self::Anyone => true,
            Self::Only(stations) => stations.contains(&station),
            Self::AnyoneBut(stations) => !stations.contains(&station),
        }
    }
}
