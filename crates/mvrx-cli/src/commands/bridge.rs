//! `mvrx bridge`: a group of TCP mode and a session of WebSocket mode see each other, long-running.

use std::path::PathBuf;

use mvrx_bridge::{Limits, News, Side, StartBridgeError};
use mvrx_message::FileUuid;
use mvrx_node::bridge::{self, Bridged};
use mvrx_web::{Options, Sides};
use serde_json::json;

use crate::args::Common;
use crate::commands::host::bytes;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::secure::Reaching;
use crate::{show, station, web};

#[derive(Debug, clap::Args)]
pub(crate) struct Bridge {
    /// The session's URL (ws://host:port or wss://…), or its host's name alone
    #[arg(long, value_name = "URL|NAME")]
    host: String,
    #[command(flatten)]
    reaching: Reaching,
    /// The group on the local network
    #[arg(short, long, default_value = "Default", env = "MVRX_GROUP")]
    group: String,
    /// The bridge's own name as both sides see it
    #[arg(short, long, env = "MVRX_NAME")]
    name: Option<String>,
    /// The data directory, with the files that it carries; by default one of this user's
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    data: Option<PathBuf>,
    /// So much of the files that it carries is kept, as 500M or 20G: the oldest that nobody is being sent make room for newer ones, and are
    /// fetched again when somebody asks for them
    #[arg(long, value_name = "SIZE", default_value = "64G", value_parser = bytes)]
    keep: u64,
    /// So many stations of each side appear on the other one, at most
    #[arg(long, value_name = "N", default_value_t = 64)]
    most: usize,
    /// Of them so many of the group that are at one address: who invents stations there leaves room for the others
    #[arg(long, value_name = "N", default_value_t = 16)]
    most_each: usize,
    /// Use only these addresses or interfaces for the group (may be repeated); `lo` stays on this machine
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(crate) interface: Vec<String>,
    /// Take, commit and pass on any bytes, not only whole .mvr files: for tests, and for other formats. Without it a damaged file is kept
    /// aside and never offered on
    #[arg(long, env = "MVRX_ANY_FILE", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    any_file: bool,
    /// The UDP port of discovery, for tests
    #[arg(long, hide = true, default_value_t = 5353)]
    mdns_port: u16,
    #[command(flatten)]
    web: web::WebArgs,
    /// One JSON document per event instead of lines for people
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: Bridge) -> Result<(), Failure> {
    let common = Common {
        group: args.group.clone(),
        name: args.name.clone(),
        interface: args.interface.clone(),
        peer: Vec::new(),
        any_file: args.any_file,
        mdns_port: args.mdns_port,
    };
    let (name, url) = (station::name(&common), args.reaching.url(&args.host)?);
    let (trust, login, at) = (args.reaching.trust()?, args.reaching.login(&url)?, url.clone());
    let data = bridge::open(args.data.as_deref(), &name, args.keep)?;
    let kept_at = data.path.clone();
    let mut watching = Watching::new(args.json);
    let described = bridge::describe(&station::place(&common), &url, data)
        .limits(Limits { stand_ins: args.most, stand_ins_each: args.most_each, ..Limits::default() })
        .session(move |builder| {
            let builder = builder.session(at.clone()).trust(trust.clone());
            match &login {
                Some(login) => builder.login(login.clone()),
                None => builder,
            }
        });
    let interrupted = station::interrupted();
    let mut running = Bridged::start(described).await.map_err(|error| match error {
        StartBridgeError::Store(_) => Failure::local(error.to_string()),
        _ => Failure::usage(error.to_string()),
    })?;
    let words = format!(
        "{} joins the group {} with the session at {url}; it keeps what it carries in {}; times are UTC, when this machine saw it",
        show::name(&name),
        show::name(&args.group),
        kept_at.display()
    );
    let fields = json!({
        "station": running.uuid().to_string(), "name": name, "group": args.group, "session": url,
        "data": kept_at.display().to_string(),
    });
    watching.say("bridge", &words, fields);
    let sides = Sides::default();
    let served = Options::bridge(running.uuid(), &kept_at, sides.clone())
        .named(name.as_str(), args.group.as_str())
        .session(Some(&url));
    let web = match args.web.serve(served, &mut watching) {
        Ok(web) => web,
        Err(failure) => {
            running.stop().await;
            return Err(failure);
        }
    };
    let telling = async {
        while let Some(news) = running.next().await {
            sides.hear(&news);
            let (event, words, fields) = words_of(&news);
            watching.say(event, &words, fields);
        }
    };
    tokio::select! {
        () = telling => {}
        () = interrupted => {}
    }
    web::end(web).await;
    running.stop().await;
    Ok(())
}

fn of_file(side: Side, file: FileUuid, why: &str) -> serde_json::Value {
    json!({ "side": side.as_str(), "file": file.to_string(), "reason": why })
}

/// The event, its line for people, its fields for programs.
pub(crate) fn words_of(news: &News) -> (&'static str, String, serde_json::Value) {
    match news {
        News::SessionJoined { host } => {
            ("session_joined", "the session has us".to_owned(), json!({ "host": host.to_string() }))
        }
        News::SessionLost { why } => (
            "session_lost",
            format!("the session is out of reach: {}; it is tried again", show::tame(why)),
            json!({ "reason": why }),
        ),
        News::Waits { bridge } => (
            "bridge_waits",
            "another bridge joins this group with this session already; this one takes over when that is gone".to_owned(),
            json!({ "station": bridge.to_string() }),
        ),
        News::AtWork => ("bridge_at_work", "this bridge is at work".to_owned(), json!({})),
        News::Appeared { side, station, name } => (
            "station_appeared",
            format!("{} is in the {side} too now", show::name(name)),
            json!({ "side": side.as_str(), "station": station.to_string(), "name": name }),
        ),
        News::Disappeared { side, station, name } => (
            "station_disappeared",
            format!("{} is no longer in the {side} by this bridge", show::name(name)),
            json!({ "side": side.as_str(), "station": station.to_string(), "name": name }),
        ),
        News::NotLetIn { station, name, why } => (
            "station_not_shown",
            format!("{} is not in the session, its host says: {}", show::name(name), show::tame(why)),
            json!({ "side": Side::Host.as_str(), "station": station.to_string(), "name": name, "reason": why }),
        ),
        News::NotStanding { side, station, why } => (
            "station_not_shown",
            format!("a station cannot be shown in the {side}: {}", show::tame(why)),
            json!({ "side": side.as_str(), "station": station.to_string(), "reason": why }),
        ),
        News::TooManyStations { most, each } => (
            "limit_reached",
            format!(
                "there are more stations than the {most} that are shown on each side (--most), or than {each} at one address (--most-each)"
            ),
            json!({ "limit": "stations", "allowed": most, "allowed_each": each }),
        ),
        News::Problem { what } => (
            "discovery_problem",
            format!("in the {}: {}", Side::Lan, show::tame(what)),
            json!({ "reason": what }),
        ),
        of_files => words_of_files(of_files),
    }
}

/// The same of what becomes of commits and their files.
fn words_of_files(news: &News) -> (&'static str, String, serde_json::Value) {
    match news {
        News::Carried { side, file, file_name, station, length } => (
            "commit_carried",
            format!("{} ({}) is in the {side} too now", show::name(file_name), show::size(*length)),
            json!({
                "side": side.as_str(), "file": file.to_string(), "file_name": file_name,
                "station": station.to_string(), "size": length,
            }),
        ),
        News::Refused { file, file_name, station, why } => (
            "commit_refused",
            format!("{} is not in the session, its host says: {}", show::name(file_name), show::tame(why)),
            json!({
                "side": Side::Host.as_str(), "file": file.to_string(), "file_name": file_name,
                "station": station.to_string(), "reason": why,
            }),
        ),
        News::NotCarried { side, file, why } => {
            let words =
                format!("a file of the {side} could not be fetched: {}; it is tried again", show::tame(why));
            ("commit_not_carried", words, of_file(*side, *file, why))
        }
        News::GivenUp { side, file, why } => {
            let until = "it is fetched again when its station has been away";
            let words = format!("a file of the {side} cannot be carried, {}; {until}", show::tame(why));
            ("commit_given_up", words, of_file(*side, *file, why))
        }
        News::MadeRoom { file } => (
            "file_made_room",
            format!(
                "{file} went out of the bridge's store to make room (--keep); it is fetched again when somebody asks for it"
            ),
            json!({ "file": file.to_string() }),
        ),
        News::Withdrawn { side, file } => (
            "file_withdrawn",
            format!("{file} made room and can be had no more: it is listed in the {side} no longer"),
            json!({ "side": side.as_str(), "file": file.to_string() }),
        ),
        _ => ("bridge_news", String::new(), json!({})),
    }
}
