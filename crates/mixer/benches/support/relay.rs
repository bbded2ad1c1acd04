//! What we compare with: a plain relay of bytes, as one writes it in an afternoon. What the first connection sends goes to all others.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(crate) fn with<T>(scenario: impl FnOnce(SocketAddr) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(relay(listener));
    let result = scenario(address);
    runtime.shutdown_background();
    result
}

async fn relay(listener: TcpListener) {
    let (mut source, _) = listener.accept().await.unwrap();
    let (new, mut added) = mpsc::channel::<mpsc::Sender<Bytes>>(64);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (sender, mut receiver) = mpsc::channel::<Bytes>(64);
            new.send(sender).await.unwrap();
            tokio::spawn(async move {
                // Tells that the connection is served.
                stream.write_all(&[0]).await.unwrap();
                while let Some(bytes) = receiver.recv().await {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let mut receivers = Vec::new();
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(64 << 10);
        if source.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
        while let Ok(receiver) = added.try_recv() {
            receivers.push(receiver);
        }
        let bytes = buffer.split().freeze();
        for receiver in &receivers {
            let _ = receiver.send(bytes.clone()).await;
        }
    }
}
