//! `mvrx host`: the host of a session in WebSocket mode, long-running.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mvrx_discovery::Merged;
use mvrx_node::host::{self, room, urls};
use mvrx_node::node::Node;
pub(crate) use mvrx_node::rules::bytes;
use mvrx_station::tls::{Fingerprint, ServerTls};
use mvrx_station::{HostOptions, Station, url_without_user};
use mvrx_store::FsOptions;
use mvrx_web::Options;
use serde_json::json;

use crate::args::{Common, Fetch};
use crate::commands::offer::{self, Desk};
use crate::commands::up;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::secure::{self, Certified};
use crate::{data, show, station, web};

#[derive(Debug, clap::Args)]
pub(crate) struct Host {
    /// Files to share from the start
    #[arg(value_name = "FILE.mvr")]
    files: Vec<PathBuf>,
    /// Where to listen; by default on all addresses, at port 42480
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// The URL that stations are told to use, where our addresses are not what they reach (a name in the DNS, a router, a proxy for wss); a
    /// name alone means ws:// (wss:// with a certificate) and our port
    #[arg(long, value_name = "URL|NAME")]
    url: Option<String>,
    #[command(flatten)]
    certified: Certified,
    /// Show the URL and the fingerprint as a QR code, also where nobody seems to look at it
    #[arg(long)]
    qr: bool,
    /// What the session is called; files of other sessions in the same data directory stay out of it
    #[arg(short, long, default_value = "Default", env = "MVRX_GROUP")]
    group: String,
    /// Our name as the others see it
    #[arg(short, long, env = "MVRX_NAME")]
    name: Option<String>,
    /// Also save every commit of the others in this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The data directory, with the files that are kept; by default one of this user's
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    data: Option<PathBuf>,
    /// So much of the files of others is kept, the newest, as 500M or 20G
    #[arg(long, value_name = "SIZE", default_value = "64G", value_parser = bytes)]
    keep: u64,
    #[command(flatten)]
    history: crate::history::History,
    #[command(flatten)]
    retained: crate::retaining::Retained,
    /// Keep only what somebody asked for, rather than every file as soon as it is committed
    #[arg(long)]
    only_asked: bool,
    /// Send files to products that are not known in messages of this size at most, from 1K to 1M, with other messages between them, rather
    /// than in one message: for those that count a file's bytes and must not wait behind it
    #[arg(long, value_name = "SIZE", value_parser = piece)]
    pieces: Option<usize>,
    /// Do not show the session to the local network: stations have to be told its URL
    #[arg(long)]
    hidden: bool,
    /// Use only these addresses or interfaces for showing it (may be repeated); `lo` stays on this machine
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub(crate) interface: Vec<String>,
    /// Take, commit and pass on any bytes, not only whole .mvr files: for tests, and for other formats. Without it a damaged file is kept
    /// aside and never offered on
    #[arg(long, env = "MVRX_ANY_FILE", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    any_file: bool,
    /// The UDP port of discovery, for tests
    #[arg(long, hide = true, default_value_t = 5353)]
    mdns_port: u16,
    #[command(flatten)]
    rules: crate::access::Rules,
    #[command(flatten)]
    moves: crate::moving::MovesArgs,
    #[command(flatten)]
    pub(crate) hooks: crate::hooks::Hooks,
    #[command(flatten)]
    web: web::WebArgs,
    /// One JSON document per event instead of lines for people
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: Host) -> Result<(), Failure> {
    let mut files = Vec::new();
    for file in &args.files {
        files.push((file.as_path(), offer::look(file, args.any_file)?));
    }
    if let Some(words) = args.dir.as_deref().and_then(data::no_folder) {
        return Err(Failure::usage(words));
    }
    // The host gathers files in any case; --dir saves them all.
    let all = args.dir.as_ref().map(|_| Fetch::All);
    let plan = args.hooks.plan(all, args.dir.as_deref())?;
    let common = Common {
        group: args.group.clone(),
        name: args.name.clone(),
        interface: args.interface.clone(),
        peer: Vec::new(),
        any_file: args.any_file,
        mdns_port: args.mdns_port,
    };
    refuse_plain_url(args.url.as_deref(), args.certified.is_wished())?;
    let place = station::place(&common);
    let (told_of_history, rounds) = mvrx_node::history::rounds();
    let retaining = args.retained.retaining();
    let options =
        retaining.options(FsOptions { limits: room(args.keep), ..args.history.options(told_of_history) });
    let data = data::open_sparing(args.data.as_deref(), &place.name, &options, args.retained.spares_own())?;
    let kept_at = data.path.clone();
    let tls = args.certified.certificate(&kept_at)?;
    let fingerprint = tls.as_ref().map(ServerTls::fingerprint);
    let hosting = hosting(&args, tls)?;
    let mut watching = Watching::new(args.json);
    watching.hosts_session();
    watching.asks_in(&kept_at);
    let told = args.hooks.start(&mut watching)?;
    let discovery = if args.hidden { None } else { showing(&common, &watching) };
    let describe = host::describe(&place, data, hosting, discovery).moves(args.moves.rule()?);
    let (mut describe, messages) = args.web.observed(describe);
    if let Some(listen) = args.listen {
        describe = describe.listen(listen);
    }
    // Whoever sees the host may end it.
    let interrupted = station::interrupted();
    let (running, events) = station::spawn(describe).await?;
    say_up(&running, &args, (&place.name, &kept_at), fingerprint, &watching);
    let described = Options::station(running.clone(), &kept_at)
        .named(place.name.as_str(), args.group.as_str())
        .hosts(urls(running.address(), args.url.as_deref(), fingerprint.is_some()))
        .moves(args.moves.word())
        .place(place)
        .messages(messages);
    let web = match args.web.serve(described, &mut watching) {
        Ok(web) => web,
        Err(failure) => {
            running.stop().await;
            return Err(failure);
        }
    };
    watching.refresh(&running).await?;
    let mut node = Node::new(running, events, &kept_at).asks().commands(told).history(rounds);
    let ended = async {
        up::share(Desk { node: &mut node, watching: &mut watching }, &files).await?;
        up::begin_collecting(&mut node, plan, retaining);
        up::watch(&mut node, &mut watching).await
    };
    let result = tokio::select! {
        result = ended => result,
        () = interrupted => Ok(()),
    };
    web::end(web).await;
    node.stop().await;
    result
}

/// How the host behaves, and by whose rules.
fn hosting(args: &Host, tls: Option<ServerTls>) -> Result<HostOptions, Failure> {
    let password = args.certified.secret.password(tls.is_some())?;
    let may_be_told = tls.is_some() || args.certified.secret.in_the_clear();
    let options = host::options(args.keep, args.url.clone())
        .gather(!args.only_asked)
        .pieces(args.pieces)
        .tls(tls)
        .password(password.clone());
    args.rules.apply(options, password.as_ref(), may_be_told)
}

/// What shows the session to the network. Without it, it is a session all the same.
fn showing(common: &Common, watching: &Watching) -> Option<Merged> {
    match station::discovery(common) {
        Ok(discovery) => Some(discovery),
        Err(failure) => {
            let words = format!("{}; stations have to be told the URL", failure.words());
            watching.say("discovery_problem", &words, json!({ "reason": failure.words() }));
            None
        }
    }
}

fn say_up(
    running: &Station,
    args: &Host,
    (name, kept_at): (&str, &Path),
    fingerprint: Option<Fingerprint>,
    watching: &Watching,
) {
    let urls = urls(running.address(), args.url.as_deref(), fingerprint.is_some());
    let words = format!(
        "{} hosts the session {}; stations reach it at {}, it keeps up to {} in {}; times are UTC, when this machine saw it",
        show::name(name),
        args.group,
        urls.join(" or "),
        show::size(args.keep),
        kept_at.display()
    );
    let fields = json!({
        "station": running.uuid().to_string(), "name": name, "group": args.group, "urls": urls,
        "address": running.address().to_string(), "data": kept_at.display().to_string(),
        "fingerprint": fingerprint.map(|fingerprint| fingerprint.to_string()),
    });
    watching.say("host", &words, fields);
    if let (Some(fingerprint), false) = (fingerprint, args.json) {
        say_certificate(&urls, fingerprint, args.qr);
    }
}

/// How stations know the host, in letters and for a camera.
// req: TLS-13
fn say_certificate(urls: &[String], fingerprint: Fingerprint, wished: bool) {
    show::line(&format!("its certificate is {fingerprint}; stations reach it with"));
    for url in urls {
        show::line(&format!("  {}", secure::typed(url, fingerprint)));
    }
    let first = urls.first().filter(|_| wished || show::is_looked_at());
    if let Some(code) = first.and_then(|url| secure::qr(url, fingerprint)) {
        show::line(&code);
    }
}

/// Stations that are told `ws://` beside a fingerprint connect to nothing.
fn refuse_plain_url(url: Option<&str>, encrypted: bool) -> Result<(), Failure> {
    let plain = url
        .filter(|_| encrypted)
        .filter(|url| url.trim().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ws://")));
    plain.map_or(Ok(()), |url| {
        Err(Failure::usage(format!(
            "--url {} is not encrypted, and this session is: stations reach it at wss://",
            show::tame(&url_without_user(url))
        )))
    })
}

/// The size of a message of a file.
pub(crate) fn piece(text: &str) -> Result<usize, String> {
    // The sizes that libraries have as their limits are meant as they have them.
    let size = match text.trim().to_ascii_uppercase().trim_end_matches('B') {
        "1M" => 1 << 20,
        "64K" => 64 << 10,
        other => usize::try_from(bytes(other)?).unwrap_or(usize::MAX),
    };
    if (1_000..=1 << 20).contains(&size) { Ok(size) } else { Err("from 1K to 1M".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_a_size_that_products_read() {
        for (text, size) in
            [("1M", 1 << 20), ("64k", 65_536), ("64KB", 65_536), ("100K", 100_000), ("2048", 2_048)]
        {
            assert_eq!(piece(text), Ok(size), "{text}");
        }
        for wrong in ["", "2M", "500", "x"] {
            piece(wrong).unwrap_err();
        }
    }

    #[test]
    fn an_encrypted_session_is_not_told_at_a_plain_url() {
        let refused = refuse_plain_url(Some("WS://u:geheim@rack.show/"), true).unwrap_err();
        assert!(refused.words().contains("reach it at wss://"), "{refused:?}");
        assert!(!refused.words().contains("geheim"), "{refused:?}");
        for (url, encrypted) in
            [(Some("ws://rack/"), false), (Some("wss://rack/"), true), (Some("rack"), true), (None, true)]
        {
            refuse_plain_url(url, encrypted).unwrap();
        }
    }
}
