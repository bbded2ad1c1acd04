//! What the session's host answers our stand-ins: who is let in, which commits it takes. Nothing is said to be there before.

use std::collections::BTreeMap;
use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{Event, Events, Heard};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::{News, Side};

/// The stand-ins in the session, as far as its host has answered.
#[derive(Debug)]
pub(crate) struct Answers {
    heard: mpsc::Sender<(StationUuid, Event)>,
    stand_ins: BTreeMap<StationUuid, Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    name: String,
    /// It was told that it is there.
    shown: bool,
    /// Why it was not let in, as told last.
    kept_out: Option<String>,
    /// What it committed, and the host has not answered.
    offered: BTreeMap<FileUuid, Offered>,
}

#[derive(Debug)]
struct Offered {
    file_name: String,
    length: u64,
    /// Since when it is listed by a JOIN that was accepted: then nothing may answer it by itself.
    listed: Option<Instant>,
}

impl Answers {
    pub(crate) fn new() -> (Self, mpsc::Receiver<(StationUuid, Event)>) {
        let (heard, answers) = mpsc::channel(WAITING);
        (Self { heard, stand_ins: BTreeMap::new() }, answers)
    }

    /// A stand-in begins; what it hears is passed on until it ends.
    pub(crate) fn begins(&mut self, station: StationUuid, name: &str, mut events: Events) {
        let heard = self.heard.clone();
        tokio::spawn(async move {
            while let Some(next) = events.next().await {
                let Heard::Event(seen) = next else { continue };
                let matters = matches!(
                    seen.event,
                    Event::JoinedGroup
                        | Event::SessionRefused { .. }
                        | Event::CommitAcknowledged { .. }
                        | Event::CommitRefused { .. }
                );
                if matters && heard.send((station, seen.event)).await.is_err() {
                    break;
                }
            }
        });
        self.stand_ins.insert(station, Asked { name: name.to_owned(), ..Asked::default() });
    }

    /// It ends: whether it was told that it is there.
    pub(crate) fn ends(&mut self, station: StationUuid) -> bool {
        self.stand_ins.remove(&station).is_some_and(|asked| asked.shown)
    }

    pub(crate) fn renamed(&mut self, station: StationUuid, name: &str) {
        if let Some(asked) = self.stand_ins.get_mut(&station) {
            name.clone_into(&mut asked.name);
        }
    }

    /// A stand-in commits a file.
    pub(crate) fn offers(
        &mut self,
        station: StationUuid,
        file: FileUuid,
        (file_name, length): (String, u64),
    ) {
        if let Some(asked) = self.stand_ins.get_mut(&station) {
            asked.offered.insert(file, Offered { file_name, length, listed: None });
        }
    }

    /// What is to be told of what a stand-in heard.
    // req: BRG-28
    pub(crate) fn hear(&mut self, station: StationUuid, event: Event, now: Instant) -> Option<News> {
        let asked = self.stand_ins.get_mut(&station)?;
        match event {
            Event::JoinedGroup => {
                asked.kept_out = None;
                asked.offered.values_mut().for_each(|offered| offered.listed = Some(now));
                let name = asked.name.clone();
                let appears = !std::mem::replace(&mut asked.shown, true);
                appears.then_some(News::Appeared { side: Side::Host, station, name })
            }
            Event::SessionRefused { message, .. } => {
                let (name, why) = (asked.name.clone(), message);
                let again = asked.kept_out.replace(why.clone());
                (again.as_ref() != Some(&why)).then_some(News::NotLetIn { station, name, why })
            }
            Event::CommitAcknowledged { file, .. } => {
                let offered = asked.offered.remove(&file)?;
                Some(offered.carried(station, file))
            }
            Event::CommitRefused { file, message, .. } => {
                let file_name = asked.offered.remove(&file)?.file_name;
                Some(News::Refused { file, file_name, station, why: message })
            }
            _ => None,
        }
    }

    /// What was listed by a JOIN, and nothing was said against it.
    pub(crate) fn settled(&mut self, now: Instant) -> Vec<(StationUuid, News)> {
        let mut all = Vec::new();
        for (station, asked) in &mut self.stand_ins {
            let over = |offered: &Offered| offered.listed.is_some_and(|at| now >= at + UNANSWERED);
            for (file, offered) in asked.offered.extract_if(.., |_, offered| over(offered)) {
                all.push((*station, offered.carried(*station, file)));
            }
        }
        all
    }
}

impl Offered {
    fn carried(self, station: StationUuid, file: FileUuid) -> News {
        let (file_name, length) = (self.file_name, self.length);
        News::Carried { side: Side::Host, file, file_name, station, length }
    }
}

/// Answers that wait for the driver; who is answered waits for it, and loses none.
const WAITING: usize = 256;
/// A host that has anything against a commit says so sooner.
const UNANSWERED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> StationUuid {
        StationUuid::from_random_bytes([n; 16])
    }

    // proves: BRG-28
    #[test]
    fn what_is_refused_is_told_once_and_what_is_taken_when_it_is() {
        let (mut answers, _) = Answers::new();
        let (foh, file, now) = (id(1), FileUuid::from_random_bytes([9; 16]), Instant::now());
        answers.stand_ins.insert(foh, Asked { name: "Foh".to_owned(), ..Asked::default() });
        let refused = || Event::SessionRefused { host: None, message: "not listed".to_owned() };
        let told = answers.hear(foh, refused(), now);
        assert!(
            matches!(told, Some(News::NotLetIn { name, why, .. }) if name == "Foh" && why == "not listed")
        );
        assert_eq!(answers.hear(foh, refused(), now), None, "once for each reason");
        answers.offers(foh, file, ("big.mvr".to_owned(), 7));
        let why = Event::CommitRefused { file, station: id(200), message: "too large".to_owned() };
        let appeared = answers.hear(foh, Event::JoinedGroup, now);
        assert!(matches!(appeared, Some(News::Appeared { side: Side::Host, .. })), "{appeared:?}");
        assert_eq!(answers.hear(foh, Event::JoinedGroup, now), None, "it was there already");
        let told = answers.hear(foh, why.clone(), now);
        assert!(matches!(told, Some(News::Refused { file_name, .. }) if file_name == "big.mvr"));
        assert_eq!(answers.hear(foh, why, now), None);
        assert_eq!(answers.settled(now + UNANSWERED), [], "what was refused is not there");
        answers.offers(foh, file, ("rig.mvr".to_owned(), 7));
        let taken = Event::CommitAcknowledged { file, station: id(200) };
        let told = answers.hear(foh, taken, now);
        assert!(matches!(told, Some(News::Carried { file_name, .. }) if file_name == "rig.mvr"));
        // What its JOIN listed is answered by nothing else.
        answers.offers(foh, file, ("rig.mvr".to_owned(), 7));
        assert_eq!(answers.settled(now + UNANSWERED), [], "no JOIN has listed it");
        answers.hear(foh, Event::JoinedGroup, now);
        assert_eq!(answers.settled(now), []);
        assert_eq!(answers.settled(now + UNANSWERED).len(), 1);
        assert!(answers.ends(foh) && !answers.ends(foh));
    }
}
