//! `mvrx doctor`: what a person needs when nothing appears. Looks at this machine and listens for some seconds, joins as `mvrx ls` does, changes nothing.
//!
//! | looks at | by | cannot know |
//! |---|---|---|
//! | [`interfaces`] | what the system lists | what is behind the cable |
//! | [`udp`] | the table of sockets, a bind of our own | names of other users' programs |
//! | [`multicast`] | a datagram of our own on each interface | whether the network passes it on |
//! | [`network`] | an instance of our own, a second discovery, a station that only looks | stations that multicast does not reach |
//! | [`tcp`] | connections to ourselves | firewalls, of this machine or of others, against others |
//!
//! Each says lines into a [`Report`](report::Report): what is well, what cannot be known, and findings with what to do about them.

use serde_json::json;

use crate::args::{Common, seconds};
use crate::failure::{Failure, Verdict};
use crate::{group, station};

mod interfaces;
mod multicast;
mod network;
mod own;
mod report;
mod tcp;
mod udp;

use report::Report;

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    common: Common,
    /// The data directory of our own station; by default those of this user
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    data: Option<std::path::PathBuf>,
    /// How long to look, in seconds; some products answer after three
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    wait: f64,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: Doctor) -> Result<Verdict, Failure> {
    group::check(&args.common)?;
    let examined = examine(&args);
    let report = tokio::select! {
        report = examined => report,
        stopped = station::stopped() => return Err(stopped),
    };
    if args.json {
        report.document(&args.common.group);
    } else {
        report.lines();
    }
    Ok(if report.has_findings() { Verdict::Findings } else { Verdict::Fine })
}

// req: DIS-DOCTOR
async fn examine(args: &Doctor) -> Report {
    let mut report = Report::default();
    let port = args.common.mdns_port;
    report.fact("udp_port", json!(port));
    let cards = interfaces::check(&args.common.interface, &mut report);
    // Before we hold the port ourselves.
    udp::check(port, &mut report);
    multicast::check(&cards, port, &mut report).await;
    let own = own::stations(args.data.as_deref());
    let seen = match network::look(&args.common, args.wait).await {
        Ok(seen) => seen,
        Err(failure) => {
            report.problem(
                "discovery-cannot-start",
                failure.words(),
                "without discovery nobody is found: end what holds the port, or name the stations with --peer",
            );
            network::Seen::default()
        }
    };
    let look = network::Look { common: &args.common, wait: args.wait, own: &own, cards: &cards };
    look.judge(&seen, &mut report).await;
    tcp::check(&own, &seen, &cards, &mut report).await;
    report
}
