//! The reverse: a scripted station of TCP Mode, the scripted host of a session, or a scripted Mixer server, that others join, and that judges what
//! they say.
//!
//! It answers JOIN with a list of one file, gives that file to who asks for it, refuses any other, and takes COMMIT and LEAVE; a host asks and tells of
//! its own, too. Everything that comes is kept, up to a limit, and judged at the end: when a station has left, or when the time is over.

mod cases;
mod mixer;
mod mixer_cases;
mod script;
mod session;
mod session_cases;
mod station;
mod watched;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use watched::Watched;

use crate::case::{Case, Probe, Subject, cases as table};
use crate::discover::{DiscoverError, Lookout, Shown, show};
use crate::judge::Limits;
use crate::mvr::messages;
use crate::report::{Judged, Report};
use crate::verdict::Verdict;
use crate::visit::uuid;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A station of TCP Mode.
    Station,
    /// The host of a session of WebSocket Mode, without TLS.
    Host,
    /// A Mixer server with one room in it.
    Mixer,
}

/// How a scripted station or host is served.
#[derive(Debug, Clone)]
pub struct Serving {
    /// What is played.
    pub script: Script,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The group in which multicast DNS shows it; nowhere without one. A host is not shown.
    pub group: Option<String>,
    /// Where it is shown.
    pub lookout: Lookout,
    /// How long it waits for a station to come, and to leave.
    pub time: Duration,
    /// What is read at most.
    pub limits: Limits,
}

// req: CNF-06
/// A scripted station or host that listens.
#[derive(Debug)]
pub struct Scripted {
    listener: TcpListener,
    address: SocketAddr,
    serving: Serving,
    shared: Arc<Shared>,
    /// Ends with it.
    _shown: Option<Shown>,
}

/// Why nothing can be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened at.
    Listen {
        /// What the system says.
        reason: String,
    },
    /// Multicast DNS does not work here.
    Show(DiscoverError),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { reason } => write!(f, "cannot listen: {reason}"),
            Self::Show(error) => write!(f, "cannot be shown: {}", error.reason),
        }
    }
}

impl std::error::Error for ServeError {}

#[derive(Debug, Default)]
struct Shared {
    watched: Mutex<Watched>,
    came: Condvar,
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scripted {
    /// Listens, and is shown where a group was said.
    ///
    /// # Errors
    /// [`ServeError`] where the address is taken or multicast DNS does not work.
    pub fn start(serving: Serving) -> Result<Self, ServeError> {
        let listen = |error: &dyn fmt::Display| ServeError::Listen { reason: error.to_string() };
        let listener = TcpListener::bind(serving.listen).map_err(|error| listen(&error))?;
        let address = listener.local_addr().map_err(|error| listen(&error))?;
        let station = uuid().map_err(|error| listen(&error))?;
        let files = [uuid(), uuid()].into_iter().collect::<Result<_, _>>().map_err(|error| listen(&error))?;
        let shown = match &serving.group {
            Some(group) if serving.script == Script::Station => {
                Some(show(group, &station, address, &serving.lookout).map_err(ServeError::Show)?)
            }
            _ => None,
        };
        let shared = Arc::new(Shared::default());
        *shared.watched() = Watched { files, station, ..Watched::default() };
        Ok(Self { listener, address, serving, shared, _shown: shown })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, as a URL.
    fn url(&self) -> String {
        match self.serving.script {
            Script::Station => format!("tcp://{}", self.address),
            Script::Host => format!("ws://{}/", self.address),
            Script::Mixer => format!("mixer://{}", self.address),
        }
    }

    /// What the product's operator is to do, in words.
    #[must_use]
    pub fn scenes(&self) -> String {
        if self.serving.script == Script::Mixer {
            return format!(
                "The server waits at {} for {} s. Let the product join its room \"{}\" or make one of its own, and disconnect; what does not happen is not judged.",
                self.url(),
                self.serving.time.as_secs(),
                mixer::ROOM
            );
        }
        let (what, place) = match (self.serving.script, &self.serving.group) {
            (Script::Station, Some(group)) => {
                ("station", format!("in the group {group}, or at {}", self.address))
            }
            (Script::Station, None) => ("station", format!("at {}", self.address)),
            (Script::Host | Script::Mixer, _) => ("session", format!("at {}", self.url())),
        };
        format!(
            "The {what} \"{}\" waits {place} for {} s. Let the product join it, fetch its file {}, commit a file, and leave; what does not happen is not judged.",
            messages::NAME,
            self.serving.time.as_secs(),
            messages::FILE_NAME
        )
    }

    /// Serves until a station has left or the time is over, then judges all that came.
    #[must_use]
    pub fn run(&self, told: &mut dyn FnMut(&Judged)) -> Report {
        let until = Instant::now() + self.serving.time;
        self.accept(until);
        let mut watched = self.shared.watched();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let gone = watched.mixer.gone || watched.said.iter().any(|said| said.is("MVR_LEAVE"));
            if left.is_zero() || gone {
                break;
            }
            let waited = self.shared.came.wait_timeout(watched, left);
            watched = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(watched);
        // What comes after the LEAVE is judged as well.
        std::thread::sleep(AFTERWARDS.min(until.saturating_duration_since(Instant::now())));
        let watched = self.shared.watched();
        let subject = match self.serving.script {
            Script::Station => Subject::Client,
            Script::Host => Subject::SessionClient,
            Script::Mixer => Subject::MixerClient,
        };
        let judged: Vec<Judged> = table(subject).into_iter().map(|case| judge(case, &watched)).collect();
        judged.iter().for_each(told);
        Report::new(format!("client of {}", self.url()), subject, judged)
    }

    /// On threads that end with their connections, at most when the time is over.
    fn accept(&self, until: Instant) {
        let Ok(listener) = self.listener.try_clone() else { return };
        let (shared, limits, script) = (Arc::clone(&self.shared), self.serving.limits, self.serving.script);
        std::thread::spawn(move || {
            for (connection, stream) in (0..CONNECTIONS).zip(listener.incoming().map_while(Result::ok)) {
                if Instant::now() > until {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || match script {
                    Script::Station => station::serve(stream, &shared, limits, until),
                    Script::Host => session::serve(stream, &shared, limits, until, connection),
                    Script::Mixer => mixer::serve(stream, &shared, limits, until),
                });
            }
        });
    }
}

/// For clients of TCP Mode.
pub(crate) fn station_cases() -> Vec<Case> {
    [cases::PACKAGES, cases::MESSAGES].concat()
}

/// For clients of WebSocket Mode.
pub(crate) fn session_cases() -> Vec<Case> {
    [session_cases::CASES, cases::MESSAGES].concat()
}

/// For clients of a Mixer server.
pub(crate) fn mixer_cases() -> Vec<Case> {
    mixer_cases::CASES.to_vec()
}

fn judge(case: Case, watched: &Watched) -> Judged {
    let Probe::Watch(probe) = case.probe else {
        return Judged { case, verdict: Verdict::NotOffered, words: String::new(), seen: Vec::new() };
    };
    match probe(watched) {
        Ok(()) => Judged { case, verdict: Verdict::Pass, words: String::new(), seen: Vec::new() },
        Err((finding, seen)) => {
            let binds = case.binding == crate::Binding::Must;
            let verdict =
                if finding.verdict == Verdict::Fail && !binds { Verdict::Tolerated } else { finding.verdict };
            Judged { case, verdict, words: finding.words, seen }
        }
    }
}

const WRITE: Duration = Duration::from_secs(10);
const AFTERWARDS: Duration = Duration::from_secs(1);
/// Connections that are taken, one after the other or at once.
const CONNECTIONS: u64 = 10_000;
