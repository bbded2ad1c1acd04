//! `mvrx config`: what is in force and where it comes from, and whether the configuration file is right.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory};
use mvrx_node::config;
use mvrx_node::rules::{Pattern, Rule};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::settings::{self, Resolved, Unresolved};
use crate::show;

/// What is in force, and where each value comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// Every option of a command: its value, and whether it comes from the command line, the environment, the file, or is the default
    Show(Show),
    /// Read the file as each command that uses it does, and start nothing; exit code 2 when something is wrong with it
    Check(Check),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// The command, with options as it would be started, such as `up --group Side`; without one, `up`
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The file; without one, the one that would be used
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

impl Show {
    /// Whether it is said before the command or among its options: each command has the same one.
    fn wants_json(&self) -> bool {
        let options = self.words.iter().skip(1).take_while(|word| *word != "--");
        self.json || options.into_iter().any(|word| word == "--json")
    }
}

impl Config {
    pub(crate) fn wants_json(&self) -> bool {
        match &self.what {
            What::Show(show) => show.wants_json(),
            What::Check(check) => check.json,
        }
    }
}

pub(crate) fn run(args: &Config, file: Option<PathBuf>) -> Result<(), Failure> {
    match &args.what {
        What::Show(wish) => show_all(wish, file),
        What::Check(wish) => check(wish, file),
    }
}

/// As the command would be started, with the file that was named before it.
fn as_started(words: &[OsString], file: Option<PathBuf>) -> Result<(Command, Resolved, String), Failure> {
    let command = crate::args::Args::command();
    let name = match words.first().map(|word| word.to_str()) {
        None => "up",
        Some(name) => name.filter(|name| settings::SECTIONS.contains(name)).ok_or_else(|| {
            Failure::usage(format!("name one of the commands {} first", settings::SECTIONS.join(", ")))
        })?,
    };
    // What has to be said at each start is of no matter here.
    let command = command.mut_subcommand(name, |sub| sub.mut_args(|arg| arg.required(false)));
    let mut all: Vec<OsString> = vec!["mvrx".into()];
    if let Some(file) = file {
        all.extend(["--config".into(), file.into_os_string()]);
    }
    all.push(name.into());
    all.extend(words.iter().skip(1).cloned());
    match settings::resolve(&command, &all) {
        Ok(resolved) => Ok((command, resolved, name.to_owned())),
        Err(Unresolved::File(failure)) => Err(failure),
        Err(Unresolved::Words(error)) => {
            let rendered = error.render().to_string();
            let words = rendered.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
            Err(Failure::usage(show::tame_lines(words)))
        }
    }
}

/// One option as it stands.
struct Row {
    option: String,
    values: Vec<String>,
    hidden: bool,
    source: &'static str,
    line: Option<usize>,
    variable: Option<String>,
}

fn show_all(wish: &Show, file: Option<PathBuf>) -> Result<(), Failure> {
    let (mut command, resolved, name) = as_started(&wish.words, file)?;
    command.build();
    let empty = ArgMatches::default();
    let matches = resolved.matches.subcommand().map_or(&empty, |(_, matches)| matches);
    let options = command.find_subcommand(&name).into_iter().flat_map(Command::get_arguments);
    let rows: Vec<Row> = options.filter_map(|option| row(&name, option, matches, &resolved)).collect();
    let secrets: Vec<&str> =
        SECRETS.iter().copied().filter(|name| std::env::var_os(name).is_some()).collect();
    if wish.wants_json() {
        show::document(&document(&name, &rows, &secrets, &resolved));
        return Ok(());
    }
    show::line(&about_file(&resolved));
    show::line(&format!("mvrx {name}"));
    let wide = rows.iter().map(|row| row.option.chars().count()).max().unwrap_or(0);
    for row in rows {
        let value = match (row.hidden, row.values.is_empty()) {
            (true, false) => "(set, not shown)".to_owned(),
            (_, true) => "-".to_owned(),
            _ => show::tame(&row.values.join(" ")),
        };
        let source = match (row.line, &row.variable) {
            (Some(line), _) => format!("file, line {line}"),
            (_, Some(variable)) => format!("environment, {variable}"),
            _ => row.source.to_owned(),
        };
        show::line(&format!("  {:wide$}  {value}  ({source})", row.option));
    }
    for name in secrets {
        show::line(&format!("  a password  (set, not shown)  (environment, {name})"));
    }
    for rule in &resolved.config.fetch {
        show::line(&format!("fetch  {}  (file, line {})", rule_words(rule), rule.line));
    }
    for command in &resolved.config.exec {
        show::line(&format!("exec   {}  (file, line {})", command_words(command), command.line));
    }
    Ok(())
}

fn about_file(resolved: &Resolved) -> String {
    match (&resolved.config.path, config::usual_path()) {
        (Some(path), _) => format!("configuration file: {}", path.display()),
        (None, Some(usual)) => format!("no configuration file; this user's would be {}", usual.display()),
        (None, None) => "no configuration file".to_owned(),
    }
}

fn row(command: &str, option: &Arg, matches: &ArgMatches, resolved: &Resolved) -> Option<Row> {
    let long = option.get_long().filter(|_| settings::key(option).is_some() && !option.is_hide_set())?;
    let id = option.get_id().as_str();
    let held = resolved.from_file.get(long);
    let source = settings::source(matches, id);
    let (source, variable) = match source {
        _ if held.is_some() => ("file", None),
        Some(ValueSource::CommandLine) => ("option", None),
        _ if settings::is_off(matches, option) => ("option", None),
        Some(ValueSource::EnvVariable) => {
            ("environment", option.get_env().map(|name| name.to_string_lossy().into_owned()))
        }
        Some(_) => ("default", None),
        None => ("not set", None),
    };
    let values = if option.get_action().takes_values() {
        // Without a word of it `watch` saves in the folder that it watches, which is no option there.
        let is_watched = command == "watch" && long == "dir" && source == "default";
        let id = if is_watched { "watch" } else { id };
        let raw = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        raw.map(|value| without_login(&value.to_string_lossy())).collect()
    } else {
        vec![matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false).to_string()]
    };
    let hidden = settings::is_secret(option);
    Some(Row { option: long.to_owned(), values, hidden, source, line: held.map(|held| held.line), variable })
}

/// A URL without a name and password in it, which none of ours may have.
fn without_login(text: &str) -> String {
    if text.contains("://") { mvrx_station::url_without_user(text) } else { text.to_owned() }
}

/// A rule in words.
fn rule_words(rule: &Rule) -> String {
    let list = |patterns: &[Pattern]| patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(" or ");
    let texts = [
        ("provider", &rule.provider),
        ("station", &rule.station),
        ("comment", &rule.comment),
        ("file", &rule.file),
    ];
    let texts = texts.iter().filter(|(_, patterns)| !patterns.is_empty());
    let mut all: Vec<String> = texts.map(|(name, patterns)| format!("{name} {}", list(patterns))).collect();
    all.extend(rule.min.map(|min| format!("at least {}", show::size(min))));
    all.extend(rule.max.map(|max| format!("at most {}", show::size(max))));
    let what = if all.is_empty() { "everything".to_owned() } else { all.join(", ") };
    let to = match (&rule.to, rule.leaves) {
        (_, true) => "is left alone".to_owned(),
        (Some(to), false) => format!("is fetched into {}", to.display()),
        (None, false) => "is fetched into the folder of --dir".to_owned(),
    };
    show::tame(&format!("{what}: {to}"))
}

fn rule_json(rule: &Rule) -> Value {
    let list = |patterns: &[Pattern]| -> Value { patterns.iter().map(Pattern::as_str).collect() };
    json!({
        "line": rule.line, "provider": list(&rule.provider), "station": list(&rule.station),
        "comment": list(&rule.comment), "file": list(&rule.file), "min": rule.min, "max": rule.max,
        "fetch": !rule.leaves, "to": rule.to.as_ref().map(|to| to.display().to_string()),
    })
}

/// Arguments of a command may be nobody's business.
fn command_words(command: &config::Command) -> String {
    let on = command.hook.on.as_ref();
    let on = on.map_or("all".to_owned(), |on| on.iter().cloned().collect::<Vec<_>>().join(", "));
    let limit = command.hook.limit.as_secs_f64();
    show::tame(&format!("{} at {on}, for {limit} s at most", command.hook.run.name()))
}

fn command_json(command: &config::Command) -> Value {
    let limit = u64::try_from(command.hook.limit.as_millis()).unwrap_or(u64::MAX);
    json!({
        "line": command.line, "command": command.hook.run.name(), "on": command.hook.on, "limit_ms": limit,
    })
}

fn document(name: &str, rows: &[Row], secrets: &[&str], resolved: &Resolved) -> Value {
    let options: Vec<Value> = rows
        .iter()
        .map(|row| {
            let values = (!row.hidden || row.values.is_empty()).then_some(&row.values);
            json!({
                "option": row.option, "values": values, "hidden": row.hidden, "source": row.source, "line": row.line,
                "variable": row.variable,
            })
        })
        .collect();
    json!({
        "schema": show::SCHEMA, "path": path_of(resolved), "command": name, "options": options,
        "secrets": secrets,
        "fetch": resolved.config.fetch.iter().map(rule_json).collect::<Vec<_>>(),
        "exec": resolved.config.exec.iter().map(command_json).collect::<Vec<_>>(),
    })
}

fn path_of(resolved: &Resolved) -> Option<String> {
    resolved.config.path.as_ref().map(|path| path.display().to_string())
}

fn check(wish: &Check, file: Option<PathBuf>) -> Result<(), Failure> {
    let file = wish.file.clone().or(file);
    let mut found = None;
    for name in settings::SECTIONS {
        found = Some(as_started(&[(*name).into()], file.clone()).map(|(_, resolved, _)| resolved)?);
    }
    let Some(resolved) = found else { return Ok(()) };
    let config = &resolved.config;
    let (keys, rules, commands) = (config.settings.len(), config.fetch.len(), config.exec.len());
    // Whether the folders of rules are there; which one --dir is, a command says.
    crate::hooks::Hooks::of(config.clone()).plan(None, Some(std::path::Path::new(".")))?;
    if wish.json {
        let path = path_of(&resolved);
        show::document(&json!({
            "schema": show::SCHEMA, "path": path, "options": keys, "fetch": rules, "exec": commands,
        }));
    } else if resolved.config.path.is_some() {
        let words = format!(
            "{}: right, {keys} {}, {rules} {}, {commands} {}",
            about_file(&resolved),
            show::plural(keys, "option"),
            show::plural(rules, "rule"),
            show::plural(commands, "command")
        );
        show::line(&words);
    } else {
        show::line(&about_file(&resolved));
    }
    Ok(())
}

/// Environment variables with passwords.
const SECRETS: &[&str] = &["MVRX_PASSWORD", "MVRX_MIXER_PASSWORD"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_a_url_is_not_shown() {
        assert_eq!(without_login("wss://a:b@rack:42480/x"), "wss://…@rack:42480/x");
        assert_eq!(without_login("a@b"), "a@b");
    }
}
