//! `mvrx inspect`, `check`, `diff`, `plan`: what is in an .mvr, what is wrong with it, what changed. They need no network.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use mvrx_file::plan::{SvgOptions, Theme};
use mvrx_file::{Diff, Limits, MvrFile, Plan, Summary};
use serde_json::json;

use crate::args::{Check, DiffArgs, Inspect, PlanArgs};
use crate::failure::{Failure, Verdict};
use crate::{data, show};

pub(crate) fn inspect(args: &Inspect) -> Result<(), Failure> {
    let summary = Summary::of(&open(&args.file, args.data.as_deref())?);
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "summary": summary }));
    } else {
        show::line(&summary.to_string());
    }
    Ok(())
}

pub(crate) fn check(args: &Check) -> Result<Verdict, Failure> {
    let report = mvrx_file::check::file(&args.file);
    let report = report.map_err(|error| Failure::bad_file(format!("{}: {error}", args.file.display())))?;
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "report": report }));
    } else {
        show::text(&report);
    }
    Ok(if report.has_errors() { Verdict::Findings } else { Verdict::Fine })
}

pub(crate) fn diff(args: &DiffArgs) -> Result<Verdict, Failure> {
    let diff =
        Diff::between(&open(&args.old, args.data.as_deref())?, &open(&args.new, args.data.as_deref())?);
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
    if args.output.exists() && !args.force {
        let path = args.output.display();
        return Err(Failure::usage(format!("{path} is there already; --force writes over it")));
    }
    let same = |input: &Path| match (input.canonicalize(), args.output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    };
    if same(&args.file) || args.new.as_deref().is_some_and(same) {
        let path = args.output.display();
        return Err(Failure::usage(format!("{path} is the show itself; write the plan somewhere else")));
    }
    let old = open(&args.file, args.data.as_deref())?;
    let plan = match &args.new {
        Some(new) => {
            let new = open(new, args.data.as_deref())?;
            Plan::of_change(&old, &new, &Diff::between(&old, &new))
        }
        None => Plan::of(&old),
    };
    let theme = if args.dark { Theme::Dark } else { Theme::Light };
    let newest = args.new.as_ref().unwrap_or(&args.file);
    let title = newest.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let svg = plan.svg(&SvgOptions::default().theme(theme).title(title));
    std::fs::write(&args.output, svg)
        .map_err(|error| Failure::local(format!("cannot write {}: {error}", args.output.display())))
}

/// An .mvr on disk or in the store.
trait Readable: Read + Seek {}

impl<R: Read + Seek> Readable for R {}

/// Opens a path, or a revision of the store: `latest`, or the beginning of an id.
fn open(what: &Path, data: Option<&Path>) -> Result<MvrFile<Box<dyn Readable>>, Failure> {
    let bad = |error: &dyn std::fmt::Display| Failure::bad_file(format!("{}: {error}", what.display()));
    let reader: Box<dyn Readable> = if what.exists() {
        Box::new(File::open(what).map_err(|error| bad(&error))?)
    } else {
        let text = what.to_string_lossy();
        data::revision(data, &text)?
            .ok_or_else(|| bad(&"there is neither such a file nor such a revision in the store"))
            .map(Box::new)?
    };
    MvrFile::read(reader, &Limits::default()).map_err(|error| bad(&error))
}
