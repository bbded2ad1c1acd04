//! What came of all cases, for people, for programs, and for what reads JUnit.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::case::{Case, Subject};
use crate::verdict::Verdict;

// req: CNF-04
/// What came of one case.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The case.
    pub case: Case,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in words; empty where it passed.
    pub words: String,
    /// What was sent (`>`) and received (`<`), excerpts; empty where it passed.
    pub seen: Vec<String>,
}

/// What came of all cases.
#[derive(Debug, Clone)]
pub struct Report {
    target: String,
    subject: Subject,
    judged: Vec<Judged>,
}

impl Judged {
    /// One line, and for what did not pass the sentence, the reason and the bytes below it.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { case, verdict, words, seen } = self;
        let mut text = format!("{:11}  {:28}  {}", verdict.word(), case.id, case.section);
        match verdict {
            Verdict::Pass => {}
            Verdict::NotAsked | Verdict::NotOffered => {
                let _ = write!(text, ": {words}");
            }
            Verdict::Fail | Verdict::Tolerated => {
                let _ = write!(text, "\n    asked: {}\n    found: {words}", case.sentence);
                for line in seen {
                    let _ = write!(text, "\n    {line}");
                }
            }
        }
        text
    }

    /// One object, as `docs/json.md` tells it.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { case, verdict, words, seen } = self;
        json!({
            "case": case.id, "section": case.section, "sentence": case.sentence, "binding": case.binding.word(),
            "requirements": case.requirements, "verdict": verdict.word(), "reason": words, "seen": seen,
        })
    }
}

impl Report {
    pub(crate) fn new(target: String, subject: Subject, judged: Vec<Judged>) -> Self {
        Self { target, subject, judged }
    }

    /// Every case with what came of it.
    #[must_use]
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// How many cases have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.judged.iter().filter(|one| one.verdict == verdict).count()
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(Verdict::Fail)
    }

    /// The sum in a line.
    #[must_use]
    pub fn summary(&self) -> String {
        let counts: Vec<String> = Verdict::ALL
            .into_iter()
            .map(|verdict| format!("{} {}", self.count(verdict), verdict.word()))
            .collect();
        format!("{}: {}", self.target, counts.join(", "))
    }

    /// One document, as `docs/json.md` tells it.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut counts = serde_json::Map::new();
        for verdict in Verdict::ALL {
            counts.insert(verdict.word().replace('-', "_"), json!(self.count(verdict)));
        }
        json!({
            "schema": 1, "target": self.target, "subject": self.subject.word(), "counts": counts,
            "cases": self.judged.iter().map(Judged::json).collect::<Vec<_>>(),
        })
    }

    fn suite(&self) -> String {
        let skipped = self.count(Verdict::NotOffered) + self.count(Verdict::NotAsked);
        let mut xml = String::new();
        let _ = writeln!(
            xml,
            "<testsuite name=\"mvrx conform {}\" tests=\"{}\" failures=\"{}\" skipped=\"{skipped}\">",
            escaped(&self.target),
            self.judged.len(),
            self.failed(),
        );
        for Judged { case, verdict, words, seen } in &self.judged {
            let _ = write!(
                xml,
                "  <testcase classname=\"{}\" name=\"{}\"",
                escaped(case.section),
                escaped(case.id)
            );
            let all = escaped(&format!("{}\n{words}\n{}", case.sentence, seen.join("\n")));
            let words = escaped(words);
            let _ = match verdict {
                Verdict::Pass => writeln!(xml, "/>"),
                Verdict::Fail => {
                    writeln!(xml, "><failure message=\"{words}\">{all}</failure></testcase>")
                }
                Verdict::Tolerated => writeln!(xml, "><system-out>tolerated: {all}</system-out></testcase>"),
                Verdict::NotOffered | Verdict::NotAsked => {
                    writeln!(
                        xml,
                        "><skipped message=\"{}: {words}\"/></testcase>",
                        verdict.word().replace('-', " ")
                    )
                }
            };
        }
        xml.push_str("</testsuite>\n");
        xml
    }
}

/// JUnit's XML of one or several products: a failure is a failure; what is not offered or not asked is skipped; what is tolerated passes and says so.
#[must_use]
pub fn junit(reports: &[Report]) -> String {
    let suites: Vec<String> = reports.iter().map(Report::suite).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{}</testsuites>\n", suites.concat())
}

/// Text as XML has it; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_break_the_xml() {
        assert_eq!(escaped("<a b=\"c\">&\u{1b}\u{ffff}"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}\u{fffd}");
    }
}
