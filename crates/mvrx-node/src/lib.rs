//! What makes a running node out of the parts of mvrx.
//!
//! * [`config`]: the configuration file.
//! * [`exec`]: commands that are run when something happens.
//! * [`folder`]: a folder into which applications save; what they have finished writing is found, with words for its commit.
//! * [`revision`]: what a revision that came changed, in one sentence.
//! * [`rules`]: which commits of others are fetched without anybody asking.
//! * [`saved`]: which fetched files lie in their folder, over restarts.
//!
//! Nothing here prints or commits by itself: whoever embeds it is told what was found, and decides.
#![forbid(unsafe_code)]

pub mod config;
pub mod exec;
pub mod folder;
pub mod revision;
pub mod rules;
pub mod saved;
