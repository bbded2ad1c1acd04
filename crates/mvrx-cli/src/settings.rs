//! Where the value of an option comes from: the command line, else the environment, else the configuration file, else a default.
//!
//! This is the one place that decides it. What the file says is put before the words of the command line, unless the command line or the
//! environment says something of the same option, or the command line something that excludes it. What an option means, which values it
//! takes and what it needs beside it is then for the command line's own rules, whoever said it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use mvrx_node::config::{self, Config, Setting, Shape, Vocabulary};

use crate::failure::Failure;
use crate::{hooks, show};

/// The words of a command line, with what the file adds to them.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) matches: ArgMatches,
    /// The same without the file: what was said for this start. `None` where it could not be read so.
    pub(crate) said: Option<ArgMatches>,
    pub(crate) config: Config,
    /// The keys of the file that are in force, by the name of their option.
    pub(crate) from_file: BTreeMap<String, Setting>,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// The command line asks for help, or makes no sense: as clap tells it.
    Words(clap::Error),
    /// The file is wrong.
    File(Failure),
}

impl From<Failure> for Unresolved {
    fn from(failure: Failure) -> Self {
        Self::File(failure)
    }
}

/// Reads the words, and the file that they or the environment name, or this user's own.
pub(crate) fn resolve(command: &Command, words: &[OsString]) -> Result<Resolved, Unresolved> {
    let mut command = with_negations(command.clone());
    let Ok(said) = command.clone().ignore_errors(true).try_get_matches_from(words) else {
        let matches = strict(&command, words).map_err(Unresolved::Words)?;
        return Ok(Resolved { matches, said: None, config: Config::default(), from_file: BTreeMap::new() });
    };
    let of_file = said.subcommand().filter(|(name, _)| !WITHOUT_FILE.contains(name));
    let Some((name, of_command)) = of_file else {
        let matches = strict(&command, words).map_err(Unresolved::Words)?;
        return Ok(Resolved {
            matches,
            said: Some(said),
            config: Config::default(),
            from_file: BTreeMap::new(),
        });
    };
    let config = read(&command, wished_path(of_command).as_deref())?;
    command = command.mut_subcommand(name, |sub| without_environment(sub, of_command));
    let mut built = command.clone();
    built.build();
    let Some(sub) = built.find_subcommand(name) else {
        return Err(Unresolved::Words(command.error(ErrorKind::InvalidSubcommand, "no such command")));
    };
    let (from_file, added) = from_file(sub, of_command, &config);
    let mut all = words.to_vec();
    let at = place_of(words, name);
    all.splice(at..at, added);
    let matches = strict(&command, &all).map_err(|error| {
        // What is wrong without the file as well is not the file's.
        match strict(&command, words) {
            Err(own) => Unresolved::Words(own),
            Ok(_) => {
                let blamed = blamed(sub, &from_file, |added| {
                    let mut all = words.to_vec();
                    all.splice(at..at, added);
                    strict(&command, &all).is_ok()
                });
                Unresolved::File(of_file_alone(&error, &config, &from_file, blamed))
            }
        }
    })?;
    Ok(Resolved { matches, said: Some(said), config, from_file })
}

fn strict(command: &Command, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    command.clone().try_get_matches_from(words).map_err(|error| with_variable(command, words, error))
}

/// What is wrong with a value of the environment names its variable: nobody finds it on the command line.
fn with_variable(command: &Command, words: &[OsString], mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(invalid)) = error.get(ContextKind::InvalidArg) else { return error };
    let long = invalid.trim_start_matches('-').split([' ', '=', '[']).next().unwrap_or_default().to_owned();
    let mut built = command.clone();
    built.build();
    let sub = words.iter().skip(1).find_map(|word| built.find_subcommand(word));
    let mut options = sub.into_iter().chain([&built]).flat_map(Command::get_arguments);
    let Some(option) = options.find(|option| option.get_long() == Some(&long)) else { return error };
    let short = option.get_short().map(|short| format!("-{short}"));
    let is_typed = words.iter().any(|word| {
        let word = word.to_string_lossy();
        let rest = word.strip_prefix("--").and_then(|word| word.strip_prefix(long.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            || short.as_ref().is_some_and(|short| word.starts_with(short))
    });
    let variable = option.get_env();
    if let Some(variable) = variable.filter(|name| !is_typed && std::env::var_os(name).is_some()) {
        let tip = format!("that comes from the environment, {}", variable.to_string_lossy());
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// With an option that switches off whatever the file or the environment switches on: `--no-any-file`. Of the two the last one counts.
fn with_negations(mut command: Command) -> Command {
    for name in SECTIONS.iter().chain(IN_A_GROUP) {
        command = command.mut_subcommand(name, |sub| {
            let is_key = |key: String| SECTIONS.contains(name) || PLACE.contains(&key.as_str());
            let flags = sub.get_arguments().filter(|option| key(option).is_some_and(is_key));
            let flags = flags.filter(|option| matches!(option.get_action(), ArgAction::SetTrue));
            let flags: Vec<Arg> = flags.cloned().collect();
            flags.iter().fold(sub, |sub, flag| {
                let name = negation(flag);
                let off = Arg::new(name.clone()).long(name.clone()).action(ArgAction::SetTrue).hide(true);
                sub.mut_arg(flag.get_id(), |flag| flag.overrides_with(name))
                    .arg(off.overrides_with(flag.get_id()))
            })
        });
    }
    command
}

/// What is switched off for this start is not switched on by the environment.
fn without_environment(sub: Command, said: &ArgMatches) -> Command {
    sub.mut_args(|option| if is_off(said, &option) { option.env(None) } else { option })
}

/// Whether the command line switches it off.
pub(crate) fn is_off(said: &ArgMatches, option: &Arg) -> bool {
    source(said, &negation(option)) == Some(ValueSource::CommandLine)
}

fn negation(option: &Arg) -> String {
    format!("{OFF}{}", option.get_long().unwrap_or_default())
}

/// The file that is to be read: that of `--config` or MVRX_CONFIG, which has to be there; none where that is empty; else this user's, if
/// there is one.
pub(crate) fn read(command: &Command, wished: Option<&Path>) -> Result<Config, Failure> {
    let usual = || config::usual_path().filter(|path| path.symlink_metadata().is_ok());
    let path = match wished {
        Some(path) if path.as_os_str().is_empty() => None,
        Some(path) => Some(path.to_owned()),
        None => usual(),
    };
    let Some(path) = path else { return Ok(Config::default()) };
    let path = std::path::absolute(&path).unwrap_or(path);
    Config::read(&path, &vocabulary(command)).map_err(|error| {
        Failure::usage(format!("{}; nothing was started", show::tame_lines(&error.to_string())))
    })
}

/// Where the value of an argument comes from; `None` where it has none, or the command has no such argument.
pub(crate) fn source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id))
}

pub(crate) fn wished_path(matches: &ArgMatches) -> Option<PathBuf> {
    matches.try_get_one::<PathBuf>("config").ok().flatten().cloned()
}

/// What can stand in the file: the options of the long-running commands, each in the section of its command, and outside of them where
/// and who we are.
pub(crate) fn vocabulary(command: &Command) -> Vocabulary {
    let mut built = command.clone();
    built.build();
    let mut known =
        Vocabulary { events: hooks::events(), usual_events: hooks::usual_events(), ..Vocabulary::default() };
    known.events_of_commands = hooks::events_of_commands();
    known.other_names = [("host".to_owned(), "session".to_owned())].into();
    for section in SECTIONS {
        let options = built.find_subcommand(section).into_iter().flat_map(Command::get_arguments);
        let keys: BTreeMap<String, Shape> =
            options.filter_map(|option| Some((key(option)?, shape(option)))).collect();
        let place = keys.iter().filter(|(key, _)| PLACE.contains(&key.as_str()));
        known.everywhere.extend(place.map(|(key, shape)| (key.clone(), shape.clone())));
        known.sections.insert((*section).to_owned(), keys);
    }
    known
}

/// What an option is called in the file; `None`: it is of one start only.
pub(crate) fn key(option: &Arg) -> Option<String> {
    let long = option.get_long().filter(|long| !OF_ONE_START.contains(long) && !long.starts_with(OFF))?;
    // A section has that name.
    Some(if long == "host" { "session".to_owned() } else { long.to_owned() })
}

/// Whether the values of an option are nobody else's business.
pub(crate) fn is_secret(option: &Arg) -> bool {
    // A switch has no value, though it is called after what it is about.
    let names = option.get_value_names().filter(|_| option.get_action().takes_values()).unwrap_or_default();
    option.is_hide_env_values_set() || names.iter().any(|name| name.contains("PASSWORD"))
}

fn shape(option: &Arg) -> Shape {
    if is_secret(option) {
        return Shape::Refused("a password; there is an option that names a file which has it".to_owned());
    }
    if !option.get_action().takes_values() {
        return Shape::Flag;
    }
    let names = option.get_value_names().unwrap_or_default();
    let paths = names.iter().map(|name| PATHS.contains(&name.as_str())).collect();
    let several = matches!(option.get_action(), ArgAction::Append);
    Shape::Values { each: names.len().max(1), several, paths }
}

/// The keys that hold for a command as it is started, and their words.
fn from_file(
    sub: &Command,
    said: &ArgMatches,
    config: &Config,
) -> (BTreeMap<String, Setting>, Vec<OsString>) {
    let name = sub.get_name();
    let mut held = BTreeMap::new();
    let mut words = Vec::new();
    for setting in config.for_section(name) {
        let about_data = setting.key == "data";
        if !SECTIONS.contains(&name) && !IN_A_GROUP.contains(&name) && !about_data {
            continue;
        }
        let Some(option) = sub.get_arguments().find(|option| key(option).as_ref() == Some(&setting.key))
        else {
            continue;
        };
        let source = |id: &str| source(said, id);
        let is_said = matches!(
            source(option.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        let excluded = sub.get_arguments().any(|other| {
            source(other.get_id().as_str()) == Some(ValueSource::CommandLine) && exclude(sub, option, other)
        });
        if is_said || excluded || is_off(said, option) {
            continue;
        }
        let long = option.get_long().unwrap_or_default();
        words.extend(as_words(option, long, &setting.values));
        held.insert(long.to_owned(), setting.clone());
    }
    (held, words)
}

fn exclude(sub: &Command, one: &Arg, other: &Arg) -> bool {
    let says =
        |a: &Arg, b: &Arg| sub.get_arg_conflicts_with(a).iter().any(|other| other.get_id() == b.get_id());
    one.get_id() != other.get_id() && (says(one, other) || says(other, one))
}

fn as_words(option: &Arg, long: &str, values: &[String]) -> Vec<OsString> {
    if !option.get_action().takes_values() {
        return values.iter().filter(|value| *value == "true").map(|_| format!("--{long}").into()).collect();
    }
    let each = option.get_value_names().map_or(1, <[_]>::len).max(1);
    if each == 1 {
        return values.iter().map(|value| format!("--{long}={value}").into()).collect();
    }
    let many = |values: &[String]| {
        std::iter::once(format!("--{long}"))
            .chain(values.iter().cloned())
            .map(OsString::from)
            .collect::<Vec<_>>()
    };
    values.chunks(each).flat_map(many).collect()
}

/// Behind the name of the command.
fn place_of(words: &[OsString], name: &str) -> usize {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        at += 1;
        if word == name {
            break;
        }
        // The only one of all commands that takes a value.
        if word == "--config" {
            at += 1;
        }
    }
    at.min(words.len())
}

/// The first key, by its line, without which there is nothing wrong: what is missing beside it has no line of its own.
fn blamed<'a>(
    sub: &Command,
    held: &'a BTreeMap<String, Setting>,
    is_right: impl Fn(Vec<OsString>) -> bool,
) -> Option<&'a Setting> {
    let words_of = |(long, setting): (&String, &Setting)| {
        let option = sub.get_arguments().find(|option| option.get_long() == Some(long));
        option.map(|option| as_words(option, long, &setting.values)).unwrap_or_default()
    };
    let without = |key: &String| held.iter().filter(|(long, _)| *long != key).flat_map(words_of).collect();
    let blamed = held.iter().filter(|(key, _)| is_right(without(key)));
    blamed.map(|(_, setting)| setting).min_by_key(|setting| setting.line)
}

/// What is wrong with the values of the file, in its own terms; at the key that clap names, or at this one.
fn of_file_alone(
    error: &clap::Error,
    config: &Config,
    held: &BTreeMap<String, Setting>,
    blamed: Option<&Setting>,
) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let of_option = |text: &String| {
        let long = text.trim_start_matches('-').split([' ', '=', '[']).next().unwrap_or_default();
        held.get(long)
    };
    let invalid = context(ContextKind::InvalidArg);
    let setting = invalid.as_ref().and_then(of_option).or_else(|| {
        let other = context(ContextKind::PriorArg)?;
        of_option(&other)
    });
    let setting = setting.or(blamed);
    let path = config.path.as_deref().unwrap_or(Path::new("")).display();
    let place = setting.map_or_else(|| path.to_string(), |setting| format!("{path}, line {}", setting.line));
    let rendered = error.render().to_string();
    let words = rendered.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words.replace("'--host <URL|auto>'", "'--host <URL|auto>' (here `session`)");
    Failure::usage(format!("{place}: {}; nothing was started", show::tame(&words)))
}

/// The commands that have a section of their own.
pub(crate) const SECTIONS: &[&str] = &["bridge", "host", "up", "watch"];

/// Others that are in a group or session, and take from outside of the sections where that is.
const IN_A_GROUP: &[&str] = &["commit", "doctor", "get", "groups", "ls"];

/// Commands to which no file means anything.
const WITHOUT_FILE: &[&str] = &["config", "conform", "demo", "help", "mixer"];

/// What may stand outside of the sections.
const PLACE: &[&str] = &[
    "any-file",
    "ca",
    "data",
    "group",
    "interface",
    "mdns-port",
    "name",
    "password-file",
    "password-in-the-clear",
    "peer",
    "pin",
    "session",
];

/// Options that say how one start is to look, or have a list in the file.
const OF_ONE_START: &[&str] =
    &["config", "exec", "exec-on", "exec-shell", "help", "json", "qr", "verbose", "version"];

/// Begins the option that switches another one off. No option of another kind is called so.
const OFF: &str = "no-";

/// Names of values that are paths.
const PATHS: &[&str] = &["DIR", "FILE", "PATH"];
