//! Who is one of the session, told to our own kind of station: the specification's messages name the others by StationUUID only.
//!
//! The answer to a JOIN begins the list; what does not fit it, and who comes, goes or is renamed later, follows as news. Each commit tells
//! who its author is beside that, since it outlives the author's stay.

use mvrx_message::{
    Author, Commit, FetchedFile, FileUuid, Join, JoinRet, Message, NamedStation, Ours, Reply, Roster,
    StationUuid,
};

use super::Host;
use super::link::Member;

impl Member {
    pub(super) fn author(&self) -> Author {
        Author::new(&self.name, &self.provider)
    }
}

impl Host {
    /// The beginning of the list, for the answer to a JOIN; `None`: another product asks.
    // req: HST-18
    pub(super) fn roster_for(&self, to: StationUuid) -> Option<Roster> {
        self.members.get(&to).filter(|member| member.ours)?;
        let stations = self.others(to).take(Roster::MOST).collect();
        let more = self.others(to).nth(Roster::MOST).is_some();
        let succession = self.succession();
        let withdrawn = self.withdrawn.latest();
        Some(Roster { more, stations, succession, withdrawn, ..Roster::default() })
    }

    /// What did not fit it.
    pub(super) fn tell_rest_of_roster(&mut self, to: StationUuid) {
        if self.roster_for(to).is_none() {
            return;
        }
        let rest: Vec<NamedStation> = self.others(to).skip(Roster::MOST).collect();
        let mut parts = rest.chunks(Roster::MOST).peekable();
        while let Some(stations) = parts.next() {
            let (stations, more) = (stations.to_vec(), parts.peek().is_some());
            self.tell_news(&[to], &Roster { news: true, more, stations, ..Roster::default() });
        }
        for withdrawn in self.withdrawn.earlier().chunks(Join::WITHDRAWN) {
            let withdrawn = withdrawn.to_vec();
            self.tell_news(&[to], &Roster { news: true, withdrawn, ..Roster::default() });
        }
    }

    /// A station came or has another name.
    pub(super) fn tell_of(&mut self, station: StationUuid) {
        let Some(author) = self.members.get(&station).map(Member::author) else { return };
        let bridge = self.members.get(&station).and_then(|member| member.bridge);
        let stations = vec![NamedStation { station, author, bridge }];
        self.tell_all_but(station, &Roster { news: true, stations, ..Roster::default() });
    }

    /// A station is no longer.
    pub(super) fn tell_gone(&mut self, station: StationUuid) {
        self.tell_all_but(station, &Roster { news: true, gone: vec![station], ..Roster::default() });
    }

    /// A station has a file now: its author, who gave it to us at most once, is told.
    // req: HST-25
    pub(super) fn tell_fetched(&mut self, file: FileUuid, station: StationUuid) {
        let author = self.history.entry(file).and_then(|entry| entry.commit.station);
        let ours = |author: &StationUuid| self.members.get(author).is_some_and(|member| member.ours);
        if let Some(author) = author.filter(|author| *author != station).filter(ours) {
            let fetched = vec![FetchedFile { file, station }];
            self.tell_news(&[author], &Roster { news: true, fetched, ..Roster::default() });
        }
    }

    /// A commit with its author's name, where we know it.
    pub(super) fn with_author(&self, commit: &Commit, teller: StationUuid) -> Commit {
        let station = commit.station.unwrap_or(teller);
        let author = || self.members.get(&station).map(Member::author).filter(|author| !author.is_empty());
        Commit { author: commit.author.clone().or_else(author), ..commit.clone() }
    }

    fn others(&self, than: StationUuid) -> impl Iterator<Item = NamedStation> {
        let others = self.members.iter().filter(move |(station, _)| **station != than);
        others.map(|(station, member)| NamedStation {
            station: *station,
            author: member.author(),
            bridge: member.bridge,
        })
    }

    pub(super) fn tell_all_but(&mut self, station: StationUuid, roster: &Roster) {
        if self.ended {
            return;
        }
        let ours = self.members.iter().filter(|(to, member)| member.ours && **to != station);
        let to: Vec<StationUuid> = ours.map(|(to, _)| *to).collect();
        self.tell_news(&to, roster);
    }

    pub(super) fn tell_news(&mut self, to: &[StationUuid], roster: &Roster) {
        for station in to {
            let Some(conn) = self.members.get(station).map(|member| member.conn) else { continue };
            let news = JoinRet {
                reply: Reply::ok(),
                provider: self.config.provider.clone(),
                station_name: self.config.station_name.clone(),
                version: self.config.version,
                station: Some(self.config.station),
                commits: Vec::new(),
                ours: Some(Ours::CURRENT),
                group: self.config.group.clone(),
                ticket: None,
                roster: Some(roster.clone()),
            };
            self.send(conn, Message::JoinRet(news));
        }
    }
}
