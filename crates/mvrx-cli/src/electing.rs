//! `mvrx up --session-host auto`: what the election of a group's host needs of this machine, and what is said of it.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use mvrx_discovery::{Discovery, DiscoveryError};
use mvrx_station::{Candidate, Election, ElectionNews, Station};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::args::Common;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::{data, station};

/// Whether this station takes part in the election of a host.
#[derive(Debug, clap::Args)]
pub(crate) struct Electing {
    /// The stations of the group that carry this elect one of them to host a session for all of them, and the next when that one is gone; it is
    /// consent in advance to go where the elected one hosts
    #[arg(long, value_enum, value_name = "auto", conflicts_with_all = ["session", "peer"])]
    session_host: Option<SessionHost>,
    /// The highest hosts; of equals the one with the greater station id
    #[arg(long, value_name = "N", default_value_t = 100, requires = "session_host")]
    priority: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SessionHost {
    /// Whoever the stations elect
    Auto,
}

impl Electing {
    /// What this station tells others of itself, if it takes part. The port is free at this moment.
    pub(crate) fn candidate(&self) -> Option<Candidate> {
        self.session_host?;
        let free = |port: &u16| TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port))).is_ok();
        let port = (PORT..PORT + PORTS).find(free).unwrap_or(PORT);
        Some(Candidate { priority: self.priority, port })
    }
}

/// An election under way.
pub(crate) struct Running {
    task: JoinHandle<()>,
    news: mpsc::UnboundedReceiver<ElectionNews>,
    say: Watching,
}

/// Begins to take part. The host's files lie beside the station's.
pub(crate) fn begin(
    candidate: Candidate,
    common: &Common,
    (running, kept_at): (&Station, &Path),
    json: bool,
) -> Result<Running, Failure> {
    let name = station::name(common);
    let path = kept_at.join("hosted");
    std::fs::create_dir_all(&path).map_err(|error| Failure::local(error.to_string()))?;
    let host = mvrx_station::load_or_create(&path).map_err(|error| Failure::local(error.to_string()))?;
    let group = common.group.parse().map_err(|error| Failure::usage(format!("{}: {error}", common.group)))?;
    let host_name = name.clone();
    let make_host = move || {
        let data = data::open(Some(&path), &host_name).map_err(|failure| failure.words().to_owned())?;
        Ok(Station::builder(host_name.as_str()).provider("mvrx").store(data.store))
    };
    let looking = common.clone();
    let make_discovery = move || -> Result<Box<dyn Discovery>, DiscoveryError> {
        let found = station::discovery(&looking);
        let found = found
            .map_err(|failure| DiscoveryError::ResponderRefused { reason: failure.words().to_owned() })?;
        Ok(Box::new(found))
    };
    let election = Election {
        candidate,
        group,
        name,
        host,
        make_host: Box::new(make_host),
        make_discovery: Box::new(make_discovery),
    };
    let (tell, news) = mpsc::unbounded_channel();
    let task = tokio::spawn(election.run(running.clone(), tell));
    Ok(Running { task, news, say: Watching::new(json) })
}

impl Running {
    /// Says what becomes of it, for ever.
    pub(crate) async fn tell(&mut self) {
        while let Some(news) = self.news.recv().await {
            let (event, words, fields) = words(&news);
            self.say.say(event, &words, fields);
        }
        std::future::pending::<()>().await;
    }

    /// Its station has stopped: waits until the host has, too.
    pub(crate) async fn end(self) {
        // A host that does not end in time ends with the process.
        let _ = tokio::time::timeout(END, self.task).await;
    }
}

fn words(news: &ElectionNews) -> (&'static str, String, serde_json::Value) {
    match news {
        ElectionNews::Hosting { url } => (
            "elected",
            format!("this station was elected and hosts the session at {url}"),
            json!({ "session": url }),
        ),
        ElectionNews::NotHosting { why } => {
            ("not_hosting", format!("this station cannot host: {why}"), json!({ "reason": why }))
        }
        ElectionNews::GaveWay { url } => (
            "gave_way",
            format!("the session that was hosted here goes on at {url}"),
            json!({ "session": url }),
        ),
        ElectionNews::HostLost => {
            ("host_lost", "the session's host is lost; the next one takes over".to_owned(), json!({}))
        }
        ElectionNews::Member { host } => (
            "elected_host",
            "this station is one of the elected host's session".to_owned(),
            json!({ "station": host.to_string() }),
        ),
        ElectionNews::Problem { what } => {
            ("election_problem", format!("hosts cannot be seen or shown: {what}"), json!({ "reason": what }))
        }
        _ => ("election", String::new(), json!({})),
    }
}

/// The port of sessions, and how many are tried from there on.
const PORT: u16 = 42_480;
const PORTS: u16 = 64;
const END: Duration = Duration::from_secs(10);
