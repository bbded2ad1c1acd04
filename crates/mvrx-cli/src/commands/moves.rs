//! `mvrx move`, `mvrx accept`, `mvrx refuse`: a crew goes to another group or session.
//!
//! `move` is a station of its own for as long as it takes: it joins the crew, stands in the new place, asks everybody to come along, tells what each
//! answered, and leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::pin::pin;

use mvrx_message::{GroupNameError, StationUuid};
use mvrx_node::consent::{self, Proposed};
use mvrx_station::{
    BridgeMark, Event, Events, Heard, MoveAnswer, MoveReport, SessionTarget, Station, StationInfo, WsUrl,
    can_be_a_place, url_without_user,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::args::{Common, InSession, seconds, some_text};
use crate::failure::{Failure, Verdict};
use crate::{data, moving, secure, session, show, station};

#[derive(Debug, clap::Args)]
pub(crate) struct Move {
    /// To the session at this URL
    #[arg(long, value_name = "URL", value_parser = some_text, conflicts_with = "to_group")]
    to: Option<String>,
    /// To this group of TCP mode
    #[arg(long, value_name = "GROUP", value_parser = some_text)]
    to_group: Option<String>,
    /// Ask everybody: also products that are known to end on the question, and those of which nobody knows
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    session: InSession,
    #[command(flatten)]
    onward: secure::Onward,
    /// The data directory whose identity is used, for stations that follow certain others; by default one of this user's
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    data: Option<PathBuf>,
    /// How long to look for who is there, in seconds; some products answer after three
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    wait: f64,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Answer {
    /// The data directory of the station that was asked; by default the one of this user's that was
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    data: Option<PathBuf>,
    /// Only if this is where it goes, by its URL or the group's name: what is proposed may change while one types
    #[arg(long, value_name = "URL|GROUP", value_parser = some_text)]
    to: Option<String>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Moves the crew; findings: somebody stayed behind.
pub(crate) async fn run(mut args: Move) -> Result<Verdict, Failure> {
    let to = target(&args)?;
    let wait = station::duration(args.wait);
    if let SessionTarget::Url(url) = &to {
        args.session.next = Some(url.clone());
        args.session.goes_on = !secure::is_plain(url);
    }
    let from = session::url(&args.session, &args.common, wait).await?;
    args.session.host.clone_from(&from);
    let name = station::name(&args.common);
    let data = data::open(args.data.as_deref(), &name)?;
    // Announced, so that who follows certain stations alone can see that this is one of them.
    let describe = station::describe(&args.common, &args.session)?.identity(data.station);
    let describe = args.onward.apply(describe, &args.session.reaching)?;
    let (mover, mut events) = station::spawn(describe).await?;
    let mut tally = Tally { aloud: !args.json, ..Tally::default() };
    let (led, stopped) = tokio::select! {
        led = lead(&args, &mover, &mut events, (from.as_deref(), &to), &mut tally) => (led, false),
        failure = station::stopped() => (Err(failure), true),
    };
    mover.stop().await;
    if stopped && tally.begun {
        tally.stopped();
        tally.tell(&to);
    }
    led?;
    Ok(tally.tell(&to))
}

fn target(args: &Move) -> Result<SessionTarget, Failure> {
    match (&args.to, &args.to_group) {
        (Some(url), _) => {
            let reaching = &args.session.reaching;
            // Beside a session that it leaves, what is said of a certificate may be that one's.
            let url = if args.session.host.is_some() { reaching.full(url) } else { reaching.url(url)? };
            let read = url.parse::<WsUrl>();
            read.map_err(|error| {
                Failure::usage(format!("--to {}: {error}", show::tame(&url_without_user(&url))))
            })?;
            Ok(SessionTarget::Url(url))
        }
        (None, Some(group)) => {
            let unfit = |error: &dyn std::fmt::Display| {
                Failure::usage(format!("--to-group {}: {error}", show::tame(group)))
            };
            let to =
                group.parse().map(SessionTarget::Group).map_err(|error: GroupNameError| unfit(&error))?;
            can_be_a_place(&to).map_err(|error| unfit(&error))?;
            is_elsewhere(group, args).map_err(|why| unfit(&why))?;
            Ok(to)
        }
        (None, None) => Err(Failure::usage("say where to: --to URL or --to-group GROUP")),
    }
}

/// Whether the group is another one than that which is left.
fn is_elsewhere(to: &str, args: &Move) -> Result<(), &'static str> {
    let from = &args.common.group;
    if args.session.host.is_some() || !from.eq_ignore_ascii_case(to) {
        Ok(())
    } else if from == to {
        Err("this is the group that is left (--group)")
    } else {
        Err(
            "its name differs only in upper and lower case from that of the group that is left (--group), which is one name on the network",
        )
    }
}

// req: MOV-22
/// Who is there, and what was answered so far: each answer is told as it comes, and none is lost where the command is stopped.
#[derive(Debug, Default)]
struct Tally {
    /// On the screen; programs get one document in the end.
    aloud: bool,
    names: BTreeMap<StationUuid, String>,
    /// Members of the old place when the move began.
    there: Vec<StationUuid>,
    /// The host of the session that is left, and bridges: they stay where they are.
    fixed: BTreeSet<StationUuid>,
    begun: bool,
    answers: Vec<(StationUuid, MoveAnswer)>,
}

impl Tally {
    async fn see(&mut self, mover: &Station, stations: &[StationInfo]) -> Result<(), Failure> {
        let host = mover.session().await?.and_then(|session| session.host);
        let is_bridge = |info: &&StationInfo| matches!(info.bridge, Some(BridgeMark::Bridge { .. }));
        self.names = stations.iter().map(|info| (info.station, info.name.clone())).collect();
        self.there = stations.iter().filter(|info| is_member(info)).map(|info| info.station).collect();
        self.fixed = stations.iter().filter(is_bridge).map(|info| info.station).chain(host).collect();
        Ok(())
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::MoveBegun { .. } => self.begun = true,
            Event::StationJoined { station, name, .. } | Event::StationRenamed { station, to: name, .. } => {
                self.names.insert(*station, name.clone());
            }
            Event::MoveAnswered { station, answer } => self.note(*station, answer.clone()),
            _ => {}
        }
    }

    fn note(&mut self, station: StationUuid, answer: MoveAnswer) {
        if self.aloud {
            let name = self.names.get(&station).filter(|name| !name.is_empty());
            let name = name.map_or_else(|| show::short(&station), |name| show::name(name));
            show::line(&format!("{name}: {}", moving::answer_words(&answer)));
        }
        self.answers.push((station, answer));
    }

    fn ended(&mut self, report: &MoveReport) {
        let untold = report.answers.iter().filter(|told| !self.answers.contains(told));
        for (station, answer) in untold.cloned().collect::<Vec<_>>() {
            self.note(station, answer);
        }
    }

    /// The command is stopped: who was there and has not answered is told as well.
    fn stopped(&mut self) {
        let answered: BTreeSet<StationUuid> = self.answers.iter().map(|(station, _)| *station).collect();
        let rest: Vec<_> = self.there.iter().filter(|s| !answered.contains(s)).copied().collect();
        for station in rest {
            let why = "the command was stopped before".to_owned();
            self.note(station, MoveAnswer::Unanswered { why });
        }
    }

    /// The verdict, and the last words.
    fn tell(&self, to: &SessionTarget) -> Verdict {
        let moved = self.answers.iter().filter(|(_, answer)| *answer == MoveAnswer::Moved).count();
        let stayed = self.answers.len() - moved;
        let stays = |(station, answer): &&(StationUuid, MoveAnswer)| {
            *answer != MoveAnswer::Moved && self.fixed.contains(station)
        };
        let fixed = self.answers.iter().filter(stays).count();
        if self.aloud {
            let what = if fixed > 0 {
                format!(", {fixed} of them the session's host or a bridge")
            } else {
                String::new()
            };
            show::line(&format!("{moved} moved to {}, {stayed} stayed behind{what}", moving::place(to)));
        } else {
            let answers: Vec<Value> = self.answers.iter().map(|(s, answer)| self.json(*s, answer)).collect();
            let document = json!({
                "schema": show::SCHEMA, "moved": moved, "stayed": stayed, "fixed": fixed, "answers": answers,
            });
            show::document(&moving::with_place(document, to));
        }
        // Where nobody else moved there is nothing that it would be right to stay behind of.
        let expected = if moved > 0 { fixed } else { 0 };
        if stayed == expected { Verdict::Fine } else { Verdict::Findings }
    }

    fn json(&self, station: StationUuid, answer: &MoveAnswer) -> Value {
        let mut fields = moving::answer_json(answer);
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("station".to_owned(), station.to_string().into());
            fields.insert("name".to_owned(), self.names.get(&station).cloned().into());
            fields.insert("fixed".to_owned(), self.fixed.contains(&station).into());
        }
        fields
    }
}

fn is_member(info: &StationInfo) -> bool {
    info.membership == mvrx_station::Membership::Member
}

async fn lead(
    args: &Move,
    mover: &Station,
    events: &mut Events,
    (from, to): (Option<&str>, &SessionTarget),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let wait = station::duration(args.wait);
    match from {
        Some(url) => drop(session::joined(events, url, wait).await?),
        None => look(mover, events, wait).await?,
    }
    let stations = mover.stations().await?;
    tally.see(mover, &stations).await?;
    if !stations.iter().any(is_member) {
        return Err(station::nobody(&args.common, args.wait, &stations));
    }
    if tally.aloud {
        show::note(&format!(
            "going to {} first; whoever is in {} is asked from there, and who is asked at its screen has a minute",
            moving::place(to),
            session::place(from, &args.common)
        ));
    }
    let mut moved = pin!(mover.move_to(to.clone(), args.force));
    let moved = loop {
        tokio::select! {
            moved = &mut moved => break moved,
            Some(heard) = events.next() => if let Heard::Event(seen) = heard {
                tally.hear(&seen.event);
            },
        }
    };
    let report = moved.map_err(|error| {
        Failure::peer(format!(
            "nobody was moved to {}: {}",
            moving::place(to),
            show::tame(&error.to_string())
        ))
    })?;
    tally.ended(&report);
    Ok(())
}

/// Waits for those who are there to show themselves.
async fn look(mover: &Station, events: &mut Events, wait: std::time::Duration) -> Result<(), Failure> {
    let end = Instant::now() + wait;
    while let Ok(heard) = timeout_at(end, events.next()).await {
        match heard {
            None => return Err(Failure::local("the station has stopped")),
            Some(Heard::Event(seen)) if matches!(seen.event, Event::OwnUuidUsedByAnother { .. }) => {
                return Err(Failure::usage(format!(
                    "another station runs with the identity {}; give this command a directory of its own (--data)",
                    mover.uuid()
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Answers what was proposed to a running station of this user.
pub(crate) fn answer(args: &Answer, accepted: bool) -> Result<(), Failure> {
    let mut asked = Vec::new();
    for directory in data::directories(args.data.as_deref())? {
        if let Some(proposed) = consent::proposed_in(&directory) {
            asked.push((directory, proposed));
        }
    }
    let (directory, proposed) = match asked.as_slice() {
        [one] => one,
        [] => {
            return Err(Failure::nobody(
                "no station of this user is asked to move at the moment; a proposal stands for a minute, and one that runs with --data is reached with the same --data",
            ));
        }
        several => {
            let line = |(directory, proposed): &(PathBuf, Proposed)| {
                format!("{}: to {}", directory.display(), place_of(proposed))
            };
            let all: Vec<String> = several.iter().map(line).collect();
            return Err(Failure::usage(format!(
                "{} stations are asked to move; say which by --data:\n  {}",
                several.len(),
                all.join("\n  ")
            )));
        }
    };
    if let Some(meant) = args.to.as_deref()
        && !is_meant(proposed, meant)
    {
        return Err(Failure::nobody(format!(
            "nothing is answered: what is proposed at the moment is to move to {}, not to {}",
            place_of(proposed),
            show::tame(meant)
        )));
    }
    let counts = consent::answer(directory, proposed, accepted)
        .map_err(|error| Failure::local(format!("cannot write into {}: {error}", directory.display())))?;
    if !counts {
        return Err(Failure::nobody(format!(
            "somebody has answered for the station of {} already, and the first answer counts; that station tells how the move ends",
            directory.display()
        )));
    }
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "accepted": accepted, "to": place_of(proposed), "data": directory.display().to_string(),
        }));
    } else {
        let what = if accepted { "accepted" } else { "refused" };
        show::line(&format!(
            "{what} for {}: to move to {}; what runs there tells how it ends",
            directory.display(),
            place_of(proposed)
        ));
    }
    Ok(())
}

fn is_meant(proposed: &Proposed, meant: &str) -> bool {
    match proposed.to() {
        Some(SessionTarget::Group(group)) => group.as_str() == meant,
        Some(SessionTarget::Url(url)) => url.trim_end_matches('/') == meant.trim_end_matches('/'),
        _ => false,
    }
}

fn place_of(proposed: &Proposed) -> String {
    proposed.to().map_or_else(|| "another place".to_owned(), |to| moving::place(&to))
}
