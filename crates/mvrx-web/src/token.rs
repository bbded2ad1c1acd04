//! The token of a data directory: who can read the file may change things.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// The file of the token in the data directory.
pub const TOKEN_FILE: &str = "web-token";

/// 32 random bytes in hexadecimal, compared in constant time.
#[derive(Clone)]
pub(crate) struct Token {
    text: String,
    hash: blake3::Hash,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    fn new(text: String) -> Self {
        let hash = blake3::hash(text.as_bytes());
        Self { text, hash }
    }

    /// The token of this directory, made where there is none, or where others could read or write it. Blocks on the disk.
    // req: WEB-01
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let path = directory.join(TOKEN_FILE);
        match read(&path)? {
            Some(text) => Ok(Self::new(text)),
            None => {
                let text = random();
                write(directory, &path, &text)?;
                Ok(Self::new(text))
            }
        }
    }

    /// Whether this is it. Takes as long for every text of this length.
    pub(crate) fn is(&self, given: &str) -> bool {
        blake3::hash(given.as_bytes()) == self.hash
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// 32 random bytes in hexadecimal.
pub(crate) fn random() -> String {
    let halves = [mvrx_station::random_bytes(), mvrx_station::random_bytes()];
    halves.iter().map(|half: &[u8; 16]| mvrx_node::shown::hex(half)).collect()
}

/// `None`: there is none that is this user's alone.
fn read(path: &Path) -> io::Result<Option<String>> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !about.is_file() || !is_ours_alone(&about) {
        return Ok(None);
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    let text = text.trim();
    let whole = text.len() == HEX && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(whole.then(|| text.to_owned()))
}

#[cfg(unix)]
fn is_ours_alone(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_ours_alone(_about: &fs::Metadata) -> bool {
    true
}

/// Beside its place and then there: nobody reads half of it, and what lay there is replaced, not written through. A temporary file is its
/// user's alone from the start.
fn write(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".web-token-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

const HEX: usize = 64;
const LONGEST: u64 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: WEB-01
    #[test]
    fn a_token_is_made_once_and_is_its_users_alone() {
        let directory = tempfile::tempdir().unwrap();
        let first = Token::of(directory.path()).unwrap();
        let path = directory.path().join(TOKEN_FILE);
        assert_eq!(Token::of(directory.path()).unwrap().text(), first.text());
        assert_eq!(fs::read_to_string(&path).unwrap(), first.text());
        assert!(first.is(first.text()) && !first.is("") && !first.is(&first.text()[1..]));
        assert!(!format!("{first:?}").contains(first.text()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            // What others could read is no secret any more.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let second = Token::of(directory.path()).unwrap();
            assert_ne!(second.text(), first.text());
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            // Nor is what somebody laid there in its place.
            fs::remove_file(&path).unwrap();
            let other = directory.path().join("other");
            fs::write(&other, "a".repeat(64)).unwrap();
            std::os::unix::fs::symlink(&other, &path).unwrap();
            assert_ne!(Token::of(directory.path()).unwrap().text(), "a".repeat(64));
            assert_eq!(
                fs::read_to_string(&other).unwrap(),
                "a".repeat(64),
                "nothing is written through a link"
            );
        }
        fs::write(&path, "short").unwrap();
        assert_eq!(Token::of(directory.path()).unwrap().text().len(), 64);
    }
}
