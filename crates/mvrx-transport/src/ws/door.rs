//! A session's password: what a client says of it in the handshake, and how a host checks it before anything else is read.
//!
//! It goes as HTTP's Basic authorization (RFC 7617) under any user name, so that every WebSocket client can say it. A host compares in
//! constant time, and an address that guessed wrong too often is refused for a while, the right password included: otherwise it would
//! guess on. Nothing of it is in `Debug` or in an error.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::endpoint::WsUrl;
use crate::tls::ClientTls;

/// A session's password. Its `Debug` has nothing of it.
#[derive(Clone)]
pub struct Password(String);

/// A text that can be no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password has from 1 to {LONGEST} bytes and no control characters")]
pub struct NotAPassword;

impl Password {
    /// From 1 to 256 bytes of UTF-8 without control characters.
    ///
    /// # Errors
    /// When it is something else.
    pub fn new(text: impl Into<String>) -> Result<Self, NotAPassword> {
        let text = text.into();
        let fits = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(NotAPassword) }
    }

    /// Whether a client's `Authorization` has it. The time this takes does not tell how much of it was right.
    // req: PWD-01
    fn is_in(&self, authorization: &str) -> bool {
        let said = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"))
            .and_then(|(_, code)| BASE64.decode(code.trim().as_bytes()).ok());
        let said = said.as_deref().and_then(|pair| pair.split(|byte| *byte == b':').next().zip(Some(pair)));
        // A text without a user name is compared all the same.
        let said =
            said.map(|(user, pair)| pair.get(user.len() + 1..).unwrap_or_default()).unwrap_or_default();
        let (ours, theirs) = (digest(&SHA256, self.0.as_bytes()), digest(&SHA256, said));
        ours.as_ref().ct_eq(theirs.as_ref()).into()
    }

    fn authorization(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("mvrx:{}", self.0).as_bytes()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password, and the one host that is told it.
#[derive(Debug, Clone)]
pub struct Login {
    password: Password,
    host: String,
    port: u16,
    in_the_clear: bool,
}

impl Login {
    /// For the host of this URL; other hosts, to which a session may move, are told it only if they have the pinned certificate.
    #[must_use]
    pub fn new(password: Password, url: &WsUrl) -> Self {
        Self { password, host: url.host().to_owned(), port: url.port(), in_the_clear: false }
    }

    /// Also over `ws://`, where everybody on the way can read it.
    #[must_use]
    pub fn in_the_clear(mut self) -> Self {
        self.in_the_clear = true;
        self
    }

    /// What the host of `url` is told.
    // req: PWD-03
    pub(super) fn for_host(&self, url: &WsUrl, trust: &ClientTls) -> Option<String> {
        let is_known = (url.host(), url.port()) == (self.host.as_str(), self.port);
        let told = match url.is_secure() {
            true => is_known || trust.is_pinned(),
            false => is_known && self.in_the_clear,
        };
        told.then(|| self.password.authorization())
    }
}

/// What a host asks of who knocks. Its clones share what they remember.
#[derive(Debug, Clone)]
pub struct Door {
    password: Password,
    guesses: Arc<Mutex<Guesses>>,
}

/// Why a client does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shut {
    /// It said no password.
    NoPassword,
    WrongPassword,
    /// Its address has guessed wrong too often; it may try again after so long.
    TooManyGuesses(Duration),
}

impl Door {
    /// Lets in who has the password.
    #[must_use]
    pub fn new(password: Password) -> Self {
        Self { password, guesses: Arc::default() }
    }

    /// Whether this client comes in.
    // req: PWD-01, PWD-02
    pub(super) fn knock(&self, from: IpAddr, authorization: Option<&str>) -> Result<(), Shut> {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(wait) = guesses.wait(from, now) {
            return Err(Shut::TooManyGuesses(wait));
        }
        // Who says nothing has guessed nothing.
        let said = authorization.ok_or(Shut::NoPassword)?;
        if self.password.is_in(said) {
            return Ok(());
        }
        guesses.wrong(from, now);
        Err(Shut::WrongPassword)
    }
}

/// Wrong guesses of each address: each makes a debt of [`EACH`], and with more than [`MOST`] of them nobody from there is let in.
#[derive(Debug, Default)]
struct Guesses {
    /// When the debt is paid.
    until: HashMap<IpAddr, Instant>,
}

impl Guesses {
    fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let debt = self.until.get(&place(from))?.saturating_duration_since(now);
        // One more has to fit.
        let wait = debt.saturating_sub(EACH * (MOST - 1));
        (!wait.is_zero()).then_some(wait)
    }

    fn wrong(&mut self, from: IpAddr, now: Instant) {
        if self.until.len() >= ADDRESSES {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() >= ADDRESSES {
            // Whoever has so many addresses is not held back by a list of them.
            let soonest = self.until.iter().min_by_key(|(_, until)| **until).map(|(from, _)| *from);
            soonest.and_then(|from| self.until.remove(&from));
        }
        let until = self.until.entry(place(from)).or_insert(now);
        *until = (*until).max(now) + EACH;
    }
}

/// Who has one IPv6 address has its whole network of 64 bits.
fn place(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 => v4,
    }
}

/// Bytes of a password.
const LONGEST: usize = 256;
/// Wrong guesses of one address at once.
const MOST: u32 = 5;
/// One more is allowed after so long.
const EACH: Duration = Duration::from_secs(10);
/// Addresses that are remembered.
const ADDRESSES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new(Password::new("open: sésame").unwrap())
    }

    fn said(text: &str) -> String {
        Password::new(text).unwrap().authorization()
    }

    const FROM: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 7));

    #[test]
    // proves: PWD-01
    fn the_password_alone_opens_and_nothing_shows_it() {
        let right = said("open: sésame");
        assert_eq!(door().knock(FROM, Some(&right)), Ok(()));
        assert_eq!(door().knock(FROM, Some(&right.replace("Basic", "BASIC"))), Ok(()));
        assert_eq!(door().knock(FROM, None), Err(Shut::NoPassword));
        let bare = format!("Basic {}", BASE64.encode(b"open"));
        for wrong in ["", "Basic", "Basic !", "Bearer open", &bare, &said("open: sesame"), &said("open")] {
            assert_eq!(door().knock(FROM, Some(wrong)), Err(Shut::WrongPassword), "{wrong}");
        }
        let url = "wss://rack/".parse().unwrap();
        let login = Login::new(Password::new("sésame").unwrap(), &url);
        assert!(!format!("{:?} {login:?}", door()).contains("same"));
        for wrong in ["", "a\nb", &"a".repeat(257)] {
            assert_eq!(Password::new(wrong).map(drop), Err(NotAPassword));
        }
    }

    #[tokio::test(start_paused = true)]
    // proves: PWD-02
    async fn guesses_of_an_address_are_limited_and_others_come_in() {
        let (door, right) = (door(), said("open: sésame"));
        let neighbour = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 1, 9, 9, 9, 9));
        for _ in 0..5 {
            assert_eq!(door.knock(FROM, Some("Basic x")), Err(Shut::WrongPassword));
        }
        for from in [FROM, neighbour] {
            let shut = door.knock(from, Some(&right));
            assert!(matches!(shut, Err(Shut::TooManyGuesses(wait)) if wait <= EACH), "{shut:?}");
        }
        assert_eq!(door.knock(IpAddr::V6(Ipv6Addr::LOCALHOST), Some(&right)), Ok(()));
        tokio::time::advance(EACH).await;
        assert_eq!(door.knock(FROM, Some(&right)), Ok(()));
        // One more each ten seconds, and the right one does not count.
        assert_eq!(door.knock(FROM, Some("Basic x")), Err(Shut::WrongPassword));
        assert!(matches!(door.knock(FROM, Some("Basic x")), Err(Shut::TooManyGuesses(_))));
        for n in 0..5_000_u32 {
            let _ = door.knock(IpAddr::V4(n.into()), Some("Basic x"));
        }
        assert!(door.guesses.lock().unwrap().until.len() <= ADDRESSES);
    }

    #[test]
    // proves: PWD-03
    fn a_password_is_told_to_its_host_alone_and_encrypted() {
        let url = |text: &str| text.parse::<WsUrl>().unwrap();
        let login = Login::new(Password::new("x").unwrap(), &url("wss://rack:9/"));
        let any = ClientTls::default();
        assert!(login.for_host(&url("wss://rack:9/other"), &any).is_some());
        for other in ["ws://rack:9/", "wss://rack/", "wss://evil:9/"] {
            assert!(login.for_host(&url(other), &any).is_none(), "{other}");
        }
        let pinned = ClientTls::pinned(crate::tls::Fingerprint::of(b"x")).unwrap();
        assert!(login.for_host(&url("wss://evil:9/"), &pinned).is_some());
        assert!(login.for_host(&url("ws://rack:9/"), &pinned).is_none());
        let open = login.in_the_clear();
        assert!(open.for_host(&url("ws://rack:9/"), &any).is_some());
        assert!(open.for_host(&url("ws://evil:9/"), &pinned).is_none());
    }
}
