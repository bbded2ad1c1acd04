//! `mvrx up`: the long-running station.

use std::path::Path;

use mvrx_node::collect::Plan;
use mvrx_node::messages::Messages;
use mvrx_node::node::Node;
use mvrx_node::retaining::Retaining;
use mvrx_node::rooms::Rooms;
use mvrx_node::share::{self, Known};
use mvrx_station::{Builder, CommitDraft, Station};
use mvrx_web::{Options, Web};
use serde_json::json;

use crate::args::{Common, InSession, Up};
use crate::commands::mixer::serve;
use crate::commands::offer::{self, Desk};
use crate::commands::watch;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::{data, node_news, session, show, station, web};

pub(crate) async fn run(mut args: Up) -> Result<(), Failure> {
    let mut files = Vec::new();
    for file in &args.files {
        files.push((file.as_path(), offer::look(file, args.common.any_file)?));
    }
    folders_are_there(&args)?;
    let plan = args.hooks.plan(args.get, Some(&args.dir))?;
    let (told_of_history, rounds) = mvrx_node::history::rounds();
    let retaining = args.retained.retaining();
    let data = data::open_sparing(
        args.kept.data.as_deref(),
        &station::name(&args.common),
        &retaining.options(args.kept.history.options(told_of_history)),
        args.retained.spares_own(),
    )?;
    let kept_at = data.path.clone();
    let mut watching = Watching::new(args.json);
    watching.asks_in(&kept_at);
    let told = args.hooks.start(&mut watching)?;
    let part = args.electing.part(args.moves.rule()?);
    find_place((&mut args.common, &mut args.session), args.place_was_said, &kept_at, &watching)?;
    args.session.goes_on = args.moves.may_follow() || args.session.was_led;
    let Some(session) = which_session(&args, &watching).await? else { return Ok(()) };
    let followed = session::is_found(&args.session).then(|| args.common.clone());
    args.session.host = session;
    let session = args.session.host.as_deref();
    let following = session::following(followed, session);
    let describe = described(&args)?.identity(data.station).store(data.store).keep_place_in(&kept_at);
    let (mut describe, messages) = args.web.observed(describe);
    if let Some(part) = &part {
        describe = describe.candidate(part.candidate);
    }
    let mixer = serve_mixer(&args).await?;
    // Who is announced leaves with a word, however soon it is stopped.
    let interrupted = station::interrupted();
    let (running, events) = match station::spawn(describe).await {
        Ok(spawned) => spawned,
        Err(failure) => return give_up(failure, None, mixer, args.json).await,
    };
    if session.is_some() {
        watching.in_session();
    }
    say_up(&running, &args, &kept_at, &watching);
    say_limits_of_others(&args, &watching);
    if let Some(rooms) = &mixer {
        say_mixer(rooms, &args, &watching);
    }
    let web = match serve_web(&args, (&running, &kept_at, messages), mixer.as_ref(), &mut watching) {
        Ok(web) => web,
        Err(failure) => return give_up(failure, Some(&running), mixer, args.json).await,
    };
    watching.refresh(&running).await?;
    let node = Node::new(running, events, &kept_at).asks().commands(told).history(rounds);
    let mut node = node.follows(following).rooms(mixer);
    if let Some(part) = part {
        node.elect(part, &station::place(&args.common))?;
    }
    let ended = async {
        share(Desk { node: &mut node, watching: &mut watching }, &files).await?;
        watch::begin(&args, &mut node, &watching)?;
        begin_collecting(&mut node, plan, retaining);
        watch(&mut node, &mut watching).await
    };
    let result = tokio::select! {
        result = ended => result,
        () = interrupted => Ok(()),
    };
    web::end(web).await;
    serve::say_stopped(node.stop().await.rooms, args.json);
    result
}

/// Ends what runs already, and fails.
async fn give_up(
    failure: Failure,
    running: Option<&Station>,
    mixer: Option<Rooms>,
    json: bool,
) -> Result<(), Failure> {
    if let Some(station) = running {
        station.stop().await;
    }
    if let Some(rooms) = mixer {
        serve::say_stopped(rooms.stop().await, json);
    }
    Err(failure)
}

/// The page beside the station, unless it is not wished for.
fn serve_web(
    args: &Up,
    (running, kept_at, messages): (&Station, &Path, Option<Messages>),
    mixer: Option<&Rooms>,
    watching: &mut Watching,
) -> Result<Option<Web>, Failure> {
    let place = station::place(&args.common);
    let options = Options::station(running.clone(), kept_at)
        .named(place.name.as_str(), place.group.as_str())
        .session(args.session.host.as_deref())
        .moves(args.moves.word())
        .place(place)
        .messages(messages);
    let options = match mixer {
        Some(rooms) => options.mixer(rooms.addresses().to_vec(), rooms.reader()),
        None => options,
    };
    args.web.serve(options, watching)
}

/// The station as the command line has it.
fn described(args: &Up) -> Result<Builder, Failure> {
    let station = station::describe(&args.common, &args.session)?;
    let station = args.onward.apply(station, &args.session.reaching)?;
    let station = station.pieces(args.pieces).moves(args.moves.rule()?);
    Ok(match args.kept.listen {
        Some(listen) => station.listen(listen),
        None => station,
    })
}

fn folders_are_there(args: &Up) -> Result<(), Failure> {
    let mut folders = std::iter::once(&args.dir).chain(&args.watch);
    match folders.find_map(|folder| data::no_folder(folder)) {
        Some(words) => Err(Failure::usage(words)),
        None => Ok(()),
    }
}

/// Where to be at the start: where somebody said, else where a person moved it last.
fn find_place(
    place: (&mut Common, &mut InSession),
    said: bool,
    kept_at: &Path,
    watching: &Watching,
) -> Result<(), Failure> {
    if said {
        forget_place((place.0, place.1), kept_at, watching)
    } else {
        return_to_kept_place(place, kept_at, watching)
    }
}

/// Where the station moved in an earlier run, as nobody said where to be.
// req: MOV-12
fn return_to_kept_place(
    (common, session): (&mut Common, &mut InSession),
    kept_at: &Path,
    watching: &Watching,
) -> Result<(), Failure> {
    let kept = mvrx_station::kept_place(kept_at).map_err(|error| cannot_use(kept_at, &error))?;
    let Some(place) = kept else { return Ok(()) };
    place.group.as_str().clone_into(&mut common.group);
    (session.host, session.was_led) = (place.session, true);
    let words = format!(
        "this station moved to {} in an earlier run and starts there; --group or --host on the command line says otherwise",
        session::place(session.host.as_deref(), common)
    );
    watching.say("kept_place", &words, json!({ "group": common.group, "session": session.host }));
    Ok(())
}

/// Who says where to be is not moved by an earlier run, and is told what that forgets.
// req: MOV-18
fn forget_place(
    (common, session): (&Common, &InSession),
    kept_at: &Path,
    watching: &Watching,
) -> Result<(), Failure> {
    // What cannot be read is forgotten all the same.
    let kept = mvrx_station::kept_place(kept_at).ok().flatten();
    mvrx_station::forget_place(kept_at).map_err(|error| cannot_use(kept_at, &error))?;
    let Some(kept) = kept else { return Ok(()) };
    let (group, url) = (kept.group.as_str(), kept.session.as_deref());
    if url == session.host.as_deref() && (url.is_some() || group == common.group) {
        return Ok(());
    }
    let place = url
        .map_or_else(|| format!("the group {}", show::tame(group)), |url| session::place(Some(url), common));
    let words = format!(
        "this station moved to {place} in an earlier run; the command says otherwise, and that is forgotten"
    );
    watching.say("place_forgotten", &words, json!({ "group": group, "session": url }));
    Ok(())
}

fn cannot_use(kept_at: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("cannot use {}: {error}", kept_at.display()))
}

/// The session to be one of, if any; `None` when it was ended while it looked for one.
async fn which_session(args: &Up, watching: &Watching) -> Result<Option<Option<String>>, Failure> {
    let say = |words: &str| watching.say("looking_for_session", words, json!({ "group": args.common.group }));
    tokio::select! {
        session = session::url_sometime(&args.session, &args.common, say) => session.map(Some),
        () = station::interrupted() => Ok(None),
    }
}

/// Mixer's rooms beside the station, when wished for.
async fn serve_mixer(args: &Up) -> Result<Option<Rooms>, Failure> {
    match &args.mixer {
        Some(at) => serve::start(&args.rooms.0, at.as_deref()).await.map(Some),
        None => Ok(None),
    }
}

/// What a session gives is kept under one group's name, whatever the session is called: limits of other groups say nothing of it.
fn say_limits_of_others(args: &Up, watching: &Watching) {
    let (group, url) = (&args.common.group, args.session.host.as_deref());
    let others = args.retained.other_groups(group);
    if url.is_none() || others.is_empty() {
        return;
    }
    let words = format!(
        "the limits of {} count for nothing that comes here: what comes in a session is kept under the group {}, and --group names another",
        others.iter().map(|other| show::name(other)).collect::<Vec<_>>().join(", "),
        show::name(group)
    );
    watching.say("limits_of_others", &words, json!({ "group": group, "groups": others }));
}

fn say_mixer(rooms: &Rooms, args: &Up, watching: &Watching) {
    let (addresses, metrics, data) = (serve::addresses(rooms), rooms.metrics_at(), &args.rooms.0.data);
    let mut words = format!("serving Mixer at {}", addresses.join(", "));
    if let Some(at) = metrics {
        words = format!("{words}; metrics at http://{at}/metrics");
    }
    let metrics = metrics.map(|at| at.to_string());
    let data = data.as_ref().map(|data| data.display().to_string());
    watching.say("mixer", &words, json!({ "addresses": addresses, "metrics": metrics, "data": data }));
}

fn say_up(running: &Station, args: &Up, kept_at: &Path, watching: &Watching) {
    let name = station::name(&args.common);
    let (group, url) = (&args.common.group, args.session.host.as_deref());
    let address = url.is_none().then(|| running.address().to_string());
    let listening = address.as_ref().map(|address| format!(", listening at {address}")).unwrap_or_default();
    let words = format!(
        "{} is up{} {}{listening}, data in {}; times are UTC, when this machine saw it",
        show::name(&name),
        // Whether its host lets us in is told by the line that follows.
        if url.is_some() { " and joins" } else { " in" },
        session::place(url, &args.common),
        kept_at.display()
    );
    let fields = json!({
        "station": running.uuid().to_string(), "name": name, "group": group, "session": url, "address": address,
        "data": kept_at.display().to_string(),
    });
    watching.say("up", &words, fields);
}

/// Commits the files given at the start, but not again what was committed from here before.
pub(crate) async fn share(mut desk: Desk<'_>, files: &[(&Path, Option<String>)]) -> Result<(), Failure> {
    for (path, odd) in files {
        match share::known(desk.node.station(), path).await? {
            Some(known) => say_known(&known, path, desk.watching),
            None => drop(desk.commit(CommitDraft::from_path(*path), path, odd.as_deref()).await?),
        }
    }
    Ok(())
}

fn say_known(known: &Known, path: &Path, watching: &Watching) {
    let shown = path.display();
    match known {
        Known::Committed(commit) => {
            let words = format!("{shown} is committed already as {}", show::short(&commit.file));
            let fields = json!({
                "file": commit.file.to_string(), "file_name": commit.file_name, "path": shown.to_string(),
            });
            watching.say("already_committed", &words, fields);
        }
        Known::TakenBack(file) => {
            let words = format!(
                "{shown} was committed as {} and withdrawn, so it is not shared; `mvrx commit` makes a new commit of it",
                show::short(file)
            );
            let fields = json!({ "file": file.to_string(), "path": shown.to_string() });
            watching.say("already_withdrawn", &words, fields);
        }
    }
}

/// Fetches what is wished for from now on, compares what comes with what was there, and lets old commits go.
pub(crate) fn begin_collecting(node: &mut Node, plan: Option<Plan>, retaining: Retaining) {
    node.compare();
    node.let_go(retaining);
    if let Some(plan) = plan {
        node.collect(plan);
    }
}

/// Shows what happens until the station stops.
pub(crate) async fn watch(node: &mut Node, watching: &mut Watching) -> Result<(), Failure> {
    loop {
        let news = node.next().await?;
        node_news::tell(&news, node, watching).await?;
    }
}
