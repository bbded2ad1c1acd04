//! Shows the stations of the network as they come and go, and announces one: `cargo run -p mvrx-discovery --example watch -- "My desk"`.
//!
//! Arguments: the station's name (none or empty: only watch), its group (`Default`), after how many seconds to end (60). Nothing listens
//! on the announced port.
#![allow(clippy::print_stdout)]

use std::time::Duration;

use mvrx_discovery::{Advertisement, Discovery, DiscoveryEvent, MdnsDiscovery, MdnsOptions};
use mvrx_message::{GroupName, StationUuid};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut discovery = Box::new(MdnsDiscovery::start(MdnsOptions::default())?);
    let (name, group) = (arguments.next().unwrap_or_default(), arguments.next());
    let seconds = arguments.next().map_or(Ok(60), |text| text.parse())?;
    if !name.is_empty() {
        let group = GroupName::join(group.as_deref().unwrap_or("Default"))?;
        // A station keeps its UUID for ever; an example makes one of its process id.
        let station = StationUuid::from_random_bytes(u128::from(std::process::id()).to_be_bytes());
        discovery.advertise(&Advertisement::new(group, station, name, 42424))?;
    }
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while let Ok(Some(event)) = tokio::time::timeout_at(end, discovery.next()).await {
        match event {
            DiscoveryEvent::Sighted(s) => println!(
                "+ {} {:?} in {:?} at {:?}",
                s.key,
                s.station_name.unwrap_or_default(),
                s.group.unwrap_or_default(),
                s.addresses
            ),
            DiscoveryEvent::Vanished { key } => println!("- {key}"),
            DiscoveryEvent::Problem(problem) => println!("! {problem}"),
            _ => {}
        }
    }
    discovery.shutdown().await;
    Ok(())
}
