//! The lists of the file: `[[fetch]]` and `[[exec]]`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::parse::Reading;
use super::{Command, ConfigError, alike};
use crate::exec::{Hook, Run};
use crate::rules::{self, Pattern, Rule};

type Key<'a> = Spanned<Cow<'a, str>>;

/// `[[fetch]]`.
pub(super) fn rules(
    reading: Reading<'_>,
    (key, value): (&Key<'_>, &Spanned<DeValue<'_>>),
) -> Result<Vec<Rule>, ConfigError> {
    each(reading, (key, value), |line, table| {
        let mut rule = Rule { line, ..Rule::default() };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let patterns = || patterns(reading, name, value);
            match name {
                "provider" => rule.provider = patterns()?,
                "station" => rule.station = patterns()?,
                "comment" => rule.comment = patterns()?,
                "file" => rule.file = patterns()?,
                "min" => rule.min = Some(bytes(reading, name, value)?),
                "max" => rule.max = Some(bytes(reading, name, value)?),
                "to" => {
                    let place = reading.place(&reading.text(name, value)?);
                    rule.to =
                        Some(place.map_err(|why| reading.wrong(&value.span(), format!("`{name}` {why}")))?);
                }
                "fetch" => match value.get_ref() {
                    DeValue::Boolean(fetch) => rule.leaves = !fetch,
                    _ => {
                        return Err(
                            reading.wrong(&value.span(), "`fetch` has to be true or false".to_owned())
                        );
                    }
                },
                _ => return Err(unknown(reading, key, "[[fetch]]", OF_RULE)),
            }
        }
        if let (Some(min), Some(max)) = (rule.min, rule.max)
            && min > max
        {
            return Err(
                reading.wrong(&key.span(), format!("`min` {min} is more than `max` {max}: nothing fits"))
            );
        }
        Ok(rule)
    })
}

/// `[[exec]]`.
pub(super) fn commands(
    reading: Reading<'_>,
    (key, value): (&Key<'_>, &Spanned<DeValue<'_>>),
) -> Result<Vec<Command>, ConfigError> {
    each(reading, (key, value), |line, table| {
        let (mut run, mut on, mut limit) = (None, Some(reading.usual_events()), LIMIT);
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match name {
                "command" | "shell" if run.is_some() => {
                    let what = "there are `command` and `shell`; one of them is run".to_owned();
                    return Err(reading.wrong(&key.span(), what));
                }
                "command" => {
                    let words: Vec<OsString> =
                        list(reading, name, value)?.into_iter().map(|(text, _)| text.into()).collect();
                    if words.first().is_none_or(|word| word.is_empty()) {
                        return Err(reading.wrong(&value.span(), "`command` names no program".to_owned()));
                    }
                    run = Some(Run::Program(words));
                }
                "shell" => run = Some(Run::Shell(reading.text(name, value)?)),
                "on" => on = events(reading, value)?,
                "limit" => {
                    let seconds = reading.text(name, value)?.parse::<f64>().ok();
                    let seconds = seconds.filter(|seconds| LIMITS.contains(seconds));
                    limit = seconds.map(Duration::from_secs_f64).ok_or_else(|| {
                        let what = "`limit` has to be a number of seconds from 0.1 to 3600".to_owned();
                        reading.wrong(&value.span(), what)
                    })?;
                }
                _ => return Err(unknown(reading, key, "[[exec]]", OF_COMMAND)),
            }
        }
        let Some(run) = run else {
            let what = "this [[exec]] has neither `command` nor `shell`".to_owned();
            return Err(reading.wrong_in(line, what));
        };
        Ok(Command { hook: Hook { on, run, limit }, line })
    })
}

/// Each table of a list, with its line.
fn each<T>(
    reading: Reading<'_>,
    (key, value): (&Key<'_>, &Spanned<DeValue<'_>>),
    make: impl Fn(usize, &DeTable<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let name = key.get_ref();
    let no_list = || reading.wrong(&key.span(), format!("`{name}` is a list, each written [[{name}]]"));
    let DeValue::Array(list) = value.get_ref() else { return Err(no_list()) };
    if list.len() > MOST {
        return Err(reading.wrong(&key.span(), format!("more than {MOST} times [[{name}]]")));
    }
    list.iter()
        .map(|one| match one.get_ref() {
            DeValue::Table(table) => make(reading.line(&one.span()), table),
            _ => Err(no_list()),
        })
        .collect()
}

fn unknown(reading: Reading<'_>, key: &Key<'_>, place: &str, known: &[&str]) -> ConfigError {
    let name = key.get_ref();
    let meant = alike::nearest(name, known.iter().copied());
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    reading.wrong(&key.span(), format!("there is no `{name}` in {place}{meant}"))
}

/// A text or a list of them, with where each stands.
fn list<'a>(
    reading: Reading<'_>,
    name: &str,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<(String, &'a Spanned<DeValue<'a>>)>, ConfigError> {
    match value.get_ref() {
        DeValue::Array(list) => list.iter().map(|value| Ok((reading.text(name, value)?, value))).collect(),
        _ => Ok(vec![(reading.text(name, value)?, value)]),
    }
}

fn patterns(
    reading: Reading<'_>,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<Pattern>, ConfigError> {
    let list = list(reading, name, value)?;
    if list.is_empty() {
        return Err(reading.wrong(&value.span(), format!("`{name}` is an empty list, which nothing fits")));
    }
    Ok(list.iter().map(|(text, _)| Pattern::new(text)).collect())
}

fn bytes(reading: Reading<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Result<u64, ConfigError> {
    let text = reading.text(name, value)?;
    rules::bytes(&text).map_err(|why| reading.wrong(&value.span(), format!("`{name}` has to be {why}")))
}

/// Names of events; `all` is all of them.
fn events(
    reading: Reading<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Option<BTreeSet<String>>, ConfigError> {
    let list = list(reading, "on", value)?;
    if list.is_empty() {
        return Err(reading.wrong(&value.span(), "`on` is an empty list, at which nothing is run".to_owned()));
    }
    let known = &reading.known().events;
    for (name, at) in &list {
        if reading.known().events_of_commands.contains(name) {
            let what = format!("no command is run at `{name}`, which tells what became of a command");
            return Err(reading.wrong(&at.span(), what));
        }
        if name != "all" && !known.is_empty() && !known.contains(name) {
            let meant = alike::nearest(name, known.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            return Err(reading.wrong(&at.span(), format!("there is no event `{name}`{meant}")));
        }
    }
    let all = list.iter().any(|(name, _)| name == "all");
    Ok((!all).then(|| list.into_iter().map(|(name, _)| name).collect()))
}

const OF_RULE: &[&str] = &["provider", "station", "comment", "file", "min", "max", "to", "fetch"];
const OF_COMMAND: &[&str] = &["command", "shell", "on", "limit"];

/// More rules or commands than anybody reads.
const MOST: usize = 256;

/// So long a command may take, unless it is said otherwise.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
const LIMITS: std::ops::RangeInclusive<f64> = 0.1..=3600.0;
