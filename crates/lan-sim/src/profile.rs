//! How a host's network behaves: what shapes the bytes it sends and the sightings it receives.
//!
//! A host's [`LinkProfile`] shapes what that host *sends* (delay, rate, cutting, losses) and how much it is
//! willing to hold of what it *receives* (the windows). It can change while links are open; the next write
//! and the next read follow the new one.

use std::time::Duration;

use crate::rng::Chance;

/// What shapes the bytes of one host's links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkProfile {
    /// How long a segment is on its way at least. Also the way of acknowledgements, refusals and resets.
    pub delay: Duration,
    /// Up to how much longer, drawn for each segment. Segments of one link never overtake each other; those
    /// of different links do.
    pub jitter: Duration,
    /// Bytes per second that each link of this host carries away; `None` is no limit.
    pub bytes_per_second: Option<u64>,
    /// How many bytes sent to this host may be unread before the sender's writes are cut short. At least 1.
    pub window: u64,
    /// The same for bulk writes, so that a file flows in few steps.
    pub bulk_window: u64,
    /// The longest segment of real bytes. At least 1.
    pub segment: u64,
    /// The longest segment of bulk. At least 1.
    pub bulk_segment: u64,
    /// How writes are cut into segments.
    pub segmentation: Segmentation,
    /// How likely a dial of this host is refused though somebody listens.
    pub refuse: Chance,
    /// How likely a dial of this host vanishes and times out.
    pub lose_dial: Chance,
    /// How likely, for each segment, the link breaks at a random byte of it, for both ends.
    pub reset: Chance,
    /// How likely, for each segment, the link falls silent for ever: both ends believe in it and nothing
    /// arrives.
    pub silence: Chance,
}

/// How writes become segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Segmentation {
    /// One segment per write, or as many of the longest as it takes.
    #[default]
    Whole,
    /// The first 64 bytes of each write one by one, the rest whole.
    Bytewise,
    /// Drawn for each write: whole, cut at up to four odd places, its first bytes one by one, or merged into
    /// the segment before it.
    Odd,
}

impl LinkProfile {
    /// A good wired network: 200 us and up to 100 us more, no faults.
    pub const fn lan() -> Self {
        Self {
            delay: Duration::from_micros(200),
            jitter: Duration::from_micros(100),
            bytes_per_second: None,
            window: 256 * 1024,
            bulk_window: 64 * 1024 * 1024,
            segment: 64 * 1024,
            bulk_segment: 16 * 1024 * 1024,
            segmentation: Segmentation::Whole,
            refuse: Chance::NEVER,
            lose_dial: Chance::NEVER,
            reset: Chance::NEVER,
            silence: Chance::NEVER,
        }
    }

    /// A crowded wireless network: 3 ms and up to 40 ms more, 2 MB/s, odd segments.
    pub const fn wireless() -> Self {
        Self {
            delay: Duration::from_millis(3),
            jitter: Duration::from_millis(40),
            bytes_per_second: Some(2_000_000),
            segmentation: Segmentation::Odd,
            ..Self::lan()
        }
    }

    /// [`LinkProfile::lan`] with odd segments: what a robust reader must survive every day.
    pub const fn odd() -> Self {
        Self { segmentation: Segmentation::Odd, ..Self::lan() }
    }
}

impl Default for LinkProfile {
    fn default() -> Self {
        Self::lan()
    }
}

/// What shapes the sightings of the discovery bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusProfile {
    /// How long an announcement or a goodbye takes at least.
    pub delay: Duration,
    /// Up to how much longer. Each receiver hears in one of [`BusProfile::waves`] moments within it.
    pub jitter: Duration,
    /// In how many moments the receivers of one announcement hear of it. At least 1.
    pub waves: u32,
    /// Whether a host hears its own announcements, as a browser of multicast DNS does.
    pub echo: bool,
    /// How likely, for each receiver, an announcement or goodbye is not heard. A lost announcement is heard
    /// at the next refresh, a lost goodbye ends with the announcement's time to live.
    pub lost: Chance,
    /// How long until those who missed an announcement hear it again.
    pub refresh: Duration,
    /// How likely, for each receiver, an announcement is heard late.
    pub late: Chance,
    /// Up to how late.
    pub late_by: Duration,
    /// How likely, for each receiver, an announcement is heard twice; the second time within `late_by`.
    pub duplicate: Chance,
    /// How likely, for each receiver, an older announcement of the same instance is heard within `late_by`
    /// after the new one.
    pub stale: Chance,
}

impl BusProfile {
    /// Everything is heard once, within 100 ms.
    pub const fn calm() -> Self {
        Self {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(80),
            waves: 4,
            echo: true,
            lost: Chance::NEVER,
            refresh: Duration::from_secs(10),
            late: Chance::NEVER,
            late_by: Duration::from_secs(5),
            duplicate: Chance::NEVER,
            stale: Chance::NEVER,
        }
    }

    /// Every tenth sighting is lost, late, doubled or followed by a stale one.
    pub const fn rough() -> Self {
        Self {
            lost: Chance::percent(10),
            late: Chance::percent(10),
            duplicate: Chance::percent(10),
            stale: Chance::percent(10),
            ..Self::calm()
        }
    }
}

impl Default for BusProfile {
    fn default() -> Self {
        Self::calm()
    }
}

/// What shapes datagrams, each for each receiver by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramProfile {
    /// How long one is on its way at least.
    pub delay: Duration,
    /// Up to how much longer. They overtake each other.
    pub jitter: Duration,
    /// How likely it does not arrive.
    pub lost: Chance,
    /// How likely it is late.
    pub late: Chance,
    /// Up to how late.
    pub late_by: Duration,
    /// How likely it arrives twice.
    pub duplicate: Chance,
}

impl DatagramProfile {
    /// A good wired network: each once, within 2 ms.
    pub const fn calm() -> Self {
        Self {
            delay: Duration::from_micros(50),
            jitter: Duration::from_micros(1_950),
            lost: Chance::NEVER,
            late: Chance::NEVER,
            late_by: Duration::from_millis(500),
            duplicate: Chance::NEVER,
        }
    }

    /// One in five lost, one in ten late by up to half a second, one in ten doubled.
    pub const fn rough() -> Self {
        Self {
            lost: Chance::percent(20),
            late: Chance::percent(10),
            duplicate: Chance::percent(10),
            ..Self::calm()
        }
    }
}

impl Default for DatagramProfile {
    fn default() -> Self {
        Self::calm()
    }
}

impl LinkProfile {
    /// How long the wire is taken by so many bytes.
    pub(crate) fn sending_time(&self, bytes: u64) -> Duration {
        let Some(rate) = self.bytes_per_second else { return Duration::ZERO };
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
