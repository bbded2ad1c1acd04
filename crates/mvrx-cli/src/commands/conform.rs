//! `mvrx conform`: judges another product by the specifications, at its address. What is asked and how is `mvrx-conformance`'s; here is how it looks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgGroup;
use mvrx_conformance::{
    Consent, Judge, JudgeError, Judged, Limits, Lookout, Options, Report, Script, Scripted, Serving, Target,
    junit, look,
};
use serde_json::json;
use tokio::sync::oneshot;

use crate::args::{seconds, some_text};
use crate::failure::{Failure, Verdict};
use crate::{show, station};

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["address", "discover", "serve", "list"])))]
pub(crate) struct Conform {
    /// The product: tcp://HOST:PORT for a station, ws://HOST[:PORT][/PATH] for the host of a session, mixer://HOST[:PORT] for a Mixer server
    #[arg(value_name = "ADDRESS", value_parser = target)]
    address: Option<Target>,
    /// Judge every station of this group that multicast DNS shows, and what it announces
    #[arg(long, value_name = "GROUP", value_parser = some_text)]
    discover: Option<String>,
    /// The reverse: be what products join, and judge what they say: `tcp` (also without a word), a scripted station; `ws`, the scripted host of a session; `mixer`, a scripted Mixer server
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "tcp", value_enum, conflicts_with_all = ["address", "discover", "list", "commits", "rough", "moves", "all", "only"])]
    serve: Option<Kind>,
    /// With --serve: where to listen
    #[arg(long, value_name = "IP:PORT", conflicts_with_all = ["address", "discover", "list"], default_value = "0.0.0.0:0")]
    listen: SocketAddr,
    /// With --serve tcp: show the station in this group by multicast DNS
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["address", "discover", "list"], value_parser = some_text)]
    group: Option<String>,
    /// With --serve: how long to wait for a product to come and to leave, in seconds
    #[arg(long = "for", value_name = "SECONDS", conflicts_with_all = ["address", "discover", "list"], default_value_t = 120.0, value_parser = positive_seconds)]
    time: f64,
    /// Look only on these addresses or interfaces (may be repeated); `lo` stays on this machine
    #[arg(long, value_name = "NAME|ADDRESS")]
    interface: Vec<String>,
    /// The UDP port of discovery, for tests
    #[arg(long, hide = true, default_value_t = 5353)]
    mdns_port: u16,
    /// Also commit a tiny file that is named as a test
    #[arg(long)]
    commits: bool,
    /// Also send what is unusual or broken; it has been seen to end products, so never during a show
    #[arg(long)]
    rough: bool,
    /// Also propose moves to places that do not exist
    #[arg(long)]
    moves: bool,
    /// All of --commits, --rough and --moves
    #[arg(long)]
    all: bool,
    /// Only cases whose name contains this (may be repeated)
    #[arg(long, value_name = "PART", value_parser = some_text)]
    only: Vec<String>,
    /// How long any one answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = positive_seconds)]
    wait: f64,
    /// List the cases and connect to nobody
    #[arg(long, conflicts_with_all = ["address", "discover"])]
    list: bool,
    /// Also write the result as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Tcp,
    Ws,
    Mixer,
}

pub(crate) async fn run(args: Conform) -> Result<Verdict, Failure> {
    if let Some(kind) = args.serve {
        return serve(args, kind).await;
    }
    let judges = match (&args.address, &args.discover) {
        (Some(target), _) => vec![Judge::new(target.clone(), options(&args))],
        (None, Some(group)) => found(&args, group.clone()).await?,
        (None, None) => {
            list(args.json);
            return Ok(Verdict::Fine);
        }
    };
    let mut reports = Vec::new();
    for judge in judges {
        reports.push(judged(judge, args.json).await?);
    }
    if let Some(path) = &args.junit {
        keep(path, &reports)?;
    }
    Ok(if reports.iter().any(|report| report.failed() > 0) { Verdict::Findings } else { Verdict::Fine })
}

async fn judged(judge: Judge, json: bool) -> Result<Report, Failure> {
    if judge.cases().is_empty() {
        return Err(Failure::usage("no case has such a name; `mvrx conform --list` has all"));
    }
    show::note(&judge.announcement());
    let report = apart(move || {
        judge.run(&mut |judged: &Judged| {
            if !json {
                show::line(&show::tame_lines(&judged.text()));
            }
        })
    })
    .await??;
    if json {
        show::document(&report.json());
    } else {
        show::line(&show::tame(&report.summary()));
    }
    Ok(report)
}

/// Serves a scripted station or host, and judges who came.
async fn serve(args: Conform, kind: Kind) -> Result<Verdict, Failure> {
    let script = match kind {
        Kind::Tcp => Script::Station,
        Kind::Ws | Kind::Mixer if args.group.is_some() => {
            return Err(Failure::usage("--group shows a station of a group: with --serve tcp alone"));
        }
        Kind::Ws => Script::Host,
        Kind::Mixer => Script::Mixer,
    };
    let lookout =
        Lookout { interfaces: args.interface.clone(), udp_port: args.mdns_port, ..Lookout::default() };
    let time = Duration::from_secs_f64(args.time);
    let (group, limits) = (args.group.clone(), Limits::default());
    let serving = Serving { script, listen: args.listen, group, lookout, time, limits };
    let scripted = Scripted::start(serving).map_err(|error| Failure::local(error.to_string()))?;
    show::note(&scripted.scenes());
    if args.json {
        let address = scripted.address().to_string();
        show::document(&json!({ "schema": show::SCHEMA, "event": "serving", "address": address }));
    }
    let lines = !args.json;
    let report = apart(move || {
        scripted.run(&mut |judged: &Judged| {
            if lines {
                show::line(&show::tame_lines(&judged.text()));
            }
        })
    })
    .await?;
    if args.json {
        show::document(&report.json());
    } else {
        show::line(&report.summary());
    }
    if let Some(path) = &args.junit {
        keep(path, std::slice::from_ref(&report))?;
    }
    Ok(if report.failed() > 0 { Verdict::Findings } else { Verdict::Fine })
}

/// The stations of a group, as discovery shows them.
async fn found(args: &Conform, group: String) -> Result<Vec<Judge>, Failure> {
    let lookout =
        Lookout { interfaces: args.interface.clone(), udp_port: args.mdns_port, ..Lookout::default() };
    let options = options(args);
    let stations =
        apart(move || look(&group, &lookout)).await?.map_err(|error| Failure::peer(error.to_string()))?;
    let judges: Vec<Judge> =
        stations.into_iter().filter_map(|station| Judge::of_announced(station, options.clone())).collect();
    if judges.is_empty() {
        return Err(Failure::nobody("multicast DNS shows no station of this group"));
    }
    Ok(judges)
}

fn options(args: &Conform) -> Options {
    let wishes =
        [(args.commits, Consent::Commits), (args.rough, Consent::Rough), (args.moves, Consent::Moves)];
    Options {
        wait: Duration::from_secs_f64(args.wait),
        consent: wishes
            .into_iter()
            .filter(|(wish, _)| *wish || args.all)
            .map(|(_, consent)| consent)
            .collect(),
        only: args.only.clone(),
        ..Options::default()
    }
}

/// On a thread of its own, so that ctrl-c ends the command in the middle of a wait.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let (done, result) = oneshot::channel();
    let started = std::thread::Builder::new().name("judge".to_owned()).spawn(move || {
        // Nobody waits any more once the command was stopped.
        let _ = done.send(work());
    });
    started.map_err(|error| Failure::local(format!("cannot start a thread: {error}")))?;
    tokio::select! {
        result = result => result.map_err(|_| Failure::local("the judge ended without a result")),
        stopped = station::stopped() => Err(stopped),
    }
}

fn list(json: bool) {
    let mut all = Vec::new();
    for subject in mvrx_conformance::Subject::ALL {
        for case in mvrx_conformance::cases(subject) {
            let needs: Vec<&str> = case.needs.iter().map(|need| need.option()).collect();
            if json {
                all.push(json!({
                    "subject": subject.word(), "case": case.id, "section": case.section, "sentence": case.sentence,
                    "binding": case.binding.word(), "requirements": case.requirements, "needs": needs,
                }));
            } else {
                let needs = if needs.is_empty() { String::new() } else { format!(" ({})", needs.join(" ")) };
                let (word, binding) = (subject.word(), case.binding.word());
                show::line(&format!("{word:8}  {binding:6}  {:28}  {}{needs}", case.id, case.sentence));
            }
        }
    }
    if json {
        show::document(&json!({ "schema": show::SCHEMA, "cases": all }));
    }
}

fn keep(path: &Path, reports: &[Report]) -> Result<(), Failure> {
    std::fs::write(path, junit(reports))
        .map_err(|error| Failure::local(format!("cannot write {}: {error}", path.display())).after_document())
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse(text).map_err(|error| error.to_string())
}

fn positive_seconds(text: &str) -> Result<f64, String> {
    seconds(text)
        .and_then(|value| if value > 0.0 { Ok(value) } else { Err("more than 0 seconds".to_owned()) })
}

impl From<JudgeError> for Failure {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Unreachable { .. } => Self::peer(error.to_string()),
            _ => Self::local(error.to_string()),
        }
    }
}
