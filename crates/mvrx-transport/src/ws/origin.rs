//! Web pages that want to be of a session: which are let in, by the `Origin` that browsers send (RFC 6455, 10.2).
//!
//! A page in anybody's browser can reach every host that this browser reaches. Programs send no Origin, or that of the host itself as one
//! product's library does: `http://` and what stands in `Host`. That alone is no proof, since a page's own name may be made to lead here (DNS
//! rebinding): the host has to be an address, or a name that no page of the internet has.

use std::net::IpAddr;

use crate::endpoint::WsUrl;

/// Which origins are let in beside none and the host's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// As browsers write them: `https://rig.example:8443`.
    listed: Vec<String>,
    /// Names by which the host is reached.
    names: Vec<String>,
}

impl Origins {
    /// Pages of this origin, too: scheme, `://`, host, and a port that is not the scheme's own.
    #[must_use]
    pub fn allow(mut self, origin: &str) -> Self {
        self.listed.push(origin.trim().trim_end_matches('/').to_ascii_lowercase());
        self
    }

    /// The host is reached by the name in this URL: a page that is loaded from it is its own.
    #[must_use]
    pub fn at(mut self, url: &WsUrl) -> Self {
        self.names.push(url.host().to_ascii_lowercase());
        self
    }

    /// Whether a client with this Origin is let in, that believes to reach `host` (the header of that name).
    // req: ACC-04
    #[must_use]
    pub fn lets_in(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let origin = origin.trim().trim_end_matches('/').to_ascii_lowercase();
        if self.listed.contains(&origin) {
            return true;
        }
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        let Some(usual) = usual_port(scheme) else { return false };
        let host = host.unwrap_or_default().trim().to_ascii_lowercase();
        // The Host of a program may leave out either scheme's port.
        let (page, page_port) = host_and_port(rest);
        let (ours, our_port) = host_and_port(&host);
        let same =
            !page.is_empty() && page == ours && page_port.unwrap_or(usual) == our_port.unwrap_or(usual);
        same && self.is_ours(page)
    }

    /// Whether no page of the internet has this name.
    fn is_ours(&self, name: &str) -> bool {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<IpAddr>().is_ok();
        let is_local = name == "localhost" || name.ends_with(".local");
        is_address || is_local || self.names.iter().any(|known| known == name)
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// A host, in brackets where it is an address of IPv6, and its port.
fn host_and_port(text: &str) -> (&str, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // proves: ACC-04
    fn programs_come_in_and_pages_from_elsewhere_do_not() {
        let none = Origins::default();
        assert!(none.lets_in(None, Some("evil.example")) && none.lets_in(None, None));
        // What the library of BlenderDMX sends, for each way to write the host.
        for (origin, host) in [
            ("http://192.168.1.5:42480", "192.168.1.5:42480"),
            ("https://192.168.1.5:42480", "192.168.1.5:42480"),
            ("http://[fe80::1]:42480", "[fe80::1]:42480"),
            ("http://localhost:42480", "localhost:42480"),
            ("http://Rack.local:42480", "rack.local:42480"),
            ("http://10.0.0.1", "10.0.0.1"),
            ("https://10.0.0.1", "10.0.0.1:443"),
        ] {
            assert!(none.lets_in(Some(origin), Some(host)), "{origin} at {host}");
        }
        for (origin, host) in [
            ("http://evil.example", "192.168.1.5:42480"),
            // A name that was made to lead here.
            ("http://evil.example:42480", "evil.example:42480"),
            ("http://192.168.1.5", "192.168.1.5:42480"),
            ("http://192.168.1.5:8080", "192.168.1.5:42480"),
            ("http://192.168.1.5:42480.evil.example", "192.168.1.5:42480"),
            ("http://192.168.1.5:42480@evil.example", "192.168.1.5:42480"),
            ("null", "192.168.1.5:42480"),
            ("file://", "192.168.1.5:42480"),
            ("chrome-extension://abc", "abc"),
            ("", ""),
            ("http://", ""),
        ] {
            assert!(!none.lets_in(Some(origin), Some(host)), "{origin} at {host}");
        }
        assert!(!none.lets_in(Some("http://192.168.1.5:42480"), None));
    }

    #[test]
    // proves: ACC-04
    fn what_is_listed_and_the_hosts_own_name_come_in() {
        let rig = Origins::default().allow("HTTPS://rig.example/").at(&"wss://rack.show/".parse().unwrap());
        assert!(rig.lets_in(Some("https://rig.example"), Some("192.168.1.5:42480")));
        assert!(!rig.lets_in(Some("http://rig.example"), Some("192.168.1.5:42480")));
        assert!(rig.lets_in(Some("https://rack.show"), Some("rack.show")));
        assert!(!rig.lets_in(Some("https://rack.show.evil.example"), Some("rack.show.evil.example")));
        let open = Origins::default().allow("null");
        assert!(open.lets_in(Some("null"), None));
    }
}
