//! The table of cases: what is asked, where it stands, how strongly it binds, who is judged.

use crate::serve::{self, Watched};
use crate::verdict::{Finding, Outcome};
use crate::visit::Visit;
use crate::{Target, mixer, mvr};

/// How strongly a sentence binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// The specification demands it; only this can fail.
    Must,
    /// The specification recommends it.
    Should,
    /// The specification does not say it; some product in use needs it.
    Field,
}

impl Binding {
    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Field => "field",
        }
    }
}

/// What a case may do to a product beyond joining, asking and leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Announce a tiny file that is named as a test; in a session everybody sees it.
    Commits,
    /// Send what is unusual or broken. It has been seen to end products.
    Rough,
    /// Propose moves to places that do not exist.
    Moves,
}

impl Consent {
    /// The option of the command line that gives it.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Commits => "--commits",
            Self::Rough => "--rough",
            Self::Moves => "--moves",
        }
    }
}

/// Who is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A station of TCP Mode, found by multicast DNS: what it announces.
    Announced,
    /// A station of MVR-xchange's TCP Mode, addressed.
    Station,
    /// The host of a session of WebSocket Mode.
    Host,
    /// A Mixer server.
    Mixer,
    /// A client that joins a scripted station of TCP Mode.
    Client,
    /// A client that joins a scripted host of WebSocket Mode.
    SessionClient,
    /// A client of a scripted Mixer server.
    MixerClient,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Announced,
        Self::Station,
        Self::Host,
        Self::Mixer,
        Self::Client,
        Self::SessionClient,
        Self::MixerClient,
    ];

    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Station => "station",
            Self::Host => "host",
            Self::Mixer => "mixer",
            Self::Client => "client",
            Self::SessionClient => "session-client",
            Self::MixerClient => "mixer-client",
        }
    }
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// A name that stays: what results are compared by.
    pub id: &'static str,
    /// Where the sentence stands in the specification, or `found in the field`.
    pub section: &'static str,
    /// The sentence in our own words.
    pub sentence: &'static str,
    /// How strongly it binds.
    pub binding: Binding,
    /// The requirements of `docs/spec` that it belongs to.
    pub requirements: &'static [&'static str],
    /// What the operator has to consent to.
    pub needs: &'static [Consent],
    pub(crate) probe: Probe,
}

/// What finds out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Probe {
    /// Something that is tried on a product.
    Ask(Asking),
    /// Something that is looked for in what a client said.
    Watch(Watching),
}

type Asking = fn(&mut Visit<'_>) -> Outcome;
pub(crate) type Watching = fn(&Watched) -> Result<(), (Finding, Vec<String>)>;
type Ids = &'static [&'static str];

pub(crate) const fn must(
    id: &'static str,
    section: &'static str,
    sentence: &'static str,
    requirements: Ids,
    probe: Asking,
) -> Case {
    Case { id, section, sentence, binding: Binding::Must, requirements, needs: &[], probe: Probe::Ask(probe) }
}

pub(crate) const fn should(
    id: &'static str,
    section: &'static str,
    sentence: &'static str,
    requirements: Ids,
    probe: Asking,
) -> Case {
    Case {
        id,
        section,
        sentence,
        binding: Binding::Should,
        requirements,
        needs: &[],
        probe: Probe::Ask(probe),
    }
}

/// What the specification does not say.
pub(crate) const fn field(
    id: &'static str,
    sentence: &'static str,
    requirements: Ids,
    probe: Asking,
) -> Case {
    let section = "found in the field";
    Case {
        id,
        section,
        sentence,
        binding: Binding::Field,
        requirements,
        needs: &[],
        probe: Probe::Ask(probe),
    }
}

/// What a client has to say, and how.
pub(crate) const fn watching(
    id: &'static str,
    section: &'static str,
    sentence: &'static str,
    binding: Binding,
    requirements: Ids,
    probe: Watching,
) -> Case {
    Case { id, section, sentence, binding, requirements, needs: &[], probe: Probe::Watch(probe) }
}

impl Case {
    pub(crate) const fn needs(self, needs: &'static [Consent]) -> Self {
        Self { needs, ..self }
    }
}

impl Subject {
    /// Who answers at such an address.
    pub(crate) fn of(target: &Target) -> Self {
        match target {
            Target::Tcp { .. } => Self::Station,
            Target::WebSocket { .. } => Self::Host,
            Target::Mixer { .. } => Self::Mixer,
        }
    }
}

/// The cases for one kind of product, in the order in which they are tried.
#[must_use]
pub fn cases(subject: Subject) -> Vec<Case> {
    match subject {
        Subject::Announced => mvr::announced_cases(),
        Subject::Station => mvr::station_cases(),
        Subject::Host => mvr::host_cases(),
        Subject::Mixer => mixer::server_cases(),
        Subject::Client => serve::station_cases(),
        Subject::SessionClient => serve::session_cases(),
        Subject::MixerClient => serve::mixer_cases(),
    }
}
