//! `mvrx watch`: a station that commits what applications save into a folder.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, FromArgMatches};
use mvrx_message::Commit;
use mvrx_node::folder::{self, Finished, Folder, Found, Options, Verdict};
use mvrx_station::{CommitDraft, CommitError, Station};
use serde_json::json;
use tokio::task::JoinSet;

use crate::args::Up;
use crate::commands::offer;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::show;

/// What `up` takes, for a folder that is named first: what others commit is put there, too, unless something else is said.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) Up);

impl Watch {
    /// What is fetched goes where applications look for it, unless `said` otherwise.
    pub(crate) fn fetches_into_its_folder(&mut self, said: bool) {
        if let Some(folder) = self.0.watch.as_ref().filter(|_| !said) {
            self.0.dir.clone_from(folder);
        }
    }
}

impl FromArgMatches for Watch {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Up::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for Watch {
    fn augment_args(command: clap::Command) -> clap::Command {
        let of_up = Up::augment_args(command);
        of_up
            .mut_arg("watch", |folder| folder.long(None).index(1).required(true))
            .mut_arg("files", |files| files.index(2))
            .mut_arg("get", |get| get.default_value("all"))
            .mut_arg("dir", |dir| {
                dir.hide_default_value(true).help("Where fetched files are saved [default: DIR]")
            })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// The folder that a running station watches, if it does.
#[derive(Debug)]
pub(crate) struct Watched {
    folder: Option<Folder>,
    shown: String,
    /// The commit of what was found last, with its path.
    committing: JoinSet<(PathBuf, Result<Commit, CommitError>)>,
    /// What was said of files that could not be committed, until another one can.
    told: Option<String>,
}

/// What comes of a watched folder.
#[derive(Debug)]
pub(crate) enum Next {
    Found(Found),
    Committed(PathBuf, Result<Commit, CommitError>),
}

impl Watched {
    pub(crate) fn begin(
        args: &Up,
        running: &Station,
        kept_at: &Path,
        watching: &Watching,
    ) -> Result<Self, Failure> {
        let Some(path) = args.watch.as_deref() else {
            return Ok(Self::nothing());
        };
        let mut options = Options::default();
        options.any_file = args.common.any_file;
        options.message.clone_from(&args.message);
        let folder = Folder::watch(path, kept_at, running.store(), options)
            .map_err(|error| Failure::local(format!("cannot watch {}: {error}", path.display())))?;
        let shown = path.display().to_string();
        let words = format!("watching {shown}: each .mvr that is saved there is committed once it is whole");
        watching.say("watching", &words, json!({ "path": shown }));
        Ok(Self { folder: Some(folder), shown, ..Self::nothing() })
    }

    /// Nothing is watched.
    pub(crate) fn nothing() -> Self {
        Self { folder: None, shown: String::new(), committing: JoinSet::new(), told: None }
    }

    /// What comes next; waits for ever where nothing is watched. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Next {
        let Some(folder) = &mut self.folder else { return std::future::pending().await };
        tokio::select! {
            Some(Ok((path, committed))) = self.committing.join_next() => Next::Committed(path, committed),
            Some(found) = folder.next() => Next::Found(found),
            else => std::future::pending().await,
        }
    }

    /// Tells of it, and commits what is finished.
    pub(crate) async fn take(
        &mut self,
        next: Next,
        running: &Station,
        data: &Path,
        watching: &Watching,
    ) -> Result<(), Failure> {
        match next {
            Next::Found(Found::Finished(finished)) => self.finished(finished, running).await,
            Next::Found(found) => {
                self.found(found, watching);
                Ok(())
            }
            Next::Committed(path, committed) => {
                self.committed(&path, committed, data, watching);
                Ok(())
            }
        }
    }

    fn found(&self, found: Found, watching: &Watching) {
        let shown = &self.shown;
        let say = |kind: &str, words: String, fields| watching.say(kind, &words, fields);
        match found {
            Found::First { there: 0 } => {}
            Found::First { there } => {
                let files = format!("{there} .mvr {}", show::plural(there, "file"));
                let words =
                    format!("{files} in {shown} from before: each is committed when it is saved again");
                say("left_alone", words, json!({ "path": shown, "files": there }));
            }
            Found::Unfinished { path, why } => {
                let path = path.display().to_string();
                let why = show::tame(&why);
                let words = format!("{path} is not committed: {why}; it is when it is whole");
                say("unfinished", words, json!({ "path": path, "reason": why }));
            }
            Found::Unreadable { why } => {
                let words = format!("the folder {shown} cannot be watched now: {why}");
                say("folder_unreadable", words, json!({ "path": shown, "reason": why }));
            }
            Found::Readable => {
                say(
                    "folder_readable",
                    format!("the folder {shown} is watched again"),
                    json!({ "path": shown }),
                );
            }
            _ => {}
        }
    }

    async fn finished(&mut self, finished: Finished, running: &Station) -> Result<(), Failure> {
        let kept = running.store().commits().unwrap_or_default();
        let kept = kept.into_iter().map(|stored| (stored.commit, Some(stored.hash)));
        let told = running.commits().await?.into_iter().map(|info| (info.commit, None));
        // What was fetched into the folder, or saved again as it was.
        if let Some(file) = folder::committed_as(&finished, kept.chain(told), running.uuid()) {
            tracing::info!(%file, path = %finished.path.display(), "committed already");
            self.judged(Verdict::Settled);
            return Ok(());
        }
        // Beside everything else: a large file takes its time, and who proposes a move or asks for a file does not wait for it.
        let running = running.clone();
        self.committing.spawn(async move {
            let draft = CommitDraft::from_path(&finished.path).comment(finished.comment);
            let committed = running.commit(draft).await;
            (finished.path, committed)
        });
        Ok(())
    }

    fn committed(
        &mut self,
        path: &Path,
        committed: Result<Commit, CommitError>,
        data: &Path,
        watching: &Watching,
    ) {
        let Err(error) = committed else {
            self.told = None;
            return self.judged(Verdict::Settled);
        };
        let failure = offer::failure(path, data, &error);
        if self.told.as_deref() != Some(failure.words()) {
            let words = failure.words().to_owned();
            let fields = json!({ "path": path.display().to_string(), "reason": words });
            watching.say("not_committed", &format!("{words}; it is tried again"), fields);
            self.told = Some(words);
        }
        self.judged(Verdict::Later);
    }

    fn judged(&self, verdict: Verdict) {
        if let Some(folder) = &self.folder {
            folder.judged(verdict);
        }
    }
}
