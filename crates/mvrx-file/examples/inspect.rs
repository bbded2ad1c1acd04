//! Shows what is in an .mvr: `inspect FILE`.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use mvrx_file::{MvrFile, Summary};

fn main() -> Result<(), mvrx_file::OpenError> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "show.mvr".to_owned());
    println!("{}", Summary::of(&MvrFile::open(path)?));
    Ok(())
}
