//! `mvrx doctor`: what a person needs when nothing appears. Looks at this machine and listens for some seconds, joins as `mvrx ls` does, changes
//! nothing. What it looks at, and what comes of that, is [`mvrx_node::doctor`]; here it becomes lines for a person, a document for a program.

use mvrx_node::doctor::{self, Entry, Report, Wish};
use serde_json::Value;

use crate::args::{Common, seconds};
use crate::failure::{Failure, Verdict};
use crate::{group, show, station};

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    common: Common,
    /// The data directory of our own station; by default those of this user
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    data: Option<std::path::PathBuf>,
    /// How long to look, in seconds; some products answer after three
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    wait: f64,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: Doctor) -> Result<Verdict, Failure> {
    group::check(&args.common)?;
    let place = station::place(&args.common);
    let wish = Wish { place: &place, data: args.data.as_deref(), wait: station::duration(args.wait) };
    let report = tokio::select! {
        report = doctor::examine(wish) => report,
        stopped = station::stopped() => return Err(stopped),
    };
    if args.json {
        show::document(&document(&report, &args.common.group));
    } else {
        lines(&report);
    }
    Ok(if report.has_findings() { Verdict::Findings } else { Verdict::Fine })
}

fn lines(report: &Report) {
    for entry in report.entries() {
        match entry {
            Entry::Well(text) => show::line(&format!("  ok  {text}")),
            Entry::Note(text) => show::line(&format!("   -  {text}")),
            Entry::Finding(finding) => {
                let mark = if finding.certain { "!!" } else { " !" };
                show::line(&format!("  {mark}  {}", finding.text));
                show::line(&format!("      what to do: {}", finding.advice));
            }
        }
    }
    for (id, more) in report.more() {
        show::line(&format!("   !  and {more} more of the kind {id}"));
    }
    let summary = match report.count() {
        0 => "all is well, as far as can be seen from this machine".to_owned(),
        count => format!("{count} {}, marked with !", show::plural(count, "finding")),
    };
    show::line(&summary);
}

fn document(report: &Report, group: &str) -> Value {
    let mut document = report.json(group);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("schema".to_owned(), show::SCHEMA.into());
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_has_findings_and_notes_and_counts_what_it_leaves_out() {
        let mut report = Report::default();
        for n in 0..500 {
            report.problem("station-not-joined", format!("{n}"), "a");
        }
        report.warning("only-ourselves", "b", "c");
        report.well("d");
        report.note("e");
        let json = document(&report, "Tour");
        assert_eq!(json["findings"].as_array().unwrap().len(), 13);
        assert_eq!(json["more"], json!({ "station-not-joined": 488 }));
        assert_eq!(json["findings"][0]["text"], "0", "the first ones");
        let last = json!({ "id": "only-ourselves", "severity": "warning", "text": "b", "advice": "c" });
        assert_eq!((&json["findings"][12], &json["notes"]), (&last, &json!(["e"])));
    }
}
