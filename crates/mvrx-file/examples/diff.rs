//! Shows what changed from one .mvr to another: `diff OLD NEW [--stat]`.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use mvrx_file::{Diff, MvrFile};

fn main() -> Result<(), mvrx_file::OpenError> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (old, new, option) = (next(), next(), next());
    let diff = Diff::between(&MvrFile::open(old)?, &MvrFile::open(new)?);
    if option == "--stat" {
        print!("{}", diff.stat());
    } else {
        print!("{diff}");
    }
    Ok(())
}
