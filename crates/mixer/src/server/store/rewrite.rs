//! Writes a room's log anew while it goes on being written.
//!
//! ```text
//!   log alone ──much longer than its room──► log and the new one ──synced──► again ──synced──► the new one, in its place
//!                                             both get what comes meanwhile
//! ```
//! A disk may take seconds to sync a large file. It does so on a thread beside, or else what comes meanwhile would neither be written nor, under
//! [`Fsync::Always`], be told to any member. It is synced twice, so that little of what the new file holds is still on its way when it takes the place.
//! An error ends as any other of the disk does: every room is written anew.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use bytes::Bytes;
use mixer_proto::json::Json;
use mixer_proto::server::{RoomContent, RoomKey};

use super::super::Fsync;
use super::super::disk::{LogFile, Open};
use super::{Log, Writer, log, write_commands};

/// The file that takes the place of a log.
pub(super) struct Beside {
    path: PathBuf,
    file: Box<dyn LogFile>,
    length: u64,
    /// Length when the room was in it.
    base: u64,
    synced: Receiver<io::Result<()>>,
    /// The room is on the disk, and what came meanwhile on its way.
    again: bool,
}

impl Beside {
    pub(super) fn append(
        &mut self,
        write: impl FnOnce(&mut dyn LogFile) -> io::Result<usize>,
    ) -> io::Result<()> {
        self.length += write(self.file.as_mut())? as u64;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Writer {
    /// Begins, where there is something to gain.
    // req: MIX-KEEP-5
    pub(super) fn rewrite(&mut self, room: RoomKey, content: &RoomContent) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(&room) else { return Ok(()) };
        let bytes = content.commands.iter().map(Bytes::len).sum::<usize>() as u64;
        if log.length <= bytes.saturating_mul(2).saturating_add(self.limits.rewrite_from_bytes) {
            // The room has grown with its log.
            (log.base, log.rewriting) = (bytes, false);
            return Ok(());
        }
        let path = log.path.with_extension("new");
        let (file, length) = self.write_whole(&path, content)?;
        let synced = on_a_thread(file.syncer()?)?;
        if let Some(log) = self.logs.get_mut(&room) {
            log.beside = Some(Beside { path, file, length, base: length, synced, again: false });
        }
        Ok(())
    }

    pub(super) fn is_rewriting(&self) -> bool {
        self.logs.values().any(|log| log.beside.is_some())
    }

    /// Puts those in their places that are on the disk.
    pub(super) fn finish_rewrites(&mut self) -> io::Result<()> {
        if self.failing_since.is_some() {
            return Ok(());
        }
        let rewriting = self.logs.iter().filter(|(_, log)| log.beside.is_some());
        let rooms: Vec<RoomKey> = rewriting.map(|(room, _)| *room).collect();
        rooms.into_iter().try_for_each(|room| self.finish_rewrite(room))
    }

    fn finish_rewrite(&mut self, room: RoomKey) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(&room) else { return Ok(()) };
        let Some(mut beside) = log.beside.take() else { return Ok(()) };
        match beside.synced.try_recv() {
            Ok(synced) => synced?,
            Err(TryRecvError::Disconnected) => return Err(io::Error::other("a sync ended without a word")),
            Err(TryRecvError::Empty) => {
                log.beside = Some(beside);
                return Ok(());
            }
        }
        if !beside.again {
            (beside.synced, beside.again) = (on_a_thread(beside.file.syncer()?)?, true);
            log.beside = Some(beside);
            return Ok(());
        }
        if self.fsync == Fsync::Always {
            // Members have had all that is in the log.
            beside.file.sync()?;
        }
        self.disk.rename(&beside.path, &log.path)?;
        let Beside { file, length, base, .. } = beside;
        (log.file, log.length, log.base) = (file, length, base);
        (log.dirty, log.rewriting) = (true, false);
        self.sync_directory()
    }

    /// The files that are to take the place of logs go away; the logs hold everything.
    pub(super) fn give_up_rewrites(&mut self) {
        for beside in self.logs.values_mut().filter_map(|log| log.beside.take()) {
            // What stays is removed at the next start.
            let _ = self.disk.remove(&beside.path);
        }
    }

    /// Writes a room beside its place and then moves it there, all at once: where nothing can be written meanwhile anyway.
    pub(super) fn write_anew(
        &mut self,
        room: RoomKey,
        content: &RoomContent,
        path: PathBuf,
    ) -> io::Result<()> {
        let beside = path.with_extension("new");
        let (mut file, length) = self.write_whole(&beside, content)?;
        file.sync()?;
        self.disk.rename(&beside, &path)?;
        self.logs.insert(room, Log { base: length, dirty: false, ..Log::new(path, file, length) });
        self.sync_directory()
    }

    fn write_whole(&self, path: &Path, content: &RoomContent) -> io::Result<(Box<dyn LogFile>, u64)> {
        let mut file = self.disk.open(path, Open::Anew)?;
        let attributes = Json::Object(content.attributes.clone()).to_string();
        let name = log::name_record(&content.name, &attributes);
        file.append(&name, &[])?;
        let mut length = name.len();
        for commands in &content.commands {
            length += write_commands(file.as_mut(), commands)?;
        }
        Ok((file, length as u64))
    }
}

/// Says how it ended once it has.
pub(super) fn on_a_thread(
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<Receiver<io::Result<()>>> {
    let (tell, ended) = channel();
    thread::Builder::new().name("mixer-sync".into()).spawn(move || drop(tell.send(work())))?;
    Ok(ended)
}
