//! One connection: reads whole frames for the hub, and waits for room when writing is blocked.

use std::io;
use std::net::Shutdown;
use std::rc::Rc;

use bytes::BytesMut;
use lan_net::accept::{Accepted, Permit};
use mixer_proto::frame::{Next, scan};
use mixer_proto::message::ServerMessage;
use mixer_proto::server::{ClientKey, Input};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::hub::{Connection, Hub};

/// Takes a connection over; it ends by itself.
pub(super) fn serve(accepted: Accepted, hub: &Rc<Hub>) {
    let Accepted { stream, peer, permit, .. } = accepted;
    prepare(&stream);
    match hub.connect(peer, stream) {
        Ok((key, connection)) => {
            tokio::task::spawn_local(run(Rc::clone(hub), key, connection, permit));
        }
        Err((stream, text)) => {
            tracing::warn!("refused {peer}: {text}");
            let told = ServerMessage::SendError { text }.encode(FIRST_ID);
            let _ = stream.try_write(&told);
            tokio::task::spawn_local(async move {
                part(&stream).await;
                drop(permit);
            });
        }
    }
}

/// Ends a connection so that its peer can still read what it was told last: closing while bytes of the peer are unread would make the system throw
/// that away. Bounded in time and bytes.
// req: MIX-NET-2
async fn part(stream: &TcpStream) {
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
    let drain = async {
        let mut buffer = vec![0; PARTING_READ];
        let mut left = PARTING_BYTES;
        while left > 0 && stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    let _ = tokio::time::timeout(PARTING_TIME, drain).await;
}

/// Small messages must not wait for each other, and a peer that is gone without a word must be noticed.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    // Else the system takes megabytes for a slow peer and then nothing for seconds, and a peer that reads looks as if it did not.
    // req: MIX-BUG-13
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
}

async fn run(hub: Rc<Hub>, key: ClientKey, connection: Rc<Connection>, _permit: Permit) {
    let mut partial = BytesMut::new();
    let mut unfinished = hub.unfinished(key);
    while !connection.closing.get() {
        // While the disk is behind nothing is read; what waits to be written goes out all the same.
        // req: MIX-KEEP-16
        let behind = hub.is_store_behind();
        let reading = !behind && hub.may_read(key);
        let blocked = connection.blocked.get();
        tokio::select! {
            ready = connection.stream.readable(), if reading => {
                if ready.is_err() || read_turn(&hub, key, &connection, &mut partial).is_err() {
                    break;
                }
                if let Err((most, kept)) = unfinished.is(partial.len()) {
                    hub.step(Input::Unfinished { client: most, kept });
                }
                // A fast sender must not keep the others from their turn.
                tokio::task::yield_now().await;
            }
            ready = connection.stream.writable(), if blocked => {
                if ready.is_err() {
                    break;
                }
                connection.blocked.set(false);
                hub.write(key);
                hub.step(Input::Written { client: key, count: 0 });
            }
            () = connection.wake.notified() => {}
            () = hub.store_caught_up(), if behind => {}
        }
    }
    hub.disconnect(key);
    drop((partial, unfinished));
    if connection.closing.get() {
        part(&connection.stream).await;
    }
}

/// Reads what is there, a few buffers at most. An error means the end of the connection.
// req: MIX-BUG-5, MIX-BUG-7
fn read_turn(hub: &Hub, key: ClientKey, connection: &Connection, partial: &mut BytesMut) -> io::Result<()> {
    for _ in 0..READS_PER_TURN {
        let own = !partial.is_empty();
        let mut buffer = if own { std::mem::take(partial) } else { hub.lend_buffer() };
        if !own && buffer.capacity() < SMALLEST_READ {
            buffer.reserve(BUFFER);
        }
        let wanted = buffer.capacity() - buffer.len();
        let room = if own { buffer.capacity() } else { buffer.capacity().max(BUFFER) };
        let read = connection.stream.try_read_buf(&mut buffer);
        let end = match read {
            Ok(0) => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                let next = take_frames(hub, key, &mut buffer, room);
                keep_partial(hub, key, &mut buffer, partial, own, next)?;
                (count < wanted || !hub.may_read(key)).then_some(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if own {
                    *partial = std::mem::take(&mut buffer);
                }
                Some(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(Err(error)),
        };
        if !own {
            buffer.clear();
            hub.return_buffer(buffer);
        }
        if let Some(end) = end {
            return end;
        }
    }
    Ok(())
}

fn take_frames(hub: &Hub, key: ClientKey, buffer: &mut BytesMut, room: usize) -> Next {
    let found = scan(buffer, hub.limits.frame_bytes);
    if found.whole > 0 {
        let frames = buffer.split_to(found.whole);
        // Keeping an allocation for ever is worth it when the frames fill it.
        let dense = found.whole >= room - room / 8;
        hub.step(Input::Received { client: key, frames, dense });
    }
    found.next
}

/// Half a frame waits in a buffer of the connection's own, which grows with what has come and not with what was announced.
// req: MIX-BUG-5
fn keep_partial(
    hub: &Hub,
    key: ClientKey,
    buffer: &mut BytesMut,
    partial: &mut BytesMut,
    own: bool,
    next: Next,
) -> io::Result<()> {
    let missing = match next {
        Next::Boundary => return Ok(()),
        Next::Missing(missing) => missing,
        Next::Oversized { size } => {
            hub.step(Input::Oversized { client: key, size });
            return Ok(());
        }
    };
    let more = missing.min(buffer.len().max(BUFFER));
    if own {
        *partial = std::mem::take(buffer);
        // Memory that nothing was written into costs nothing yet, but moving the rest there does.
        if partial.capacity() - partial.len() < missing.min(SMALLEST_READ) {
            partial.reserve(more);
        }
    } else {
        partial.reserve(buffer.len() + more);
        partial.extend_from_slice(buffer);
    }
    Ok(())
}

const BUFFER: usize = 256 << 10;
const SMALLEST_READ: usize = 64 << 10;
const READS_PER_TURN: usize = 4;
/// What the system keeps for a peer before it can be sent. It asks for more when half of it is gone, which the least rate of a member does in a second.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 256 << 10;
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(60);
const FIRST_ID: u32 = 100;
const PARTING_TIME: std::time::Duration = std::time::Duration::from_secs(1);
const PARTING_BYTES: usize = 16 << 20;
const PARTING_READ: usize = 16 << 10;
