//! What makes a running node out of the parts of mvrx.
//!
//! * [`config`]: the configuration file.
//! * [`folder`]: a folder into which applications save; what they have finished writing is found, with words for its commit.
//!
//! Nothing here prints or commits by itself: whoever embeds it is told what was found, and decides.
#![forbid(unsafe_code)]

pub mod config;
pub mod folder;
