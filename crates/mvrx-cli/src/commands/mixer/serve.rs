//! `mvrx mixer serve`, and the same server inside `mvrx up --mixer`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mixer::{DEFAULT_PORT, DiskLimits, Fsync, Limits, Metrics, Server, ServerBuilder, StartError};
use mvrx_node::rooms::{Rooms, ServeError};
use serde_json::json;

use super::args::{Access, Serve, ServeLimits, Service, room_password};
use super::{host_and_port, metrics};
use crate::failure::Failure;
use crate::{show, station};

pub(super) async fn run(args: Serve) -> Result<(), Failure> {
    // Whoever reads that it serves may end it.
    let interrupted = station::interrupted();
    let rooms = start(&args.service, None).await?;
    announce(&args, &rooms).await?;
    let result = tokio::select! {
        result = tell(&rooms, &args) => result,
        () = interrupted => Ok(()),
    };
    say_stopped(rooms.stop().await, args.json);
    result
}

/// Serves rooms as the command line describes them; what stands in the way is told in words. `at` is one more way to say where, in one word
/// with the port.
pub(crate) async fn start(service: &Service, at: Option<&str>) -> Result<Rooms, Failure> {
    let policy = policy(&service.policy)?;
    let mut builder = Server::builder().limits(limits(&service.limits));
    builder = admit(builder, &service.access)?;
    builder = listen(builder, service, at).await?;
    if let Some(directory) = &service.data {
        builder = builder.data(directory, policy).disk_limits(disk_limits(service));
    }
    Ok(Rooms::start(builder, service.metrics).await?)
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Server(StartError::AddressUnusable(_)) => Self::peer(format!(
                "{error}; does a server run there already? Choose another address or port"
            )),
            ServeError::Page { .. } => Self::peer(error.to_string()),
            error => Self::local(error.to_string()),
        }
    }
}

/// Where it listens.
pub(crate) fn addresses(rooms: &Rooms) -> Vec<String> {
    rooms.addresses().iter().map(ToString::to_string).collect()
}

/// How rooms stood that have ended.
pub(crate) fn say_stopped(stood: Option<Metrics>, json: bool) {
    match stood {
        Some(stood) if json => show::document(&metrics::document("stopped", &stood)),
        Some(stood) => show::line(&format!("stopped; {}", metrics::line(&stood))),
        None => {}
    }
}

/// Says where the server is.
async fn announce(args: &Serve, serving: &Rooms) -> Result<(), Failure> {
    let rooms = serving.metrics().await.map_or(0, |metrics| metrics.rooms);
    let addresses = addresses(serving);
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "event": "serving", "addresses": addresses, "rooms": rooms,
            "metrics": serving.metrics_at().map(|address| address.to_string()),
            "data": args.service.data.as_ref().map(|data| data.display().to_string()),
        }));
        return Ok(());
    }
    show::line(&format!("serving Mixer at {}", addresses.join(", ")));
    if let Some(address) = serving.metrics_at() {
        show::line(&format!("metrics at http://{address}/metrics"));
    }
    match &args.service.data {
        Some(directory) => {
            let when = match policy(&args.service.policy)? {
                Fsync::Always => "before anybody is sent a change".to_owned(),
                Fsync::Interval(interval) => format!("every {interval:?}"),
            };
            let directory = directory.display();
            show::line(&format!(
                "rooms are kept in {directory}, forced to the disk {when}; {rooms} {} back",
                if rooms == 1 { "room came" } else { "rooms came" }
            ));
        }
        None => show::line("rooms live in memory and end with this program; --data DIR keeps them"),
    }
    Ok(())
}

/// Tells how things stand for as long as the server runs.
async fn tell(rooms: &Rooms, args: &Serve) -> Result<(), Failure> {
    let mut ticks = tokio::time::interval(Duration::from_secs(args.stats.unwrap_or(LOOK)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(metrics) = rooms.metrics().await else {
            return Err(Failure::local("the server has ended by itself"));
        };
        match (args.stats, args.json) {
            (None, _) => {}
            (Some(_), true) => show::document(&metrics::document("stats", &metrics)),
            (Some(_), false) => show::line(&metrics::line(&metrics)),
        }
    }
}

/// Where to listen: at the hosts that are named, else at every address of the machine.
async fn listen(
    mut builder: ServerBuilder,
    service: &Service,
    at: Option<&str>,
) -> Result<ServerBuilder, Failure> {
    let port = service.port.unwrap_or(DEFAULT_PORT);
    let mut hosts: Vec<(&str, u16)> = service.host.iter().map(|host| (host.as_str(), port)).collect();
    if let Some(at) = at {
        if service.port.is_some() || !hosts.is_empty() {
            return Err(Failure::usage(format!(
                "--mixer={at} says where already; leave --mixer-host and --mixer-port away"
            )));
        }
        hosts.push(host_and_port(at)?);
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for (host, port) in hosts {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let found = tokio::net::lookup_host((bare, port)).await;
        addresses.extend(found.map_err(|error| Failure::usage(format!("cannot listen at {host}: {error}")))?);
    }
    addresses.sort();
    addresses.dedup();
    for address in addresses {
        builder = builder.address(address);
    }
    Ok(builder.port(port))
}

fn policy(words: &[String]) -> Result<Fsync, Failure> {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split('=')).collect();
    match words.as_slice() {
        [] => Ok(Fsync::Interval(Duration::from_secs(1))),
        ["always"] => Ok(Fsync::Always),
        ["interval"] => Ok(Fsync::Interval(Duration::from_secs(1))),
        ["interval", seconds] => match seconds.parse::<f64>() {
            Ok(seconds) if (0.001..=3600.0).contains(&seconds) => {
                Ok(Fsync::Interval(Duration::from_secs_f64(seconds)))
            }
            _ => Err(Failure::usage(format!(
                "--policy interval {seconds}: a number of seconds between 0.001 and 3600"
            ))),
        },
        other => Err(Failure::usage(format!(
            "--policy {}: it is `always`, or `interval` and a number of seconds",
            other.join(" ")
        ))),
    }
}

fn admit(mut builder: ServerBuilder, access: &Access) -> Result<ServerBuilder, Failure> {
    for network in &access.allow {
        builder = builder.allow(*network);
    }
    let mut passwords = access.room_password.clone();
    if let Some(path) = &access.room_passwords {
        passwords.extend(passwords_in(path)?);
    }
    for (room, password) in &passwords {
        builder = builder.room_password(room, password);
    }
    Ok(builder)
}

fn passwords_in(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let bad = |words: &dyn std::fmt::Display| Failure::bad_file(format!("{}: {words}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| bad(&error))?;
    passwords_among(&bytes).map_err(|words| bad(&words))
}

/// As editors of all systems write it: with a byte order mark or none, any line ends, blanks where nobody sees them.
fn passwords_among(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("it is UTF-16; save it as UTF-8".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let lines = text.split(['\n', '\r']).map(str::trim);
    let lines = lines.enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(|(at, line)| room_password(line).map_err(|words| format!("line {}: {words}", at + 1))).collect()
}

fn limits(wished: &ServeLimits) -> Limits {
    let mut limits = Limits::default();
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    limits.clients = wished.max_clients.unwrap_or(limits.clients);
    limits.rooms = wished.max_rooms.unwrap_or(limits.rooms);
    limits.name_bytes = wished.max_room_name.map_or(limits.name_bytes, bytes);
    limits.frame_bytes = wished.max_message.unwrap_or(limits.frame_bytes);
    limits.room_bytes = wished.max_room.unwrap_or(limits.room_bytes);
    limits.stored_bytes = wished.max_stored.unwrap_or(limits.stored_bytes);
    limits.attribute_bytes = wished.max_attributes.map_or(limits.attribute_bytes, bytes);
    limits.all_attribute_bytes = wished.max_all_attributes.map_or(limits.all_attribute_bytes, bytes);
    limits.error_bytes = wished.max_error_text.map_or(limits.error_bytes, bytes);
    limits.outbox_bytes = wished.max_waiting.map_or(limits.outbox_bytes, bytes);
    // A message that is allowed must be able to go out, and to come.
    let waiting = wished.max_all_waiting.map_or(limits.all_outbox_bytes, bytes);
    limits.all_outbox_bytes = waiting.max(bytes(limits.frame_bytes.saturating_mul(2)));
    let unfinished = wished.max_unfinished.map_or(limits.unfinished_bytes, bytes);
    limits.unfinished_bytes = unfinished.max(bytes(limits.frame_bytes.saturating_add(HEADER)));
    limits.hold_bytes = wished.hold_from.map_or(limits.hold_bytes, bytes);
    limits.update_backlog_bytes = wished.max_updates_behind.map_or(limits.update_backlog_bytes, bytes);
    limits.history_chunk_bytes = wished.history_piece.map_or(limits.history_chunk_bytes, bytes);
    hold(wished, &mut limits);
    limits.hello_grace = wished.greeting.unwrap_or(limits.hello_grace);
    limits.update_interval = wished.update_interval.unwrap_or(limits.update_interval);
    limits
}

fn disk_limits(service: &Service) -> DiskLimits {
    let mut limits = DiskLimits::default();
    if let Some(backlog) = service.max_disk_backlog {
        limits.backlog_bytes = usize::try_from(backlog).unwrap_or(usize::MAX);
        limits.backlog_bytes_always = limits.backlog_bytes;
    }
    limits.retry_after = service.disk_retry.unwrap_or(limits.retry_after);
    limits.rewrite_from_bytes = service.rewrite_from.unwrap_or(limits.rewrite_from_bytes);
    limits
}

/// The least rate is counted over a window.
fn hold(wished: &ServeLimits, limits: &mut Limits) {
    let (least, window) = (limits.hold_least_bytes as u128, limits.hold_window.as_millis().max(1));
    limits.hold_window = wished.hold_window.unwrap_or(limits.hold_window);
    let rate = wished.hold_least_rate.map_or(least * 1000 / window, u128::from);
    let least = rate.saturating_mul(limits.hold_window.as_millis()) / 1000;
    limits.hold_least_bytes = usize::try_from(least).unwrap_or(usize::MAX).max(1);
}

/// What comes before a message.
const HEADER: u64 = 14;

/// How often we look whether the server still runs when nobody wants to be told anything, in seconds.
const LOOK: u64 = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{Args, FromArgMatches};
    use mixer::Fsync;

    use super::{limits, passwords_among, policy};
    use crate::commands::mixer::args::ServeLimits;

    #[test]
    fn policy_is_always_or_an_interval() {
        let parse = |words: &[&str]| policy(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&["always"]).unwrap(), Fsync::Always);
        assert_eq!(parse(&["interval", "0.5"]).unwrap(), Fsync::Interval(Duration::from_millis(500)));
        assert_eq!(parse(&["interval=2"]).unwrap(), Fsync::Interval(Duration::from_secs(2)));
        assert_eq!(parse(&[]).unwrap(), Fsync::Interval(Duration::from_secs(1)));
        for wrong in [&["never"][..], &["always", "1"], &["interval", "0"], &["interval", "x"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_options_the_limits_are_the_servers_own() {
        assert_eq!(limits(&ServeLimits::default()), mixer::Limits::default());
    }

    #[test]
    fn every_limit_has_an_option_and_each_changes_its_own() {
        let texts: Vec<String> =
            format!("{:#?}", mixer::Limits::default()).lines().map(str::to_owned).collect();
        let mut changed = std::collections::BTreeSet::new();
        let parse = |option: &str| {
            let options = || ServeLimits::augment_args(clap::Command::new("serve"));
            let with = |value| options().try_get_matches_from(["serve", option, value]);
            // A large number; of seconds a small one.
            ServeLimits::from_arg_matches(&with("7000000000").or_else(|_| with("7")).unwrap()).unwrap()
        };
        let options = ServeLimits::augment_args(clap::Command::new("serve"));
        for option in options.get_arguments().filter_map(clap::Arg::get_long) {
            let with = format!("{:#?}", limits(&parse(&format!("--{option}"))));
            let fields: Vec<&str> = texts
                .iter()
                .zip(with.lines())
                .filter(|(before, after)| before != after)
                .filter_map(|(before, _)| before.trim().split(':').next())
                .collect();
            assert!(!fields.is_empty(), "--{option} changes nothing");
            changed.extend(fields.iter().map(|field| (*field).to_owned()));
        }
        let all: Vec<&str> =
            texts.iter().filter_map(|line| line.trim().split_once(':')).map(|(name, _)| name).collect();
        let without: Vec<&&str> = all.iter().filter(|field| !changed.contains(**field)).collect();
        assert!(all.len() > 15 && without.is_empty(), "{without:?} of {} have no option", all.len());
    }

    #[test]
    fn least_rate_holds_over_its_window() {
        let wished = ServeLimits {
            hold_least_rate: Some(1000),
            hold_window: Some(Duration::from_millis(500)),
            ..ServeLimits::default()
        };
        assert_eq!(limits(&wished).hold_least_bytes, 500);
        let longer = ServeLimits { hold_window: Some(Duration::from_secs(4)), ..ServeLimits::default() };
        assert_eq!(limits(&longer).hold_least_bytes, 512 << 10);
    }

    #[test]
    fn message_that_is_allowed_is_able_to_come() {
        let wished =
            ServeLimits { max_message: Some(5 << 30), max_unfinished: Some(1), ..ServeLimits::default() };
        assert_eq!(limits(&wished).unfinished_bytes, (5 << 30) + 14);
    }

    #[test]
    fn passwords_are_read_as_editors_of_all_systems_write_them() {
        let expected =
            Ok(vec![("stage".to_owned(), "open sesame".to_owned()), ("other".to_owned(), "x=y".to_owned())]);
        for text in [
            "stage=open sesame\nother=x=y",
            "\u{feff}stage=open sesame\r\nother=x=y\r\n",
            "stage=open sesame  \r\n\t\r\n  other=x=y\t\n\n",
            "stage=open sesame\rother=x=y\r",
        ] {
            assert_eq!(passwords_among(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(passwords_among(b""), Ok(Vec::new()));
        let utf16: Vec<u8> = "\u{feff}stage=x".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, words) in [
            (&utf16[..], "UTF-16"),
            (b"stage=\xFF", "not UTF-8"),
            (b"stage=x\n\nother", "line 3: a room, an equals sign"),
        ] {
            assert!(passwords_among(bytes).unwrap_err().contains(words), "{words}");
        }
    }
}
