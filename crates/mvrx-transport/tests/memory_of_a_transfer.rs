//! A file takes constant memory, however long it is; a file of its own because the whole process is measured.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

use std::net::SocketAddr;

use mvrx_transport::tls::{ClientTls, SelfSigned, ServerTls};
use mvrx_transport::{
    BoxError, DiscardSink, Endpoint, FilePump, FileSource, FileStyle, Incoming, Progress, SourceRead,
    TcpTransport, Transport, WsTransport,
};

#[derive(Debug)]
struct Zeros(u64);

impl FileSource for Zeros {
    fn length(&self) -> u64 {
        self.0
    }

    fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        buffer.fill(0);
        Ok(SourceRead::Bytes(buffer.len()))
    }
}

#[tokio::test]
// proves: TRA-12, WSK-15, TLS-08
async fn a_long_file_takes_no_more_memory_than_a_short_one() {
    for pump in [FilePump::Blocking, FilePump::Portable] {
        let made = SelfSigned::make(&[]).unwrap();
        let tls = ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
        let trust = ClientTls::pinned(tls.fingerprint()).unwrap();
        let secure = WsTransport::default().with_file_pump(pump).with_tls(tls).with_trust(trust);
        let ways: [(Box<dyn Transport>, FileStyle); 4] = [
            (Box::new(secure), FileStyle::OneMessage),
            (Box::new(TcpTransport::default().with_file_pump(pump)), FileStyle::OneMessage),
            (Box::new(WsTransport::default().with_file_pump(pump)), FileStyle::OneMessage),
            (Box::new(WsTransport::default().with_file_pump(pump)), FileStyle::Messages { most: 8192 }),
        ];
        for (transport, style) in ways {
            carry(4 << 20, transport.as_ref(), style).await;
            let before = highest_memory();
            carry(256 << 20, transport.as_ref(), style).await;
            let grown = highest_memory().saturating_sub(before);
            assert!(grown < 4 << 20, "{transport:?} {style:?} took {grown} bytes more for a file of 256 MiB");
        }
    }
}

async fn carry(length: u64, transport: &dyn Transport, style: FileStyle) {
    let mut listener = transport.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let at = listener.local_addr();
    let secure = format!("{transport:?}").contains("fingerprint");
    let to = if secure { Endpoint::Url(format!("wss://{at}/").parse().unwrap()) } else { at.into() };
    let dialing = transport.dial(to);
    let (near, far) = tokio::join!(dialing, listener.accept());
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    near.writer.set_file_style(style);
    let sending = near.writer.send_file(Box::new(Zeros(length)), Progress::new());
    let receiving = async {
        assert!(matches!(far.reader.next().await, Ok(Incoming::File { .. })));
        far.reader
            .receive_file(
                Box::new(DiscardSink),
                Some(length),
                &mut mvrx_transport::battery::unexpected,
                Progress::new(),
            )
            .await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.unwrap(), received.unwrap()), (length, length));
}

/// The process's resident set at its highest, in bytes.
fn highest_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
