//! `mvrx mixer`: a room server for Blenders, and what one does with any such server besides being a Blender.

pub(crate) mod args;
mod files;
mod metrics;
mod rooms;
pub(crate) mod serve;

use std::io::ErrorKind;
use std::time::Duration;

use mixer::{Client, ClientError, ClientOptions, DEFAULT_PORT};

use crate::failure::Failure;
use crate::show;
use args::{Command, Mixer, Reach};

pub(crate) async fn run(args: Mixer) -> Result<(), Failure> {
    match args.command {
        Command::Serve(serve) => serve::run(*serve).await,
        Command::Rooms(list) => rooms::list_rooms(list).await,
        Command::Clients(list) => rooms::list_clients(list).await,
        Command::Tail(tail) => rooms::tail(tail).await,
        Command::Save(save) => files::save(save).await,
        Command::Load(load) => files::load(load).await,
        Command::KeepOpen(keep) => rooms::keep_open(keep).await,
        Command::Delete(delete) => rooms::delete(delete).await,
    }
}

/// Connects to the server that was named.
async fn connect(reach: &Reach) -> Result<Client, Failure> {
    let (host, port) = host_and_port(&reach.server)?;
    let mut options = ClientOptions::default();
    options.user_name.clone_from(&reach.name);
    options.password.clone_from(&reach.password);
    options.answer_within = Duration::from_secs_f64(reach.wait.max(0.1));
    Client::connect((host, port), options).await.map_err(|error| match error {
        ClientError::NotConnected(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Failure::nobody(format!("no Mixer server is at {} ({error})", reach.server))
        }
        ClientError::Refused { text } => {
            Failure::peer(format!("{} does not take us: {}", reach.server, show::tame(&text)))
        }
        error => Failure::peer(format!("{}: {}", reach.server, show::tame(&error.to_string()))),
    })
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let words = show::tame(&error.to_string());
        match error {
            ClientError::NoSuchRoom { .. } => Self::nobody(words),
            ClientError::NotASavedRoom(_) => Self::bad_file(words),
            _ => Self::peer(words),
        }
    }
}

/// Ends what goes on when the user wants it to end.
async fn unless_stopped<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        stopped = crate::station::stopped() => Err(stopped),
    }
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
fn host_and_port(text: &str) -> Result<(&str, u16), Failure> {
    let wrong = || Failure::usage(format!("{text} is no host, and no host with a port"));
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(wrong()),
        },
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| wrong()))?;
    if host.is_empty() { Err(wrong()) } else { Ok((host, port)) }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn server_is_a_host_with_or_without_a_port_in_either_family() {
        for (text, host, port) in [
            ("localhost", "localhost", 12800),
            ("studio.example:4000", "studio.example", 4000),
            ("192.0.2.1", "192.0.2.1", 12800),
            ("192.0.2.1:1", "192.0.2.1", 1),
            ("::1", "::1", 12800),
            ("[::1]", "::1", 12800),
            ("[fe80::1]:9", "fe80::1", 9),
        ] {
            assert_eq!(host_and_port(text).unwrap(), (host, port), "{text}");
        }
        for wrong in ["", ":1", "host:", "host:x", "host:70000", "[::1]x", "[]:1"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
