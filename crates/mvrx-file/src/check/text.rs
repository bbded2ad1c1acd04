//! The report for people.

use std::collections::HashMap;
use std::fmt;

use super::{Counts, Finding, ObjectName, Report};
use crate::rule::{Rule, Severity};
use crate::text::{Clean, counted, harmless};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut alike: HashMap<(Rule, &str), usize> = HashMap::new();
        for finding in &self.findings {
            *alike.entry((finding.rule, &finding.detail)).or_default() += 1;
        }
        let mut shown: HashMap<(Rule, &str), usize> = HashMap::new();
        for finding in &self.findings {
            let key = (finding.rule, finding.detail.as_str());
            let before = shown.entry(key).or_default();
            *before += 1;
            if *before <= ALIKE {
                writeln!(f, "{finding}")?;
            }
            let more = alike.get(&key).copied().unwrap_or(0).saturating_sub(ALIKE);
            if *before == ALIKE && more > 0 {
                writeln!(f, "{:<7} and {more} more like this [{}]", finding.severity, finding.rule.name())?;
            }
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
        let detail: String = self.detail.chars().map(harmless).collect();
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

/// Findings that say the same are shown so often; all of them are in the structure.
const ALIKE: usize = 3;
