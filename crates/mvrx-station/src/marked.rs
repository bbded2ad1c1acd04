//! How a station is described that is a bridge, or stands in for one on the other side of a bridge.

use mvrx_core::Command;
use mvrx_message::BridgeMark;

use crate::{Builder, Station, Stopped};

impl Builder {
    /// The station is a bridge, or stands in for one on the other side of a bridge, and tells others so.
    // req: BRG-01
    #[must_use]
    pub fn bridge(mut self, mark: BridgeMark) -> Self {
        self.bridge = Some(mark);
        self
    }
}

impl Station {
    /// From now on it says this of itself, as a bridge whose session has another host under the same URL; everybody in its group is told.
    ///
    /// # Errors
    /// When the station has stopped.
    // req: BRG-20
    pub async fn mark_as(&self, mark: BridgeMark) -> Result<(), Stopped> {
        self.tell(Command::MarkAs(mark)).await
    }
}
