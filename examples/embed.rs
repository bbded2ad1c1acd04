//! A station inside an application, in twenty lines: `cargo run --example embed -- show.mvr`
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use mvrx::{CommitDraft, Event, Heard, Station};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (station, mut events) = Station::builder("Example desk").provider("embed example").spawn().await?;
    println!("listening at {}", station.address());
    for path in std::env::args().skip(1) {
        let commit = station.commit(CommitDraft::from_path(path).comment("from the example")).await?;
        println!("committed {}", commit.file);
    }
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(3);
    while let Ok(Some(heard)) = tokio::time::timeout_at(until, events.next()).await {
        if let Heard::Event(seen) = heard
            && let Event::StationJoined { name, provider, .. } = &seen.event
        {
            println!("{name} ({provider}) is in the group");
        }
    }
    station.stop().await;
    Ok(())
}
