//! The report for people.

use std::fmt;

use super::{Counts, Finding, ObjectName, Report};
use crate::rule::Severity;
use crate::text::{Clean, counted};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        if self.omitted > 0 {
            writeln!(
                f,
                "and {} not shown",
                counted(usize::try_from(self.omitted).unwrap_or(usize::MAX), "finding")
            )?;
        }
        writeln!(f, "{}", self.counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| counted(usize::try_from(count).unwrap_or(usize::MAX), noun))
            .collect();
        f.write_str(&if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7} ", self.severity)?;
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(member) = &self.member {
            write!(f, "{}: ", Clean(member))?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        // A detail may quote names of the file, so it is made harmless as a whole, but not cut.
        let detail: String = self.detail.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        write!(f, "{detail} [{}]", self.rule.name())
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.noun(1))?;
        if !self.fixture_id.is_empty() {
            write!(f, " {}", Clean(&self.fixture_id))?;
        }
        match (&self.name, self.uuid) {
            (name, _) if !name.is_empty() => write!(f, " “{}”", Clean(name)),
            (_, Some(uuid)) if self.fixture_id.is_empty() => write!(f, " {uuid}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}
