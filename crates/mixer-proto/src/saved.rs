//! Turns a saved room, the reference's file format, into attributes and commands and back.
//!
//! A file is a string (u32 length, JSON of the room's attributes) and then whole frames to its end. Files saved by the reference begin with a
//! LIST_ROOMS frame that its own downloader counted as a command; control frames are therefore skipped when reading. The caller bounds the file's size.
//!
//! ```
//! use mixer_proto::{frame, json::Object, saved::SavedRoom};
//! let room = SavedRoom { attributes: Object::new(), commands: frame::encode(101, 7, b"x") };
//! assert_eq!(SavedRoom::decode(&room.encode().into()).unwrap(), room);
//! ```

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::code::COMMAND;
use crate::frame::{Frames, HEADER_LEN, scan};
use crate::json::Object;
use crate::primitive::{PayloadError, Reader, put_object};

/// A saved room.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedRoom {
    /// The room's attributes when it was saved.
    pub attributes: Object,
    /// Its commands: whole frames, no control frames.
    pub commands: Bytes,
}

/// Why a file is no saved room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SavedRoomError {
    /// The attributes cannot be read.
    #[error("the attributes of the saved room cannot be read: {0}")]
    AttributesUnreadable(#[from] PayloadError),
    /// The file ends inside a command.
    #[error("the saved room ends inside a command, {whole} bytes after its attributes")]
    EndsInsideCommand {
        /// Bytes of whole commands before.
        whole: usize,
    },
}

impl SavedRoom {
    /// Reads a file's bytes. The commands share them unless control frames lie between.
    ///
    /// # Errors
    /// When the attributes are broken or the last frame is cut off.
    // req: MIX-FILE-1
    pub fn decode(file: &Bytes) -> Result<Self, SavedRoomError> {
        let mut reader = Reader::new(file);
        let attributes = reader.object()?;
        let frames = file.slice(file.len() - reader.rest().len()..);
        let whole = scan(&frames, u64::MAX).whole;
        if whole < frames.len() {
            return Err(SavedRoomError::EndsInsideCommand { whole });
        }
        Ok(Self { attributes, commands: without_control_frames(&frames) })
    }

    /// How many commands there are.
    pub fn command_count(&self) -> usize {
        Frames::new(&self.commands).count()
    }

    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.commands.len() + HEADER_LEN);
        put_object(&mut file, &self.attributes);
        file.extend_from_slice(&self.commands);
        file
    }
}

fn without_control_frames(frames: &Bytes) -> Bytes {
    if Frames::new(frames).all(|frame| frame.header.code > COMMAND) {
        return frames.clone();
    }
    let mut commands = BytesMut::with_capacity(frames.len());
    for frame in Frames::new(frames).filter(|frame| frame.header.code > COMMAND) {
        commands.extend_from_slice(frames.get(frame.range).unwrap_or_default());
    }
    commands.freeze()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{SavedRoom, SavedRoomError};
    use crate::frame::encode;
    use crate::json::Object;

    // proves: MIX-FILE-1
    #[test]
    fn listing_that_the_reference_saves_by_mistake_is_skipped() {
        let file =
            [&b"\x02\0\0\0{}"[..], &encode(4, 1, b"\0\0\0\0"), &encode(101, 2, b"a"), &encode(201, 3, b"b")]
                .concat();
        let room = SavedRoom::decode(&Bytes::from(file)).unwrap();
        assert_eq!(room.commands, [encode(101, 2, b"a"), encode(201, 3, b"b")].concat());
    }

    #[test]
    fn file_that_ends_inside_a_command_is_named() {
        let mut file = SavedRoom { attributes: Object::new(), commands: encode(101, 2, b"abc") }.encode();
        file.pop();
        assert_eq!(SavedRoom::decode(&file.into()), Err(SavedRoomError::EndsInsideCommand { whole: 0 }));
    }
}
