//! What a person writes: a service URL, a domain, or the full name of a service.

use std::net::Ipv6Addr;
use std::str::FromStr;

use thiserror::Error;

/// A service URL, `ws://host[:port][/path]` or `wss://…`, or a name without a scheme: a domain, or a name under its `_mvrxchange._tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    scheme: Option<Scheme>,
    host: String,
    port: Option<u16>,
    path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Plain,
    Secure,
}

/// Why a text is neither a service URL nor a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceNameError {
    /// A scheme other than `ws` and `wss`.
    #[error("a service URL begins with ws:// or wss://")]
    SchemeNotWebSocket,
    /// Nothing stands where the host should.
    #[error("no host or domain is named")]
    HostMissing,
    /// Not 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    PortNotANumber,
    /// A label longer than 63 bytes, or all longer than 255.
    #[error("it is no name of the DNS")]
    NotADnsName,
    /// Blanks and the like in a path, a fragment, or a user's name.
    #[error("the URL has a part that a session's URL cannot have")]
    NotAServiceUrl,
}

impl ServiceName {
    /// Whether it asks for TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == Some(Scheme::Secure)
    }

    /// The host, domain or name; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one is given: then no service is looked for.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Path and query, where one is given that is more than `/`.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The port of its scheme; a name without one has none.
    pub(super) fn usual_port(&self) -> Option<u16> {
        self.scheme.map(|scheme| if scheme == Scheme::Secure { 443 } else { 80 })
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws") => (Some(Scheme::Plain), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => (Some(Scheme::Secure), rest),
            Some(_) => return Err(ServiceNameError::SchemeNotWebSocket),
            None => (None, text),
        };
        let (authority, path) = match scheme {
            Some(_) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
            None => (rest, ""),
        };
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        if authority.contains('@') || !(path.is_empty() || is_path(&path)) {
            return Err(ServiceNameError::NotAServiceUrl);
        }
        let (host, port) = split(authority, scheme.is_some())?;
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() {
            return Err(ServiceNameError::HostMissing);
        }
        let named = host.parse::<Ipv6Addr>().is_ok()
            || labels(host).is_some_and(|labels| lan_mdns::Name::from_labels(labels).is_ok());
        if !named {
            return Err(ServiceNameError::NotADnsName);
        }
        let path = Some(path).filter(|path| path.len() > 1);
        Ok(Self { scheme, host: host.to_owned(), port, path })
    }
}

fn split(authority: &str, is_url: bool) -> Result<(&str, Option<u16>), ServiceNameError> {
    let number = |text: &str| match text.parse() {
        Ok(port @ 1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(ServiceNameError::PortNotANumber),
    };
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        host.parse::<Ipv6Addr>().map_err(|_| ServiceNameError::NotADnsName)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(number(port)?),
            None if rest.is_empty() => None,
            None => return Err(ServiceNameError::NotAServiceUrl),
        };
        return Ok((host, port));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if is_url => Ok((host, Some(number(port)?))),
        _ => Ok((authority, None)),
    }
}

/// The labels of a name as people write it: a dot within a label has a backslash before it.
pub(super) fn labels(text: &str) -> Option<Vec<Vec<u8>>> {
    let (mut labels, mut label, mut letters) = (Vec::new(), Vec::new(), text.bytes());
    while let Some(byte) = letters.next() {
        match byte {
            b'.' => labels.push(std::mem::take(&mut label)),
            b'\\' => label.push(letters.next()?),
            0..0x20 | 0x7f => return None,
            _ => label.push(byte),
        }
    }
    labels.push(label);
    Some(labels)
}

/// A path with or without a query, in visible ASCII.
pub(super) fn is_path(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    text.starts_with('/') && text.bytes().all(allowed)
}
