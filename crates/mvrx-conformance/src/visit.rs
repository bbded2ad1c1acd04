//! What a probe has: the product's address, who the judge is, its limits, and the record of the bytes.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::discover::Announced;
use crate::judge::Options;
use crate::mvr::line::{Line, Mode};
use crate::mvr::messages;
use crate::target::Target;
use crate::transcript::Transcript;
use crate::verdict::{Outcome, fail, not_offered};
use crate::wire::Wire;
use crate::ws::handshake::{self, Opened};

/// One case's stay at a product.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) target: &'a Target,
    pub(crate) options: &'a Options,
    pub(crate) ids: &'a Identities,
    pub(crate) announced: Option<&'a Announced>,
    pub(crate) transcript: Transcript,
}

/// The ids of one run, random, so that nobody takes one run for another.
#[derive(Debug)]
pub(crate) struct Identities {
    /// The stations that the judge plays.
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) third: String,
    /// The file that it commits.
    pub(crate) file: String,
    /// A file that nobody has.
    pub(crate) no_file: String,
    /// A station that is not there.
    pub(crate) nobody: String,
}

impl Identities {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let (first, second, third) = (uuid()?, uuid()?, uuid()?);
        Ok(Self { first, second, third, file: uuid()?, no_file: uuid()?, nobody: uuid()? })
    }
}

/// A random UUID of version 4, in the usual spelling.
pub(crate) fn uuid() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

impl Visit<'_> {
    pub(crate) fn wire(&self) -> Outcome<Wire> {
        let addresses = match self.target.addresses() {
            Ok(addresses) => addresses,
            Err(error) => return fail(format!("its name cannot be resolved: {error}")),
        };
        match Wire::connect(&addresses, self.options.wait) {
            Ok(wire) => Ok(wire),
            Err(error) => fail(format!("no connection: {error}")),
        }
    }

    /// A connection on which messages can be said, not joined yet.
    pub(crate) fn line(&self) -> Outcome<Line> {
        match self.target {
            Target::Tcp { .. } | Target::Mixer { .. } => Ok(self.line_over(self.wire()?, Mode::Tcp)),
            Target::WebSocket { .. } => {
                let (wire, opened) = self.opened()?;
                if !opened.is_open() {
                    return fail(format!("the handshake was answered with the status {}", opened.status));
                }
                Ok(self.line_over(wire, Mode::WebSocket))
            }
        }
    }

    fn line_over(&self, wire: Wire, mode: Mode) -> Line {
        Line::new(wire, mode, self.transcript.clone(), self.options)
    }

    /// A connection on which a WebSocket was asked for, and the answer, whatever it is.
    pub(crate) fn opened(&self) -> Outcome<(Wire, Opened)> {
        let mut wire = self.wire()?;
        let until = Instant::now() + self.options.wait;
        let (host, path) = (self.target.authority(), self.target.path());
        match handshake::open(&mut wire, &host, path, until, &self.transcript) {
            Ok(opened) => Ok((wire, opened)),
            Err(words) => fail(words),
        }
    }

    /// A connection on which the judge's first station asked to join, and the answer.
    pub(crate) fn join_ret(&self) -> Outcome<(Line, Value)> {
        let mut line = self.line()?;
        let ret = line.ask(&messages::join(&self.ids.first))?;
        Ok((line, ret))
    }

    /// The same where nothing can be judged without being let in.
    pub(crate) fn joined(&self) -> Outcome<(Line, Value)> {
        let (line, ret) = self.join_ret()?;
        if messages::is_no(&ret) {
            return not_offered(format!("it does not let the judge join: {}", messages::reason(&ret)));
        }
        Ok((line, ret))
    }

    /// A product that was treated roughly is to answer the next one.
    pub(crate) fn still_answers(&self) -> Outcome {
        let again = self.join_ret();
        match again {
            Ok(_) => Ok(()),
            Err(finding) => fail(format!("after that it takes no JOIN any more: {}", finding.words)),
        }
    }

    /// How long nothing has to come for "nothing came".
    pub(crate) fn quiet(&self) -> Duration {
        self.options.quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4_and_never_the_same() {
        let one = uuid().unwrap();
        assert_eq!((one.len(), one.matches('-').count()), (36, 4));
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]), "{one}");
        assert_ne!(one, uuid().unwrap());
    }
}
