//! The URL of a session as people type it.

/// A URL as it is; a bare name or address is a host at this port where none is told, without TLS.
///
/// ```
/// use mvrx_station::session_url;
///
/// assert_eq!(session_url("rack.local", 42_480), "ws://rack.local:42480/");
/// assert_eq!(session_url("wss://rack.example/show", 42_480), "wss://rack.example/show");
/// ```
#[must_use]
pub fn session_url(text: &str, port: u16) -> String {
    with_scheme("ws", text, port)
}

/// The same, with TLS for a bare name.
///
/// ```
/// use mvrx_station::secure_session_url;
///
/// assert_eq!(secure_session_url("rack.local", 42_480), "wss://rack.local:42480/");
/// assert_eq!(secure_session_url("ws://rack.example/show", 42_480), "ws://rack.example/show");
/// ```
#[must_use]
pub fn secure_session_url(text: &str, port: u16) -> String {
    with_scheme("wss", text, port)
}

fn with_scheme(scheme: &str, text: &str, port: u16) -> String {
    if text.contains("://") {
        return text.to_owned();
    }
    let (place, path) = text.find('/').map_or((text, "/"), |at| text.split_at(at));
    let place = match place.parse::<std::net::Ipv6Addr>() {
        Ok(bare) => format!("[{bare}]"),
        Err(_) => place.to_owned(),
    };
    let has_port = place.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if has_port { format!("{scheme}://{place}{path}") } else { format!("{scheme}://{place}:{port}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_is_a_host_of_ours() {
        for (typed, meant) in [
            ("ws://rack/x", "ws://rack/x"),
            ("wss://rack.example", "wss://rack.example"),
            ("10.0.0.5", "ws://10.0.0.5:42480/"),
            ("10.0.0.5:80", "ws://10.0.0.5:80/"),
            ("rack.local/show", "ws://rack.local:42480/show"),
            ("fe80::1", "ws://[fe80::1]:42480/"),
            ("[fe80::1]:9", "ws://[fe80::1]:9/"),
            ("[fe80::1]", "ws://[fe80::1]:42480/"),
        ] {
            assert_eq!(session_url(typed, 42_480), meant);
        }
    }
}
