//! What Linux does better: sharing bytes between files, and renaming that cannot overwrite.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, ioctl_ficlone, renameat_with};
use rustix::io::Errno;

use super::portable;

/// Renames without overwriting; file systems that do not know the flag get the portable way.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => portable::rename_new(from, to),
        other => Ok(other?),
    }
}

/// Makes the empty file `target` share the bytes of `source`; `false` when the file system cannot.
pub(super) fn share_bytes(source: &File, target: &mut File) -> io::Result<bool> {
    // Every refusal means "copy instead": other disks, file systems without extents to share, network mounts. Were
    // it the disk that failed, the copy will say so.
    if ioctl_ficlone(&*target, source).is_err() {
        return Ok(false);
    }
    target.seek(SeekFrom::End(0))?;
    Ok(true)
}
