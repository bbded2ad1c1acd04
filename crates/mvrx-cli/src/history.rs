//! How much of a running station's history stays whole, and what is said of it while the station runs.

use mvrx_store::{FsOptions, HistoryListener, HistoryRound};
use serde_json::json;

use crate::commands::watching::Watching;
use crate::show;

/// What a station that runs does with its older files.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct History {
    /// So many of the newest files are kept as they are; older ones are kept as recipes of a few kilobytes and put together again when
    /// somebody asks for them. `all` keeps every file as it is
    #[arg(long, value_name = "N|all", default_value = "2", value_parser = whole)]
    whole: Whole,
}

/// `None`: all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole(Option<usize>);

fn whole(text: &str) -> Result<Whole, String> {
    match text.parse() {
        _ if text.eq_ignore_ascii_case("all") => Ok(Whole(None)),
        Ok(number) if number > 0 => Ok(Whole(Some(number))),
        _ => Err("a number from 1 on, or all".to_owned()),
    }
}

impl History {
    /// A store that does so, and tells what it did.
    pub(crate) fn options(self, told: HistoryListener) -> FsOptions {
        FsOptions { whole: self.whole.0, told: Some(told), ..FsOptions::default() }
    }
}

/// Says what was done.
pub(crate) fn tell(round: &HistoryRound, watching: &Watching) {
    let files = round.compaction.compacted;
    if files > 0 {
        let words = format!(
            "{files} older {} kept as {} now, which saves {}",
            if files == 1 { "file is" } else { "files are" },
            if files == 1 { "a recipe" } else { "recipes" },
            show::size(round.compaction.saved)
        );
        let fields = json!({ "files": files, "saved_bytes": round.compaction.saved });
        watching.say("history_compacted", &words, fields);
    }
    if !round.removed.is_empty() {
        let bytes = round.removed.iter().fold(0_u64, |sum, going| sum.saturating_add(going.on_disk));
        let number = round.removed.len();
        let words = gone(number, bytes);
        let removed: Vec<String> =
            round.removed.iter().map(|going| going.stored.commit.file.to_string()).collect();
        watching.say("history_dropped", &words, json!({ "removed": removed, "bytes": bytes }));
    }
    if let Some(problem) = &round.problem {
        let fields = json!({ "problem": problem.word(), "reason": problem.to_string() });
        watching.say("history_problem", &problem.to_string(), fields);
    }
}

fn gone(number: usize, bytes: u64) -> String {
    let went = match number {
        1 => "commit was beyond what is kept, and has gone",
        _ => "commits were beyond what is kept, and have gone",
    };
    format!("{number} old {went}; that frees up to {}", show::size(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_commit_has_gone_and_several_have() {
        let one = "1 old commit was beyond what is kept, and has gone; that frees up to 2.7 MB";
        assert_eq!(gone(1, 2_694_179), one);
        let two = "2 old commits were beyond what is kept, and have gone; that frees up to 5 B";
        assert_eq!(gone(2, 5), two);
    }

    #[test]
    fn how_many_stay_whole_is_a_number_from_one_on_or_all() {
        assert_eq!((whole("1"), whole("ALL")), (Ok(Whole(Some(1))), Ok(Whole(None))));
        for wrong in ["0", "-1", "", "some"] {
            whole(wrong).unwrap_err();
        }
    }
}
