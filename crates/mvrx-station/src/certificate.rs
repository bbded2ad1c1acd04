//! A host's own certificate, kept so that it is the same from start to start: clients know it by its fingerprint.
//!
//! One file has both the key and the certificate, so that a crash leaves the old pair, the new one or none. Nobody but its owner may read
//! it, from its first byte on. Call it with the directory's lock held (see [`mvrx_store::DirLock`]).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use mvrx_transport::tls::{CertificateError, SelfSigned, ServerTls};

/// Why a directory gives no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptCertificateError {
    /// The file is there and cannot be used. It is left as it is.
    #[error(
        "{path} has no certificate that can be used ({error}); move it away to get a new one, which clients have to pin anew"
    )]
    NotUsable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: CertificateError,
    },
    /// No certificate could be made.
    #[error("{0}")]
    NotMade(CertificateError),
    /// Others on this machine may have read the key.
    #[error(
        "others on this machine may read {path}, and the key in it: move it away to get a new one, or `chmod 600` it if nobody has"
    )]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
    },
    /// The directory or file cannot be read or written.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Reads the directory's certificate and key, or makes them and keeps them.
///
/// # Errors
/// When the file holds something else, may be read by others, or cannot be read or written.
// req: TLS-12
pub fn load_or_make_certificate(directory: &Path) -> Result<ServerTls, KeptCertificateError> {
    let path = directory.join(FILE);
    let io_error = |error| KeptCertificateError::Io { path: path.clone(), error };
    match File::open(&path) {
        Ok(file) => {
            if is_for_others(&file).map_err(io_error)? {
                return Err(KeptCertificateError::ReadableByOthers { path });
            }
            let mut text = Vec::new();
            file.take(LONGEST).read_to_end(&mut text).map_err(io_error)?;
            ServerTls::from_pem(&text, &text)
                .map_err(|error| KeptCertificateError::NotUsable { path: path.clone(), error })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory).map_err(io_error)?;
            let made = SelfSigned::make(&[]).map_err(KeptCertificateError::NotMade)?;
            let text = format!("{}{}", made.key, made.certificate);
            write_secret(&path, &text).map_err(io_error)?;
            ServerTls::from_pem(text.as_bytes(), text.as_bytes()).map_err(KeptCertificateError::NotMade)
        }
        Err(error) => Err(io_error(error)),
    }
}

/// A crash leaves the whole file or none.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        // What a crash has left.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(unix)]
fn is_for_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Elsewhere a user's own directory is for that user alone.
#[cfg(not(unix))]
fn is_for_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}

const FILE: &str = "host-tls.pem";
/// Whatever is longer is no certificate and key.
const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // proves: TLS-12
    fn the_certificate_stays_the_same_from_start_to_start_and_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        let first = load_or_make_certificate(&a).unwrap().fingerprint();
        assert_eq!(load_or_make_certificate(&a).unwrap().fingerprint(), first);
        assert_ne!(load_or_make_certificate(&b).unwrap().fingerprint(), first);
        assert_eq!(fs::read_dir(&a).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = a.join(FILE);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = load_or_make_certificate(&a).unwrap_err();
            assert!(error.to_string().contains("others on this machine may read"), "{error}");
        }
    }

    #[test]
    // proves: TLS-12
    fn a_crash_while_it_is_written_leaves_the_next_start_to_make_one_and_a_damaged_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(path.with_extension("new"), "half of it").unwrap();
        load_or_make_certificate(directory.path()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 3]).unwrap();
        assert!(matches!(
            load_or_make_certificate(directory.path()),
            Err(KeptCertificateError::NotUsable { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), text[..text.len() / 3]);
    }
}
