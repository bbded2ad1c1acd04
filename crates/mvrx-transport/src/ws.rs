//! WebSocket Mode: messages as texts, files as binary messages of any length.
//!
//! ```text
//!  link ─► handshake ─► FrameDecoder ─► Reader ─► messages, files (FileStream: in the pump, frames off in place)
//!  link ◄───────────── Outbox ◄──────── Writer ◄─ messages, files (FileFrames: in the pump, frames on in place)
//!                        ▲ pongs, pings, close frames
//! ```
//! [`WsTransport`] is what stations use. The frames below it are public by themselves: [`FrameDecoder`]. The writer
//! has one binary message for a file, or many with messages between ([`crate::FileStyle`]); the reader takes either.
//! No extension is offered or accepted. Below it there may be TLS ([`crate::tls`]) or, by
//! [`WsTransport::connect_over`], any stream.

mod door;
mod files;
mod first_join;
mod frame;
mod handshake;
mod io_link;
mod origin;
mod outbox;
mod proof;
mod reader;
mod shaking;
mod timers;
mod transport;
mod writer;
mod zip_end;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use door::{Door, Login, NotAPassword, Password, Shut};
pub use frame::{
    FrameDecoder, FrameError, FrameHead, FrameLimits, LONGEST_HEAD, Opcode, Place, Role, Step, append_close,
    append_close_with, append_frame, mask,
};
use lan_net::deadline::Deadline;
pub use origin::Origins;
pub use proof::{MayBe, Passed};
pub use transport::{Check, Note, Refusal, Upgrade, WsTransport};

use self::outbox::Outbox;
use crate::limits::Limits;
use crate::pump::FilePump;
use crate::stream::{Link, Origin, Shared};
use crate::traits::Connection;

/// A link behind its handshake, with the bytes that came early.
pub(crate) fn connection<L: Link>(
    link: L,
    (local, peer): (SocketAddr, SocketAddr),
    (limits, pump): (Limits, FilePump),
    origin: Origin,
    (role, early): (Role, &[u8]),
) -> Connection {
    let shared = Arc::new(Shared::new(link, limits, pump, origin));
    let outbox = Arc::new(Outbox::new(role));
    Connection {
        peer,
        local,
        reader: Box::new(reader::Reader::new(Arc::clone(&shared), Arc::clone(&outbox), role, early)),
        writer: Box::new(writer::Writer::new(shared, outbox)),
        passed: Passed::default(),
    }
}

/// For a half that is dropped: if it is the last one, and we have closed and the peer has not, the link lives on for
/// the peer's answer.
fn part<L: Link>(shared: &Arc<Shared<L>>, outbox: &Arc<Outbox>) {
    if Arc::strong_count(shared) > 1 || shared.is_broken() || !outbox.waits_for_peer() {
        return;
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(linger(Arc::clone(shared), Arc::clone(outbox)));
    }
}

/// Keeps a link for a moment after our last word, and reads what comes: a socket that is closed with bytes unread takes
/// back what it was to say last.
async fn linger<L: Link>(shared: Arc<Shared<L>>, outbox: Arc<Outbox>) {
    let say = async {
        poll_fn(|cx| outbox.poll_flush(&shared.link, cx)).await?;
        shared.link.finish_writing()?;
        let mut waste = vec![0; 16 << 10];
        let mut left = MOST_WASTE;
        while left > 0 {
            let count = poll_fn(|cx| shared.link.poll_read(cx, &mut waste)).await?;
            if count == 0 {
                break;
            }
            left = left.saturating_sub(count);
        }
        std::io::Result::Ok(())
    };
    // However it ends, the connection is over.
    let _ = Deadline::after(LAST_WORDS).limit(say).await;
    shared.link.abort();
}

/// How long a connection lives on at most after our last word.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What it reads meanwhile at most.
const MOST_WASTE: usize = 4 << 20;
