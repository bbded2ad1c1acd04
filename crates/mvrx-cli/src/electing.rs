//! `mvrx up --session-host auto`: what the election of a group's host needs of this machine, and what is said of it.

use mvrx_bridge::News;
use mvrx_node::electing::{Beside, BridgeNews, ElectError, Part};
use mvrx_station::{ElectionNews, Moves};
use serde_json::json;

use crate::commands::bridge;
use crate::commands::watching::Watching;
use crate::failure::Failure;

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
    /// While this station hosts, so many stations of each side appear on the other one, at most: those that speak TCP mode alone in the
    /// session, and the session's in the group; 0: none
    #[arg(long, value_name = "N", default_value_t = 64, requires = "session_host")]
    bridged: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SessionHost {
    /// Whoever the stations elect
    Auto,
}

impl Electing {
    /// How this station takes part, if it does.
    pub(crate) fn part(&self, moves: Moves) -> Option<Part> {
        self.session_host?;
        Some(Part::new(self.priority, moves, self.bridged))
    }
}

impl From<ElectError> for Failure {
    fn from(error: ElectError) -> Self {
        match error {
            ElectError::Data(error) => error.into(),
            ElectError::Group { .. } => Self::usage(error.to_string()),
            error => Self::local(error.to_string()),
        }
    }
}

/// Says what becomes of the election, and of the bridge beside our host.
pub(crate) fn tell(news: &Beside, watching: &Watching) {
    let told = match news {
        Beside::Election(news) => Some(words(news)),
        Beside::Bridge(news) => bridged(news),
        _ => None,
    };
    if let Some((event, words, fields)) = told {
        watching.say(event, &words, fields);
    }
}

/// What is worth telling of the bridge beside our own host. Where the host is, its own news say.
fn bridged(told: &BridgeNews) -> Option<(&'static str, String, serde_json::Value)> {
    match told {
        BridgeNews::Begins(url) => Some((
            "bridge",
            "stations of the group that speak TCP mode alone are in the session by this one".to_owned(),
            json!({ "session": url }),
        )),
        BridgeNews::Cannot(why) => Some((
            "bridge_problem",
            format!(
                "stations of the group that speak TCP mode alone cannot be in the session: {why}; it is tried again"
            ),
            json!({ "reason": why }),
        )),
        BridgeNews::Of(News::SessionJoined { .. } | News::SessionLost { .. } | News::AtWork) => None,
        BridgeNews::Of(News::TooManyStations { most, each }) => Some((
            "limit_reached",
            format!(
                "there are more stations than the {most} that are shown on each side (--bridged), or than {each} at one address"
            ),
            json!({ "limit": "stations", "allowed": most, "allowed_each": each }),
        )),
        BridgeNews::Of(news) => Some(bridge::words_of(news)),
        _ => None,
    }
}

fn words(news: &ElectionNews) -> (&'static str, String, serde_json::Value) {
    match news {
        ElectionNews::Hosting { url, group } => (
            "elected",
            format!("this station was elected and hosts the session at {url}"),
            json!({ "session": url, "group": group.as_str() }),
        ),
        ElectionNews::NotHosting { why } => {
            ("not_hosting", format!("this station cannot host: {why}"), json!({ "reason": why }))
        }
        ElectionNews::GaveWay { url } => (
            "gave_way",
            format!("the session that was hosted here goes on at {url}"),
            json!({ "session": url }),
        ),
        ElectionNews::HostEnded => {
            ("host_ended", "this station hosts no session any more".to_owned(), json!({}))
        }
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
