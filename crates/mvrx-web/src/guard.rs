//! Who may ask what: the request's Host and Origin, its token, its pace. Every answer leaves with the headers that keep a browser from doing
//! more with it than the page does.
//!
//! | what | refused with |
//! |---|---|
//! | faster than [`Limits::requests_per_second`](crate::Limits) | 429, `Retry-After` |
//! | a Host that is neither our address nor a name of ours (DNS rebinding) | 421 |
//! | an Origin that is not that Host; a fetch of another site | 403 |
//! | a change without the token, or anything under `/api` and `/metrics` where we are bound elsewhere than at loopback | 401 |
//! | more wrong tokens than [`Limits::wrong_tokens_per_minute`](crate::Limits) | 429 |

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::limits::Limits;
use crate::pace::Pace;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::token::Token;

/// Both ends of the connection on which a request came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Guard {
    token: Token,
    names: Vec<String>,
    /// Whoever reaches us is on this machine.
    loopback: bool,
    pace: Pace,
    asked: AtomicU64,
    refused: AtomicU64,
}

impl Guard {
    pub(crate) fn new(token: Token, names: &[String], at: SocketAddr, limits: &Limits) -> Self {
        let names = names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
        let (asked, refused) = Default::default();
        Self { token, names, loopback: at.ip().is_loopback(), pace: Pace::new(limits), asked, refused }
    }

    pub(crate) fn token(&self) -> &str {
        self.token.text()
    }

    pub(crate) fn is_local(&self) -> bool {
        self.loopback
    }

    /// Requests that came.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Those that were refused here.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn check(&self, ends: Ends, request: &Request) -> Result<(), Refusal> {
        let now = Instant::now();
        if !self.pace.may_ask(ends.peer.ip(), now) {
            let words = "so many requests a second are not answered; wait a second";
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, words).after(1));
        }
        let host = self.host(ends, request)?;
        let headers = request.headers();
        is_same_origin(&host, headers)?;
        let path = request.uri().path();
        let guarded = path.starts_with("/api/") || path == "/api" || path == "/metrics";
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if guarded && !is_same_site(headers) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "another site's page may not ask this"));
        }
        // A ticket is looked at where it counts, and counts once.
        let has_ticket = reads && is_content(path) && request.uri().query().is_some_and(has_ticket);
        if !guarded || (self.loopback && reads) || has_ticket {
            return Ok(());
        }
        self.has_token(ends, headers, now)
    }

    /// The Host that was asked for, one of ours.
    // req: WEB-03
    fn host(&self, ends: Ends, request: &Request) -> Result<Authority, Refusal> {
        let wrong = || {
            let words = "this server is not called so: ask for it by the address that it prints, or give it this name with --web-name";
            Refusal::new(StatusCode::MISDIRECTED_REQUEST, words)
        };
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (host, more) = (hosts.next(), hosts.next());
        let host = host.filter(|_| more.is_none()).and_then(|host| host.to_str().ok()).ok_or_else(wrong)?;
        let host: Authority = host.parse().map_err(|_| wrong())?;
        if host.as_str().contains('@') {
            return Err(wrong());
        }
        let name = host.host().trim_end_matches('.').to_ascii_lowercase();
        let port = host.port_u16().unwrap_or(80);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        let at_port = port == ends.local.port();
        let is_address = address.is_ok_and(|ip| ip.to_canonical() == ends.local.ip().to_canonical());
        let is_localhost = name == "localhost" && ends.local.ip().to_canonical().is_loopback();
        let with_port = format!("{name}:{port}");
        let is_named = self.names.iter().any(|known| *known == name || *known == with_port);
        if (at_port && (is_address || is_localhost)) || is_named { Ok(host) } else { Err(wrong()) }
    }

    // req: WEB-02
    fn has_token(&self, ends: Ends, headers: &HeaderMap, now: Instant) -> Result<(), Refusal> {
        let unauthorized = |words: &str| Refusal::new(StatusCode::UNAUTHORIZED, words);
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(given) = given else {
            return Err(unauthorized(
                "this needs the token, as in the address that was printed at the start (Authorization: Bearer …)",
            ));
        };
        let token = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if token.is_some_and(|(_, token)| self.token.is(token.trim())) {
            return Ok(());
        }
        if self.pace.wrong_token(ends.peer.ip(), now) {
            let words = "too many wrong tokens came from there; wait a minute";
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, words).after(60));
        }
        Err(unauthorized("the token is wrong: open the address that was printed at the last start"))
    }
}

/// An Origin, where there is one, is the Host that was asked for.
// req: WEB-04
fn is_same_origin(host: &Authority, headers: &HeaderMap) -> Result<(), Refusal> {
    let wrong = || Refusal::new(StatusCode::FORBIDDEN, "another site's page may not ask this");
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().map_err(|_| wrong())?;
        let (scheme, authority) = origin.split_once("://").ok_or_else(wrong)?;
        let same = authority.eq_ignore_ascii_case(host.as_str());
        if !same || !matches!(scheme, "http" | "https") {
            return Err(wrong());
        }
    }
    Ok(())
}

/// What browsers say of who asks; others say nothing.
fn is_same_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

/// Whether it is the path of a commit's bytes.
fn is_content(path: &str) -> bool {
    let id = path.strip_prefix("/api/v1/commits/").and_then(|rest| rest.strip_suffix("/content"));
    id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

fn has_ticket(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("ticket="))
}

/// Lets a request through, or refuses it; either way with the headers of every answer.
// req: WEB-05
pub(crate) async fn watch(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let ends = request.extensions().get::<Ends>().copied();
    let refused = match ends {
        Some(ends) => shared.guard.check(ends, &request).err(),
        None => Some(Refusal::ours("it is not known who asks")),
    };
    shared.guard.asked.fetch_add(1, Ordering::Relaxed);
    let mut response = match refused {
        Some(refusal) => {
            shared.guard.refused.fetch_add(1, Ordering::Relaxed);
            let mut response = refusal.into_response();
            // What was to be uploaded is not waited for.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

const ALWAYS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];
