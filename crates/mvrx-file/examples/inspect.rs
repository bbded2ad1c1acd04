//! Shows what is in an .mvr: `inspect FILE [--json]`.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use mvrx_file::{MvrFile, Summary};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "show.mvr".to_owned());
    let summary = Summary::of(&MvrFile::open(path)?);
    if std::env::args().nth(2).is_some_and(|option| option == "--json") {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        println!("{summary}");
    }
    Ok(())
}
