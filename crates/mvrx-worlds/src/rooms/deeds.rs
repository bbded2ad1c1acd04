//! What the people at a Mixer client do.

use lan_sim::Choices;

use crate::Act;

/// One deed. Rooms are few: people are to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Joins a room, or creates it.
    Join(u8),
    /// Leaves it.
    Leave,
    /// Says that the content of the new room is whole.
    Content,
    /// Sends a command: of which kind, and how long.
    Command(u8, u8),
    /// Changes an attribute of itself.
    Attribute(u8),
    /// Changes an attribute of a room.
    RoomAttribute(u8, u8),
    /// Says whether a room outlives its last member.
    KeepOpen(u8, bool),
    /// Deletes an empty room.
    Delete(u8),
    /// Says to everybody that something went wrong.
    Error,
}

/// Somebody does something.
pub(crate) fn draw(choices: &mut Choices<'_>, hosts: u32) -> Act {
    let host = u32::try_from(choices.below(hosts.into())).unwrap_or(0);
    let mut byte = |limit: u64| u8::try_from(choices.below(limit)).unwrap_or(0);
    let (room, value) = (byte(3), byte(256));
    let deed = match byte(32) {
        0..=6 => Mix::Join(room),
        7 => Mix::Leave,
        8..=11 => Mix::Content,
        12..=25 => Mix::Command(byte(8), value),
        26 => Mix::Attribute(value % 4),
        27 => Mix::RoomAttribute(room, value % 4),
        28 | 29 => Mix::KeepOpen(room, value & 1 == 1),
        30 => Mix::Delete(room),
        _ => Mix::Error,
    };
    Act::Mix { host, deed }
}
