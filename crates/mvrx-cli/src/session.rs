//! Sessions as the commands need them: which one is meant by `--host`, and whether it has us.

use std::time::Duration;

use mvrx_discovery::{Discovery, DiscoveryEvent, SessionSighting};
use mvrx_message::StationUuid;
use mvrx_node::following::Following;
use mvrx_station::{Event, Events, Heard};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::args::{Common, InSession};
use crate::failure::Failure;
use crate::secure::is_plain;
use crate::{show, station};

/// The URL of the session that is wished for; `None`: a group of TCP mode is. Looks for `within` at most where it is to be found.
pub(crate) async fn url(
    wish: &InSession,
    common: &Common,
    within: Duration,
) -> Result<Option<String>, Failure> {
    match wish.host.as_deref() {
        None => Ok(None),
        // Whoever announces it says no more than a URL: the certificate is not for one that shows none.
        Some(text) if is_auto(text) => {
            wish.reaching.may_be_found()?;
            wish.reaching.url(&found(common, within).await?).map(Some)
        }
        Some(text) if wish.goes_on => Ok(Some(wish.reaching.first_url(text))),
        Some(text) => wish.reaching.url(text).map(Some),
    }
}

/// The same for a command that runs until it is stopped: it looks on until it finds one, and says once that it does.
pub(crate) async fn url_sometime(
    wish: &InSession,
    common: &Common,
    mut say: impl FnMut(&str),
) -> Result<Option<String>, Failure> {
    let mut said = String::new();
    loop {
        match url(wish, common, LOOK).await {
            Err(failure) if failure.is_nobody() => {
                if said != failure.words() {
                    failure.words().clone_into(&mut said);
                    say(&format!("{said}; looking on until stopped"));
                }
            }
            other => return other,
        }
    }
}

fn is_auto(text: &str) -> bool {
    text.eq_ignore_ascii_case("auto")
}

/// The one session of the group's name that the local network shows.
async fn found(common: &Common, within: Duration) -> Result<String, Failure> {
    let seen = look(common, within).await?;
    let (wanted, others): (Vec<_>, Vec<_>) = seen.iter().partition(|session| session.group == common.group);
    let group = &common.group;
    match wanted.as_slice() {
        [one] if one.doubles > 0 => Err(Failure::usage(format!(
            "{} hosts have the same StationUUID, as a copied data directory has it, and one of them hosts the session {group}: give each a data \
             directory of its own (--data), or say which by its URL (--host ws://…):\n  {}",
            one.doubles + 1,
            one.urls().iter().map(|url| show::tame(url)).collect::<Vec<_>>().join("\n  ")
        ))),
        [one] => best_url(one).await,
        [] if others.is_empty() => Err(Failure::nobody(format!(
            "nobody hosts a session here, as far as was seen within {} s; `mvrx host` hosts one, and a session elsewhere is joined by its \
             URL (--host ws://…)",
            within.as_secs_f64()
        ))),
        [] => Err(Failure::nobody(format!(
            "no session is called {group}; say which of these by --group (upper and lower case differ) or by its URL:\n  {}",
            list(&others)
        ))),
        several => Err(Failure::usage(format!(
            "{} sessions are called {group}; say which by its URL (--host ws://…):\n  {}",
            several.len(),
            list(several)
        ))),
    }
}

/// What the local network shows. A session of the wanted name ends it soon after: there may be another one.
async fn look(common: &Common, within: Duration) -> Result<Vec<SessionSighting>, Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::peer(format!("cannot look for sessions: {error}"));
    let mut discovery = station::discovery(common)?;
    discovery.look_for_sessions().map_err(|error| cannot(&error))?;
    let mut end = Instant::now() + within;
    let mut seen: Vec<SessionSighting> = Vec::new();
    while let Ok(Some(event)) = timeout_at(end, discovery.next()).await {
        match event {
            DiscoveryEvent::Session(session) => {
                if session.group == common.group {
                    end = end.min(Instant::now() + SETTLED);
                }
                seen.retain(|other| other.station != session.station);
                seen.push(session);
            }
            DiscoveryEvent::SessionVanished { station } => seen.retain(|other| other.station != station),
            _ => {}
        }
    }
    Box::new(discovery).shutdown().await;
    seen.sort_by(|a, b| (&a.station_name, a.station).cmp(&(&b.station_name, b.station)));
    Ok(seen)
}

/// The first of its URLs at which somebody answers: a host has more addresses than lead to it from here.
async fn best_url(session: &SessionSighting) -> Result<String, Failure> {
    if let Some(url) = &session.url {
        return Ok(url.clone());
    }
    let urls = session.urls();
    for (address, url) in session.addresses.iter().zip(&urls) {
        if matches!(timeout(ANSWER, TcpStream::connect(address)).await, Ok(Ok(_))) {
            return Ok(url.clone());
        }
    }
    Err(Failure::nobody(format!(
        "{} hosts the session {} and does not answer at {}",
        show::name(&session.station_name),
        show::name(&session.group),
        urls.join(" or ")
    )))
}

fn list(sessions: &[&SessionSighting]) -> String {
    let line = |session: &&SessionSighting| {
        let url = session.urls().first().map(|url| show::tame(url)).unwrap_or_default();
        format!("{}  of {}  at {url}", show::name(&session.group), show::name(&session.station_name))
    };
    sessions.iter().map(line).collect::<Vec<_>>().join("\n  ")
}

/// Waits until the session has us; gives what was heard until then. A host that is not there or does not want us ends it at once.
pub(crate) async fn joined(events: &mut Events, url: &str, within: Duration) -> Result<Vec<Heard>, Failure> {
    let end = Instant::now() + within.max(PATIENCE);
    let mut all = Vec::new();
    loop {
        let heard = match timeout_at(end, events.next()).await {
            Ok(Some(heard)) => heard,
            Ok(None) => return Err(Failure::local("the station has stopped")),
            Err(_) => {
                return Err(Failure::peer(format!(
                    "the host of the session at {url} does not answer our JOIN"
                )));
            }
        };
        let mut is_in = false;
        if let Heard::Event(seen) = &heard {
            match &seen.event {
                Event::SessionUnreachable { why, .. } => {
                    return Err(Failure::peer(format!(
                        "no session is to be had at {url}: {}",
                        show::tame(why)
                    )));
                }
                Event::SessionRefused { message, .. } => {
                    return Err(Failure::peer(format!(
                        "the host of the session at {url} does not let us in: {}",
                        show::tame(message)
                    )));
                }
                Event::JoinedGroup => is_in = true,
                _ => {}
            }
        }
        all.push(heard);
        if is_in {
            return Ok(all);
        }
    }
}

/// Whether the session that has us is to be followed where its host goes: its URL was not typed but found.
pub(crate) fn is_found(wish: &InSession) -> bool {
    wish.host.as_deref().is_some_and(is_auto)
}

/// The session that has us is followed where its host goes, if its URL was `found` there and not typed.
pub(crate) fn following(found: Option<Common>, url: Option<&str>) -> Option<Following> {
    let (common, url) = (found?, url?);
    Some(Following::new(url, Box::new(move |host, before| Box::pin(again(common.clone(), host, before)))))
}

/// One look for the session of this host, or of the group's name, at another URL than before.
async fn again(common: Common, host: Option<StationUuid>, before: String) -> Option<String> {
    let began = Instant::now();
    let seen = look(&common, LOOK).await.unwrap_or_default();
    let same: Vec<_> = seen.iter().filter(|session| Some(session.station) == host).collect();
    let named = || seen.iter().filter(|session| session.group == common.group).collect();
    let found = if same.is_empty() { named() } else { same };
    let url = match found.as_slice() {
        [one] if one.doubles == 0 => best_url(one).await.ok(),
        _ => None,
    };
    // A host does not stop to encrypt its session; somebody else says so.
    let url = url.filter(|url| *url != before && (is_plain(&before) || !is_plain(url)));
    if url.is_none() {
        tokio::time::sleep_until(began + LOOK).await;
    }
    url
}

/// Where people are: in a group, or in a session.
pub(crate) fn place(url: Option<&str>, common: &Common) -> String {
    match url {
        Some(url) => format!("the session at {}", show::tame(url)),
        None => format!("the group {}", common.group),
    }
}

/// The port of our hosts.
pub(crate) const PORT: u16 = 42_480;

/// One look of a command that looks on and on.
const LOOK: Duration = Duration::from_secs(5);

/// Another session of the same name has this long to show itself.
const SETTLED: Duration = Duration::from_secs(1);

/// An address that leads to a host answers sooner.
const ANSWER: Duration = Duration::from_secs(2);

/// A host far away answers within this time: names, handshake, JOIN.
const PATIENCE: Duration = Duration::from_secs(30);
