//! Draws an .mvr, or what changed to a second one: `plan PLAN.svg OLD [NEW] [light|dark]`.

use mvrx_file::plan::{Plan, SvgOptions, Theme};
use mvrx_file::{Diff, MvrFile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let dark = arguments.iter().any(|argument| argument == "dark");
    let paths: Vec<&String> =
        arguments.iter().filter(|argument| !matches!(argument.as_str(), "dark" | "light")).collect();
    let [output, old, rest @ ..] = paths.as_slice() else {
        return Err("give an output and one or two files".into());
    };
    let file = MvrFile::open(old)?;
    let plan = match rest.first() {
        None => Plan::of(&file),
        Some(new) => {
            let new = MvrFile::open(new)?;
            Plan::of_change(&file, &new, &Diff::between(&file, &new))
        }
    };
    let theme = if dark { Theme::Dark } else { Theme::Light };
    let name = std::path::Path::new(old).file_stem().map(|name| name.to_string_lossy().into_owned());
    std::fs::write(output, plan.svg(&SvgOptions::default().theme(theme).title(name.unwrap_or_default())))?;
    Ok(())
}
