//! `mvrx demo`: two real stations on this machine find each other by mDNS on the loopback interface, one commits a generated .mvr, the
//! other fetches it, the bytes are compared. Nothing is sent on another interface; all files lie in a temporary folder.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use mvrx_discovery::{LanDiscovery, MdnsOptions};
use mvrx_station::{CommitDraft, Event, Events, Heard, Source, Station};
use mvrx_store::FsStore;
use socket2::SockRef;

use crate::failure::Failure;
use crate::{show, station};

pub(crate) async fn run() -> Result<(), Failure> {
    let demo = tokio::time::timeout(LIMIT, steps());
    tokio::select! {
        ended = demo => ended.unwrap_or_else(|_| Err(Failure::peer(format!("the demo did not end within {LIMIT:?}")))),
        stopped = station::stopped() => Err(stopped),
    }
}

async fn steps() -> Result<(), Failure> {
    let begun = Instant::now();
    let say = |words: &str| show::line(&format!("{:>5.2} s  {words}", begun.elapsed().as_secs_f64()));
    let folder = tempfile::Builder::new().prefix("mvrx-demo-").tempdir().map_err(local)?;
    let show_file = folder.path().join("demo show.mvr");
    generate(&show_file)?;
    let length = std::fs::metadata(&show_file).map_err(local)?.len();
    say(&format!("made {}, {}", show_file.display(), show::size(length)));

    let (_held, port) = free_udp_port()?;
    let (desk, _desk_events) = start("Demo desk", port, &folder.path().join("desk")).await?;
    say(&format!(
        "the station \"Demo desk\" listens at {}, announced by mDNS on the loopback interface",
        desk.address()
    ));
    let (visualizer, mut events) = start("Demo visualizer", port, &folder.path().join("visualizer")).await?;
    say(&format!("the station \"Demo visualizer\" listens at {}", visualizer.address()));

    until(
        &mut events,
        |event| matches!(event, Event::StationJoined { station, .. } if *station == desk.uuid()),
    )
    .await?;
    say("they found each other and joined the group Default");

    let draft = CommitDraft::from_path(&show_file).comment("hung LX1");
    let commit = desk.commit(draft).await.map_err(|e| Failure::local(e.to_string()))?;
    say(&format!("the desk committed it as {}", commit.file));
    until(&mut events, |event| matches!(event, Event::CommitSeen { file, .. } if *file == commit.file))
        .await?;
    say("the visualizer was told");

    let transfer = visualizer.request(commit.file, Source::Any).await?;
    let fetched = transfer.await.map_err(|e| Failure::peer(e.to_string()))?;
    let received = folder.path().join("received");
    std::fs::create_dir(&received).map_err(local)?;
    let saved = visualizer.store().put_away(
        fetched.file,
        &received,
        &fetched.commit.file_name,
        &mvrx_store::Cancel::new(),
    );
    let saved = saved.map_err(|e| Failure::local(e.to_string()))?.path;
    say(&format!("the visualizer fetched it and saved it as {}", saved.display()));

    let same = std::fs::read(&show_file).map_err(local)? == std::fs::read(&saved).map_err(local)?;
    if !same {
        return Err(Failure::peer("the bytes that arrived are not the bytes that were sent"));
    }
    say(&format!("all {length} bytes are the same"));
    visualizer.stop().await;
    desk.stop().await;
    say("both stations left; the temporary folder is removed");
    Ok(())
}

async fn start(name: &str, port: u16, data: &Path) -> Result<(Station, Events), Failure> {
    let mdns = LanDiscovery::start(MdnsOptions::loopback(port)).map_err(|e| Failure::peer(e.to_string()))?;
    let store = FsStore::open(data).map_err(|e| Failure::local(e.to_string()))?;
    let builder = Station::builder(name)
        .provider("mvrx demo")
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .discovery(mdns)
        .store(store);
    station::spawn(builder).await
}

async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Result<(), Failure> {
    loop {
        match events.next().await {
            Some(Heard::Event(seen)) if wanted(&seen.event) => return Ok(()),
            Some(_) => {}
            None => return Err(Failure::local("a station has stopped")),
        }
    }
}

fn generate(path: &Path) -> Result<(), Failure> {
    let file = std::fs::File::create(path).map_err(local)?;
    mvrx_file::generate::Recipe::new(7)
        .fixtures(48)
        .write(file)
        .map_err(|e| Failure::local(e.to_string()))?;
    Ok(())
}

/// A port that no mDNS responder of this machine listens on, so that the demo meets only itself. As long as the socket lives nobody gets
/// the port who does not share it as mDNS does; it hears nobody, as it is connected to nobody.
fn free_udp_port() -> Result<(UdpSocket, u16), Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(local)?;
    SockRef::from(&socket).set_reuse_address(true).map_err(local)?;
    socket.connect((Ipv4Addr::LOCALHOST, 9)).map_err(local)?;
    let port = socket.local_addr().map_err(local)?.port();
    Ok((socket, port))
}

#[allow(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn local(error: std::io::Error) -> Failure {
    Failure::local(error.to_string())
}

/// The demo takes about two seconds; on a slow machine a little more.
const LIMIT: Duration = Duration::from_secs(20);
