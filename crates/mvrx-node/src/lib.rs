//! What makes a running node out of the parts of mvrx.
//!
//! * [`folder`]: a folder into which applications save; what they have finished writing is found, with words for its commit.
//!
//! Nothing here prints or commits by itself: whoever embeds it is told what was found, and decides.
#![forbid(unsafe_code)]

pub mod folder;
