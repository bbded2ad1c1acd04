//! `mvrx show`: one revision, and what is in it.

use mvrx_file::{Limits, MvrFile, Summary};
use serde_json::json;

use super::{Where, author, form, kept_json};
use crate::args::some_text;
use crate::failure::Failure;
use crate::kept::{self, Kept};
use crate::show;

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The revision: the beginning of its id, its tag, or `latest`
    #[arg(value_name = "ID|TAG|latest", value_parser = some_text)]
    what: String,
    #[command(flatten)]
    at: Where,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Show) -> Result<(), Failure> {
    let kept = kept::expect(args.at.data.as_deref(), &args.what)?;
    let read = MvrFile::read(kept.reader()?, &Limits::default());
    let summary = read.as_ref().ok().map(Summary::of);
    let reason = read.as_ref().err().map(ToString::to_string);
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "revision": kept_json(&kept), "summary": summary, "reason": reason,
        }));
        return Ok(());
    }
    tell(&kept);
    match (summary, reason) {
        (Some(summary), _) => show::text(&format!("\n{summary}")),
        (None, reason) => {
            show::note(&format!("mvrx: what is in it cannot be told: {}", reason.unwrap_or_default()));
        }
    }
    Ok(())
}

fn tell(kept: &Kept) {
    let stored = kept.stored();
    let commit = &stored.commit;
    let line = |what: &str, text: &str| show::line(&format!("{what:<10}{text}"));
    line("revision", &commit.file.to_string());
    line("file", &show::file_name(&commit.file_name));
    line("comment", &show::tame(&commit.comment));
    line("group", &show::name(&stored.group));
    let application = commit.author.as_ref().map(|author| author.provider.as_str());
    let application = application.filter(|text| !text.is_empty());
    let application = application.map(|text| format!(" ({})", show::name(text))).unwrap_or_default();
    let station = commit.station.map(|station| format!(", station {station}")).unwrap_or_default();
    line("author", &format!("{}{application}{station}", author(stored)));
    line("came", &show::date_time(stored.seen));
    line("size", &format!("{} ({} bytes), {}", show::size(stored.length), stored.length, form(kept)));
    line("blake3", &show::hex(&stored.hash));
    line("tags", &if kept.tags.is_empty() { "none".to_owned() } else { kept.tags.join(", ") });
    if kept.revision.withdrawn {
        line("withdrawn", "its author took it back: nobody is offered it any more");
    }
    line("kept in", &kept.directory.display().to_string());
}
