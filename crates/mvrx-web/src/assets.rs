//! The page: what lies in `assets/`, embedded, with a tag for each so that a browser asks once.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What `build.rs` found.
mod table {
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

struct Asset {
    path: &'static str,
    bytes: &'static [u8],
    tag: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |(path, bytes): &(&'static str, &'static [u8])| {
        let tag = format!("\"{}\"", blake3::hash(bytes).to_hex().as_str().get(..32).unwrap_or_default());
        Asset { path, bytes, tag }
    };
    table::FILES.iter().map(asset).collect()
});

/// The file at a path of the page; `None`: there is none. Only names of the table are found, so no path leads anywhere else.
pub(crate) fn answer(path: &str, asked: &HeaderMap) -> Option<Response> {
    let wanted = match path.trim_start_matches('/') {
        "" => "index.html",
        other => other,
    };
    let asset = ASSETS.iter().find(|asset| asset.path == wanted)?;
    let tag = HeaderValue::from_str(&asset.tag).ok()?;
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let headers = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_TYPE, HeaderValue::from_static(kind(asset.path))),
    ];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == asset.tag)) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Some((headers, asset.bytes).into_response())
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
