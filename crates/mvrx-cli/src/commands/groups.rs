//! `mvrx groups`: the groups in use and who is in them, as discovery shows them. Joins nobody.
//!
//! A group is there as long as a station is in it. `--new` says whether a name is free and fit to begin one; `mvrx up --group` begins it.

use mvrx_discovery::Discovery;
use mvrx_message::GroupName;
use mvrx_node::alike::Lookalikes;
use mvrx_node::groups::{self, InUse, Looking, alike, line, names, told};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::args::{Common, seconds};
use crate::failure::{Failure, Verdict};
use crate::{show, station};

#[derive(Debug, clap::Args)]
pub(crate) struct Groups {
    /// Is this name free for a new group? Exit code 1 when it is not
    #[arg(long, value_name = "NAME")]
    new: Option<String>,
    /// Use only these addresses or interfaces for discovery (may be repeated); `lo` stays on this machine
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(crate) interface: Vec<String>,
    /// The UDP port of discovery, for tests
    #[arg(long, hide = true, default_value_t = 5353)]
    mdns_port: u16,
    /// Instead: the sessions of WebSocket mode that the DNS knows under this domain, service name or URL, and where they are
    #[cfg(feature = "dns")]
    #[arg(long, value_name = "NAME|URL", conflicts_with = "new")]
    domain: Option<String>,
    /// How long to look, in seconds; some products answer after three
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0, value_parser = seconds)]
    wait: f64,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: Groups) -> Result<Verdict, Failure> {
    #[cfg(feature = "dns")]
    if let Some(domain) = &args.domain {
        return sessions(domain, args.json).await;
    }
    let wanted = args.new.as_deref().map(GroupName::create).transpose();
    let wanted = wanted.map_err(|error| Failure::usage(error.to_string()))?;
    let common = Common {
        group: String::new(),
        name: None,
        interface: args.interface.clone(),
        peer: Vec::new(),
        any_file: false,
        mdns_port: args.mdns_port,
    };
    let mut discovery = station::discovery(&common)?;
    discovery.look_for_groups();
    // A station of this group that is announced under the group's own type only is not told of by everybody.
    for group in wanted.iter().chain(&GroupName::create(DEFAULT_GROUP)) {
        discovery.look_in(group);
    }
    let Looked { in_use, problems, stopped } = look(Box::new(discovery), args.wait).await;
    problems.iter().for_each(|what| show::note(&format!("finding others: {}", show::tame(what))));
    let stopped = match stopped {
        // Half a look is no verdict.
        Some(stopped) if wanted.is_some() => return Err(stopped),
        other => other,
    };
    if args.json {
        let free = wanted.as_ref().map(|wanted| !in_use.contains_key(wanted.as_str()));
        let wanted = wanted.as_ref().map(GroupName::as_str).zip(free);
        show::document(&document(&in_use, wanted, &problems));
    } else {
        let alikes = Lookalikes::of(in_use.keys());
        for (group, stations) in &in_use {
            show::line(&line(group, stations, &alikes.find(group)));
        }
    }
    if let Some(stopped) = stopped {
        return Err(stopped);
    }
    match wanted {
        Some(wanted) => Ok(judge(wanted.as_str(), &in_use)),
        None if in_use.is_empty() => Err(Failure::nobody("no group is in use here; is it another network?")),
        None => Ok(Verdict::Fine),
    }
}

/// What the DNS knows of a name.
#[cfg(feature = "dns")]
async fn sessions(wanted: &str, as_json: bool) -> Result<Verdict, Failure> {
    use std::hash::{BuildHasher, RandomState};

    use mvrx_discovery::unicast::{ResolveError, ServiceName, SystemDns, UnicastLimits, resolve};

    let service: ServiceName =
        wanted.parse().map_err(|error| Failure::usage(format!("{}: {error}", show::tame(wanted))))?;
    let dns = SystemDns::new().map_err(|error| Failure::local(error.to_string()))?;
    let chance = |most: u32| {
        let any = RandomState::new().hash_one(()) % (u64::from(most) + 1);
        u32::try_from(any).unwrap_or(most)
    };
    let places =
        resolve(&dns, &service, &UnicastLimits::default(), chance).await.map_err(|error| match error {
            ResolveError::NotAnswered { .. } | ResolveError::TookTooLong { .. } => {
                Failure::peer(show::tame(&error.to_string()))
            }
            error => Failure::nobody(show::tame(&error.to_string())),
        })?;
    if as_json {
        let place = |place: &mvrx_discovery::unicast::ServicePlace| {
            let addresses: Vec<String> = place.addresses.iter().map(ToString::to_string).collect();
            let station = place.station.map(|station| station.to_string());
            json!({ "name": place.name, "url": place.url(), "station": station, "addresses": addresses })
        };
        let places: Vec<Value> = places.iter().map(place).collect();
        show::document(&json!({ "schema": show::SCHEMA, "sessions": places }));
    } else {
        for place in &places {
            let name =
                place.name.as_deref().map(|name| format!("{}  ", show::tame(name))).unwrap_or_default();
            let addresses: Vec<String> = place.addresses.iter().map(ToString::to_string).collect();
            show::line(&format!("{name}{}  at {}", show::tame(&place.url()), addresses.join(", ")));
        }
    }
    Ok(Verdict::Fine)
}

/// What was seen.
struct Looked {
    in_use: InUse,
    /// What kept us from seeing all there is.
    problems: Vec<String>,
    stopped: Option<Failure>,
}

/// What is seen until the time is over, or until somebody stops it.
async fn look(discovery: Box<dyn Discovery>, wait: f64) -> Looked {
    let mut looking = Looking::new(discovery);
    let end = Instant::now() + station::duration(wait);
    let stopped = tokio::select! {
        () = looking.until(end) => None,
        failure = station::stopped() => Some(failure),
    };
    let (in_use, problems) = looking.end().await;
    Looked { in_use, problems, stopped }
}

// req: DIS-GROUPS
fn judge(wanted: &str, in_use: &InUse) -> Verdict {
    if let Some(stations) = in_use.get(wanted) {
        show::note(&format!(
            "the group {wanted} is in use, by {}; join it, or take another name",
            names(stations)
        ));
        return Verdict::Findings;
    }
    let alike = alike(in_use, wanted);
    if !alike.is_empty() {
        show::note(&format!("careful: {}, in use and easily taken for it", told(wanted, &alike)));
    }
    show::note(&format!("{wanted} is free; `mvrx up --group {wanted}` begins it"));
    Verdict::Fine
}

fn document(in_use: &InUse, wanted: Option<(&str, bool)>, problems: &[String]) -> Value {
    let mut document = groups::json(in_use, problems);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("schema".to_owned(), show::SCHEMA.into());
    }
    let alikes = Lookalikes::of(in_use.keys());
    if let (Some((wanted, free)), Some(fields)) = (wanted, document.as_object_mut()) {
        fields.insert("free".to_owned(), free.into());
        fields.insert("easily_taken_for".to_owned(), json!(alikes.find(wanted)));
    }
    document
}

/// The group of whoever says nothing else.
const DEFAULT_GROUP: &str = "Default";
