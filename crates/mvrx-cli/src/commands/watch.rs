//! `mvrx watch`: a station that commits what applications save into a folder.

use clap::{ArgMatches, Args, FromArgMatches};
use mvrx_node::folder::Options;
use mvrx_node::node::Node;
use serde_json::json;

use crate::args::Up;
use crate::commands::watching::Watching;
use crate::failure::Failure;

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
            .mut_arg("get", |get| get.default_value("all").help("What to fetch by itself"))
            .mut_arg("dir", |dir| {
                dir.hide_default_value(true).help("Where fetched files are saved [default: DIR]")
            })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// Watches the folder that is wished for, if one is.
pub(crate) fn begin(args: &Up, node: &mut Node, watching: &Watching) -> Result<(), Failure> {
    let Some(path) = args.watch.as_deref() else { return Ok(()) };
    let mut options = Options::default();
    options.any_file = args.common.any_file;
    options.message.clone_from(&args.message);
    node.watch(path, options)
        .map_err(|error| Failure::local(format!("cannot watch {}: {error}", path.display())))?;
    let shown = path.display().to_string();
    let words = format!("watching {shown}: each .mvr that is saved there is committed once it is whole");
    watching.say("watching", &words, json!({ "path": shown }));
    Ok(())
}
