//! Turns a message type into its name and into what a room does with it.
//!
//! Types below 100 are spoken with the server ([`control`]), 100 itself is a boundary that is never relayed, types above are room
//! commands: opaque, relayed to the other members. What a room keeps of them is their [`Fate`]. Types outside the table kill an existing
//! Python client, so a server must not forward them unless the room opts in.
//!
//! ```
//! use mixer_proto::code::{self, Fate};
//! assert_eq!(code::name(201), Some("TRANSFORM"));
//! assert_eq!(code::fate(201), Some(Fate::Merged));
//! assert_eq!(code::fate(150), Some(Fate::Stored));
//! assert_eq!(code::fate(code::FRAME), Some(Fate::Transient));
//! assert_eq!(code::fate(100), None);
//! ```

/// Types of control messages.
pub mod control {
    #![allow(missing_docs)]
    pub const JOIN_ROOM: u16 = 1;
    pub const LEAVE_ROOM: u16 = 3;
    pub const LIST_ROOMS: u16 = 4;
    pub const CONTENT: u16 = 5;
    pub const CLEAR_CONTENT: u16 = 6;
    pub const DELETE_ROOM: u16 = 7;
    pub const SET_CLIENT_NAME: u16 = 11;
    pub const SEND_ERROR: u16 = 12;
    pub const LIST_CLIENTS: u16 = 14;
    pub const SET_CLIENT_CUSTOM_ATTRIBUTES: u16 = 15;
    pub const SET_ROOM_CUSTOM_ATTRIBUTES: u16 = 16;
    pub const SET_ROOM_KEEP_OPEN: u16 = 17;
    pub const CLIENT_ID: u16 = 18;
    pub const CLIENT_UPDATE: u16 = 19;
    pub const ROOM_UPDATE: u16 = 20;
    pub const ROOM_DELETED: u16 = 21;
    pub const CLIENT_DISCONNECTED: u16 = 22;
}

/// The boundary between control messages and room commands; itself neither.
pub const COMMAND: u16 = 100;
/// Beginning of a group of commands.
pub const GROUP_BEGIN: u16 = 132;
/// End of a group of commands.
pub const GROUP_END: u16 = 133;
/// A question that only present members can answer: relayed, never stored.
pub const QUERY_ANIMATION_DATA: u16 = 139;
/// The current frame of the time line: relayed, never stored.
pub const FRAME: u16 = 205;
/// Commands of one client wrapped into one: relayed, never stored.
pub const CLIENT_ID_WRAPPER: u16 = 1000;

/// What a room does with a command besides relaying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is appended to the room's list.
    Stored,
    /// It is appended, in place of the last command when that one has the same type and the same path.
    Merged,
    /// It is only relayed.
    Transient,
}

/// The fate of a room command; `None` when the type is not a known room command.
// req: MIX-CMD-2, MIX-CMD-3, MIX-ROW-18
pub const fn fate(code: u16) -> Option<Fate> {
    match code {
        FRAME | QUERY_ANIMATION_DATA | CLIENT_ID_WRAPPER => Some(Fate::Transient),
        201..=204 | 206..=208 => Some(Fate::Merged),
        101..=157 | 200 | 999 => Some(Fate::Stored),
        _ => None,
    }
}

/// The name of a message type, as the reference spells it; `None` when it has none.
pub const fn name(code: u16) -> Option<&'static str> {
    if let Some(name) = control_name(code) {
        return Some(name);
    }
    match code {
        COMMAND => Some("COMMAND"),
        200 => Some("OPTIMIZED_COMMANDS"),
        999 => Some("END_OPTIMIZED_COMMANDS"),
        CLIENT_ID_WRAPPER => Some("CLIENT_ID_WRAPPER"),
        101..=157 => nth(&STORED_NAMES, code - 101),
        201..=208 => nth(&OPTIMIZED_NAMES, code - 201),
        _ => None,
    }
}

const fn control_name(code: u16) -> Option<&'static str> {
    Some(match code {
        control::JOIN_ROOM => "JOIN_ROOM",
        control::LEAVE_ROOM => "LEAVE_ROOM",
        control::LIST_ROOMS => "LIST_ROOMS",
        control::CONTENT => "CONTENT",
        control::CLEAR_CONTENT => "CLEAR_CONTENT",
        control::DELETE_ROOM => "DELETE_ROOM",
        control::SET_CLIENT_NAME => "SET_CLIENT_NAME",
        control::SEND_ERROR => "SEND_ERROR",
        control::LIST_CLIENTS => "LIST_CLIENTS",
        control::SET_CLIENT_CUSTOM_ATTRIBUTES => "SET_CLIENT_CUSTOM_ATTRIBUTES",
        control::SET_ROOM_CUSTOM_ATTRIBUTES => "SET_ROOM_CUSTOM_ATTRIBUTES",
        control::SET_ROOM_KEEP_OPEN => "SET_ROOM_KEEP_OPEN",
        control::CLIENT_ID => "CLIENT_ID",
        control::CLIENT_UPDATE => "CLIENT_UPDATE",
        control::ROOM_UPDATE => "ROOM_UPDATE",
        control::ROOM_DELETED => "ROOM_DELETED",
        control::CLIENT_DISCONNECTED => "CLIENT_DISCONNECTED",
        _ => return None,
    })
}

#[allow(clippy::indexing_slicing)] // guarded by the comparison; `get` is not const
const fn nth(names: &'static [&'static str], at: u16) -> Option<&'static str> {
    if (at as usize) < names.len() { Some(names[at as usize]) } else { None }
}

const STORED_NAMES: [&str; 57] = [
    "DELETE",
    "CAMERA",
    "LIGHT",
    "_MESHCONNECTION_DEPRECATED",
    "RENAME",
    "DUPLICATE",
    "SEND_TO_TRASH",
    "RESTORE_FROM_TRASH",
    "TEXTURE",
    "ADD_COLLECTION_TO_COLLECTION",
    "REMOVE_COLLECTION_FROM_COLLECTION",
    "ADD_OBJECT_TO_COLLECTION",
    "REMOVE_OBJECT_FROM_COLLECTION",
    "ADD_OBJECT_TO_SCENE",
    "ADD_COLLECTION_TO_SCENE",
    "INSTANCE_COLLECTION",
    "COLLECTION",
    "COLLECTION_REMOVED",
    "SET_SCENE",
    "GREASE_PENCIL_MESH",
    "GREASE_PENCIL_MATERIAL",
    "GREASE_PENCIL_CONNECTION",
    "GREASE_PENCIL_TIME_OFFSET",
    "FRAME_START_END",
    "ANIMATION",
    "REMOVE_OBJECT_FROM_SCENE",
    "REMOVE_COLLECTION_FROM_SCENE",
    "SCENE",
    "_SCENE_REMOVED_DEPRECATED",
    "ADD_OBJECT_TO_VRTIST",
    "OBJECT_VISIBILITY",
    "GROUP_BEGIN",
    "GROUP_END",
    "_SCENE_RENAMED_DEPRECATED",
    "ADD_KEYFRAME",
    "REMOVE_KEYFRAME",
    "MOVE_KEYFRAME",
    "QUERY_CURRENT_FRAME",
    "QUERY_ANIMATION_DATA",
    "BLENDER_DATA_UPDATE",
    "_CAMERA_ATTRIBUTES",
    "_LIGHT_ATTRIBUTES",
    "BLENDER_DATA_REMOVE",
    "BLENDER_DATA_RENAME",
    "CLEAR_ANIMATIONS",
    "CURRENT_CAMERA",
    "SHOT_MANAGER_MONTAGE_MODE",
    "SHOT_MANAGER_CONTENT",
    "SHOT_MANAGER_CURRENT_SHOT",
    "SHOT_MANAGER_ACTION",
    "BLENDER_DATA_CREATE",
    "BLENDER_DATA_MEDIA",
    "EMPTY",
    "ADD_CONSTRAINT",
    "REMOVE_CONSTRAINT",
    "ASSET_BANK",
    "SAVE",
];
const OPTIMIZED_NAMES: [&str; 8] =
    ["TRANSFORM", "MESH", "MATERIAL", "ASSIGN_MATERIAL", "FRAME", "PLAY", "PAUSE", "WORLD_SKY"];

#[cfg(test)]
mod tests {
    use super::{Fate, fate, name};

    // proves: MIX-ROW-18, MIX-CMD-3
    #[test]
    fn every_room_command_has_a_name_and_a_fate_and_nothing_else_has() {
        for code in 0..=u16::MAX {
            assert_eq!(name(code).is_some() && code > 100, fate(code).is_some(), "{code}");
        }
        assert_eq!(name(157), Some("SAVE"));
        assert_eq!(name(139), Some("QUERY_ANIMATION_DATA"));
        assert_eq!(name(151), Some("BLENDER_DATA_CREATE"));
        let transient: Vec<u16> =
            (0..=u16::MAX).filter(|code| fate(*code) == Some(Fate::Transient)).collect();
        assert_eq!(transient, [139, 205, 1000]);
    }
}
