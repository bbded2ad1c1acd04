//! What was found, in words that lines, documents and pages have alike, with an id for each kind and facts for programs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    entries: Vec<Entry>,
    /// How many findings there are of each kind; the first few are told.
    kinds: BTreeMap<&'static str, usize>,
    facts: Map<String, Value>,
}

/// One thing that was found.
#[derive(Debug, Clone)]
pub enum Entry {
    /// It is as it should be.
    Well(String),
    /// Neither good nor bad, or not to be known from here.
    Note(String),
    /// It is not, or may not be.
    Finding(Finding),
}

/// Something that keeps stations from finding each other, or may.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// Its kind, which stays the same in later editions.
    pub id: &'static str,
    /// It certainly keeps something from working; else it may.
    pub certain: bool,
    /// What is so.
    pub text: String,
    /// What to do about it.
    pub advice: String,
}

impl Report {
    /// Something is as it should be.
    pub fn well(&mut self, text: impl Into<String>) {
        self.entries.push(Entry::Well(text.into()));
    }

    /// Something is neither good nor bad, or not to be known from here.
    pub fn note(&mut self, text: impl Into<String>) {
        self.entries.push(Entry::Note(text.into()));
    }

    /// Something certainly keeps stations from finding each other. Of one kind the first twelve are kept, and the others counted.
    pub fn problem(&mut self, id: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.finding(id, true, text.into(), advice.into());
    }

    /// Something may.
    pub fn warning(&mut self, id: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.finding(id, false, text.into(), advice.into());
    }

    fn finding(&mut self, id: &'static str, certain: bool, text: String, advice: String) {
        let count = self.kinds.entry(id).or_default();
        *count += 1;
        if *count > OF_ONE_KIND {
            return;
        }
        self.entries.push(Entry::Finding(Finding { id, certain, text, advice }));
    }

    /// Something that programs may want to know.
    pub fn fact(&mut self, key: &str, value: Value) {
        self.facts.insert(key.to_owned(), value);
    }

    /// All of it, in the order in which it was found.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What programs may want to know.
    #[must_use]
    pub fn facts(&self) -> &Map<String, Value> {
        &self.facts
    }

    /// How many findings there are, also those that are not told.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kinds.values().sum()
    }

    /// The kinds of which not all findings are told, and how many are not.
    pub fn more(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let beyond = |(id, count): (&&'static str, &usize)| Some((*id, count.checked_sub(OF_ONE_KIND)?));
        self.kinds.iter().filter_map(beyond).filter(|(_, more)| *more > 0)
    }

    /// The findings that are told.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.entries
            .iter()
            .filter_map(|entry| if let Entry::Finding(finding) = entry { Some(finding) } else { None })
    }

    /// Whether there are any.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.findings().next().is_some()
    }

    /// All of it as documents for programs have it.
    #[must_use]
    pub fn json(&self, group: &str) -> Value {
        let finding = |f: &Finding| {
            let severity = if f.certain { "problem" } else { "warning" };
            json!({ "id": f.id, "severity": severity, "text": f.text, "advice": f.advice })
        };
        let note = |entry: &Entry| if let Entry::Note(text) = entry { Some(text.clone()) } else { None };
        json!({
            "group": group,
            "findings": self.findings().map(finding).collect::<Vec<_>>(),
            "more": self.more().map(|(id, more)| (id.to_owned(), json!(more))).collect::<Map<_, _>>(),
            "notes": self.entries().iter().filter_map(note).collect::<Vec<_>>(),
            "facts": self.facts(),
        })
    }

    #[cfg(test)]
    pub(super) fn finding_ids(&self) -> Vec<String> {
        self.findings().map(|finding| finding.id.to_owned()).collect()
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
        assert_eq!((report.findings().count(), report.count()), (OF_ONE_KIND + 1, 501));
        assert_eq!(report.more().collect::<Vec<_>>(), [("station-not-joined", 488)]);
        assert_eq!(report.findings().next().unwrap().text, "0", "the first ones");
    }

    #[test]
    fn only_findings_count_as_findings() {
        let mut report = Report::default();
        report.well("a");
        report.note("b");
        assert!(!report.has_findings() && report.entries().len() == 2);
        report.warning("c", "d", "e");
        assert!(report.has_findings());
        let finding = report.findings().next().unwrap();
        assert_eq!((finding.id, finding.certain, finding.text.as_str()), ("c", false, "d"));
    }
}
