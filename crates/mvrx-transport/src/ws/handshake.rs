//! From a stream of bytes to a stream of frames: the HTTP request and its 101.
//!
//! tungstenite does it, over a [`HeadStream`] that stops at the blank line: tungstenite would lose or refuse frames
//! that come in one segment with the head. They are kept and are the first bytes that the frame decoder sees. What
//! tungstenite does not answer (a request that is no handshake) is answered here, so that a browser says why.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lan_net::deadline::Deadline;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::Error as Theirs;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http;

use super::door::{Door, Entry, Shut};
use super::origin::Origins;
use super::proof::MayBe;
use super::transport::{Check, Note, Upgrade};
use crate::endpoint::WsUrl;
use crate::error::HandshakeError;
use crate::limits::Limits;
use crate::stream::Link;
use crate::tls::FIRST_BYTE;

/// What a client has after its handshake.
#[derive(Debug)]
pub(super) struct Joined {
    /// Bytes that came behind the head.
    pub(super) early: Vec<u8>,
    /// What the host says of itself.
    pub(super) note: Option<String>,
}

/// Makes `link` a WebSocket as a client does.
// req: WSK-18
pub(super) async fn as_client<L: Link>(
    link: &L,
    url: &WsUrl,
    authorization: Option<&str>,
    limits: &Limits,
) -> Result<Joined, HandshakeError> {
    let request = http::Request::builder()
        .uri(format!("ws://{}{}", url.authority(), url.path()))
        .header("Host", url.authority())
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key());
    let request = request.body(());
    let request = request.map_err(|error| HandshakeError::NotWebSocket { what: error.to_string() })?;
    let mut stream = HeadStream::new(link, limits.handshake_bytes);
    stream.unlogged = authorization.map(|authorization| format!("Authorization: {authorization}\r\n\r\n"));
    let handshake = tokio_tungstenite::client_async(request, &mut stream);
    let says = |response: &Response| {
        let note = response.headers().get(NOTE).and_then(|value| value.to_str().ok());
        let wanted = authorization.is_none() && response.headers().contains_key(WANTED);
        (note.filter(|note| note.len() <= NOTE_BYTES).map(str::to_owned), wanted)
    };
    let handshake = async { handshake.await.map(|(_, response)| says(&response.map(drop))) };
    let outcome = Deadline::after(limits.handshake).limit(handshake).await;
    match outcome {
        // It would read our JOIN only to refuse it: we have none to say there.
        Ok(Ok((_, true))) => Err(HandshakeError::PasswordWanted),
        Ok(Ok((note, false))) => Ok(Joined { early: stream.behind(), note }),
        Ok(Err(error)) => Err(match stream.why(error) {
            HandshakeError::AnsweredWith { status: 401 } if authorization.is_some() => {
                HandshakeError::PasswordWrong
            }
            HandshakeError::AnsweredWith { status: 401 } => HandshakeError::PasswordWanted,
            HandshakeError::AnsweredWith { status: 429 } => HandshakeError::TooManyGuesses,
            other => other,
        }),
        Err(_) => Err(HandshakeError::TooSlow { allowed: limits.handshake }),
    }
}

/// How a server answers who knocks.
#[derive(Clone, Copy)]
pub(super) struct Says<'a> {
    pub(super) door: Option<&'a Door>,
    pub(super) from: IpAddr,
    pub(super) origins: Option<&'a Origins>,
    pub(super) check: Option<&'a Arc<Check>>,
    pub(super) note: Option<&'a Arc<Note>>,
}

/// Makes `link` a WebSocket as a server does, and returns the bytes that came behind the head, and how the client stands.
// req: WSK-18, WSK-19
pub(super) async fn as_server<L: Link>(
    link: &L,
    says: Says<'_>,
    limits: &Limits,
) -> Result<(Vec<u8>, Entry), HandshakeError> {
    let mut stream = HeadStream::new(link, limits.handshake_bytes);
    let deadline = Deadline::after(limits.handshake);
    let mut judged = Judged { entry: Entry::In(MayBe::Anyone), refused: None };
    #[allow(
        clippy::result_large_err,
        reason = "tungstenite's own type is that large, and its callback wants it"
    )]
    let judge = |request: &Request, response: Response| judge(says, request, response, &mut judged);
    let handshake = tokio_tungstenite::accept_hdr_async(&mut stream, judge);
    let outcome = deadline.limit(handshake).await.map(|done| done.map(drop));
    let error = match outcome {
        Ok(Ok(())) => return Ok((stream.behind(), judged.entry)),
        Ok(Err(error)) => error,
        Err(_) => return Err(HandshakeError::TooSlow { allowed: limits.handshake }),
    };
    let answered = matches!(error, Theirs::Http(_));
    let error = judged.refused.take().unwrap_or_else(|| stream.why(error));
    let is_told = matches!(
        error,
        HandshakeError::NotWebSocket { .. }
            | HandshakeError::HeadLongerThanLimit { .. }
            | HandshakeError::TlsNotSpoken
    );
    if is_told && !answered {
        // As far as it goes: whoever sent this may not listen.
        let _ = deadline.limit(answer(link, &error)).await;
    }
    let _ = link.finish_writing();
    Err(error)
}

// req: PWD-06
fn with_wanted(mut response: Response) -> Response {
    response.headers_mut().insert(WANTED, http::HeaderValue::from_static("wanted"));
    response
}

// req: WSK-23
fn with_note(mut response: Response, note: Option<&Arc<Note>>) -> Response {
    let note = note.and_then(|note| note()).filter(|note| note.len() <= NOTE_BYTES);
    if let Some(note) = note.and_then(|note| http::HeaderValue::from_str(&note).ok()) {
        response.headers_mut().insert(NOTE, note);
    }
    response
}

/// What became of a request.
struct Judged {
    entry: Entry,
    refused: Option<HandshakeError>,
}

/// Asks the door and the application.
#[allow(clippy::result_large_err, reason = "tungstenite's own type is that large, and its callback wants it")]
fn judge(
    says: Says<'_>,
    request: &Request,
    response: Response,
    judged: &mut Judged,
) -> Result<Response, ErrorResponse> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    // Whoever says several has to be let in with each.
    let said = request.headers().get_all("Origin").iter();
    let mut said = said.map(|value| value.to_str().unwrap_or("unreadable"));
    if says.origins.is_some_and(|origins| !said.all(|origin| origins.lets_in(Some(origin), header("Host")))) {
        judged.refused = Some(HandshakeError::KeptOut { why: Shut::WebPage, station: None });
        return Err(keep_out(Shut::WebPage));
    }
    match says.door.map(|door| door.knock(says.from, header("Authorization"))) {
        Some(Err(why)) => {
            judged.refused = Some(HandshakeError::KeptOut { why, station: None });
            return Err(keep_out(why));
        }
        Some(Ok(entry)) => judged.entry = entry,
        None => {}
    }
    let response = match judged.entry {
        Entry::In(_) => with_note(response, says.note),
        // A stranger is told nothing of the host, but what it is to say.
        Entry::InJoin => with_wanted(response),
    };
    let Some(check) = says.check else { return Ok(response) };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let upgrade = Upgrade { path, host: header("Host"), origin: header("Origin") };
    let Err(refusal) = check(&upgrade) else { return Ok(response) };
    let status = http::StatusCode::from_u16(refusal.status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(http::StatusCode::FORBIDDEN);
    judged.refused = Some(HandshakeError::RefusedByCheck { status: status.as_u16() });
    let mut answer = ErrorResponse::new(None);
    *answer.status_mut() = status;
    let closing = http::HeaderValue::from_static("close");
    answer.headers_mut().insert(http::header::CONNECTION, closing);
    answer.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("0"));
    Err(answer)
}

/// Answers a client that does not speak TLS to a host that speaks nothing else (RFC 2817), once its head is here: it may not listen before.
pub(super) async fn say_tls<L: Link>(link: &L, allowed: usize) {
    let mut stream = HeadStream::new(link, allowed);
    if poll_fn(|cx| stream.poll_head(cx)).await.is_err() {
        return;
    }
    let body = format!("{TLS_HINT}\n");
    let answer = format!(
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: {TLS_TOKEN}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // As far as it goes: whoever sent this may not read.
    let _ = write_all(link, answer.as_bytes()).await;
    let _ = link.finish_writing();
}

/// What a client is told whose password does not open.
// req: PWD-02
fn keep_out(shut: Shut) -> ErrorResponse {
    let words = format!("{shut}\n");
    let (status, key, value) = match shut {
        Shut::NoPassword | Shut::WrongPassword => (401, "WWW-Authenticate", ASKED.to_owned()),
        Shut::WebPage => (403, "Content-Type", "text/plain".to_owned()),
        Shut::TooManyGuesses(wait) => (429, "Retry-After", wait.as_secs().saturating_add(1).to_string()),
    };
    let length = words.len().to_string();
    let mut answer = ErrorResponse::new(Some(words));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::FORBIDDEN);
    for (key, value) in [(key, value.as_str()), ("Connection", "close"), ("Content-Length", length.as_str())]
    {
        if let (Ok(key), Ok(value)) = (key.parse::<http::HeaderName>(), http::HeaderValue::from_str(value)) {
            answer.headers_mut().insert(key, value);
        }
    }
    answer
}

async fn answer<L: Link>(link: &L, error: &HandshakeError) -> io::Result<()> {
    let status = match error {
        HandshakeError::HeadLongerThanLimit { .. } => "431 Request Header Fields Too Large",
        _ => "426 Upgrade Required",
    };
    let body = format!("This is an MVR-xchange session for WebSocket clients: {error}.\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    write_all(link, answer.as_bytes()).await
}

async fn write_all<L: Link>(link: &L, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        let written = poll_fn(|cx| link.poll_write(cx, rest)).await?;
        rest = rest.get(written.max(1)..).unwrap_or_default();
    }
    Ok(())
}

/// A link up to the first blank line.
struct HeadStream<'a, L> {
    link: &'a L,
    bytes: Vec<u8>,
    /// Where the head ends, once that is known.
    end: Option<usize>,
    handed: usize,
    allowed: usize,
    too_long: bool,
    stream_ended: bool,
    /// The last header of our own request with its blank line. tungstenite writes the whole request into the log (trace): it is not told
    /// of what is secret.
    unlogged: Option<String>,
    /// What goes out in the place of the blank line.
    last: Vec<u8>,
}

impl<'a, L: Link> HeadStream<'a, L> {
    fn new(link: &'a L, allowed: usize) -> Self {
        Self {
            link,
            bytes: Vec::new(),
            end: None,
            handed: 0,
            allowed,
            too_long: false,
            stream_ended: false,
            unlogged: None,
            last: Vec::new(),
        }
    }

    /// Writes `head` with the last header in the place of its blank line, which counts as written once all of it is.
    // req: PWD-13
    fn poll_write_last(&mut self, cx: &mut Context<'_>, head: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(last) = self.unlogged.take() {
            self.last = [head.strip_suffix(b"\r\n").unwrap_or(head), last.as_bytes()].concat();
        }
        while !self.last.is_empty() {
            let written = ready!(self.link.poll_write(cx, &self.last))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.last.drain(..written.min(self.last.len()));
        }
        Poll::Ready(Ok(head.len()))
    }

    fn behind(mut self) -> Vec<u8> {
        self.bytes.split_off(self.end.unwrap_or(self.bytes.len()))
    }

    fn why(&self, error: Theirs) -> HandshakeError {
        match error {
            _ if self.bytes.first() == Some(&FIRST_BYTE) => HandshakeError::TlsNotSpoken,
            _ if self.bytes.first() == Some(&ALERT) => HandshakeError::TlsWanted,
            Theirs::Http(response) if wants_tls(&response) => HandshakeError::TlsWanted,
            _ if self.too_long => HandshakeError::HeadLongerThanLimit { allowed: self.allowed },
            _ if self.stream_ended && self.end.is_none() => {
                HandshakeError::StreamEnded { received: self.bytes.len() }
            }
            Theirs::Http(response) => HandshakeError::AnsweredWith { status: response.status().as_u16() },
            Theirs::Io(error) => HandshakeError::Network(error),
            Theirs::Protocol(ProtocolError::HandshakeIncomplete) => {
                HandshakeError::StreamEnded { received: self.bytes.len() }
            }
            Theirs::Protocol(ProtocolError::WrongHttpVersion) => {
                HandshakeError::NotWebSocket { what: "the other side speaks HTTP older than 1.1".to_owned() }
            }
            Theirs::Protocol(error) => HandshakeError::NotWebSocket { what: error.to_string() },
            other => HandshakeError::NotWebSocket { what: other.to_string() },
        }
    }

    /// Reads until the blank line is here.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            if let Some(end) = self.end {
                return Poll::Ready(Ok(end));
            }
            if self.bytes.len() >= self.allowed {
                self.too_long = true;
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let before = self.bytes.len();
            let room = (self.allowed - before).min(STEP);
            self.bytes.resize(before + room, 0);
            let read = self.link.poll_read(cx, self.bytes.get_mut(before..).unwrap_or_default());
            let count = match &read {
                Poll::Ready(Ok(count)) => *count,
                _ => 0,
            };
            self.bytes.truncate(before + count);
            if ready!(read)? == 0 {
                self.stream_ended = true;
                return Poll::Ready(Ok(self.bytes.len()));
            }
            // No head of HTTP begins like that, and a blank line may never come.
            if matches!(self.bytes.first(), Some(&FIRST_BYTE | &ALERT)) {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let from = before.saturating_sub(BLANK_LINE.len() - 1);
            let found = self
                .bytes
                .get(from..)
                .and_then(|new| new.windows(BLANK_LINE.len()).position(|window| window == BLANK_LINE));
            self.end = found.map(|at| from + at + BLANK_LINE.len());
        }
    }
}

impl<L: Link> AsyncRead for HeadStream<'_, L> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let end = ready!(this.poll_head(cx))?;
        let rest = this.bytes.get(this.handed..end).unwrap_or_default();
        let now = rest.get(..out.remaining()).unwrap_or(rest);
        out.put_slice(now);
        this.handed += now.len();
        Poll::Ready(Ok(()))
    }
}

impl<L: Link> AsyncWrite for HeadStream<'_, L> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.last.is_empty() || this.unlogged.is_some() && bytes.ends_with(BLANK_LINE) {
            return this.poll_write_last(cx, bytes);
        }
        this.link.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.link.finish_writing())
    }
}

fn wants_tls(response: &http::Response<Option<Vec<u8>>>) -> bool {
    let upgrade = response.headers().get("Upgrade").and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|upgrade| upgrade.to_ascii_uppercase().starts_with("TLS/"))
}

const ASKED: &str = "Basic realm=\"MVR-xchange session\", charset=\"UTF-8\"";
/// What a client without TLS is told that may not know it.
const TLS_HINT: &str = "This MVR-xchange session is encrypted: its URL begins with wss://.";
/// RFC 2817; whichever version, it is negotiated then.
const TLS_TOKEN: &str = "TLS/1.2, HTTP/1.1";
/// The first byte of a TLS alert, as a host answers a client that does not speak it.
const ALERT: u8 = 0x15;
const BLANK_LINE: &[u8] = b"\r\n\r\n";
/// The header of a host's note; products read on without it.
const NOTE: &str = "mvrx-note";
/// The header by which a host says that it wants a password of who said none; foreign clients read on without it.
const WANTED: &str = "mvrx-password";
/// A longer note is none.
const NOTE_BYTES: usize = 256;
/// Most heads are shorter.
const STEP: usize = 2 << 10;
