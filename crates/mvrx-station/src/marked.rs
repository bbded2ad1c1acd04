//! How a station is described that is a bridge, or stands in for one on the other side of a bridge.

use mvrx_message::BridgeMark;

use crate::Builder;

impl Builder {
    /// The station is a bridge, or stands in for one on the other side of a bridge, and tells others so.
    // req: BRG-01
    #[must_use]
    pub fn bridge(mut self, mark: BridgeMark) -> Self {
        self.bridge = Some(mark);
        self
    }
}
