//! Where the product is, as the operator wrote it.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

/// A product's address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A station of TCP Mode: `tcp://HOST:PORT`.
    Tcp {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The host of a session of WebSocket Mode: `ws://HOST[:PORT][/PATH]`.
    WebSocket {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// Its port; 80 where none is said.
        port: u16,
        /// What is asked for, from the slash on.
        path: String,
    },
    /// A Mixer server: `mixer://HOST[:PORT]`.
    Mixer {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// Its port; 12800 where none is said.
        port: u16,
    },
}

/// Why an address cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// It begins with nothing that is known.
    UnknownScheme,
    /// It is a session behind TLS, which the judge does not speak.
    Tls,
    /// There is no host in it.
    NoHost,
    /// There is no port in it, and this kind of product has no usual one.
    NoPort,
    /// The port is no number from 1 to 65535.
    BadPort,
    /// There is a blank in what follows the host.
    BadPath,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownScheme => "the address begins with none of tcp://, ws:// and mixer://",
            Self::Tls => "TLS is not offered: judge the host at a ws:// address without it",
            Self::NoHost => "the address has no host",
            Self::NoPort => "the address has no port",
            Self::BadPort => "the port is no number from 1 to 65535",
            Self::BadPath => "the address has a blank in it",
        })
    }
}

impl std::error::Error for TargetError {}

impl Target {
    /// Reads `tcp://HOST:PORT`, `ws://HOST[:PORT][/PATH]` and `mixer://HOST[:PORT]`.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::UnknownScheme)?;
        match scheme {
            "tcp" => {
                let (host, port) = authority(rest.trim_end_matches('/'))?;
                Ok(Self::Tcp { host, port: port.ok_or(TargetError::NoPort)? })
            }
            "ws" => {
                let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
                let (host, port) = authority(place)?;
                let path = format!("/{path}");
                if path.contains(|c: char| c.is_control() || c == ' ') {
                    return Err(TargetError::BadPath);
                }
                Ok(Self::WebSocket { host, port: port.unwrap_or(80), path })
            }
            "mixer" => {
                let (host, port) = authority(rest.trim_end_matches('/'))?;
                Ok(Self::Mixer { host, port: port.unwrap_or(12_800) })
            }
            "wss" => Err(TargetError::Tls),
            _ => Err(TargetError::UnknownScheme),
        }
    }

    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        match self {
            Self::Tcp { host, port } | Self::Mixer { host, port } | Self::WebSocket { host, port, .. } => {
                (host, *port)
            }
        }
    }

    /// Host and port as a URL has them.
    pub(crate) fn authority(&self) -> String {
        let (host, port) = self.host_and_port();
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Tcp { .. } | Self::Mixer { .. } => "",
            Self::WebSocket { path, .. } => path,
        }
    }

    /// Every address that the name has now.
    pub(crate) fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        Ok(self.host_and_port().to_socket_addrs()?.collect())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self {
            Self::Tcp { .. } => "tcp",
            Self::WebSocket { .. } => "ws",
            Self::Mixer { .. } => "mixer",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path())
    }
}

/// Host and, where it is there, port.
fn authority(text: &str) -> Result<(String, Option<u16>), TargetError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(TargetError::NoHost)?;
        (host, rest.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err(TargetError::NoHost);
    }
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|p| *p > 0).ok_or(TargetError::BadPort)?),
        None => None,
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("tcp://10.0.0.5:42424", Ok("tcp://10.0.0.5:42424")),
            ("tcp://rack.local:1/", Ok("tcp://rack.local:1")),
            ("tcp://[::1]:9", Ok("tcp://[::1]:9")),
            ("tcp://10.0.0.5", Err(TargetError::NoPort)),
            ("tcp://:80", Err(TargetError::NoHost)),
            ("tcp://a:0", Err(TargetError::BadPort)),
            ("tcp://a:65536", Err(TargetError::BadPort)),
            ("10.0.0.5:42424", Err(TargetError::UnknownScheme)),
            ("mixer://rack", Ok("mixer://rack:12800")),
            ("ws://rack", Ok("ws://rack:80/")),
            ("ws://[::1]:42480/a/b?c=d", Ok("ws://[::1]:42480/a/b?c=d")),
            ("ws://rack/a b", Err(TargetError::BadPath)),
            ("wss://rack/", Err(TargetError::Tls)),
            ("http://a:80", Err(TargetError::UnknownScheme)),
        ] {
            let read = Target::parse(text).map(|target| target.to_string());
            assert_eq!(read, wanted.map(str::to_owned), "{text}");
        }
    }
}
