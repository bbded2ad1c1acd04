//! Commands that are run when something happens, and rules for what is fetched: as the options and the configuration file have them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mvrx_node::collect::Plan;
use mvrx_node::config::{COMMAND_LIMIT, Config};
use mvrx_node::exec::{Exec, Hook, Options, Run, Told};
use mvrx_node::rules::Rule;
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::Fetch;
use crate::commands::watching::Watching;
use crate::event_names::EVENTS;
use crate::failure::Failure;
use crate::{data, show};

/// What a station that runs does by itself.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Hooks {
    /// Run this program when something happens to files, with the event as JSON on its standard input (may be repeated); it has 30 s. Programs with
    /// arguments, and other limits, have their place in the configuration file
    #[arg(long, value_name = "PROGRAM")]
    exec: Vec<PathBuf>,
    /// The same for a line of the shell
    #[arg(long, value_name = "LINE")]
    exec_shell: Vec<String>,
    /// Run them at these events, by their names in docs/json.md, or at `all`
    /// [default: commit_published,commit_seen,not_committed,not_fetched,not_saved,revision,saved]
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',')]
    exec_on: Vec<String>,
    /// What the file says.
    #[arg(skip)]
    pub(crate) config: Config,
}

impl Hooks {
    /// What a file alone says.
    pub(crate) fn of(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// What is fetched, by `get` and the rules; `None`: nothing. All folders are there.
    pub(crate) fn plan(&self, get: Option<Fetch>, folder: Option<&Path>) -> Result<Option<Plan>, Failure> {
        let rules = match get {
            Some(Fetch::None) => Vec::new(),
            _ => self.config.fetch.clone(),
        };
        let rest = get == Some(Fetch::All);
        if get == Some(Fetch::Rules) && rules.is_empty() {
            return Err(Failure::usage("--get rules: the configuration file has no rules ([[fetch]])"));
        }
        if rules.is_empty() && !rest {
            return Ok(None);
        }
        let wrong = |rule: &Rule, what: String| {
            let path = self.config.path.as_deref().unwrap_or(Path::new("")).display();
            Failure::usage(format!("{path}, line {}: {what}; nothing was started", rule.line))
        };
        for rule in rules.iter().filter(|rule| !rule.leaves) {
            match rule.to.as_deref().or(folder) {
                None => {
                    return Err(wrong(
                        rule,
                        "this [[fetch]] says not where `to`, and there is no --dir".to_owned(),
                    ));
                }
                Some(to) => {
                    if let Some(words) = data::no_folder(to) {
                        return Err(wrong(rule, words));
                    }
                }
            }
        }
        Ok(Some(Plan { rules, rest, folder: folder.unwrap_or(Path::new("")).to_owned() }))
    }

    /// Begins to run commands, if there are any. What becomes of them comes out of the receiver.
    pub(crate) fn start(&self, watching: &mut Watching) -> Result<Option<mpsc::Receiver<Told>>, Failure> {
        let hooks = self.all()?;
        if hooks.is_empty() {
            return Ok(None);
        }
        let (exec, told) = Exec::start(hooks, Options::default())
            .map_err(|error| Failure::local(format!("cannot run commands: {error}")))?;
        watching.runs(exec);
        Ok(Some(told))
    }

    fn all(&self) -> Result<Vec<Hook>, Failure> {
        let programs = self.exec.iter().map(|program| Run::Program(vec![program.clone().into_os_string()]));
        let lines = self.exec_shell.iter().map(|line| Run::Shell(line.clone()));
        let on = self.events()?;
        let hook = |run| Hook { on: on.clone(), run, limit: COMMAND_LIMIT };
        let of_options = programs.chain(lines).map(hook);
        Ok(of_options.chain(self.config.exec.iter().map(|command| command.hook.clone())).collect())
    }

    fn events(&self) -> Result<Option<BTreeSet<String>>, Failure> {
        if self.exec_on.is_empty() {
            return Ok(Some(usual_events()));
        }
        if self.exec.is_empty() && self.exec_shell.is_empty() {
            return Err(Failure::usage("--exec-on means nothing without --exec or --exec-shell"));
        }
        let known = events();
        if let Some(name) = self.exec_on.iter().find(|name| !is_for_commands(name)) {
            let words =
                format!("--exec-on: no command is run at `{name}`, which tells what became of a command");
            return Err(Failure::usage(words));
        }
        match self.exec_on.iter().find(|name| *name != "all" && !known.contains(*name)) {
            Some(name) => Err(Failure::usage(format!("--exec-on: there is no event `{}`", show::tame(name)))),
            None if self.exec_on.iter().any(|name| name == "all") => Ok(None),
            None => Ok(Some(self.exec_on.iter().cloned().collect())),
        }
    }
}

/// Says what became of a command. No command is run for that.
pub(crate) fn tell(told: &Told, watching: &Watching) {
    match told {
        Told::Failed { command, event, why, output } => {
            let first = output.lines().map(str::trim).find(|line| !line.is_empty()).map(show::name);
            let wrote = first.map(|line| format!("; it wrote: {line}")).unwrap_or_default();
            let words = format!("the command {} at {event}: {why}{wrote}", show::name(command));
            let fields = json!({ "command": command, "at": event, "reason": why, "output": output });
            watching.say("exec_failed", &words, fields);
        }
        Told::WorksAgain { command } => {
            let words = format!("the command {} works again", show::name(command));
            watching.say("exec_works_again", &words, json!({ "command": command }));
        }
        Told::Dropped { command, events } => {
            let words = format!(
                "{events} {} not given to the command {}: it is too slow, or they are too large",
                if *events == 1 { "event was" } else { "events were" },
                show::name(command)
            );
            watching.say("exec_dropped", &words, json!({ "command": command, "events": events }));
        }
        _ => {}
    }
}

/// Whether commands are run for an event of this name at all: what becomes of commands starts no command.
pub(crate) fn is_for_commands(event: &str) -> bool {
    !OF_COMMANDS.contains(&event)
}

/// The events at which no command is run.
pub(crate) fn events_of_commands() -> BTreeSet<String> {
    OF_COMMANDS.iter().map(|name| (*name).to_owned()).collect()
}

/// The events at which commands can be run.
pub(crate) fn events() -> BTreeSet<String> {
    EVENTS.iter().chain(OF_FILES).map(|name| (*name).to_owned()).collect()
}

/// Those at which they are, where nothing is said: what happens to files.
pub(crate) fn usual_events() -> BTreeSet<String> {
    OF_FILES.iter().map(|name| (*name).to_owned()).collect()
}

const OF_COMMANDS: &[&str] = &["exec_dropped", "exec_failed", "exec_works_again"];

const OF_FILES: &[&str] =
    &["commit_published", "commit_seen", "not_committed", "not_fetched", "not_saved", "revision", "saved"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in the tables of `up` and `host`, and of the bridge beside an elected host.
    fn documented() -> BTreeSet<String> {
        let all = include_str!("../../../docs/json.md");
        let sections = all
            .split("\n## ")
            .filter(|s| ["`up` and", "`host`", "`bridge`"].iter().any(|head| s.starts_with(head)));
        let rows = sections.flat_map(str::lines).filter(|line| line.starts_with("| `"));
        let names = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(','));
        names
            .map(|name| name.trim().trim_matches('`').to_owned())
            .filter(|name| is_for_commands(name))
            .collect()
    }

    #[test]
    fn every_event_that_is_documented_can_run_a_command_and_no_other() {
        let (known, documented) = (events(), documented());
        let missing: Vec<_> = documented.difference(&known).collect();
        let unknown: Vec<_> = known.difference(&documented).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
    }
}
