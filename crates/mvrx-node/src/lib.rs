//! What makes a running node out of the parts of mvrx.
//!
//! * [`node`]: a running station and what it does by itself, as one stream of news.
//! * [`alike`]: names that a person takes for one another.
//! * [`bridge`]: a bridge between a group and a session, beside a node or alone.
//! * [`collect`]: commits of others are fetched, and lie in their folders.
//! * [`config`]: the configuration file.
//! * [`consent`]: proposals to move, answered through the data directory.
//! * [`data`]: the data directory, one for each station.
//! * [`doctor`]: what keeps stations from finding each other.
//! * [`electing`]: what the election of a group's host needs of this machine.
//! * [`exec`]: commands that are run when something happens.
//! * [`folder`]: a folder into which applications save; what they have finished writing is found, with words for its commit.
//! * [`following`]: a session whose host is away is looked for at another address.
//! * [`groups`]: groups as discovery shows them.
//! * [`history`]: what the store does with the history meanwhile.
//! * [`host`]: the host of a session, and the URLs at which stations reach it.
//! * [`messages`]: the latest messages in and out, without passwords.
//! * [`offering`]: a look at a file of the user before it is committed.
//! * [`place`]: where a station is and who it is there.
//! * [`revision`]: what a revision that came changed, in one sentence.
//! * [`rooms`]: Mixer's rooms, beside a node or alone.
//! * [`rules`]: which commits of others are fetched without anybody asking.
//! * [`saved`]: which fetched files lie in their folder, over restarts.
//! * [`share`]: what is known of a file that is to be shared.
//! * [`shown`]: how names, sizes, stations and commits look to a person, and to a program.
//! * [`watched`]: what is found in a watched folder is committed.
//! * [`withdrawing`]: what was withdrawn through the data directory is carried out.
//!
//! Nothing here prints, and nothing knows arguments: whoever embeds it is told what happens, and finds the words.
#![forbid(unsafe_code)]

pub mod alike;
pub mod bridge;
pub mod collect;
pub mod config;
pub mod consent;
pub mod data;
pub mod doctor;
pub mod electing;
pub mod exec;
pub mod folder;
pub mod following;
pub mod groups;
pub mod history;
pub mod host;
pub mod messages;
pub mod node;
pub mod offering;
pub mod place;
pub mod retaining;
pub mod revision;
pub mod rooms;
pub mod rules;
pub mod saved;
pub mod share;
pub mod shown;
pub mod watched;
pub mod withdrawing;
