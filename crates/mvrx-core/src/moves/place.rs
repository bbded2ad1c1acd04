//! Whether a proposed place can be one, and whether it is where we are.

use std::net::{IpAddr, SocketAddr};

use mvrx_message::{NewSessionHost, SessionTarget, SessionTargetError};

/// The place that a proposal leads to.
///
/// # Errors
/// Why it leads nowhere, in words for who proposed it.
// req: MOV-01, MOV-02
pub(crate) fn target(proposal: &NewSessionHost) -> Result<SessionTarget, String> {
    let target = proposal.target().map_err(|error| match error {
        SessionTargetError::NotAGroup(reason) => format!("ServiceName names no group: {reason}"),
        other => other.to_string(),
    })?;
    fit(&target).map(|()| target)
}

/// Whether stations can be led to a place: of a group whether all of them read the same name of it, of a session whether it has a URL.
///
/// # Errors
/// Why not, in words.
// req: MOV-02
pub fn fit(target: &SessionTarget) -> Result<(), String> {
    match target {
        SessionTarget::Group(group) => {
            let unfit = |c: &char| matches!(c, '.' | '@' | '\\') || c.is_control();
            match group.as_str().chars().find(unfit) {
                Some(c) => {
                    Err(format!("the group's name has the character {c:?}: others would read another group"))
                }
                None => Ok(()),
            }
        }
        SessionTarget::Url(url) if canonical(url).is_some() => Ok(()),
        SessionTarget::Url(_) => {
            Err("ServiceURL is no URL of a session: ws://host[:port][/path] or wss://…".to_owned())
        }
        _ => Err("this station cannot go to a place of that kind".to_owned()),
    }
}

/// Whether two places are one.
pub(crate) fn same(one: &SessionTarget, other: &SessionTarget) -> bool {
    match (one, other) {
        (SessionTarget::Group(one), SessionTarget::Group(other)) => one == other,
        (SessionTarget::Url(one), SessionTarget::Url(other)) => canonical(one) == canonical(other),
        _ => false,
    }
}

/// Why one group is not left for another one without a start between: names that differ only in the case of ASCII letters are one for DNS (RFC 6762, 16),
/// so that the goodbye of the old announcement takes the new one along.
// req: MOV-21
pub(crate) fn differ_only_in_case(one: &SessionTarget, other: &SessionTarget) -> Result<(), &'static str> {
    match (one, other) {
        (SessionTarget::Group(one), SessionTarget::Group(other))
            if one != other && one.as_str().eq_ignore_ascii_case(other.as_str()) =>
        {
            Err("the two groups differ only in upper and lower case, which a network takes for one name: \
                 stop this station and start it in the other group")
        }
        _ => Ok(()),
    }
}

/// Whether two URLs lead to one host, whatever the path is.
pub(crate) fn same_host(one: &str, other: &str) -> bool {
    let host = |url: &str| {
        let whole = canonical(url)?;
        let (scheme, rest) = whole.split_once("://")?;
        Some((scheme.to_owned(), rest.split('/').next()?.to_owned()))
    };
    host(one).is_some_and(|one| Some(one) == host(other))
}

/// The address that a URL leads to, where it names one.
pub(super) fn address(url: &str) -> Option<IpAddr> {
    let whole = canonical(url)?;
    let (_, rest) = whole.split_once("://")?;
    let at = rest.split('/').next()?.parse::<SocketAddr>().ok()?;
    Some(at.ip().to_canonical())
}

/// A URL in the one spelling by which it is compared; `None` for what is no URL of a session.
fn canonical(url: &str) -> Option<String> {
    if url.len() > URL_BYTES || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "ws" => ("ws", "80"),
        "wss" => ("wss", "443"),
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if authority.contains('@') {
        return None;
    }
    let port_at =
        authority.rfind(':').filter(|at| !authority.get(*at..).is_some_and(|port| port.contains(']')));
    let (host, port) = match port_at {
        Some(at) => (authority.get(..at)?, authority.get(at + 1..)?),
        None => (authority, default_port),
    };
    if host.is_empty() || host == "[]" || port.parse::<u16>().is_ok_and(|port| port == 0) {
        return None;
    }
    let port: u16 = if port.is_empty() { default_port } else { port }.parse().ok()?;
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Some(format!("{scheme}://{}:{port}{path}", host.to_ascii_lowercase()))
}

/// No string of a message is written longer.
const URL_BYTES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> SessionTarget {
        SessionTarget::Url(text.to_owned())
    }

    #[test]
    fn one_url_in_several_spellings_is_one_place() {
        for other in ["ws://Rack", "WS://rack:80/", "ws://rack:/", "ws://rack/#x"] {
            assert!(same(&url("ws://rack/"), &url(other)), "{other}");
        }
        for other in ["wss://rack/", "ws://rack:81/", "ws://rack/a", "ws://rack2/"] {
            assert!(!same(&url("ws://rack/"), &url(other)), "{other}");
        }
        assert!(same(&url("ws://[fe80::1]"), &url("ws://[FE80::1]:80/")));
    }

    // proves: MOV-02
    #[test]
    fn what_is_no_url_of_a_session_is_no_place() {
        let long = format!("ws://rack/{}", "x".repeat(1_000));
        for wrong in [
            "",
            "rack",
            "http://rack/",
            "ws://",
            "ws:///x",
            "ws://:80/",
            "ws://rack:x/",
            "ws://rack:0/",
            "ws://a b/",
            "ws://u@rack/",
            &long,
        ] {
            assert!(fit(&url(wrong)).is_err(), "{wrong}");
        }
    }
}
