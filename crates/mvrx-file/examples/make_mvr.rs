//! Writes a generated .mvr: `make_mvr PATH [seed] [fixtures] [trusses] [payload MiB] [second]`.

use std::fs::File;
use std::io::BufWriter;

use mvrx_file::generate::{Changes, Recipe};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u32| {
        arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let path = arguments.first().map_or("show.mvr", String::as_str);
    let mut recipe = Recipe::new(u64::from(number(1, 1)))
        .fixtures(number(2, 40))
        .trusses(number(3, 2))
        .payload_bytes(u64::from(number(4, 0)) << 20);
    if arguments.get(5).is_some_and(|text| text == "second") {
        recipe = recipe.revised(Changes { readdressed: 20, moved: 12, removed: 3 });
    }
    recipe.write(BufWriter::new(File::create(path)?))?.into_inner()?;
    Ok(())
}
