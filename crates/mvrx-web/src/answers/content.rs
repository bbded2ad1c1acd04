//! The bytes of a commit, whole or from somewhere on, and tickets for a download that carries no header.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::finding::{self, Held};
use crate::refusal::{Answer, Refusal, told};
use crate::routes::{BASE, Route, Success};
use crate::shared::Shared;
use crate::{names, token};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/commits/{id}/content",
            get(content),
            "The file, where it is kept here; Range and ETag are understood",
        )
        .query(&[("ticket", "string", "in place of the token, once")])
        .answers(200, Success::Bytes("application/octet-stream")),
        Route::new(
            Method::POST,
            "/api/v1/commits/{id}/ticket",
            post(ticket),
            "Leave for one download without a header, for a link in a page",
        )
        .document(&[
            ("url", "string", "the path of that download"),
            ("valid_ms", "integer", "how long it is good"),
        ]),
    ]
}

#[derive(Debug, Deserialize)]
struct Wish {
    ticket: Option<String>,
}

/// `GET /commits/ID/content`.
// req: WEB-08
async fn content(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Answer {
    // Whoever has one came in by it: it has to be good, whatever else was sent.
    if let Some(ticket) = wish.ticket.filter(|_| !shared.guard.is_local())
        && !shared.tickets.take(&ticket, &id.to_ascii_lowercase())
    {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "this link was used, or is too old; ask for the file again",
        ));
    }
    let Held { stored, mut reader } = finding::held(&shared, &id).await?;
    let tag = format!("\"{}\"", mvrx_node::shown::hex(&stored.hash));
    let length = stored.length;
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let same = headers.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let part = match asked.filter(|_| same).map(|range| parse(range, length)) {
        None | Some(Range::Whole) => None,
        Some(Range::Part(from, to)) => Some((from, to)),
        Some(Range::Nowhere) => {
            let mut response =
                Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "the file is not that long").into_response();
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Ok(response);
        }
    };
    let (from, to) = part.unwrap_or((0, length));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let mut answer = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        if from > 0 {
            reader.seek(SeekFrom::Start(from)).map_err(|error| Refusal::ours(error.to_string()))?;
        }
        let body = Body::from_stream(Box::pin(pieces(reader, to.saturating_sub(from))));
        let mut answer = body.into_response();
        set(answer.headers_mut(), header::CONTENT_LENGTH, &(to - from).to_string());
        answer
    };
    if answer.status() == StatusCode::OK && part.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(
            answer.headers_mut(),
            header::CONTENT_RANGE,
            &format!("bytes {from}-{}/{length}", to.saturating_sub(1)),
        );
    }
    let headers = answer.headers_mut();
    set(headers, header::ETAG, &tag);
    set(headers, header::ACCEPT_RANGES, "bytes");
    set(headers, header::CONTENT_TYPE, "application/octet-stream");
    set(headers, header::CACHE_CONTROL, "private, no-cache");
    set(headers, header::CONTENT_DISPOSITION, &names::disposition(&stored.commit.file_name));
    Ok(answer)
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The bytes, a piece at a time, read where blocking is allowed; one piece is held.
fn pieces<R: Read + Send + 'static>(
    reader: R,
    length: u64,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::try_unfold((reader, length), async |(mut reader, left)| {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let most = usize::try_from(left.min(PIECE)).unwrap_or(0);
            let mut piece = vec![0; most];
            reader.read_exact(&mut piece).map(|()| (piece, reader))
        });
        let (piece, reader) = read.await.map_err(std::io::Error::other)??;
        let left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        Ok(Some((Bytes::from(piece), (reader, left))))
    })
}

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// All of it; also where several parts are asked for at once, as a server may answer.
    Whole,
    /// From the first to before the second.
    Part(u64, u64),
    Nowhere,
}

fn parse(text: &str, length: u64) -> Range {
    let Some(range) = text.trim().strip_prefix("bytes=") else { return Range::Whole };
    let Some((from, to)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return Range::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>();
    match (from.trim().is_empty(), number(from), to.trim().is_empty(), number(to)) {
        (true, _, false, Ok(0)) => Range::Nowhere,
        (true, _, false, Ok(_)) if length == 0 => Range::Nowhere,
        (true, _, false, Ok(last)) => Range::Part(length.saturating_sub(last), length),
        (false, Ok(from), _, _) if from >= length => Range::Nowhere,
        (false, Ok(from), true, _) => Range::Part(from, length),
        (false, Ok(from), false, Ok(to)) if to >= from => Range::Part(from, to.saturating_add(1).min(length)),
        _ => Range::Whole,
    }
}

/// `POST /commits/ID/ticket`.
async fn ticket(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let file = finding::find(&shared, &id).await?.to_string();
    let ticket = token::random();
    shared.tickets.give(&ticket, &file, &shared.limits);
    let url = format!("{BASE}/commits/{file}/content?ticket={ticket}");
    told(json!({
        "url": url,
        "valid_ms": u64::try_from(shared.limits.ticket_time.as_millis()).unwrap_or(u64::MAX),
    }))
}

/// Each read is of so many bytes.
const PIECE: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: WEB-08
    #[test]
    fn a_range_is_read_as_http_has_it() {
        for (text, range) in [
            ("bytes=0-0", Range::Part(0, 1)),
            ("bytes=5-", Range::Part(5, 10)),
            ("bytes=-3", Range::Part(7, 10)),
            ("bytes=-30", Range::Part(0, 10)),
            ("bytes=9-99", Range::Part(9, 10)),
            ("bytes=10-", Range::Nowhere),
            ("bytes=-0", Range::Nowhere),
            ("bytes=18446744073709551615-", Range::Nowhere),
            ("bytes=0-18446744073709551615", Range::Part(0, 10)),
            ("bytes=5-4", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("lines=1-2", Range::Whole),
        ] {
            assert_eq!(parse(text, 10), range, "{text}");
        }
        assert_eq!(parse("bytes=-1", 0), Range::Nowhere);
    }
}
