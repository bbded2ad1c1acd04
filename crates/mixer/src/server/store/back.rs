//! Takes rooms back from their files when the server starts.
//!
//! Nothing is lost without a word: a tail that was not written to its end is cut off and told, a file with damage elsewhere is set aside as it is
//! before its room is written anew, and a file that gives no room stays untouched.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use mixer_proto::json::Json;
use mixer_proto::server::{RestoreError, RoomKey, RoomServer};

use super::super::log::{self, ReadBack};
use super::{Log, Open, OpenStoreError, Writer};

impl Writer {
    // req: MIX-KEEP-2
    pub(super) fn take_rooms_back(&mut self, rooms: &mut RoomServer) -> Result<(), OpenStoreError> {
        let directory = self.directory.clone();
        let mut numbered: Vec<(u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&directory).map_err(refuses(&directory))? {
            let path = entry.map_err(refuses(&directory))?.path();
            let Some((number, kind)) = path.file_name().and_then(|name| name.to_str()).and_then(ours) else {
                continue;
            };
            // Whatever has a name of ours, no new file gets it.
            self.next_number = self.next_number.max(number + 1);
            match kind {
                // req: MIX-KEEP-14
                Kind::Log if fs::metadata(&path).is_ok_and(|about| !about.is_file()) => {
                    tracing::warn!(
                        "{} has the name of a room but is no file; the server goes on without it and leaves it as it is",
                        path.display()
                    );
                }
                Kind::Log => numbered.push((number, path)),
                // A rewrite that was cut off; the old file is whole.
                Kind::Rewrite if fs::symlink_metadata(&path).is_ok_and(|about| about.is_file()) => {
                    fs::remove_file(&path).map_err(refuses(&path))?;
                }
                _ => {}
            }
        }
        numbered.sort();
        for (_, path) in numbered {
            self.take_room_back(path, rooms)?;
        }
        Ok(())
    }

    fn take_room_back(&mut self, path: PathBuf, rooms: &mut RoomServer) -> Result<(), OpenStoreError> {
        let file = File::open(&path).map_err(refuses(&path))?;
        let size = file.metadata().map_err(refuses(&path))?.len();
        let read = log::read(BufReader::with_capacity(READ, file), size).map_err(refuses(&path))?;
        let found = match read {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!("{} gives no room and is left as it is: {error}", path.display());
                return Ok(());
            }
        };
        let ReadBack { mut room, whole, damaged, attributes_older } = found;
        if attributes_older {
            // That its content was complete may have been in what is damaged; a room with gaps is better than none.
            room.attributes.insert("joinable".into(), true.into());
        }
        let name = room.name.clone();
        let complete = room.attributes.find("joinable").and_then(Json::as_bool).unwrap_or(true);
        let key = match rooms.restore(room) {
            Ok(key) => key,
            // Its deletion was cut off when a room of the same name had come; the first is the older one.
            Err(error @ RestoreError::RoomExists { .. }) => {
                tracing::warn!("{} is left as it is: {error}", path.display());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(first) = damaged.first() {
            let bad: usize = damaged.iter().map(ExactSizeIterator::len).sum();
            let aside = self.replace_damaged(key, rooms, &path)?;
            let shown = aside.display();
            tracing::warn!(
                "the log of room {name:?} was damaged: {bad} of its {size} bytes, the first at {}; what could not be made out is missing, everything else is \
                 back.{} The file as it was is kept at {shown}",
                first.start,
                if attributes_older {
                    " Its attributes may be those of an earlier moment, its password and its list of networks as well: look at them."
                } else {
                    ""
                },
            );
            return Ok(());
        }
        let length = whole as u64;
        let file = self.disk.open(&path, Open::Kept { length }).map_err(refuses(&path))?;
        if length < size {
            tracing::warn!(
                "the log of room {name:?} ends in a record that was not written to its end: {} bytes cut off {}",
                size - length,
                path.display()
            );
        }
        if !complete {
            tracing::warn!(
                "room {name:?} was never sent to its end: it is empty until the next client that joins sends it anew"
            );
        }
        self.logs.insert(key, Log { dirty: false, ..Log::new(path, file, length) });
        Ok(())
    }

    /// Gives a damaged log a further name, then writes the room anew in its place. Tells the name.
    // req: MIX-KEEP-10
    fn replace_damaged(
        &mut self,
        key: RoomKey,
        rooms: &mut RoomServer,
        path: &Path,
    ) -> Result<PathBuf, OpenStoreError> {
        let aside = set_aside(path).map_err(refuses(path))?;
        if let Some(content) = rooms.content(key) {
            self.write_anew(key, &content, path.to_owned()).map_err(refuses(path))?;
        }
        Ok(aside)
    }
}

/// Keeps the file under a name of its own, beside its own one. A start that was cut off may have done it before.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut aside = path.with_extension("damaged");
    for number in 2_u64.. {
        match fs::read(&aside) {
            Ok(known) if known == fs::read(path)? => return Ok(aside),
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            _ => aside = path.with_extension(format!("damaged-{number}")),
        }
    }
    // Some file systems know no second name.
    if fs::hard_link(path, &aside).is_err() {
        fs::copy(path, &aside)?;
        File::options().append(true).open(&aside)?.sync_all()?;
    }
    Ok(aside)
}

fn refuses(path: &Path) -> impl Fn(io::Error) -> OpenStoreError {
    let path = path.to_owned();
    move |error| OpenStoreError::SystemRefuses { path: path.clone(), error }
}

#[derive(Clone, Copy)]
enum Kind {
    Log,
    Rewrite,
}

/// The number and kind of a file that a store makes. Everything else in the folder is somebody else's.
// req: MIX-KEEP-12
fn ours(name: &str) -> Option<(u64, Kind)> {
    let (number, kind) = name.strip_prefix("room-")?.split_once('.')?;
    let kind = match kind {
        "log" => Kind::Log,
        "new" => Kind::Rewrite,
        _ => return None,
    };
    // Beyond this nothing could get the next number.
    let number = number.parse().ok().filter(|number| *number < u64::MAX / 2)?;
    Some((number, kind))
}

/// Bytes read at a time.
const READ: usize = 256 << 10;
