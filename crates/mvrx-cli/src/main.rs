//! `mvrx`: exchange .mvr files with the other stations of a lighting crew.
//!
//! Data goes to standard output, progress and complaints to standard error; with `--json` complaints go to both. Exit codes: 0 done, 1 this
//! machine failed or, where a command judges, findings or a difference (it ends with 70 when the machine failed), 2 wrong use, 3 bad file, 4 a peer or the network failed, 5 nobody there, 130 stopped by ctrl-c.
#![forbid(unsafe_code)]

mod access;
mod args;
mod commands;
mod data;
mod electing;
mod event_json;
mod event_names;
mod events;
mod failure;
mod group;
mod history;
mod hooks;
mod interfaces;
mod kept;
mod moving;
mod node_news;
mod pick;
mod retaining;
mod secure;
mod session;
mod session_events;
mod settings;
mod show;
mod signals;
mod station;
mod web;

use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::failure::{Failure, Verdict};

fn main() -> ExitCode {
    let args = Args::read();
    log_to_stderr(args.verbose);
    let json = args.command.wants_json();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::local(format!("cannot start: {error}")).report(json),
    };
    let judges = args.command.judges();
    let done = runtime.block_on(run(args));
    let done = match (done, show::unwritten()) {
        (Ok(_), Some(error)) => {
            Err(Failure::local(format!("cannot write the output: {error}")).after_document())
        }
        (done, _) => done,
    };
    match done.map_err(|failure| if judges { failure.beside_verdict() } else { failure }) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Findings) => ExitCode::from(1),
        Err(failure) => failure.report(json),
    }
}

async fn run(args: Args) -> Result<Verdict, Failure> {
    let lasting =
        matches!(args.command, Command::Up(_) | Command::Watch(_) | Command::Host(_) | Command::Bridge(_));
    interfaces::check(args.command.interfaces(), lasting)?;
    if let Some(joining) = args.command.joins() {
        group::check(joining)?;
    }
    match args.command {
        Command::Up(up) => commands::up::run(*up).await?,
        Command::Watch(watch) => commands::up::run(watch.0).await?,
        Command::Host(host) => commands::host::run(*host).await?,
        Command::Bridge(bridge) => commands::bridge::run(bridge).await?,
        Command::Ls(ls) => commands::ls::run(ls).await?,
        Command::Get(get) => commands::get::run(get).await?,
        Command::Commit(commit) => commands::commit::run(commit).await?,
        Command::Config(config) => commands::config::run(&config, args.config)?,
        Command::Mixer(mixer) => commands::mixer::run(mixer).await?,
        Command::Log(log) => commands::history::log::run(&log)?,
        Command::Show(show) => commands::history::show_one::run(&show)?,
        Command::Tag(tag) => commands::history::tag::run(&tag)?,
        Command::Withdraw(withdraw) => commands::history::withdraw::run(&withdraw)?,
        Command::Prune(prune) => commands::history::prune::run(&prune)?,
        Command::Fsck(fsck) => return commands::history::fsck::run(&fsck),
        Command::Demo => commands::demo::run().await?,
        Command::Inspect(inspect) => commands::file::inspect(&inspect)?,
        Command::Plan(plan) => commands::file::plan(&plan)?,
        Command::Move(moves) => return commands::moves::run(*moves).await,
        Command::Accept(answer) => commands::moves::answer(&answer, true)?,
        Command::Refuse(answer) => commands::moves::answer(&answer, false)?,
        Command::Groups(groups) => return commands::groups::run(groups).await,
        Command::Doctor(doctor) => return commands::doctor::run(doctor).await,
        Command::Conform(conform) => return commands::conform::run(conform).await,
        Command::Check(check) => return commands::file::check(&check),
        Command::Diff(diff) => return commands::file::diff(&diff),
    }
    Ok(Verdict::Fine)
}

fn log_to_stderr(verbose: u8) {
    let default = match verbose {
        0 => "error,mixer=warn",
        1 => "mvrx=info,mixer=info,mvrx_station=info,mvrx_discovery=info,mvrx_transport=info,warn",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MVRX_LOG").unwrap_or_else(|_| default.into());
    // Colours are for eyes: a file or a journal gets none.
    let colours = show::for_people() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}
