//! What can be written on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::secure::{Onward, Reaching};
use crate::settings::{self, Unresolved};

/// Exchange .mvr files with the consoles, visualizers and planners of your crew, over the network instead of a USB stick (MVR-xchange).
#[derive(Debug, Parser)]
#[command(name = "mvrx", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Tell more on standard error (-vv: everything); MVRX_LOG sets it finely
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// The configuration file, rather than this user's own (`mvrx config show` tells where that is); an empty name: none
    #[arg(long, value_name = "FILE", env = "MVRX_CONFIG", global = true, value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands as they are told, where what several have means something else to one.
fn worded() -> clap::Command {
    Args::command().mut_subcommand("move", |command| {
        command.mut_arg("group", |group| group.help("The group that is left; upper and lower case differ"))
    })
}

impl Args {
    /// Reads the command line, and the configuration file beside it; ends the process with words where one of them makes no sense.
    pub(crate) fn read() -> Self {
        let resolved = match settings::resolve(&worded(), &std::env::args_os().collect::<Vec<_>>()) {
            Ok(resolved) => resolved,
            Err(Unresolved::Words(error)) => error.exit(),
            Err(Unresolved::File(failure)) => {
                let json = std::env::args_os().any(|word| word == "--json");
                let _code = failure.report(json);
                std::process::exit(i32::from(failure.code()));
            }
        };
        let mut args = Self::from_arg_matches(&resolved.matches).unwrap_or_else(|error| error.exit());
        // What the file says is for every start.
        let said = resolved.said.as_ref().and_then(ArgMatches::subcommand);
        let place_was_said = said
            .is_some_and(|(_, said)| ["group", "session", "peer"].iter().any(|place| is_said(said, place)));
        match (&mut args.command, resolved.matches.subcommand()) {
            (Command::Up(up), _) => {
                up.place_was_said = place_was_said;
                up.hooks.config = resolved.config;
            }
            (Command::Host(host), _) => host.hooks.config = resolved.config,
            (Command::Watch(watch), Some((_, matches))) => {
                watch.0.place_was_said = place_was_said;
                watch.0.hooks.config = resolved.config;
                watch.fetches_into_its_folder(is_said(matches, "dir"));
            }
            _ => {}
        }
        args
    }
}

/// Whether it was said for this start; the environment is for every one.
// req: MOV-18
fn is_said(matches: &ArgMatches, argument: &str) -> bool {
    settings::source(matches, argument) == Some(ValueSource::CommandLine)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a station: share files, show what happens, fetch what others commit
    Up(Box<Up>),
    /// Run a station that commits what applications save into a folder, and puts there what others commit
    Watch(Box<crate::commands::watch::Watch>),
    /// Host a session that stations reach by its URL (WebSocket mode): pass on what they commit, keep it, serve it
    Host(Box<crate::commands::host::Host>),
    /// Join a group of the local network with a session anywhere: the stations and files of each side are on the other one, too
    Bridge(crate::commands::bridge::Bridge),
    /// List the stations of the group and their files
    Ls(Ls),
    /// Fetch a file
    Get(Get),
    /// Commit a file and serve it
    Commit(Commit),
    /// Move a crew to another group or session, and say who came along; exit code 1 when somebody stayed behind
    Move(Box<crate::commands::moves::Move>),
    /// Follow the move that is proposed to a running station of this user
    Accept(crate::commands::moves::Answer),
    /// Do not follow it
    Refuse(crate::commands::moves::Answer),
    /// What stations of this user keep, running or not: the newest revision first
    Log(crate::commands::history::log::Log),
    /// One of them, and what is in it
    Show(crate::commands::history::show_one::Show),
    /// Give a revision a name, under which it is found and kept; list or take away such names
    Tag(crate::commands::history::tag::Tag),
    /// Take back a commit of ours that was a mistake: it leaves the lists, and is kept as withdrawn
    Withdraw(crate::commands::history::withdraw::Withdraw),
    /// Let old revisions go
    Prune(crate::commands::history::prune::Prune),
    /// Look whether everything that is kept is whole; exit code 1 when something is damaged
    Fsck(crate::commands::history::fsck::Fsck),
    /// What is in an .mvr
    Inspect(Inspect),
    /// What is wrong with an .mvr; exit code 1 when there are errors
    Check(Check),
    /// What changed from one .mvr to another; exit code 1 when they differ
    Diff(DiffArgs),
    /// Draw the rig as an SVG, with what changed marked
    Plan(PlanArgs),
    /// Rooms in which Blenders share a live scene (Mixer): serve them, list, watch, save, load
    Mixer(crate::commands::mixer::args::Mixer),
    /// List the groups in use and who is in them
    Groups(crate::commands::groups::Groups),
    /// When nothing appears: what keeps stations from finding each other here, and what to do; exit code 1 when there is something
    Doctor(crate::commands::doctor::Doctor),
    /// Judge another product by the specifications, at its address; exit code 1 when it does not keep to them
    Conform(crate::commands::conform::Conform),
    /// What the configuration file, the environment and options add up to; and whether the file is right
    Config(crate::commands::config::Config),
    /// Two stations on this machine find each other and exchange a file; nothing leaves the machine
    Demo,
}

impl Command {
    /// Whether exit code 1 is what the command found, so that no failure may end with it.
    pub(crate) fn judges(&self) -> bool {
        matches!(
            self,
            Self::Move(_)
                | Self::Check(_)
                | Self::Diff(_)
                | Self::Groups(_)
                | Self::Doctor(_)
                | Self::Conform(_)
                | Self::Fsck(_)
        )
    }

    /// Whose group it joins, if it is a group of TCP mode.
    pub(crate) fn joins(&self) -> Option<&Common> {
        let (common, session) = match self {
            Self::Up(args) => (&args.common, &args.session),
            Self::Watch(watch) => (&watch.0.common, &watch.0.session),
            Self::Ls(args) => (&args.common, &args.session),
            Self::Get(args) => (&args.common, &args.session),
            Self::Commit(args) => (&args.common, &args.session),
            _ => return None,
        };
        session.host.is_none().then_some(common)
    }

    /// The interfaces it is to use, all of which have to be there; a doctor looks whether they are.
    pub(crate) fn interfaces(&self) -> &[String] {
        match self {
            Self::Up(args) => &args.common.interface,
            Self::Watch(watch) => &watch.0.common.interface,
            Self::Host(args) => &args.interface,
            Self::Bridge(args) => &args.interface,
            Self::Ls(args) => &args.common.interface,
            Self::Groups(args) => &args.interface,
            Self::Get(args) => &args.common.interface,
            Self::Commit(args) => &args.common.interface,
            _ => &[],
        }
    }

    /// Whether failures are to be told as JSON as well.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Up(args) => args.json,
            Self::Watch(watch) => watch.0.json,
            Self::Host(args) => args.json,
            Self::Bridge(args) => args.json,
            Self::Move(args) => args.json,
            Self::Accept(args) | Self::Refuse(args) => args.json,
            Self::Ls(args) => args.json,
            Self::Groups(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Get(args) => args.json,
            Self::Commit(args) => args.json,
            Self::Log(args) => args.json,
            Self::Show(args) => args.json,
            Self::Tag(args) => args.json,
            Self::Prune(args) => args.json,
            Self::Withdraw(args) => args.json,
            Self::Fsck(args) => args.json,
            Self::Inspect(args) => args.json,
            Self::Check(args) => args.json,
            Self::Diff(args) => args.json,
            Self::Conform(args) => args.json,
            Self::Mixer(args) => args.command.wants_json(),
            Self::Config(args) => args.wants_json(),
            _ => false,
        }
    }
}

/// What every station needs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// The group to join; upper and lower case differ
    #[arg(short, long, default_value = "Default", env = "MVRX_GROUP")]
    pub(crate) group: String,
    /// Our name as the others see it
    #[arg(short, long, env = "MVRX_NAME")]
    pub(crate) name: Option<String>,
    /// Use only these addresses or interfaces for discovery (may be repeated); `lo` stays on this machine
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(crate) interface: Vec<String>,
    /// Also join the station at this address, whatever discovery sees (may be repeated)
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) peer: Vec<SocketAddr>,
    /// Take, commit and pass on any bytes, not only whole .mvr files: for tests, and for other formats. Without it a damaged file is kept
    /// aside and never offered on
    #[arg(long, env = "MVRX_ANY_FILE", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) any_file: bool,
    /// The UDP port of discovery, for tests
    #[arg(long, hide = true, default_value_t = 5353)]
    pub(crate) mdns_port: u16,
}

/// A session in place of a group.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct InSession {
    /// Be one of the session at this URL, instead of a group of the local network; `auto` takes the one that the local network shows
    /// under the name of --group
    #[arg(id = "session", long = "host", value_name = "URL|auto", conflicts_with = "peer", value_parser = some_text)]
    pub(crate) host: Option<String>,
    #[command(flatten)]
    pub(crate) reaching: Reaching,
    /// Whether others may lead the station on into another session, to which its certificate then belongs.
    #[arg(skip)]
    pub(crate) goes_on: bool,
    /// Whether others led the station there: then nobody here has said the URL.
    #[arg(skip)]
    pub(crate) was_led: bool,
    /// The session into which a person here leads from there.
    #[arg(skip)]
    pub(crate) next: Option<String>,
}

impl InSession {
    /// Whose the password is, and whether a person here named that session.
    pub(crate) fn password_for(&self) -> (Option<&str>, bool) {
        let (host, next) = (self.host.as_deref(), self.next.as_deref());
        match (host, next) {
            (None, Some(_)) => (next, true),
            (Some(host), Some(at)) if self.reaching.keeps_from(host) && !self.reaching.keeps_from(at) => {
                (next, true)
            }
            _ => (host, !self.was_led),
        }
    }
}

/// Where a running station keeps its identity and files.
#[derive(Debug, clap::Args)]
pub(crate) struct Kept {
    /// The data directory; by default one of this user's, and for each further station on this machine one by its name
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen; by default on all addresses, at port 42424 or the next free one
    #[arg(long, value_name = "IP:PORT", conflicts_with = "session")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) history: crate::history::History,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Files to share from the start
    #[arg(value_name = "FILE.mvr")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) session: InSession,
    #[command(flatten)]
    pub(crate) kept: Kept,
    #[command(flatten)]
    pub(crate) retained: crate::retaining::Retained,
    /// Send files to a host that is no mvrx in messages of this size at most, from 1K to 1M, with other messages between them, rather than
    /// in one message; not every host puts them together
    #[arg(long, value_name = "SIZE", requires = "session", value_parser = crate::commands::host::piece)]
    pub(crate) pieces: Option<usize>,
    #[command(flatten)]
    pub(crate) onward: Onward,
    #[command(flatten)]
    pub(crate) moves: crate::moving::MovesArgs,
    #[command(flatten)]
    pub(crate) electing: crate::electing::Electing,
    /// Whether somebody said where to be: then the place to which the station moved in an earlier run does not count.
    #[arg(skip)]
    pub(crate) place_was_said: bool,
    /// What to fetch by itself [default: rules, if the configuration file has any, else none]
    #[arg(long, value_enum)]
    pub(crate) get: Option<Fetch>,
    /// Where fetched files are saved; with --get all it has every commit of the others
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Commit each .mvr that an application has finished writing into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) watch: Option<PathBuf>,
    /// The comment of what is saved there; without it what stands in a file like show.mvr.txt beside it, else what changed
    #[arg(short, long, value_name = "TEXT", requires = "watch")]
    pub(crate) message: Option<String>,
    /// Serve Mixer's rooms too, at this address or host name; without one at all addresses of this machine, and without a port at 12800
    #[arg(long, value_name = "HOST[:PORT]", num_args = 0..=1, require_equals = true)]
    pub(crate) mixer: Option<Option<String>>,
    #[command(flatten)]
    pub(crate) hooks: crate::hooks::Hooks,
    #[command(flatten)]
    pub(crate) rooms: crate::commands::mixer::args::BesideStation,
    #[command(flatten)]
    pub(crate) web: crate::web::WebArgs,
    /// One JSON document per event instead of lines for people
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fetch {
    /// Every commit that is seen, each into the folder of the first rule that fits, unless that leaves it
    All,
    /// What the rules of the configuration file say
    Rules,
    /// Nothing; `mvrx get` fetches
    None,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) session: InSession,
    /// How long to look, in seconds; some products answer after three
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub(crate) wait: f64,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// The file: `latest`, its name, or the beginning of its id as `mvrx ls` shows it. A revision that is kept here (`mvrx log`) is taken from
    /// there, by its id or tag, and nobody is asked
    #[arg(value_name = "ID|TAG|NAME|latest", value_parser = some_text)]
    pub(crate) what: String,
    /// The data directory with the revisions that are kept here; without it all those of this user
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) session: InSession,
    /// Ask this station only: its name, or the beginning of its id
    #[arg(long, value_name = "STATION", value_parser = some_text)]
    pub(crate) from: Option<String>,
    /// Where to save it: a folder, where it gets its own name, or the path of a file that does not exist yet, taken as it is
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    pub(crate) output: PathBuf,
    /// How long to look for somebody who has it, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub(crate) wait: f64,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Commit {
    /// The file to commit
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What changed
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: String,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) session: InSession,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// Only for this station (may be repeated): its name, or the beginning of its id
    #[arg(long, value_name = "STATION", value_parser = some_text)]
    pub(crate) to: Vec<String>,
    /// End when stations fetched the file this many times (the copy that a host of ours keeps does not count); without it, serve until
    /// stopped
    #[arg(long, value_name = "N")]
    pub(crate) until_fetched: Option<u64>,
    /// How long to look for the stations of --to, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub(crate) wait: f64,
    /// One JSON document per event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// The file; or of a stored revision the beginning of its id, or `latest`
    #[arg(value_name = "FILE|ID")]
    pub(crate) file: PathBuf,
    /// The data directory that has the revision
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The file; or of a stored revision the beginning of its id, or `latest`
    #[arg(value_name = "FILE|ID")]
    pub(crate) file: PathBuf,
    /// The data directory that has the revision
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The older file; or of a stored revision the beginning of its id, or `latest`
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The newer file or revision
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Counts only
    #[arg(long)]
    pub(crate) stat: bool,
    /// The data directory that has the revisions
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// The file; or of a stored revision the beginning of its id, or `latest`
    #[arg(value_name = "FILE|ID")]
    pub(crate) file: PathBuf,
    /// A newer file or revision: what changed is marked
    #[arg(value_name = "NEW")]
    pub(crate) new: Option<PathBuf>,
    /// Where the drawing goes; `-` is standard output
    #[arg(short, long, value_name = "PLAN.svg")]
    pub(crate) output: PathBuf,
    /// Light on dark
    #[arg(long)]
    pub(crate) dark: bool,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// The data directory that has the revisions
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=3600.0).contains(&value) => Ok(value),
        _ => Err("a number of seconds between 0 and 3600".to_owned()),
    }
}

/// A text with anything in it: nothing at all would mean everybody.
pub(crate) fn some_text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}
