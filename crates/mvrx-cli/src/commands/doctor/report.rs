//! What was found: lines for a person, a document for a program.

use serde_json::{Map, Value, json};

use crate::show;

#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Vec<Line>,
    facts: Map<String, Value>,
}

#[derive(Debug)]
enum Line {
    Well(String),
    /// Neither good nor bad, or not to be known from here.
    Note(String),
    Finding(Finding),
}

/// Something that keeps stations from finding each other, or may.
#[derive(Debug)]
struct Finding {
    id: &'static str,
    /// It certainly keeps something from working; else it may.
    certain: bool,
    text: String,
    advice: String,
}

impl Report {
    pub(super) fn well(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Well(text.into()));
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Note(text.into()));
    }

    pub(super) fn problem(&mut self, id: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.finding(id, true, text.into(), advice.into());
    }

    pub(super) fn warning(&mut self, id: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.finding(id, false, text.into(), advice.into());
    }

    fn finding(&mut self, id: &'static str, certain: bool, text: String, advice: String) {
        self.lines.push(Line::Finding(Finding { id, certain, text, advice }));
    }

    pub(super) fn fact(&mut self, key: &str, value: Value) {
        self.facts.insert(key.to_owned(), value);
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.lines
            .iter()
            .filter_map(|line| if let Line::Finding(finding) = line { Some(finding) } else { None })
    }

    pub(super) fn has_findings(&self) -> bool {
        self.findings().next().is_some()
    }

    #[cfg(test)]
    pub(super) fn finding_ids(&self) -> Vec<String> {
        self.findings().map(|finding| finding.id.to_owned()).collect()
    }

    pub(super) fn lines(&self) {
        for line in &self.lines {
            match line {
                Line::Well(text) => show::line(&format!("  ok  {text}")),
                Line::Note(text) => show::line(&format!("   -  {text}")),
                Line::Finding(finding) => {
                    let mark = if finding.certain { "!!" } else { " !" };
                    show::line(&format!("  {mark}  {}", finding.text));
                    show::line(&format!("      what to do: {}", finding.advice));
                }
            }
        }
        let summary = match self.findings().count() {
            0 => "all is well, as far as can be seen from this machine".to_owned(),
            count => format!("{count} {}, marked with !", show::plural(count, "finding")),
        };
        show::line(&summary);
    }

    pub(super) fn document(&self, group: &str) {
        show::document(&self.json(group));
    }

    fn json(&self, group: &str) -> Value {
        let finding = |f: &Finding| {
            let severity = if f.certain { "problem" } else { "warning" };
            json!({ "id": f.id, "severity": severity, "text": f.text, "advice": f.advice })
        };
        let notes: Vec<&String> = self
            .lines
            .iter()
            .filter_map(|l| if let Line::Note(text) = l { Some(text) } else { None })
            .collect();
        json!({
            "schema": show::SCHEMA,
            "group": group,
            "findings": self.findings().map(finding).collect::<Vec<_>>(),
            "notes": notes,
            "facts": self.facts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_findings_count_as_findings() {
        let mut report = Report::default();
        report.well("a");
        report.note("b");
        assert!(!report.has_findings());
        report.warning("c", "d", "e");
        assert!(report.has_findings());
        let json = report.json("Tour");
        let expected = json!([{ "id": "c", "severity": "warning", "text": "d", "advice": "e" }]);
        assert_eq!((&json["findings"], &json["notes"]), (&expected, &json!(["b"])));
    }
}
