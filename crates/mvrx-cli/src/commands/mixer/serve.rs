//! `mvrx mixer serve`, and the same server inside `mvrx up --mixer`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mixer::{Fsync, Limits, Server, ServerBuilder, StartError};
use serde_json::json;

use super::args::{Access, Serve, ServeLimits, room_password};
use super::metrics;
use crate::failure::Failure;
use crate::{show, station};

pub(super) async fn run(args: Serve) -> Result<(), Failure> {
    let mut builder = Server::builder().limits(limits(&args.limits)).port(args.port);
    for address in addresses(&args).await? {
        builder = builder.address(address);
    }
    builder = admit(builder, &args.access)?;
    let policy = policy(&args.policy)?;
    if let Some(directory) = &args.data {
        builder = builder.data(directory, policy);
    }
    let server = start(builder)?;
    let result = match announce(&args, &server, policy).await {
        Ok(page) => {
            tokio::select! {
                result = tell(&server, &args) => result,
                () = metrics::answer(page, &server) => Ok(()),
                () = station::interrupted() => Ok(()),
            }
        }
        Err(failure) => Err(failure),
    };
    stop(server, args.json).await;
    result
}

/// Starts a server; what stands in the way is told in words.
pub(crate) fn start(builder: ServerBuilder) -> Result<Server, Failure> {
    builder.spawn().map_err(|error| match error {
        StartError::AddressUnusable(_) => Failure::peer(format!(
            "Mixer: {error}; does a server run there already? Choose another address or port"
        )),
        _ => Failure::local(format!("Mixer: {error}")),
    })
}

/// Says where the server is, and opens the page of metrics.
async fn announce(
    args: &Serve,
    server: &Server,
    policy: Fsync,
) -> Result<Option<tokio::net::TcpListener>, Failure> {
    let page = match args.metrics {
        Some(address) => Some(metrics::listen(address).await?),
        None => None,
    };
    let metrics = page.as_ref().and_then(|page| page.local_addr().ok());
    let addresses: Vec<String> = server.local_addresses().iter().map(ToString::to_string).collect();
    let rooms = server.metrics().await.map_or(0, |metrics| metrics.rooms);
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "event": "serving", "addresses": addresses, "rooms": rooms,
            "metrics": metrics.map(|address| address.to_string()),
        }));
        return Ok(page);
    }
    show::line(&format!("serving Mixer at {}", addresses.join(", ")));
    if let Some(address) = metrics {
        show::line(&format!("metrics at http://{address}/metrics"));
    }
    match &args.data {
        Some(directory) => {
            let when = match policy {
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
    Ok(page)
}

/// Tells how things stand for as long as the server runs.
async fn tell(server: &Server, args: &Serve) -> Result<(), Failure> {
    let mut ticks = tokio::time::interval(Duration::from_secs(args.stats.unwrap_or(LOOK)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(metrics) = server.metrics().await else {
            return Err(Failure::local("the server has ended by itself"));
        };
        match (args.stats, args.json) {
            (None, _) => {}
            (Some(_), true) => show::document(&metrics::document("stats", &metrics)),
            (Some(_), false) => show::line(&metrics::line(&metrics)),
        }
    }
}

/// Closes all connections, and waits for the disk.
pub(crate) async fn stop(server: Server, json: bool) {
    let metrics = server.metrics().await;
    server.shutdown().await;
    if let Some(metrics) = metrics {
        if json {
            show::document(&metrics::document("stopped", &metrics));
        } else {
            show::line(&format!("stopped; {}", metrics::line(&metrics)));
        }
    }
}

async fn addresses(args: &Serve) -> Result<Vec<SocketAddr>, Failure> {
    let mut found = Vec::new();
    for host in &args.host {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let looked_up = tokio::net::lookup_host((bare, args.port)).await;
        found.extend(looked_up.map_err(|error| Failure::usage(format!("--host {host}: {error}")))?);
    }
    found.sort();
    found.dedup();
    Ok(found)
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
    let text = std::fs::read_to_string(path).map_err(|error| bad(&error))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| room_password(line).map_err(|words| bad(&format!("line {}: {words}", at + 1))))
        .collect()
}

fn limits(wished: &ServeLimits) -> Limits {
    let mut limits = Limits::default();
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    limits.clients = wished.max_clients.unwrap_or(limits.clients);
    limits.rooms = wished.max_rooms.unwrap_or(limits.rooms);
    limits.frame_bytes = wished.max_message.unwrap_or(limits.frame_bytes);
    limits.room_bytes = wished.max_room.unwrap_or(limits.room_bytes);
    limits.stored_bytes = wished.max_stored.unwrap_or(limits.stored_bytes);
    limits.attribute_bytes = wished.max_attributes.map_or(limits.attribute_bytes, bytes);
    limits.outbox_bytes = wished.max_waiting.map_or(limits.outbox_bytes, bytes);
    // What is done before a client is dropped happens well before.
    let quarter = (limits.outbox_bytes / 4).max(1);
    limits.hold_bytes = limits.hold_bytes.min(quarter);
    limits.update_backlog_bytes = limits.update_backlog_bytes.min(quarter);
    limits.history_chunk_bytes = limits.history_chunk_bytes.min(quarter);
    limits
}

/// How often we look whether the server still runs when nobody wants to be told anything, in seconds.
const LOOK: u64 = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mixer::Fsync;

    use super::{limits, policy};
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
    fn small_outbox_brings_what_comes_before_it_down_with_it() {
        let none = ServeLimits {
            max_clients: None,
            max_rooms: None,
            max_message: None,
            max_room: None,
            max_stored: None,
            max_waiting: None,
            max_attributes: None,
        };
        assert_eq!(limits(&none), mixer::Limits::default());
        let small = limits(&ServeLimits { max_waiting: Some(4000), ..none });
        assert_eq!((small.outbox_bytes, small.hold_bytes, small.history_chunk_bytes), (4000, 1000, 1000));
    }
}
