//! TOML into settings, with the line of everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, Setting, Shape, Vocabulary, alike, lists};

type Keys = BTreeMap<String, Shape>;

/// What the reading of a part needs to know of the whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    text: &'a str,
    path: &'a Path,
    known: &'a Vocabulary,
}

pub(super) fn parse(text: &str, path: &Path, known: &Vocabulary) -> Result<Config, ConfigError> {
    let reading = Reading { text, path, known };
    let table = DeTable::parse(text).map_err(|error| {
        let what = format!("this is no TOML: {}", error.message().lines().next().unwrap_or_default());
        reading.wrong(&error.span().unwrap_or(0..0), what)
    })?;
    let mut config = Config { path: Some(path.to_owned()), ..Config::default() };
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        match name {
            "fetch" => config.fetch = lists::rules(reading, (key, value))?,
            "exec" => config.exec = lists::commands(reading, (key, value))?,
            _ => {}
        }
        if LISTS.contains(&name) {
            continue;
        }
        match (known.sections.get(name), value.get_ref()) {
            (Some(keys), DeValue::Table(section)) => {
                for (key, value) in section {
                    config.settings.push(reading.setting(Some((name, keys)), (key, value))?);
                }
            }
            (Some(_), _) if !known.everywhere.contains_key(name) => {
                let key_of = known.other_names.get(name);
                let meant = key_of.map(|key| format!("; what --{name} says is `{key}` here"));
                let what = format!("`{name}` is a section, written [{name}]{}", meant.unwrap_or_default());
                return Err(reading.wrong(&key.span(), what));
            }
            _ => config.settings.push(reading.setting(None, (key, value))?),
        }
    }
    config.settings.sort_by_key(|setting| setting.line);
    Ok(config)
}

impl Reading<'_> {
    /// Something is wrong in this part of the text.
    pub(super) fn wrong(&self, at: &Range<usize>, what: String) -> ConfigError {
        self.wrong_in(self.line(at), what)
    }

    /// The same of a line, from 1.
    pub(super) fn wrong_in(&self, line: usize, what: String) -> ConfigError {
        ConfigError::Wrong { path: self.path.to_owned(), line, what }
    }

    pub(super) fn line(&self, at: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..at.start).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    pub(super) fn known(&self) -> &Vocabulary {
        self.known
    }

    pub(super) fn usual_events(&self) -> BTreeSet<String> {
        self.known.usual_events.clone()
    }

    fn setting(
        &self,
        section: Option<(&str, &Keys)>,
        (key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>),
    ) -> Result<Setting, ConfigError> {
        let name = key.get_ref().as_ref();
        let keys = section.map_or(&self.known.everywhere, |(_, keys)| keys);
        let Some(shape) = keys.get(name) else {
            let what = self.unknown(name, section.map(|(section, _)| section), keys);
            return Err(self.wrong(&key.span(), what));
        };
        let values = self.values(name, shape, value)?;
        let section = section.map(|(section, _)| section.to_owned());
        Ok(Setting { section, key: name.to_owned(), values, line: self.line(&key.span()) })
    }

    /// A key that nobody knows: where it belongs, or which one was meant.
    fn unknown(&self, name: &str, section: Option<&str>, keys: &Keys) -> String {
        let place = section.map_or_else(|| "outside of the sections".to_owned(), |s| format!("in [{s}]"));
        if let Some(key) = self.known.other_names.get(name).filter(|key| keys.contains_key(*key)) {
            return format!("there is no `{name}` {place}; what --{name} says is `{key}` here");
        }
        let there = self.known.sections.iter().filter(|(_, keys)| keys.contains_key(name));
        let there: Vec<String> = there.map(|(section, _)| format!("[{section}]")).collect();
        if !there.is_empty() {
            return format!("there is no `{name}` {place}; it belongs into {}", there.join(" or "));
        }
        let sections = self.known.sections.keys().filter(|_| section.is_none());
        let known = keys.iter().filter(|(_, shape)| !matches!(shape, Shape::Refused(_))).map(|(key, _)| key);
        let lists = LISTS.iter().copied().filter(|_| section.is_none());
        match alike::nearest(name, known.chain(sections).map(String::as_str).chain(lists)) {
            Some(meant) => format!("there is no `{name}` {place}; did you mean `{meant}`?"),
            None => format!("there is no `{name}` {place}"),
        }
    }

    fn values(
        &self,
        name: &str,
        shape: &Shape,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<String>, ConfigError> {
        let wrong = |what: String| self.wrong(&value.span(), format!("`{name}` {what}"));
        match shape {
            Shape::Refused(why) => Err(wrong(format!("does not belong into this file: {why}"))),
            Shape::Flag => match value.get_ref() {
                DeValue::Boolean(flag) => Ok(vec![flag.to_string()]),
                _ => Err(wrong("has to be true or false".to_owned())),
            },
            Shape::Values { each, several, paths } => {
                let all: Vec<String> = match value.get_ref() {
                    DeValue::Array(list) if *several || *each > 1 => {
                        let each = list.iter().map(|value| self.text(name, value));
                        each.collect::<Result<_, _>>()?
                    }
                    DeValue::Array(_) => return Err(wrong("has to be one value, not a list".to_owned())),
                    _ => vec![self.text(name, value)?],
                };
                let each = (*each).max(1);
                if !all.len().is_multiple_of(each) || (!*several && all.len() != each) {
                    return Err(wrong(format!("has to be a list of {each}")));
                }
                let is_path = |at: usize| paths.get(at % each).copied().unwrap_or(false);
                let ready = |(at, text): (usize, String)| {
                    if is_path(at) { self.path_of(&wrong, &text) } else { Ok(text) }
                };
                all.into_iter().enumerate().map(ready).collect()
            }
        }
    }

    /// A text, or a number as it is written.
    pub(super) fn text(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                Err(self.wrong(&value.span(), format!("`{name}` has a character that no text has")))
            }
            DeValue::String(text) => Ok(text.clone().into_owned()),
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            _ => Err(self.wrong(&value.span(), format!("`{name}` has to be a text in quotes, or a number"))),
        }
    }

    fn path_of(&self, wrong: &dyn Fn(String) -> ConfigError, text: &str) -> Result<String, ConfigError> {
        let path = self.place(text).map_err(|why| wrong(why.to_owned()))?;
        path.into_os_string().into_string().map_err(|_| wrong("is no text as a whole path".to_owned()))
    }

    /// A path in the file as a path for everybody.
    pub(super) fn place(&self, text: &str) -> Result<PathBuf, &'static str> {
        if text.is_empty() {
            return Err("is empty");
        }
        if let Some(below) = text.strip_prefix("~/").or((text == "~").then_some("")) {
            let home = directories::BaseDirs::new().ok_or("begins with ~, and this user has no home")?;
            return Ok(home.home_dir().join(below));
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Ok(folder.join(text))
    }
}

const LISTS: &[&str] = &["fetch", "exec"];
