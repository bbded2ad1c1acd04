//! `mvrx tag`: a name for a revision, which then stays when others go.

use mvrx_store::{TagError, Tags};
use serde_json::json;

use super::Where;
use crate::args::some_text;
use crate::failure::Failure;
use crate::{data, kept, show};

#[derive(Debug, clap::Args)]
pub(crate) struct Tag {
    /// The revision: the beginning of its id, another tag, or `latest`; without one the tags are listed
    #[arg(value_name = "ID|TAG|latest", value_parser = some_text, requires = "name")]
    what: Option<String>,
    /// Its name: letters from a to z, digits, `-`, `_` and `.`
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Take this tag away; the revision stays as long as the limits of the history let it
    #[arg(long, value_name = "NAME", conflicts_with = "what")]
    delete: Option<String>,
    #[command(flatten)]
    at: Where,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Tag) -> Result<(), Failure> {
    match (&args.what, &args.name, &args.delete) {
        (Some(what), Some(name), _) => give(args, what, name),
        (_, _, Some(name)) => delete(args, name),
        _ => list(args),
    }
}

fn give(args: &Tag, what: &str, name: &str) -> Result<(), Failure> {
    let kept = kept::expect(args.at.data.as_deref(), what)?;
    let file = kept.stored().commit.file;
    // One name means one revision in all directories that are looked into.
    for directory in data::with_history(args.at.data.as_deref())? {
        let other = Tags::of(directory).find(name).map_err(|error| Failure::local(error.to_string()))?;
        if let Some(other) = other.filter(|other| other.file != file) {
            return Err(failure(TagError::NameTaken { name: other.name, file: other.file }));
        }
    }
    let new = Tags::of(&kept.directory).give(name, file).map_err(failure)?;
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "tag": name, "file": file.to_string(), "new": new,
            "data": kept.directory.display().to_string(),
        }));
    } else {
        let words = if new { "is" } else { "is already" };
        show::line(&format!("{} {words} {name}", show::short(&file)));
    }
    Ok(())
}

fn delete(args: &Tag, name: &str) -> Result<(), Failure> {
    for directory in data::with_history(args.at.data.as_deref())? {
        match Tags::of(directory).remove(name) {
            Err(TagError::NoSuchTag { .. }) => {}
            Err(error) => return Err(failure(error)),
            Ok(file) => {
                if args.json {
                    let file = file.to_string();
                    show::document(&json!({ "schema": show::SCHEMA, "deleted": name, "file": file }));
                } else {
                    show::line(&format!("{} is no longer {name}", show::short(&file)));
                }
                return Ok(());
            }
        }
    }
    Err(failure(TagError::NoSuchTag { name: name.to_owned() }))
}

fn list(args: &Tag) -> Result<(), Failure> {
    let mut tags = Vec::new();
    for directory in data::with_history(args.at.data.as_deref())? {
        let here = Tags::of(&directory).list().map_err(|error| Failure::local(error.to_string()))?;
        tags.extend(here.into_iter().map(|tag| (tag, directory.clone())));
    }
    tags.sort();
    if args.json {
        let tag = |(tag, directory): &(mvrx_store::Tag, std::path::PathBuf)| json!({ "tag": tag.name, "file": tag.file.to_string(), "data": directory.display().to_string() });
        let tags: Vec<_> = tags.iter().map(tag).collect();
        show::document(&json!({ "schema": show::SCHEMA, "tags": tags }));
    } else {
        tags.iter().for_each(|(tag, _)| show::line(&format!("{}  {}", tag.file, tag.name)));
    }
    Ok(())
}

fn failure(error: TagError) -> Failure {
    match error {
        TagError::NotAName { .. } | TagError::NameTaken { .. } | TagError::NoSuchTag { .. } => {
            Failure::usage(error.to_string())
        }
        error => Failure::local(error.to_string()),
    }
}
