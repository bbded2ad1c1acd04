//! What was found: lines for a person, a document for a program.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::show;

#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Vec<Line>,
    /// How many findings there are of each kind; the first few are told.
    kinds: BTreeMap<&'static str, usize>,
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
        let count = self.kinds.entry(id).or_default();
        *count += 1;
        if *count > OF_ONE_KIND {
            return;
        }
        self.lines.push(Line::Finding(Finding { id, certain, text, advice }));
    }

    pub(super) fn fact(&mut self, key: &str, value: Value) {
        self.facts.insert(key.to_owned(), value);
    }

    /// The kinds of which not all findings are told, and how many are not.
    fn more(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let beyond = |(id, count): (&&'static str, &usize)| Some((*id, count.checked_sub(OF_ONE_KIND)?));
        self.kinds.iter().filter_map(beyond).filter(|(_, more)| *more > 0)
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
        for (id, more) in self.more() {
            show::line(&format!("   !  and {more} more of the kind {id}"));
        }
        let summary = match self.kinds.values().sum::<usize>() {
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
            "more": self.more().map(|(id, more)| (id.to_owned(), json!(more))).collect::<Map<_, _>>(),
            "notes": notes,
            "facts": self.facts,
        })
    }
}

/// Findings of one kind that are told one by one.
const OF_ONE_KIND: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_findings_of_one_kind_the_first_are_told_and_the_others_counted() {
        let mut report = Report::default();
        for n in 0..500 {
            report.problem("station-not-joined", format!("{n}"), "a");
        }
        report.warning("only-ourselves", "b", "c");
        let json = report.json("Tour");
        assert_eq!(json["findings"].as_array().unwrap().len(), OF_ONE_KIND + 1);
        assert_eq!(json["more"], json!({ "station-not-joined": 488 }));
        assert_eq!(json["findings"][0]["text"], "0", "the first ones");
    }

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
