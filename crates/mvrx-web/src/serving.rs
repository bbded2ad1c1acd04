//! Connections: taken, bounded, answered, ended.

use std::net::SocketAddr;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use lan_net::accept::{Accepted, CappedListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::guard::Ends;
use crate::limits::Limits;
use crate::shared::closed;
use crate::stalling::Stalling;

/// Serves until it is told to end; then open answers have a moment.
pub(crate) async fn serve(
    mut listener: CappedListener,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = closed(&mut closing) => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => {
                    open.spawn(connection(accepted, router.clone(), limits.clone(), closing.clone()));
                }
                // None of them ends the listener.
                Err(refused) => tracing::debug!("web: {refused}"),
            },
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    let ended = async { while open.join_next().await.is_some() {} };
    // What is still open is dropped.
    let _ = tokio::time::timeout(limits.grace, ended).await;
}

async fn connection(accepted: Accepted, router: Router, limits: Limits, mut closing: watch::Receiver<bool>) {
    let Accepted { stream, peer, permit } = accepted;
    let Ok(local) = stream.local_addr() else { return };
    let local = SocketAddr::new(local.ip().to_canonical(), local.port());
    // Answers are small, and wait for nothing.
    let _ = stream.set_nodelay(true);
    let ends = Ends { peer, local };
    let answering = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ends);
        answering.call(request)
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes.max(LEAST_HEAD))
        .serve_connection(TokioIo::new(Stalling::new(stream, limits.stall)), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = closed(&mut closing) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("web: {peer}: {error}");
    }
    drop(permit);
}

/// hyper takes no smaller buffer.
const LEAST_HEAD: usize = 8 << 10;
