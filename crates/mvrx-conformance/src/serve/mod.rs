//! The reverse: a scripted station of TCP Mode that others join, and that judges what they say.
//!
//! It answers JOIN with a list of one file, gives that file to who asks for it, refuses any other, and takes COMMIT and LEAVE. Everything that comes is
//! kept, up to a limit, and judged at the end: when a station has left, or when the time is over.

mod cases;

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) use cases::CASES;

use crate::case::{Probe, Subject, cases as table};
use crate::discover::{DiscoverError, Lookout, Shown, show};
use crate::judge::Limits;
use crate::mvr::messages;
use crate::mvr::package::{self, FILE, Header, JSON, NoPackage};
use crate::report::{Judged, Report};
use crate::transcript::{Transcript, Way};
use crate::verdict::Verdict;
use crate::visit::uuid;
use crate::wire::Wire;

/// How a scripted station is served.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The group in which multicast DNS shows it; nowhere without one.
    pub group: Option<String>,
    /// Where it is shown.
    pub lookout: Lookout,
    /// How long it waits for a station to come, and to leave.
    pub time: Duration,
    /// What is read at most.
    pub limits: Limits,
}

// req: CNF-06
/// A scripted station that listens.
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

/// One message of a client.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) header: Header,
    /// Its payload was shorter than its header says.
    pub(crate) short: bool,
    /// The JSON in it; nothing where it is none.
    pub(crate) message: Option<Value>,
    pub(crate) utf8: bool,
    pub(crate) seen: Vec<String>,
}

/// All that came, in order.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) said: Vec<Said>,
    /// The file that the scripted station lists.
    pub(crate) file: String,
    /// The scripted station.
    pub(crate) station: String,
}

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
        let (station, file) =
            (uuid().map_err(|error| listen(&error))?, uuid().map_err(|error| listen(&error))?);
        let shown = match &serving.group {
            Some(group) => Some(show(group, &station, address, &serving.lookout).map_err(ServeError::Show)?),
            None => None,
        };
        let shared = Arc::new(Shared::default());
        *shared.watched() = Watched { said: Vec::new(), file, station };
        Ok(Self { listener, address, serving, shared, _shown: shown })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the product's operator is to do, in words.
    #[must_use]
    pub fn scenes(&self) -> String {
        let place = match &self.serving.group {
            Some(group) => format!("in the group {group}, or at {}", self.address),
            None => format!("at {}", self.address),
        };
        format!(
            "The station \"{}\" waits {place} for {} s. Let the product join it, fetch its file {}, commit a file, and leave; what does not happen is not judged.",
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
            let gone = watched.said.iter().any(|said| said.is("MVR_LEAVE"));
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
        let judged: Vec<Judged> =
            table(Subject::Client).into_iter().map(|case| judge(case, &watched)).collect();
        judged.iter().for_each(told);
        Report::new(format!("client of tcp://{}", self.address), Subject::Client, judged)
    }

    /// On threads that end with their connections, at most when the time is over.
    fn accept(&self, until: Instant) {
        let Ok(listener) = self.listener.try_clone() else { return };
        let (shared, limits) = (Arc::clone(&self.shared), self.serving.limits);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(CONNECTIONS).map_while(Result::ok) {
                if Instant::now() > until {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared, limits, until));
            }
        });
    }
}

impl Said {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.message.as_ref().is_some_and(|message| messages::field(message, "Type") == kind)
    }
}

fn judge(case: crate::Case, watched: &Watched) -> Judged {
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

/// Answers one connection until it ends.
fn serve(stream: TcpStream, shared: &Shared, limits: Limits, until: Instant) {
    let Ok(mut wire) = Wire::over(stream, WRITE) else { return };
    let transcript = Transcript::default();
    loop {
        let package = match package::receive(&mut wire, limits.message, until, &transcript) {
            Ok(package) => package,
            Err(NoPackage::Silence | NoPackage::Closed | NoPackage::Nonsense(_)) => return,
        };
        let message: Option<Value> = serde_json::from_str(&String::from_utf8_lossy(&package.payload)).ok();
        let said = Said {
            header: package.header,
            short: package.short,
            utf8: std::str::from_utf8(&package.payload).is_ok(),
            message: message.clone().filter(Value::is_object),
            seen: transcript.take(),
        };
        let answer = {
            let mut watched = shared.watched();
            if watched.said.len() < KEPT {
                watched.said.push(said);
            }
            answer(&watched, message.as_ref())
        };
        shared.came.notify_all();
        let Some(answer) = answer else { return };
        transcript.note(Way::Sent, "answer", &answer);
        if wire.write(&answer).is_err() {
            return;
        }
    }
}

/// What the script says to such a message.
fn answer(watched: &Watched, message: Option<&Value>) -> Option<Vec<u8>> {
    let message = message?;
    let size = messages::test_file().len();
    let kind = messages::field(message, "Type");
    let ret = match kind {
        "MVR_JOIN" => json!({
            "Type": "MVR_JOIN_RET", "OK": true, "Message": "", "Provider": messages::NAME, "StationName": messages::NAME,
            "verMajor": 1, "verMinor": 6, "StationUUID": watched.station,
            "Commits": [messages::commit(&watched.station, &watched.file, size, &[])],
        }),
        "MVR_LEAVE" | "MVR_COMMIT" => json!({ "Type": format!("{kind}_RET"), "OK": true, "Message": "" }),
        "MVR_REQUEST" => {
            let file = messages::field(message, "FileUUID");
            if file.is_empty() || file.eq_ignore_ascii_case(&watched.file) {
                return Some(package::package(FILE, &messages::test_file()));
            }
            json!({ "Type": "MVR_REQUEST_RET", "OK": false, "Message": "this station has one file only" })
        }
        "MVR_NEW_SESSION_HOST" => {
            json!({ "Type": "MVR_NEW_SESSION_HOST_RET", "OK": false, "Message": "a test moves nowhere" })
        }
        _ => return None,
    };
    Some(package::package(JSON, ret.to_string().as_bytes()))
}

const WRITE: Duration = Duration::from_secs(10);
const AFTERWARDS: Duration = Duration::from_secs(1);
/// Messages that are kept.
const KEPT: usize = 10_000;
/// Connections that are taken, one after the other or at once.
const CONNECTIONS: usize = 10_000;
