//! One module for each command.

pub(crate) mod bridge;
pub(crate) mod commit;
pub(crate) mod config;
pub(crate) mod conform;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod file;
pub(crate) mod get;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod ls;
pub(crate) mod mixer;
pub(crate) mod moves;
pub(crate) mod offer;
pub(crate) mod up;
pub(crate) mod watch;
pub(crate) mod watching;
