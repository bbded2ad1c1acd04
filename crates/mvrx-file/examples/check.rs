//! Shows what is wrong with an .mvr: `check FILE`.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "show.mvr".to_owned());
    let report = mvrx_file::check::file(path)?;
    print!("{report}");
    Ok(if report.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
