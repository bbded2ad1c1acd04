//! Turns what the operating system says into errors with names: a full disk is another thing than a broken one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A disk did not do what was asked. Paths are those of the store or of the caller, never a name from the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// There is no space left, or the user's quota on this disk is used up.
    #[error("no space left on the disk to {action} {}", path.display())]
    NoSpaceLeft {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
    },
    /// The file grew over what this kind of disk or this process may hold in one file (4 GiB on FAT).
    #[error("the disk does not hold files of this size: cannot {action} {}", path.display())]
    FileTooLargeForDisk {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
    },
    /// The disk is mounted read-only.
    #[error("the disk is read-only: cannot {action} {}", path.display())]
    ReadOnlyDisk {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
    },
    /// The process may not do that there.
    #[error("no permission to {action} {}", path.display())]
    PermissionDenied {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
    },
    /// The device itself reported a failure.
    #[error("the device failed to {action} {}", path.display())]
    DeviceFailed {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
    },
    /// The file is not, or no longer, there.
    #[error("nothing there: cannot {action} {}", path.display())]
    NotFound {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
    },
    /// Something else.
    #[error("cannot {action} {}: {kind}", path.display())]
    Failed {
        /// What was tried.
        action: DiskAction,
        /// On what.
        path: PathBuf,
        /// The standard library's class of the error.
        kind: io::ErrorKind,
        /// The operating system's number, where it gave one.
        code: Option<i32>,
    },
}

/// What was tried on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskAction {
    /// Creating a file or folder.
    Create,
    /// Opening a file.
    Open,
    /// Listing a folder.
    List,
    /// Asking for length and times.
    Inspect,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Making bytes or names durable.
    Sync,
    /// Giving a file another name.
    Rename,
    /// Removing a file.
    Remove,
    /// Locking a directory.
    Lock,
}

impl DiskError {
    /// Whether freeing space would help.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::NoSpaceLeft { .. })
    }

    /// Names what `error` says about `action` on `path`. For those who write a [`Disk`](crate::disk::Disk) or a
    /// store of their own.
    #[must_use]
    pub fn name(action: DiskAction, path: &Path, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        let code = error.raw_os_error();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpaceLeft { action, path },
            io::ErrorKind::FileTooLarge => Self::FileTooLargeForDisk { action, path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnlyDisk { action, path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { action, path },
            io::ErrorKind::NotFound => Self::NotFound { action, path },
            _ if code.is_some_and(|code| DEVICE_FAILURES.contains(&code)) => {
                Self::DeviceFailed { action, path }
            }
            kind => Self::Failed { action, path, kind, code },
        }
    }
}

impl fmt::Display for DiskAction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::List => "list",
            Self::Inspect => "inspect",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// Adds what was tried and where to a result of the disk.
pub(crate) trait Naming<T> {
    fn named(self, action: DiskAction, path: &Path) -> Result<T, DiskError>;
}

impl<T> Naming<T> for io::Result<T> {
    fn named(self, action: DiskAction, path: &Path) -> Result<T, DiskError> {
        self.map_err(|error| DiskError::name(action, path, &error))
    }
}

/// EIO: the standard library has no class for it.
#[cfg(unix)]
const DEVICE_FAILURES: &[i32] = &[5];
/// `ERROR_CRC`, `ERROR_SECTOR_NOT_FOUND`, `ERROR_READ_FAULT`, `ERROR_WRITE_FAULT` and `ERROR_IO_DEVICE`.
#[cfg(windows)]
const DEVICE_FAILURES: &[i32] = &[23, 27, 29, 30, 1117];
#[cfg(not(any(unix, windows)))]
const DEVICE_FAILURES: &[i32] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_the_operating_system_says() {
        let named =
            |code| DiskError::name(DiskAction::Write, Path::new("x"), &io::Error::from_raw_os_error(code));
        if cfg!(target_os = "linux") {
            assert!(named(28).is_full());
            assert!(named(122).is_full());
            assert!(matches!(named(27), DiskError::FileTooLargeForDisk { .. }));
            assert!(matches!(named(30), DiskError::ReadOnlyDisk { .. }));
            assert!(matches!(named(13), DiskError::PermissionDenied { .. }));
            assert!(matches!(named(5), DiskError::DeviceFailed { .. }));
            assert!(matches!(named(2), DiskError::NotFound { .. }));
            assert!(matches!(named(24), DiskError::Failed { code: Some(24), .. }));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn names_a_full_device_that_is_really_full() {
        use std::io::Write;
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = full.write_all(b"x").unwrap_err();
        assert!(DiskError::name(DiskAction::Write, Path::new("/dev/full"), &error).is_full());
    }

    #[test]
    fn reads_as_a_lower_case_clause() {
        let error =
            DiskError::name(DiskAction::Sync, Path::new("a.json"), &io::ErrorKind::StorageFull.into());
        assert_eq!(error.to_string(), "no space left on the disk to sync a.json");
    }
}
