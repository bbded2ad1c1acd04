//! What can be written after `mvrx mixer`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand, ValueEnum};
use mixer::Network;

use crate::args::some_text;

/// Mixer's rooms, by which Blenders share a live scene.
#[derive(Debug, Args)]
pub(crate) struct Mixer {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a room server; Blender, VRtist and Shot Manager connect to this machine's address and the port
    Serve(Box<Serve>),
    /// List the rooms of a server
    Rooms(List),
    /// List who is connected to a server
    Clients(List),
    /// Watch a room: what it holds, then what happens in it, until stopped
    Tail(Tail),
    /// Save a room into a file
    Save(Save),
    /// Make a room from a saved file; it stays open when nobody is in it
    Load(Load),
    /// Say whether a room stays when the last one leaves it
    KeepOpen(KeepOpen),
    /// Delete a room that nobody is in
    Delete(Delete),
}

impl Command {
    /// Whether failures are to be told as JSON as well.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Serve(args) => args.json,
            Self::Rooms(args) | Self::Clients(args) => args.json,
            Self::Tail(args) => args.json,
            Self::Save(args) => args.json,
            Self::Load(args) => args.json,
            Self::KeepOpen(args) => args.json,
            Self::Delete(args) => args.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) service: Service,
    /// Print how things stand every so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) stats: Option<u64>,
    /// One JSON document per line instead of lines for people
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a room server is told, whether it runs alone or beside a station.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// Listen at this address or host name only (may be repeated); without it at all of this machine, IPv4 and IPv6
    #[arg(long, value_name = "ADDRESS", value_parser = some_text)]
    pub(crate) host: Vec<String>,
    /// The TCP port; Mixer's add-on expects 12800, which is the default
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Keep rooms in this folder, so that they come back after a restart; without it they live in memory
    #[arg(id = "rooms_data", long = "data", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// When kept rooms are forced to the disk: `always` before anybody is sent a change, `interval` every so many seconds [default: interval 1]
    #[arg(long, num_args = 1..=2, value_names = ["always|interval", "SECONDS"], requires = "rooms_data")]
    pub(crate) policy: Vec<String>,
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) limits: ServeLimits,
    /// Bytes that may wait to be written to the folder before clients are made to wait [default: 8M with the policy `always`, else 64M]
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "rooms_data")]
    pub(crate) max_disk_backlog: Option<u64>,
    /// Seconds until a disk that failed is tried again [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = moment, requires = "rooms_data")]
    pub(crate) disk_retry: Option<Duration>,
    /// Bytes by which a room's file grows, beyond twice what it was, before it is written anew [default: 16M]
    #[arg(long, value_name = "SIZE", value_parser = size, requires = "rooms_data")]
    pub(crate) rewrite_from: Option<u64>,
    /// Answer HTTP requests for metrics (Prometheus text) at this address
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) metrics: Option<SocketAddr>,
}

/// The same options with `mixer-` before their names, among those of a station.
#[derive(Debug)]
pub(crate) struct BesideStation(pub(crate) Service);

impl FromArgMatches for BesideStation {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Service::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for BesideStation {
    fn augment_args(command: clap::Command) -> clap::Command {
        let alone = Service::augment_args(clap::Command::new("alone"));
        alone.get_arguments().fold(command, |command, option| {
            let name = format!("mixer-{}", option.get_long().unwrap_or_default());
            let heading = "Options of the rooms, with --mixer";
            command.arg(option.clone().long(name).requires("mixer").help_heading(heading))
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// Who may come in. Everything crosses the network in the clear, passwords too.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// Take clients from this address or network only, such as 10.0.0.0/8 (may be repeated)
    #[arg(long, value_name = "NETWORK")]
    pub(crate) allow: Vec<Network>,
    /// Ask for a password in rooms of this name (may be repeated); other users of this machine can read it in the list of processes
    #[arg(long, value_name = "ROOM=PASSWORD", value_parser = room_password)]
    pub(crate) room_password: Vec<(String, String)>,
    /// The same from a file with one ROOM=PASSWORD per line; blanks at the ends of a line do not count
    #[arg(long, value_name = "FILE")]
    pub(crate) room_passwords: Option<PathBuf>,
}

/// What the server lets grow. Sizes are bytes, or have a unit: 64k, 256M, 4G (of 1024).
#[derive(Debug, Default, Args)]
pub(crate) struct ServeLimits {
    /// Clients at a time [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) max_clients: Option<usize>,
    /// Rooms at a time [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) max_rooms: Option<usize>,
    /// Bytes in the name of a room [default: 1k]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_room_name: Option<u64>,
    /// Bytes of one message [default: 256M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_message: Option<u64>,
    /// Bytes that one room holds [default: 4G]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_room: Option<u64>,
    /// Bytes that all rooms hold together [default: 8G]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_stored: Option<u64>,
    /// Bytes that wait for a client that does not read before it is dropped [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_waiting: Option<u64>,
    /// Bytes that wait for all clients together before those are dropped for whom most waits [default: 512M, and not less than two messages]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_all_waiting: Option<u64>,
    /// Bytes that the attributes of a client or room take, as text and in memory [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_attributes: Option<u64>,
    /// Bytes that the attributes of all clients and rooms take together [default: 32M, and not more than half of what may wait for one
    /// client]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_all_attributes: Option<u64>,
    /// Bytes of an error text that one client sends to everybody [default: 64k]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_error_text: Option<u64>,
    /// Bytes kept of messages that have come in part, of all clients together [default: 1G, and not less than one message]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_unfinished: Option<u64>,
    /// Bytes that wait for a member from which on the senders of its room are made to wait for it, too [default: 1M, and not more than a quarter of what
    /// may wait]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) hold_from: Option<u64>,
    /// Bytes a second that a member must read for its room to wait for it [default: 128k]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) hold_least_rate: Option<u64>,
    /// Seconds in which a member must have read at that rate; so long a room waits, once, for one that does not read [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = moment)]
    pub(crate) hold_window: Option<Duration>,
    /// Bytes that wait for a client from which on it is told of changed attributes only when it has read [default: 64k, and not more than a quarter of
    /// what may wait]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_updates_behind: Option<u64>,
    /// Bytes of a room's history handed to a joiner at a time [default: 1M, and not more than a quarter of what may wait]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) history_piece: Option<u64>,
    /// Seconds that a new client has to ask for the lists of clients and rooms before it is told of changes [default: 0.25]
    #[arg(long, value_name = "SECONDS", value_parser = moment)]
    pub(crate) greeting: Option<Duration>,
    /// Least seconds between two tellings of changed counts and attributes; 0.0002 for each client are added [default: 0.05]
    #[arg(long, value_name = "SECONDS", value_parser = moment)]
    pub(crate) update_interval: Option<Duration>,
}

/// How to reach a server.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// The server; the port is 12800 unless told otherwise
    #[arg(short, long, value_name = "HOST[:PORT]", default_value = "localhost", env = "MVRX_MIXER")]
    pub(crate) server: String,
    /// The password of locked rooms of an mvrx server; told to whatever server is there, and a server of another make shows it to everybody
    #[arg(long, env = "MVRX_MIXER_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// Our name as others see it
    #[arg(long, default_value = "mvrx")]
    pub(crate) name: String,
    /// How long to wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = crate::args::seconds)]
    pub(crate) wait: f64,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The room
    #[arg(value_parser = some_text)]
    pub(crate) room: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// End after what the room holds now
    #[arg(long)]
    pub(crate) history: bool,
    /// One JSON document per event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The room
    #[arg(value_parser = some_text)]
    pub(crate) room: String,
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The saved room, of this program or of Mixer's own
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The room's name; by default the saved one, else the file's without its ending
    #[arg(long, value_name = "NAME", value_parser = some_text)]
    pub(crate) room: Option<String>,
    /// The version of Blender that clients must have, such as 2.93.5, instead of the saved one
    #[arg(long, value_name = "VERSION", value_parser = some_text)]
    pub(crate) blender_version: Option<String>,
    /// The version of the Mixer add-on that clients must have, such as v1.0.1, instead of the saved one
    #[arg(long, value_name = "VERSION", value_parser = some_text)]
    pub(crate) mixer_version: Option<String>,
    /// Take clients of every version; so it is, too, when a version is neither saved nor given
    #[arg(long, conflicts_with_all = ["blender_version", "mixer_version"])]
    pub(crate) ignore_versions: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeepOpen {
    /// The room
    #[arg(value_parser = some_text)]
    pub(crate) room: String,
    /// Whether it stays
    #[arg(value_enum, default_value_t = Switch::On)]
    pub(crate) keep: Switch,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It stays
    On,
    /// It ends when the last one leaves it
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The room
    #[arg(value_parser = some_text)]
    pub(crate) room: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn room_password(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((room, password)) if !room.is_empty() && !password.is_empty() => {
            Ok((room.to_owned(), password.to_owned()))
        }
        _ => Err("a room, an equals sign and a password".to_owned()),
    }
}

fn moment(text: &str) -> Result<Duration, String> {
    match crate::args::seconds(text) {
        Ok(seconds) if seconds >= 0.001 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds between 0.001 and 3600".to_owned()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let wrong = || "a number of bytes, or one with a unit such as 64k, 256M or 4G".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    match number.checked_mul(1 << shift) {
        Some(0) | None => Err(wrong()),
        Some(bytes) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{moment, room_password, size};

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("2MiB"), Ok(2 << 20));
        assert_eq!(size("4G"), Ok(4 << 30));
        for wrong in ["", "0", "k", "-1", "1.5M", "3 M", "99999999999999999999", "99999999999G", "5T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_neither_nothing_nor_for_ever() {
        assert_eq!(moment("0.001"), Ok(Duration::from_millis(1)));
        assert_eq!(moment("3600"), Ok(Duration::from_secs(3600)));
        for wrong in ["", "0", "-1", "3600.5", "NaN", "inf", "2s"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn password_of_a_room_may_hold_an_equals_sign() {
        assert_eq!(room_password("stage=a=b"), Ok(("stage".into(), "a=b".into())));
        for wrong in ["stage", "=a", "stage="] {
            assert!(room_password(wrong).is_err());
        }
    }
}
