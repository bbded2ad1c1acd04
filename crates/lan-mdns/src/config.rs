//! What is set from outside, and how much others may make the machine hold.

use std::time::Duration;

use crate::Name;

/// How the machine behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where its random delays come from: the same seed and inputs, the same outputs.
    pub seed: u64,
    /// The UDP port of multicast DNS. Who asks from another port knows unicast DNS only (RFC 6762, 6.7); who answers from another is
    /// not heard (11).
    pub port: u16,
    /// How often it asks who is there.
    pub asking: Asking,
    /// The first question for a type asks for answers sent to this host alone (QU, 5.4), which is right when no other process holds the
    /// port: else the answers may reach that one.
    pub unicast_first: bool,
    /// The key of a TXT string that tells services of one instance name apart. Without one they are told apart by source and SRV record.
    pub identity_key: Option<&'static str>,
    /// Whether several services may have this instance name by design. Such a name is never among the answers we already know, as that
    /// would silence the others of its name.
    pub shared: fn(&Name) -> bool,
    /// The longest message it sends, in bytes, of more than one record.
    pub message_bytes: usize,
    /// A service asked for in doubt that does not answer for this long is gone (10.4: ten seconds).
    pub doubt: Duration,
    /// Bounds of everything that grows with what others say.
    pub limits: Limits,
}

/// How often it asks who is there: after 1, 2, 4 s and so on, each step at most the first of these while it is young, at most the second
/// later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The longest pause at first.
    pub fast_every: Duration,
    /// For so long after [`Input::Browse`](crate::Input::Browse) or [`Input::Ask`](crate::Input::Ask).
    pub fast_for: Duration,
    /// The longest pause then.
    pub every: Duration,
}

/// Bounds of everything that grows with what others say. Beyond each the oldest, or the newest, is given up; nothing else suffers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Records held of all sources. Beyond it room is made: first from the sources with the most records, the oldest first; records of
    /// [pinned](crate::Input::Pin) services last of all.
    pub records: usize,
    /// Records held of one source.
    pub records_per_source: usize,
    /// Records of one kind held of one source under one name, and such that point to one name: as many stations of one instance name or of
    /// one host name as one source, a reflector say, can show. A type may have as many pointers as one source may have records.
    pub records_per_name: usize,
    /// Services that may be pinned; the oldest pin makes room.
    pub pins: usize,
    /// Questions waiting to be asked on one link, and names being resolved.
    pub questions: usize,
    /// Answers waiting to be sent to single askers on one link, and questions that wait for more known answers.
    pub replies: usize,
    /// Records that are looked at of one message; the rest is not.
    pub records_per_message: usize,
    /// No record is believed for longer.
    pub longest_ttl: Duration,
    /// No SRV, A or AAAA record is believed for longer: a service that vanishes without a word is missed after this time.
    pub longest_host_ttl: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            port: 5353,
            asking: Asking::default(),
            unicast_first: true,
            identity_key: None,
            shared: |_| false,
            message_bytes: 1440,
            doubt: Duration::from_secs(10),
            limits: Limits::default(),
        }
    }
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            fast_every: Duration::from_secs(5),
            fast_for: Duration::from_secs(30),
            every: Duration::from_mins(1),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records: 16_384,
            records_per_source: 2048,
            records_per_name: 128,
            pins: 1024,
            questions: 256,
            replies: 64,
            records_per_message: 512,
            longest_ttl: Duration::from_secs(4500),
            longest_host_ttl: Duration::from_mins(2),
        }
    }
}
