//! Watches a group without being announced in it, for ten seconds or as long as told:
//! `cargo run --example watch_group -- Default 60`
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::time::Duration;

use mvrx::{Heard, Station};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let group = arguments.next().unwrap_or_else(|| "Default".to_owned());
    let seconds = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let (station, mut events) = Station::builder("watcher").group(group).advertise(false).spawn().await?;
    let until = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while let Ok(Some(heard)) = tokio::time::timeout_at(until, events.next()).await {
        match heard {
            Heard::Event(seen) => println!("{:?}", seen.event),
            Heard::DiscoveryProblem { what } => println!("finding others: {what}"),
            Heard::Session(seen) => println!("{:?}", seen.event),
            Heard::Lagged { missed } => println!("{missed} events missed"),
        }
    }
    for commit in station.commits().await? {
        println!("{} {:?} {} bytes", commit.commit.file, commit.commit.file_name, commit.commit.file_size);
    }
    station.stop().await;
    Ok(())
}
