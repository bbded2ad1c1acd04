//! A session's password: what a client says of it in the handshake, and how a host checks it before anything else is read.
//!
//! It goes as HTTP's Basic authorization (RFC 7617) under any user name, so that every WebSocket client can say it; who says none there may
//! say its hash in the JOIN that comes first ([`super::first_join`]). A host compares in constant time, and an address that guessed wrong too
//! often is refused for a while, the right password included: otherwise it would guess on. Stations may have passwords of their own.
//! Nothing of it is in `Debug` or in an error.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use lan_net::accept::place;
use mvrx_message::{Join, JoinPassword, StationUuid};
use ring::digest::{Context, Digest, SHA256, digest};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use unicode_normalization::UnicodeNormalization as _;

use super::proof::MayBe;
use crate::endpoint::WsUrl;
use crate::tls::ClientTls;

/// A session's password. Its `Debug` has nothing of it. One text counts as one password however its accents are put together: it is kept, said
/// and compared in Unicode's normalization form C, as RFC 7617 has it.
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
        // req: PWD-15
        let text: String = text.into().nfc().collect();
        let fits = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(NotAPassword) }
    }

    /// Whether it is the one of which this is the hash. The time this takes does not tell how much of it was right.
    // req: PWD-01
    fn is(&self, said: &Digest) -> bool {
        digest(&SHA256, self.0.as_bytes()).as_ref().ct_eq(said.as_ref()).into()
    }

    /// What a station says of it in its JOIN (issue 258 of the specification): the SHA-256 of the password and the StationUUID as the JOIN has
    /// it, both in UTF-8, as 64 hexadecimal digits. As good as the password for who wants to come in as this station: it is said where the
    /// password is.
    // req: PWD-07
    #[must_use]
    pub fn for_join(&self, station: StationUuid) -> JoinPassword {
        JoinPassword::new(&HEXLOWER.encode(self.with(&station.to_string()).as_ref()))
    }

    /// Whether a JOIN of this station says it. The StationUUID counts in either case, and accents put together or apart, since the hash is made
    /// at the other end; each form is compared to its end.
    // req: PWD-06
    fn is_in_join(&self, station: StationUuid, said: &JoinPassword) -> bool {
        let said = said.as_str().trim().as_bytes();
        let said = HEXLOWER_PERMISSIVE.decode(said).or_else(|_| BASE64.decode(said)).unwrap_or_default();
        let uuid = station.to_string();
        let apart: String = self.0.nfd().collect();
        let forms = [uuid.as_str(), &uuid.to_ascii_uppercase()].map(|uuid| {
            [hash_of(&self.0, uuid), hash_of(&apart, uuid)].map(|form| form.as_ref().ct_eq(&said))
        });
        let [[one, two], [three, four]] = forms;
        (one | two | three | four).into()
    }

    fn with(&self, station: &str) -> Digest {
        hash_of(&self.0, station)
    }
    fn authorization(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("mvrx:{}", self.0).as_bytes()))
    }
}

fn hash_of(password: &str, station: &str) -> Digest {
    let mut both = Context::new(&SHA256);
    both.update(password.as_bytes());
    both.update(station.as_bytes());
    both.finish()
}

/// The hash of the password in a client's `Authorization`.
fn said_in(authorization: &str) -> Digest {
    let said = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"))
        .and_then(|(_, code)| BASE64.decode(code.trim().as_bytes()).ok());
    let said = said.as_deref().and_then(|pair| pair.split(|byte| *byte == b':').next().zip(Some(pair)));
    // A text without a user name is compared all the same.
    let said = said.map(|(user, pair)| pair.get(user.len() + 1..).unwrap_or_default()).unwrap_or_default();
    match std::str::from_utf8(said) {
        Ok(text) => digest(&SHA256, text.nfc().collect::<String>().as_bytes()),
        Err(_) => digest(&SHA256, said),
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password, and who is told it.
#[derive(Debug, Clone)]
pub struct Login {
    password: Password,
    host: Option<(String, u16)>,
    pinned: bool,
    in_the_clear: bool,
}

impl Login {
    /// For the host of this URL; other hosts, to which a session may move, are told it only if they have the pinned certificate.
    #[must_use]
    pub fn new(password: Password, url: &WsUrl) -> Self {
        Self { pinned: true, ..Self::at(password, url) }
    }

    /// For the host of this URL, and no other one.
    // req: PWD-10
    #[must_use]
    pub fn at(password: Password, url: &WsUrl) -> Self {
        let host = Some((url.host().to_owned(), url.port()));
        Self { password, host, pinned: false, in_the_clear: false }
    }

    /// For whichever host has the pinned certificate, and nobody where none is pinned: for a station that others may lead into a session.
    // req: PWD-10
    #[must_use]
    pub fn pinned(password: Password) -> Self {
        Self { password, host: None, pinned: true, in_the_clear: false }
    }

    /// Also over `ws://`, where everybody on the way can read it: to the host of the URL that was said, whoever has its address.
    #[must_use]
    pub fn in_the_clear(mut self) -> Self {
        self.in_the_clear = true;
        self
    }

    /// What the host of `url` is told: what was said for it, else what is for whoever has the pinned certificate.
    // req: PWD-03, PWD-10
    pub(super) fn of_host(all: &[Self], url: &WsUrl, trust: &ClientTls) -> Option<Told> {
        let is_known = |login: &&Self| login.is_for(url) && (url.is_secure() || login.in_the_clear);
        let is_pinned = |login: &&Self| login.pinned && url.is_secure() && trust.is_pinned();
        let login = all.iter().find(is_known).or_else(|| all.iter().find(is_pinned))?;
        let password = login.password.clone();
        Some(Told { authorization: password.authorization(), password })
    }

    fn is_for(&self, url: &WsUrl) -> bool {
        self.host.as_ref().is_some_and(|(host, port)| (url.host(), url.port()) == (host.as_str(), *port))
    }
}

/// What a host is told in the handshake.
pub(super) struct Told {
    pub(super) authorization: String,
    pub(super) password: Password,
}

/// What a host asks of who knocks. Its clones share what they remember.
#[derive(Debug, Clone)]
pub struct Door {
    password: Option<Password>,
    /// Of stations that have one of their own.
    own: Arc<BTreeMap<StationUuid, Password>>,
    in_join: bool,
    guesses: Arc<Mutex<Guesses>>,
}

/// Why a client does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Shut {
    /// It said no password.
    #[error("this session wants a password, and none was said")]
    NoPassword,
    /// It said another one.
    #[error("the password is wrong")]
    WrongPassword,
    /// Its address has guessed wrong too often; it may try again after so long.
    #[error("too many wrong passwords came from this address; it may try again in {} s", .0.as_secs().saturating_add(1))]
    TooManyGuesses(Duration),
    /// It is a web page from elsewhere, by its Origin.
    #[error("this session is not for web pages of that origin")]
    WebPage,
}

/// How a client stands after its handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// It may be one of these stations.
    In(MayBe),
    /// It has said no password, and may say it in its JOIN.
    InJoin,
}

impl Door {
    /// Lets in who has the password.
    #[must_use]
    pub fn new(password: Password) -> Self {
        Self { password: Some(password), ..Self::per_station(BTreeMap::new()) }
    }

    /// Lets in each of these stations with its own password, and nobody else.
    #[must_use]
    pub fn per_station(own: BTreeMap<StationUuid, Password>) -> Self {
        Self { password: None, own: Arc::new(own), in_join: true, guesses: Arc::default() }
    }

    /// These stations have passwords of their own, with which alone they come in; the others have the common one, if there is any.
    #[must_use]
    pub fn with_own(self, own: BTreeMap<StationUuid, Password>) -> Self {
        Self { own: Arc::new(own), ..self }
    }

    /// Lets in only who says the password in the handshake, before its first message is read. By default a JOIN may say its hash, as foreign
    /// products may once do.
    #[must_use]
    pub fn in_handshake_only(self) -> Self {
        Self { in_join: false, ..self }
    }

    /// Whether this client comes in.
    // req: PWD-01, PWD-02
    pub(super) fn knock(&self, from: IpAddr, authorization: Option<&str>) -> Result<Entry, Shut> {
        self.guess(from, || match authorization {
            Some(said) => self.stations_with(&said_in(said)).map(Entry::In).ok_or(Shut::WrongPassword),
            None if self.in_join => Ok(Entry::InJoin),
            // Who says nothing has guessed nothing.
            None => Err(Shut::NoPassword),
        })
    }

    /// Whether a client comes in whose first message this is, and as which station.
    // req: PWD-06
    pub(super) fn first_join(&self, from: IpAddr, join: Option<&Join>) -> Result<MayBe, Shut> {
        self.guess(from, || {
            let (station, said) = join
                .and_then(|join| join.password.as_ref().map(|said| (join.station, said)))
                .ok_or(Shut::NoPassword)?;
            let wanted = self.own.get(&station).or(self.password.as_ref());
            // A station that has none is refused as slowly, and in the same words.
            let is_right = wanted.unwrap_or(&Password(String::new())).is_in_join(station, said);
            let welcome = is_right && wanted.is_some();
            welcome.then(|| MayBe::Only(Arc::from([station]))).ok_or(Shut::WrongPassword)
        })
    }

    fn guess<T>(&self, from: IpAddr, judge: impl FnOnce() -> Result<T, Shut>) -> Result<T, Shut> {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(wait) = guesses.wait(from, now) {
            return Err(Shut::TooManyGuesses(wait));
        }
        let judged = judge();
        if matches!(judged, Err(Shut::WrongPassword)) {
            guesses.wrong(from, now);
        }
        judged
    }

    /// Who has this password; each one is compared, whichever fits.
    // req: PWD-08
    fn stations_with(&self, said: &Digest) -> Option<MayBe> {
        let mut fits = Vec::new();
        let mut others = Vec::new();
        for (station, password) in self.own.iter() {
            let to = if password.is(said) { &mut fits } else { &mut others };
            to.push(*station);
        }
        match (self.password.as_ref().is_some_and(|password| password.is(said)), fits.is_empty()) {
            (true, _) if others.is_empty() => Some(MayBe::Anyone),
            (true, _) => Some(MayBe::AnyoneBut(others.into())),
            (false, false) => Some(MayBe::Only(fits.into())),
            (false, true) => None,
        }
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

/// Bytes of a password.
const LONGEST: usize = 256;
/// Wrong guesses of one address at once.
const MOST: u32 = 5;
/// One more is allowed after so long.
const EACH: Duration = Duration::from_secs(10);
/// Addresses that are remembered.
const ADDRESSES: usize = 4_096;

#[cfg(test)]
mod tests;
