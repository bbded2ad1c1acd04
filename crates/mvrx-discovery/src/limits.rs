//! How much a hostile or broken network may make discovery hold.

/// Bounds of everything that grows with what others announce.
///
/// One sighting costs at most a few kilobytes, so the defaults bound the memory of one discovery to a few megabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many sightings are held. Beyond it the oldest one that was never [confirmed](crate::Discovery::confirm) makes room; when all
    /// are confirmed the new one is not taken.
    pub sightings: usize,
    /// How many addresses one sighting may have; the best ones are kept.
    pub addresses_per_sighting: usize,
    /// Under how many names one station is remembered; the one not seen for longest makes room.
    pub names_per_sighting: usize,
    /// The longest instance, host or station name in bytes; DNS and TXT strings end at 255 anyway.
    pub text_bytes: usize,
    /// In how many groups' own service types others are looked for besides that of this station. Who is announced under the base type, as
    /// nearly all are, is seen whatever its group.
    pub group_types: usize,
    /// How many events wait for [`Discovery::next`](crate::Discovery::next); beyond it they are counted and
    /// [told as lost](crate::DiscoveryProblem::EventsLost).
    pub queued_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sightings: 1024,
            addresses_per_sighting: 16,
            names_per_sighting: 4,
            text_bytes: 255,
            group_types: 64,
            queued_events: 4096,
        }
    }
}
