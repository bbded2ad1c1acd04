//! Whom to dial: a station at an address, or a service at a URL.
//!
//! ```
//! use mvrx_transport::{Endpoint, WsUrl};
//!
//! let url: WsUrl = "ws://lighting.example:8080/mvrxchange".parse()?;
//! assert_eq!((url.host(), url.port(), url.path()), ("lighting.example", 8080, "/mvrxchange"));
//! assert_eq!(Endpoint::from(url).to_string(), "ws://lighting.example:8080/mvrxchange");
//! # Ok::<(), mvrx_transport::WsUrlError>(())
//! ```

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Whom to dial.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A station of TCP Mode, or the host of a session at its root path.
    Address(SocketAddr),
    /// The host of a session (WebSocket Mode).
    Url(WsUrl),
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl From<WsUrl> for Endpoint {
    fn from(url: WsUrl) -> Self {
        Self::Url(url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// The URL of a session: `ws://host[:port][/path][?query]`, or `wss://…`. In ASCII, at most 1,000 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WsUrl {
    text: String,
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not such a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WsUrlError {
    /// It does not begin with `ws://` or `wss://`.
    #[error("the URL of a session begins with ws:// or wss://")]
    SchemeNotWebSocket,
    /// Longer than any message could carry to every product.
    #[error("the URL has {length} bytes, more than the {allowed} allowed")]
    LongerThanAllowed {
        /// Bytes of it.
        length: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// Blanks, control characters or letters beyond ASCII.
    #[error("the URL has a character that must be written in another way (byte {at})")]
    CharacterNotAllowed {
        /// Where.
        at: usize,
    },
    /// Nothing stands where the host should.
    #[error("the URL names no host")]
    HostMissing,
    /// Brackets around something that is no IPv6 address.
    #[error("the host in brackets is not an IPv6 address")]
    HostNotIpv6,
    /// The port is not a number from 1 to 65535.
    #[error("the port of the URL is not a number from 1 to 65535")]
    PortNotANumber,
    /// A user or password; nothing would use it.
    #[error("the URL has a user name, which a session does not")]
    UserNotAllowed,
    /// A fragment, which RFC 6455 forbids.
    #[error("the URL has a fragment, which RFC 6455 forbids")]
    FragmentNotAllowed,
}

impl WsUrl {
    /// Whether it asks for TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The name or address of the host, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 80 or 443 if the URL has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, at least `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL at an address: plain, its root path.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        let host = match address {
            // A scope is of this machine; it is no part of a URL.
            SocketAddr::V6(v6) => v6.ip().to_string(),
            SocketAddr::V4(v4) => v4.ip().to_string(),
        };
        let (port, path) = (address.port(), "/".to_owned());
        let text = if host.contains(':') {
            format!("ws://[{host}]:{port}/")
        } else {
            format!("ws://{host}:{port}/")
        };
        Self { text, secure: false, host, port, path }
    }

    /// What stands behind `Host:`.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for WsUrl {
    type Err = WsUrlError;

    fn from_str(text: &str) -> Result<Self, WsUrlError> {
        if text.len() > LONGEST {
            return Err(WsUrlError::LongerThanAllowed { length: text.len(), allowed: LONGEST });
        }
        if let Some(at) =
            text.bytes().position(|byte| !byte.is_ascii_graphic() || b"\"<>\\^`{|}".contains(&byte))
        {
            return Err(WsUrlError::CharacterNotAllowed { at });
        }
        let (scheme, rest) = text.split_once("://").ok_or(WsUrlError::SchemeNotWebSocket)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(WsUrlError::SchemeNotWebSocket),
        };
        if rest.contains('#') {
            return Err(WsUrlError::FragmentNotAllowed);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(WsUrlError::UserNotAllowed);
        }
        let (host, port) = split_authority(authority)?;
        if host.is_empty() {
            return Err(WsUrlError::HostMissing);
        }
        let port = match port {
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port > 0).ok_or(WsUrlError::PortNotANumber)?
            }
            Some(_) => return Err(WsUrlError::PortNotANumber),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { text: text.to_owned(), secure, host: host.to_ascii_lowercase(), port, path })
    }
}

impl fmt::Display for WsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Host and port, as they stand there.
/// A session's URL for people and logs: without a user and password that somebody wrote into it.
#[must_use]
pub fn url_without_user(text: &str) -> String {
    let begins = text.find("://").map_or(0, |at| at + 3);
    // A password may have any sign in it, also one that ends the name of a host.
    match (text.get(..begins), text.rfind('@').and_then(|at| text.get(at..))) {
        (Some(scheme), Some(rest)) => format!("{scheme}…{rest}"),
        _ => text.to_owned(),
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), WsUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or(WsUrlError::HostNotIpv6)?;
        host.parse::<Ipv6Addr>().map_err(|_| WsUrlError::HostNotIpv6)?;
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if behind.is_empty() => Ok((host, None)),
            None => Err(WsUrlError::PortNotANumber),
        };
    }
    Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

/// Products hold a string of a message in 1,024 bytes.
const LONGEST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (bool, String, u16, String) {
        let url: WsUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(url.to_string(), text);
        (url.is_secure(), url.host().to_owned(), url.port(), url.path().to_owned())
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        for (text, shown) in [
            ("wss://u:geheim@rack/", "wss://…@rack/"),
            ("wss://u:ge/h?e#i@m@rack/", "wss://…@rack/"),
            ("u:geheim@rack", "…@rack"),
            ("wss://rack/path", "wss://rack/path"),
            ("", ""),
        ] {
            assert_eq!(url_without_user(text), shown);
        }
    }

    #[test]
    fn reads_what_people_write() {
        let of = |secure, host: &str, port, path: &str| (secure, host.to_owned(), port, path.to_owned());
        assert_eq!(parts("ws://desk"), of(false, "desk", 80, "/"));
        assert_eq!(parts("wss://Desk.Example/a/b?c=d"), of(true, "desk.example", 443, "/a/b?c=d"));
        assert_eq!(parts("WS://10.0.0.1:42424?group=1"), of(false, "10.0.0.1", 42424, "/?group=1"));
        assert_eq!(parts("ws://[fe80::1]:8080/x"), of(false, "fe80::1", 8080, "/x"));
        assert_eq!(parts("ws://[::1]"), of(false, "::1", 80, "/"));
    }

    #[test]
    fn names_what_is_wrong() {
        let wrong = |text: &str| text.parse::<WsUrl>().expect_err(text);
        assert_eq!(wrong("http://desk"), WsUrlError::SchemeNotWebSocket);
        assert_eq!(wrong("desk:80"), WsUrlError::SchemeNotWebSocket);
        assert_eq!(wrong("ws://"), WsUrlError::HostMissing);
        assert_eq!(wrong("ws:///path"), WsUrlError::HostMissing);
        assert_eq!(wrong("ws://desk:0"), WsUrlError::PortNotANumber);
        assert_eq!(wrong("ws://desk:65536"), WsUrlError::PortNotANumber);
        assert_eq!(wrong("ws://desk:+80"), WsUrlError::PortNotANumber);
        assert_eq!(wrong("ws://[::1]80"), WsUrlError::PortNotANumber);
        assert_eq!(wrong("ws://[desk]"), WsUrlError::HostNotIpv6);
        assert_eq!(wrong("ws://me@desk"), WsUrlError::UserNotAllowed);
        assert_eq!(wrong("ws://desk/#top"), WsUrlError::FragmentNotAllowed);
        assert_eq!(wrong("ws://d\r\nX: y"), WsUrlError::CharacterNotAllowed { at: 6 });
        assert_eq!(wrong("ws://bühne"), WsUrlError::CharacterNotAllowed { at: 6 });
        let long = format!("ws://{}", "a".repeat(996));
        assert_eq!(wrong(&long), WsUrlError::LongerThanAllowed { length: 1001, allowed: 1000 });
    }

    #[test]
    fn an_address_has_a_url() {
        let of = |text: &str| WsUrl::at(text.parse().unwrap_or_else(|_| panic!("{text}")));
        for (address, url) in [("10.0.0.1:80", "ws://10.0.0.1:80/"), ("[::1]:42424", "ws://[::1]:42424/")] {
            assert_eq!(of(address).to_string(), url);
            assert_eq!(url.parse::<WsUrl>(), Ok(of(address)));
        }
        assert_eq!(of("[::1]:42424").authority(), "[::1]:42424");
        assert_eq!(of("10.0.0.1:80").authority(), "10.0.0.1");
    }
}
