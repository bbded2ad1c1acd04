//! Turns an .mvr into findings: what is wrong with it, how bad that is and where.
//!
//! Anything may be given to it, also what is no MVR at all: that is then the finding. It deliberately changes nothing and knows no
//! product; what products do wrong but all readers accept is at most a warning. Every member is unpacked once and forgotten, so
//! that a wrong checksum is seen; [`Limits::inflated_bytes`] and [`Limits::findings`] bound the work. Rules: [`Rule`].
//!
//! ```
//! use mvrx_file::{Limits, check, generate::Recipe};
//! let report = check::reader(std::io::Cursor::new(Recipe::new(5).to_bytes()), &Limits::default());
//! assert!(!report.has_errors());
//! ```

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use crate::archive::Archive;
use crate::error::{ArchiveError, MemberError, OpenError, SceneError};
use crate::limits::Limits;
use crate::mvr::MvrFile;
use crate::rule::{Rule, SEVERITIES, Severity};
use crate::scene::{Kind, Object, Scene};

mod content;
mod members;
mod patch;
mod references;
mod text;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Version of this structure; fields are only ever added to it.
    pub schema: u32,
    /// The findings, worst first, then in the order of the file.
    pub findings: Vec<Finding>,
    /// How many there are of each severity, also of those beyond the limit.
    pub counts: Counts,
    /// How many findings were left out because of [`Limits::findings`].
    pub omitted: u64,
}

/// How many findings of each severity there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Errors.
    pub errors: u64,
    /// Warnings.
    pub warnings: u64,
    /// Notes.
    pub notes: u64,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub rule: Rule,
    /// Member of the archive that it is about, when it is not the root file.
    pub member: Option<String>,
    /// Line of the root file, from 1.
    pub line: Option<u32>,
    /// Object that it is about.
    pub object: Option<ObjectName>,
    /// What is wrong, as a clause.
    pub detail: String,
}

/// How an object is called in a finding or a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectName {
    /// Its kind.
    pub kind: Kind,
    /// Its `FixtureID`; may be empty.
    pub fixture_id: String,
    /// Its name; may be empty.
    pub name: String,
    /// Its UUID.
    pub uuid: Option<Uuid>,
}

/// Checks the file at `path` within the default limits.
///
/// # Errors
/// Only when the file cannot be opened; what is wrong inside is in the report.
pub fn file(path: impl AsRef<Path>) -> io::Result<Report> {
    Ok(reader(File::open(path)?, &Limits::default()))
}

/// Checks what `reader` holds from its beginning to its end.
pub fn reader<R: Read + Seek>(mut reader: R, limits: &Limits) -> Report {
    let mut findings = Findings::new(limits.findings);
    match reader.seek(SeekFrom::End(0)) {
        Err(error) => findings.add(Rule::NotAnArchive, format!("the file cannot be read: {error}")),
        Ok(bytes) => match Archive::open(reader, limits) {
            Err(error) => findings.add(archive_rule(&error), error.to_string()),
            Ok(archive) => check_archive(archive, bytes, limits, &mut findings),
        },
    }
    findings.report()
}

fn check_archive<R: Read + Seek>(archive: Archive<R>, bytes: u64, limits: &Limits, findings: &mut Findings) {
    members::check_names(archive.members(), findings);
    match MvrFile::of_archive(archive, bytes, limits) {
        Err(refused) => {
            let (archive, error) = *refused;
            findings.add(open_rule(&error), error.to_string());
            members::suggest_root_file(&archive, &error, findings);
            members::check_content(&archive, limits, findings);
        }
        Ok(file) => {
            members::check_content(file.archive(), limits, findings);
            content::check(file.scene(), findings);
            references::check(&file, findings);
            patch::check(&file, findings);
        }
    }
}

impl Report {
    /// Whether there is at least one error.
    pub fn has_errors(&self) -> bool {
        self.counts.errors > 0
    }

    /// Findings about this rule.
    pub fn of(&self, rule: Rule) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.rule == rule)
    }
}

impl ObjectName {
    pub(crate) fn of(object: &Object) -> Self {
        Self {
            kind: object.kind,
            fixture_id: object.fixture_id.clone(),
            name: object.name.clone(),
            uuid: object.uuid,
        }
    }
}

/// Findings while they are collected.
struct Findings {
    /// Of each severity as many as are allowed in all, so that no number of notes keeps an error out.
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    notes: Vec<Finding>,
    counts: Counts,
    allowed: usize,
}

impl Findings {
    fn new(allowed: usize) -> Self {
        let (errors, warnings, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { errors, warnings, notes, counts: Counts::default(), allowed }
    }

    /// About the file as a whole.
    fn add(&mut self, rule: Rule, detail: impl Into<String>) {
        self.push(rule, None, None, None, detail.into());
    }

    /// About a member.
    fn member(&mut self, rule: Rule, member: &str, detail: impl Into<String>) {
        self.push(rule, Some(member.to_owned()), None, None, detail.into());
    }

    /// About a line of the root file.
    fn line(&mut self, rule: Rule, line: u32, detail: impl Into<String>) {
        self.push(rule, None, Some(line), None, detail.into());
    }

    /// About an object.
    fn object(&mut self, rule: Rule, object: &Object, detail: impl Into<String>) {
        if self.has_room(rule.severity()) {
            self.push(rule, None, Some(object.line), Some(ObjectName::of(object)), detail.into());
        } else {
            self.omit(rule, 1);
        }
    }

    fn push(
        &mut self,
        rule: Rule,
        member: Option<String>,
        line: Option<u32>,
        object: Option<ObjectName>,
        detail: String,
    ) {
        let severity = rule.severity();
        self.count(severity, 1);
        if self.has_room(severity) {
            let finding = Finding { severity, rule, member, line, object, detail };
            self.of(severity).push(finding);
        }
    }

    fn omit(&mut self, rule: Rule, more: u64) {
        self.count(rule.severity(), more);
    }

    fn of(&mut self, severity: Severity) -> &mut Vec<Finding> {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Note => &mut self.notes,
        }
    }

    fn has_room(&mut self, severity: Severity) -> bool {
        let allowed = self.allowed;
        self.of(severity).len() < allowed
    }

    fn count(&mut self, severity: Severity, more: u64) {
        match severity {
            Severity::Error => self.counts.errors += more,
            Severity::Warning => self.counts.warnings += more,
            Severity::Note => self.counts.notes += more,
        }
    }

    fn report(self) -> Report {
        let mut findings = Vec::new();
        for mut list in [self.errors, self.warnings, self.notes] {
            list.sort_by_key(|finding| finding.line);
            findings.append(&mut list);
        }
        findings.truncate(self.allowed);
        let Counts { errors, warnings, notes } = self.counts;
        let omitted = (errors + warnings + notes).saturating_sub(findings.len() as u64);
        Report { schema: 1, findings, counts: self.counts, omitted }
    }
}

fn archive_rule(error: &ArchiveError) -> Rule {
    match error {
        ArchiveError::MembersAboveLimit { .. }
        | ArchiveError::NamesAboveLimit { .. }
        | ArchiveError::DirectoryRecordAboveLimit { .. } => Rule::AboveLimit,
        _ => Rule::NotAnArchive,
    }
}

fn member_rule(error: &MemberError) -> Rule {
    match error {
        MemberError::Encrypted => Rule::MemberEncrypted,
        MemberError::MethodNotAllowed { .. } => Rule::MemberMethod,
        MemberError::SizeAboveLimit { .. } | MemberError::RatioAboveLimit { .. } => Rule::AboveLimit,
        _ => Rule::MemberDamaged,
    }
}

fn open_rule(error: &OpenError) -> Rule {
    match error {
        OpenError::Archive(error) => archive_rule(error),
        OpenError::RootFileMissing | OpenError::RootFileNotUnique { .. } => Rule::NotAnMvr,
        OpenError::RootFile(error) | OpenError::Scene(SceneError::Member(error)) => member_rule(error),
        OpenError::Scene(
            SceneError::DepthAboveLimit { .. }
            | SceneError::TokenAboveLimit { .. }
            | SceneError::ObjectsAboveLimit { .. }
            | SceneError::SceneAboveLimit { .. },
        ) => Rule::AboveLimit,
        OpenError::Io(_) | OpenError::Scene(_) => Rule::SceneUnreadable,
    }
}

/// What the reader of the scene noticed on its way.
fn add_oddities(scene: &Scene, findings: &mut Findings) {
    for oddity in &scene.oddities {
        match oddity.object.and_then(|index| scene.objects.get(index as usize)) {
            Some(object) => {
                let (line, name) = (Some(oddity.line), Some(ObjectName::of(object)));
                findings.push(oddity.rule, None, line, name, oddity.detail.clone());
            }
            None => findings.line(oddity.rule, oddity.line, oddity.detail.clone()),
        }
    }
    for (severity, omitted) in SEVERITIES.into_iter().zip(scene.oddities_omitted) {
        findings.count(severity, omitted);
    }
}
