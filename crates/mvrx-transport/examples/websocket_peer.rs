//! One end of a WebSocket connection by hand, for foreign stacks to talk to.
//!
//! - `websocket_peer serve`: listens on a port that it prints, and echoes: each message, and each file in the other
//!   fashion (one message in frames, many messages of 64 KiB, in turn). Prints how each connection ended. Ends after
//!   the connection whose file is empty.
//! - `websocket_peer dial URL`: sends a message and files to a peer that echoes, compares, closes.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::{Arc, Mutex};

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::{
    BoxError, BoxFuture, Connection, Endpoint, FileSink, FileSource, FileStyle, Incoming, Progress,
    SourceRead, Transport, WsTransport,
};

const LENGTHS: [usize; 4] = [1, 70_000, 16 << 20, (16 << 20) + 1];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["dial", url] => dial(url).await,
        _ => panic!("serve, or dial URL"),
    }
}

async fn serve() {
    let mut listener = WsTransport::default().listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    println!("{}", listener.local_addr().port());
    let mut more = true;
    while more {
        match listener.accept().await {
            Ok(connection) => more = echo(connection).await,
            Err(error) => println!("not accepted: {error}"),
        }
    }
}

/// Whether the peer wants another connection after this one.
async fn echo(mut connection: Connection) -> bool {
    let (mut files, mut more) = (0, true);
    loop {
        match connection.reader.next().await {
            Ok(Incoming::Message { parsed, .. }) => {
                connection.writer.send(&parsed.message, &Dialect::strict()).await.unwrap();
            }
            Ok(Incoming::File { .. }) => {
                let Some(bytes) = take(&mut connection, None).await else { return true };
                files += 1;
                let many = files % 2 == 0;
                let style = if many { FileStyle::Messages { most: 1 << 16 } } else { FileStyle::OneMessage };
                connection.writer.set_file_style(style);
                more &= !bytes.is_empty();
                let sent = connection.writer.send_file(Box::new(Held(bytes)), Progress::new()).await;
                println!("echoed a file of {} bytes, {style:?}", sent.unwrap());
            }
            Ok(Incoming::Closed) => {
                println!("closed");
                connection.writer.close().await.unwrap();
                return more;
            }
            Ok(other) => println!("{other:?}"),
            Err(error) => {
                println!("ended: {error}");
                return more;
            }
        }
    }
}

async fn dial(url: &str) {
    let url = Endpoint::Url(url.parse().unwrap());
    let mut connection = WsTransport::default().dial(url).await.unwrap();
    let message = Message::Leave(Leave::new(StationUuid::from_random_bytes([7; 16])));
    connection.writer.send(&message, &Dialect::strict()).await.unwrap();
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(parsed.message, message),
        other => panic!("{other:?}"),
    }
    for length in LENGTHS {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 7 + at / 251).to_le_bytes()[0]).collect();
        let source = Box::new(Held(bytes.clone()));
        let Connection { reader, writer, .. } = &mut connection;
        // Both at once: a peer that echoes piece by piece would wait for us to read.
        let receiving = async {
            match reader.next().await {
                Ok(Incoming::File { .. }) => {}
                other => panic!("{other:?}"),
            }
            let (sink, held) = Kept::new();
            let length =
                reader.receive_file(sink, Some(bytes.len() as u64), &mut unasked, Progress::new()).await;
            assert_eq!(length.unwrap(), bytes.len() as u64);
            std::mem::take(&mut *held.lock().unwrap())
        };
        let (sent, received) = tokio::join!(writer.send_file(source, Progress::new()), receiving);
        assert_eq!(sent.unwrap(), length as u64);
        assert!(received == bytes, "the echo of {length} bytes is not what was sent");
        println!("{length} bytes there and back");
    }
    connection.writer.close().await.unwrap();
    match connection.reader.next().await {
        Ok(Incoming::Closed) => println!("closed"),
        other => panic!("{other:?}"),
    }
}

async fn take(connection: &mut Connection, expected: Option<u64>) -> Option<Vec<u8>> {
    let (sink, held) = Kept::new();
    match connection.reader.receive_file(sink, expected, &mut unasked, Progress::new()).await {
        Ok(_) => Some(std::mem::take(&mut *held.lock().unwrap())),
        Err(error) => {
            println!("ended: {error}");
            None
        }
    }
}

fn unasked(incoming: Incoming) -> BoxFuture<'static, ()> {
    Box::pin(async move { println!("between: {incoming:?}") })
}

#[derive(Debug)]
struct Held(Vec<u8>);

impl FileSource for Held {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        let rest = usize::try_from(offset).ok().and_then(|from| self.0.get(from..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(if count == 0 { SourceRead::End } else { SourceRead::Bytes(count) })
    }
}

#[derive(Debug)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn new() -> (Box<Self>, Arc<Mutex<Vec<u8>>>) {
        let held = Arc::<Mutex<Vec<u8>>>::default();
        (Box::new(Self(Arc::clone(&held))), held)
    }
}

impl FileSink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}
