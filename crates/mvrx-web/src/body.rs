//! JSON bodies: bounded, and refused in words.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;
use crate::shared::Shared;

/// A JSON document that was sent.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Json<T> {
    type Rejection = Refusal;

    // req: WEB-06
    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        // What a form of another page can send is none.
        if !kind.is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/json")) {
            let words = "this takes a JSON document (Content-Type: application/json)";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
        }
        let body = Limited::new(request.into_body(), shared.limits.json_bytes);
        let read = tokio::time::timeout(shared.limits.upload_idle, body.collect()).await;
        let read =
            read.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the document did not come"))?;
        let bytes = read.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                let words = format!("a document has {} bytes at most", shared.limits.json_bytes);
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words)
            } else {
                Refusal::bad("the document broke off in the middle")
            }
        })?;
        let document = serde_json::from_slice(&bytes.to_bytes());
        document.map(Self).map_err(|error| Refusal::bad(format!("the document cannot be read: {error}")))
    }
}
