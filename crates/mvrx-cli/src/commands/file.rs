//! `mvrx inspect`, `check`, `diff`, `plan`: what is in an .mvr, what is wrong with it, what changed. They need no network.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use mvrx_file::plan::{SvgOptions, Theme};
use mvrx_file::{Diff, Limits, MvrFile, Plan, Summary};
use serde_json::json;

use crate::args::{Check, DiffArgs, Inspect, PlanArgs};
use crate::failure::{Failure, Verdict};
use crate::{kept, show};

pub(crate) fn inspect(args: &Inspect) -> Result<(), Failure> {
    let summary = Summary::of(&open(&args.file, args.data.as_deref())?.file);
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "summary": summary }));
    } else {
        show::text(&summary);
    }
    Ok(())
}

pub(crate) fn check(args: &Check) -> Result<Verdict, Failure> {
    let found = find(&args.file, args.data.as_deref())?;
    let report = mvrx_file::check::reader(found.reader, &Limits::default());
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "report": report }));
    } else {
        show::text(&report);
    }
    Ok(if report.has_errors() { Verdict::Findings } else { Verdict::Fine })
}

pub(crate) fn diff(args: &DiffArgs) -> Result<Verdict, Failure> {
    let (old, new) = (open(&args.old, args.data.as_deref())?, open(&args.new, args.data.as_deref())?);
    let diff = Diff::between(&old.file, &new.file);
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "diff": diff }));
    } else if args.stat {
        show::text(&diff.stat());
    } else {
        show::text(&diff);
    }
    Ok(if diff.is_same() { Verdict::Fine } else { Verdict::Findings })
}

pub(crate) fn plan(args: &PlanArgs) -> Result<(), Failure> {
    let to_output = args.output.as_os_str() == "-";
    if !to_output {
        refuse_output(args)?;
    }
    let old = open(&args.file, args.data.as_deref())?;
    let new = args.new.as_deref().map(|new| open(new, args.data.as_deref())).transpose()?;
    let plan = match &new {
        Some(new) => Plan::of_change(&old.file, &new.file, &Diff::between(&old.file, &new.file)),
        None => Plan::of(&old.file),
    };
    let theme = if args.dark { Theme::Dark } else { Theme::Light };
    let title = new.as_ref().unwrap_or(&old).title.clone();
    let svg = plan.svg(&SvgOptions::default().theme(theme).title(title));
    if to_output {
        show::text(&svg);
        return Ok(());
    }
    write_whole(&args.output, svg.as_bytes())
        .map_err(|error| Failure::local(format!("cannot write {}: {error}", args.output.display())))
}

/// A plan never takes the place of a show, and of another file only when told to.
fn refuse_output(args: &PlanArgs) -> Result<(), Failure> {
    let path = args.output.display();
    // A link that leads nowhere is there, too.
    if args.output.symlink_metadata().is_ok() && !args.force {
        return Err(Failure::usage(format!("{path} is there already; --force writes over it")));
    }
    let same = |input: &Path| match (input.canonicalize(), args.output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    };
    if same(&args.file) || args.new.as_deref().is_some_and(same) {
        return Err(Failure::usage(format!("{path} is the show itself; write the plan somewhere else")));
    }
    Ok(())
}

/// Writes a file beside its place and moves it there when it is whole: a full disk leaves what was there before.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A pipe or a device has no place to move anything to.
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = write_new(&part, bytes).and_then(|()| fs::rename(&part, &path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_new(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// An .mvr on disk or in the store.
trait Readable: Read + Seek {}

impl<R: Read + Seek> Readable for R {}

/// What was meant, not looked into yet.
struct Found {
    reader: Box<dyn Readable>,
    title: String,
}

struct Opened {
    file: MvrFile<Box<dyn Readable>>,
    title: String,
}

/// Finds a path, or a revision of the store: `latest`, or the beginning of an id.
fn find(what: &Path, data: Option<&Path>) -> Result<Found, Failure> {
    let bad = |error: &dyn std::fmt::Display| Failure::bad_file(format!("{}: {error}", what.display()));
    let stem =
        |name: &Path| name.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if what.symlink_metadata().is_ok() {
        let reader = Box::new(File::open(what).map_err(|error| bad(&error))?);
        return Ok(Found { reader, title: stem(what) });
    }
    let found = kept::find(data, &what.to_string_lossy())?;
    let found = found.ok_or_else(|| bad(&"there is neither such a file nor such a revision in the store"))?;
    let title = stem(Path::new(&found.stored().commit.file_name));
    Ok(Found { reader: Box::new(found.reader()?), title })
}

fn open(what: &Path, data: Option<&Path>) -> Result<Opened, Failure> {
    let Found { reader, title } = find(what, data)?;
    let file = MvrFile::read(reader, &Limits::default());
    let file = file.map_err(|error| Failure::bad_file(format!("{}: {error}", what.display())))?;
    Ok(Opened { file, title })
}
