//! The table of everything that is answered. The router is made of it, and so is the OpenAPI description: a path that is not described is not
//! there.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use crate::answers;
use crate::options::Kind;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::{assets, guard};

/// One method of one path.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) words: &'static str,
    pub(crate) query: &'static [Parameter],
    pub(crate) body: Option<Body>,
    pub(crate) success: (u16, Success),
    /// A bridge answers it as well.
    pub(crate) of_bridges: bool,
    pub(crate) handler: MethodRouter<Arc<Shared>>,
}

/// What can stand behind `?`: its name, its type, what it says.
pub(crate) type Parameter = (&'static str, &'static str, &'static str);

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// A file.
    File,
    /// A JSON document with these fields.
    Document(&'static [Field]),
}

/// What comes back.
#[derive(Clone, Copy)]
pub(crate) enum Success {
    /// A JSON document with these fields besides `schema`.
    Document(&'static [Field]),
    /// Something else, of this type.
    Bytes(&'static str),
    /// Nothing.
    Nothing,
}

/// A field: its name, its types (`string`, `integer|null`, …), what it is.
pub(crate) type Field = (&'static str, &'static str, &'static str);

/// Where the documents are.
pub(crate) const BASE: &str = "/api/v1";

impl Route {
    pub(crate) fn get(path: &'static str, handler: MethodRouter<Arc<Shared>>, words: &'static str) -> Self {
        Self::new(Method::GET, path, handler, words)
    }

    pub(crate) fn new(
        method: Method,
        path: &'static str,
        handler: MethodRouter<Arc<Shared>>,
        words: &'static str,
    ) -> Self {
        let (query, body, success): (&[Parameter], _, _) = (&[], None, (200, Success::Nothing));
        Self { method, path, words, query, body, success, of_bridges: false, handler }
    }

    pub(crate) fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn takes(self, body: Body) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(crate) fn answers(self, status: u16, success: Success) -> Self {
        Self { success: (status, success), ..self }
    }

    pub(crate) fn document(self, fields: &'static [Field]) -> Self {
        self.answers(200, Success::Document(fields))
    }

    pub(crate) fn of_bridges(self) -> Self {
        Self { of_bridges: true, ..self }
    }
}

/// Everything that is answered besides the page.
pub(crate) fn all() -> Vec<Route> {
    answers::all()
}

/// All of it, guarded.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in all() {
        let is_there = shared.kind != Kind::Bridge || route.of_bridges;
        let handler = if is_there { route.handler } else { not_of_bridges(&route.method) };
        router = router.route(route.path, handler);
    }
    router
        .method_not_allowed_fallback(not_so)
        .fallback(elsewhere)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(shared), guard::watch))
        .with_state(Arc::clone(shared))
}

fn not_of_bridges(method: &Method) -> MethodRouter<Arc<Shared>> {
    let words = "this is a bridge: it has its state, its stations and its events, and nothing else";
    let answer = move || async move { Refusal::not_found(words) };
    let filter =
        axum::routing::MethodFilter::try_from(method.clone()).unwrap_or(axum::routing::MethodFilter::GET);
    axum::routing::on(filter, answer)
}

/// The page, or nothing.
async fn elsewhere(request: Request) -> Response {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let found =
        if reads && !path.starts_with("/api/") { assets::answer(path, request.headers()) } else { None };
    found.unwrap_or_else(|| Refusal::not_found("nothing is at this address").into_response())
}

async fn not_so() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done at this address")
}
