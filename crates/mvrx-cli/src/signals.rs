//! The signals that end a command.

/// The number of the signal that ends the command; they are listened for from the moment this returns.
#[cfg(unix)]
pub(crate) fn stop() -> impl Future<Output = u8> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        (SignalKind::interrupt(), INTERRUPT),
        (SignalKind::terminate(), TERMINATE),
        (SignalKind::hangup(), HANG_UP),
        (SignalKind::quit(), QUIT),
    ];
    // What cannot be listened for ends the process as the system does.
    let mut all: Vec<_> =
        kinds.into_iter().filter_map(|(kind, number)| Some((signal(kind).ok()?, number))).collect();
    std::future::poll_fn(move |cx| {
        let came =
            all.iter_mut().find_map(|(signal, number)| signal.poll_recv(cx).is_ready().then_some(*number));
        came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
}

/// As on Unix, where the only signal is that of the terminal.
#[cfg(not(unix))]
pub(crate) fn stop() -> impl Future<Output = u8> {
    async {
        let _ = tokio::signal::ctrl_c().await;
        INTERRUPT
    }
}

const INTERRUPT: u8 = 2;
#[cfg(unix)]
const TERMINATE: u8 = 15;
#[cfg(unix)]
const HANG_UP: u8 = 1;
#[cfg(unix)]
const QUIT: u8 = 3;
