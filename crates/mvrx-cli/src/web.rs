//! The page and the local API of a running node: where they are wished for, and that they are told. What they are is `mvrx_web`.

use std::net::SocketAddr;

use mvrx_node::messages::Messages;
use mvrx_station::Builder;
use mvrx_web::{Feed, Listen, Options, Web};
use serde_json::json;

use crate::commands::watching::Watching;
use crate::failure::Failure;

/// Where the page is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WebArgs {
    /// Serve the page and the API here; without it on this machine alone, at port 42481 or a free one. Elsewhere than on loopback everything
    /// needs the token of the address that is printed. `off`: not at all
    #[arg(
        long,
        value_name = "IP:PORT|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = USUAL,
        env = "MVRX_WEB",
        value_parser = wish
    )]
    web: Option<Wish>,
    /// Serve no page and no API
    #[arg(id = "no-web", long = "no-web")]
    no_web: bool,
    /// A name under which the page is asked for besides its address, as a name in the DNS or of a proxy (may be repeated)
    #[arg(long, value_name = "NAME[:PORT]", env = "MVRX_WEB_NAME", value_delimiter = ',')]
    web_name: Vec<String>,
}

/// Where, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Off,
    Usual,
    At(SocketAddr),
}

fn wish(text: &str) -> Result<Wish, String> {
    match text.trim() {
        "off" => Ok(Wish::Off),
        "" | USUAL => Ok(Wish::Usual),
        address => address
            .parse()
            .map(Wish::At)
            .map_err(|_| "an address and a port, as 127.0.0.1:42481 or 0.0.0.0:42481, or off".to_owned()),
    }
}

impl WebArgs {
    /// Keeps the latest messages of a station whose page is wished for.
    pub(crate) fn observed(&self, station: Builder) -> (Builder, Option<Messages>) {
        if self.at().is_none() {
            return (station, None);
        }
        let messages = Messages::default();
        (station.observe(messages.clone()), Some(messages))
    }

    /// Where to serve, if at all.
    fn at(&self) -> Option<Listen> {
        match self.web {
            _ if self.no_web => None,
            Some(Wish::Off) => None,
            Some(Wish::At(address)) => Some(Listen::At(address)),
            Some(Wish::Usual) | None => Some(Listen::Usual),
        }
    }

    /// Serves, unless that is not wished for, and says where. Where it listens by default and cannot, that is told and all else goes on.
    pub(crate) fn serve(&self, options: Options, watching: &mut Watching) -> Result<Option<Web>, Failure> {
        let Some(at) = self.at() else { return Ok(None) };
        let feed = Feed::default();
        let options = options.feed(feed.clone()).names(self.web_name.clone());
        match Web::start(options, at) {
            Ok(web) => {
                watching.feeds(feed);
                say(&web, watching);
                Ok(Some(web))
            }
            Err(error) if at == Listen::Usual => {
                let reason = error.to_string();
                let words = format!("no page is served: {reason}");
                watching.say("web_problem", &words, json!({ "reason": reason }));
                Ok(None)
            }
            Err(error) => Err(Failure::local(format!("--web: {error}"))),
        }
    }
}

fn say(web: &Web, watching: &Watching) {
    let (url, address) = (web.url(), web.address());
    let words = format!("its page is at {url}");
    watching.say("web", &words, json!({ "address": address.to_string(), "url": url }));
}

/// Ends it, where it is served, before what it shows ends.
pub(crate) async fn end(web: Option<Web>) {
    if let Some(web) = web {
        web.stop().await;
    }
}

/// What `--web` alone means.
const USUAL: &str = "usual";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_page_is_is_an_address_with_a_port_or_off() {
        assert_eq!(wish("0.0.0.0:1"), Ok(Wish::At(([0, 0, 0, 0], 1).into())));
        assert_eq!(wish("[::1]:42481").map(|wish| wish != Wish::Off), Ok(true));
        assert_eq!((wish("off"), wish(USUAL)), (Ok(Wish::Off), Ok(Wish::Usual)));
        for wrong in ["localhost", "10.0.0.1", "42481", "on"] {
            wish(wrong).unwrap_err();
        }
    }
}
