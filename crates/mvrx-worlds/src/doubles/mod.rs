//! Quirky peers: a double of each existing product, with its real faults.
//!
//! Bytes and the ends of connections in, bytes and orders for connections out, no socket, clock or thread: the same double runs on a host of a
//! simulated world and over real loopback sockets ([`sockets`]). It reads frames and JSON with its own few lines, so that it cannot share a mistake
//! with the code under test.
//!
//! A double that would be killed by what it was sent says so ([`Double::killed`]): that is a failure of ours. It works for a peer that reads no more than
//! what a product was seen or read to do; where nothing is known it is well behaved.

mod manners;
mod reading;
pub mod sockets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use serde_json::{Value, json};

pub use manners::Quirky;
use manners::{Answers, Joins, Manners};
use reading::Frame;

/// What a double wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Connect; the double gave the number.
    Dial {
        /// Its number.
        conn: u64,
        /// Where to.
        to: SocketAddr,
    },
    /// Write these bytes, in one write.
    Write {
        /// Where.
        conn: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Close after what was written.
    Close {
        /// Which.
        conn: u64,
    },
}

/// A station of another product.
#[derive(Debug)]
pub struct Double {
    product: Quirky,
    manners: Manners,
    uuid: String,
    name: String,
    conns: BTreeMap<u64, Line>,
    next_dial: u64,
    /// Where each station listens, by its UUID in lower case.
    seen: BTreeMap<String, SocketAddr>,
    members: BTreeSet<String>,
    /// FileUUID, in lower case, and who has it.
    known: BTreeMap<String, String>,
    own: BTreeMap<String, Vec<u8>>,
    got: BTreeMap<String, Vec<u8>>,
    killed: Option<String>,
    lost: u32,
    orders: Vec<Order>,
}

/// One connection.
#[derive(Debug, Default)]
struct Line {
    ours: bool,
    input: Vec<u8>,
    reads: u32,
    /// What is said once it is open.
    to_say: Vec<u8>,
    /// What was asked for, in order: replies carry no name.
    wanted: VecDeque<String>,
    station: Option<String>,
}

impl Double {
    /// A double. `uuid` in lower case.
    pub fn new(product: Quirky, uuid: &str, name: &str) -> Self {
        let manners = product.manners();
        let uuid = if manners.upper_case { uuid.to_uppercase() } else { uuid.to_owned() };
        Self {
            product,
            manners,
            uuid,
            name: name.to_owned(),
            conns: BTreeMap::new(),
            next_dial: 1,
            seen: BTreeMap::new(),
            members: BTreeSet::new(),
            known: BTreeMap::new(),
            own: BTreeMap::new(),
            got: BTreeMap::new(),
            killed: None,
            lost: 0,
            orders: Vec::new(),
        }
    }

    /// What it stands for.
    pub const fn product(&self) -> Quirky {
        self.product
    }

    /// What killed it, if anything did.
    pub fn killed(&self) -> Option<&str> {
        self.killed.as_deref()
    }

    /// How many messages it lost because they came in more reads than it can bear. On a network that cuts, this is no failure of ours.
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// Its StationUUID as it writes it.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The files it received whole, by FileUUID in lower case.
    pub const fn got(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.got
    }

    /// The commits it knows of others.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// The stations it counts as members, in lower case.
    pub const fn members(&self) -> &BTreeSet<String> {
        &self.members
    }

    /// What it wants done since the last look.
    pub fn orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Discovery shows a station.
    pub fn sees(&mut self, station: &str, at: SocketAddr) {
        let station = station.to_lowercase();
        if station == self.uuid.to_lowercase() || self.killed.is_some() {
            return;
        }
        let news = self.seen.insert(station.clone(), at) != Some(at);
        if news && self.manners.joins == Joins::WhomItSees {
            self.join(&station);
        }
    }

    /// It commits a file to its members.
    pub fn commit(&mut self, file: &str, bytes: Vec<u8>) {
        if self.killed.is_some() {
            return;
        }
        self.own.insert(file.to_owned(), bytes);
        let Some(commit) = self.commit_json(file) else { return };
        for member in self.members.clone() {
            self.say(&member, &commit, None);
        }
    }

    /// It asks for a commit it knows, by its place in the order of FileUUIDs.
    pub fn request(&mut self, nth: usize) {
        let missing: Vec<(String, String)> = self
            .known
            .iter()
            .filter(|(file, _)| !self.got.contains_key(*file))
            .map(|(file, station)| (file.clone(), station.clone()))
            .collect();
        if missing.is_empty() || self.killed.is_some() {
            return;
        }
        let Some((file, station)) = missing.get(nth % missing.len()).cloned() else { return };
        self.ask(&station, file);
    }

    /// It asks for this commit, by its FileUUID in lower case, if it knows it.
    pub fn request_file(&mut self, file: &str) {
        if let (Some(station), None) = (self.known.get(file).cloned(), &self.killed) {
            self.ask(&station, file.to_owned());
        }
    }

    fn ask(&mut self, station: &str, file: String) {
        let from = if self.manners.from_is_text { json!(station) } else { json!([station]) };
        let request = json!({"Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": from});
        self.say(station, &request, Some(file));
    }

    /// It leaves.
    pub fn leave(&mut self) {
        let mut leave = serde_json::Map::from_iter([("Type".to_owned(), json!("MVR_LEAVE"))]);
        let keys = self.manners.leave_keys.iter();
        leave.extend(keys.map(|key| ((*key).to_owned(), json!(self.uuid))));
        let leave = Value::Object(leave);
        for member in std::mem::take(&mut self.members) {
            self.say(&member, &leave, None);
        }
    }

    /// A dial succeeded.
    pub fn opened(&mut self, conn: u64) {
        let Some(line) = self.conns.get_mut(&conn) else { return };
        let bytes = std::mem::take(&mut line.to_say);
        self.orders.push(Order::Write { conn, bytes });
        if self.manners.closes_after_writing && self.conns.get(&conn).is_some_and(|l| l.wanted.is_empty()) {
            self.close(conn);
        }
    }

    /// Somebody connected. `conn` must not be a number the double gave (those are odd).
    pub fn accepted(&mut self, conn: u64) {
        self.conns.insert(conn, Line::default());
    }

    /// A connection is over, or was never made.
    pub fn ended(&mut self, conn: u64) {
        if self.conns.remove(&conn).is_some() {
            self.orders.push(Order::Close { conn });
        }
    }

    fn close(&mut self, conn: u64) {
        self.ended(conn);
    }

    fn die(&mut self, why: &str) {
        if self.killed.is_none() {
            self.killed = Some(format!("{:?} is killed: {why}", self.product));
        }
    }

    fn join(&mut self, station: &str) {
        let join = self.join_json("MVR_JOIN");
        self.say(station, &join, None);
    }

    /// Says something on a connection of its own, or on the one it keeps.
    fn say(&mut self, station: &str, message: &Value, wanted: Option<String>) {
        let bytes = self.frame(message);
        if self.manners.keeps_connection {
            let kept = self.conns.iter_mut().find(|(_, l)| l.ours && l.station.as_deref() == Some(station));
            if let Some((conn, line)) = kept.filter(|(_, line)| line.to_say.is_empty()) {
                line.wanted.extend(wanted);
                return self.orders.push(Order::Write { conn: *conn, bytes });
            }
        }
        let Some(to) = self.seen.get(station).copied() else { return };
        let conn = self.next_dial;
        self.next_dial += 2;
        let wanted = wanted.into_iter().collect();
        let line =
            Line { ours: true, to_say: bytes, wanted, station: Some(station.to_owned()), ..Line::default() };
        self.conns.insert(conn, line);
        self.orders.push(Order::Dial { conn, to });
    }

    fn frame(&self, message: &Value) -> Vec<u8> {
        reading::frame(self.manners.version, 0, message.to_string().as_bytes())
    }

    fn join_json(&self, kind: &str) -> Value {
        let commits: Vec<Value> = self.own.keys().filter_map(|file| self.commit_json(file)).collect();
        let mut join = json!({
            "Type": kind,
            "Provider": self.manners.provider,
            "StationName": self.name,
            "verMajor": 1,
            "verMinor": 6,
            "StationUUID": self.uuid,
            "Commits": commits,
        });
        if let (Some(ret), "MVR_JOIN_RET") = (join.as_object_mut(), kind) {
            ret.insert("OK".to_owned(), json!(true));
            ret.insert("Message".to_owned(), json!(""));
        }
        join
    }

    fn commit_json(&self, file: &str) -> Option<Value> {
        let bytes = self.own.get(file)?;
        Some(json!({
            "Type": "MVR_COMMIT",
            "verMajor": 1,
            "verMinor": 6,
            "FileSize": bytes.len(),
            "FileUUID": if self.manners.upper_case { file.to_uppercase() } else { file.to_owned() },
            "StationUUID": self.uuid,
            "ForStationsUUID": [],
            "Comment": "a double's",
            "FileName": "double.mvr",
        }))
    }

    // ---- what comes

    /// One read brought these bytes.
    pub fn read(&mut self, conn: u64, bytes: &[u8]) {
        let manners = self.manners;
        let Some(line) = self.conns.get_mut(&conn).filter(|_| self.killed.is_none()) else { return };
        line.reads += 1;
        if let Some(most) = manners.whole_in_first_read {
            let whole = !line.wanted.is_empty()
                || (line.reads == 1 && bytes.len() <= most && reading::is_whole(bytes));
            if !whole {
                // Lost, and nobody is told.
                self.lost += 1;
                return;
            }
        }
        if manners.header_in_one_read && line.input.is_empty() && bytes.len() < reading::HEADER {
            // Its server drops it, its client's thread ends.
            self.lost += 1;
            return;
        }
        line.input.extend_from_slice(bytes);
        while let Some(line) = self.conns.get_mut(&conn) {
            let (frame, used) = match reading::next(&line.input) {
                Ok(Some(found)) => found,
                Ok(None) => return,
                Err(why) => {
                    if manners.dies_of_the_unreadable {
                        self.die(why);
                    }
                    return self.close(conn);
                }
            };
            line.input.drain(..used);
            match frame {
                Frame::Json(json) => self.hears(conn, &json),
                Frame::File(bytes) => self.receives(conn, bytes),
            }
            if manners.one_frame_per_read || self.killed.is_some() {
                return;
            }
        }
    }

    fn receives(&mut self, conn: u64, bytes: Vec<u8>) {
        let wanted = self.conns.get_mut(&conn).and_then(|line| line.wanted.pop_front());
        match wanted {
            Some(file) => drop(self.got.insert(file, bytes)),
            None if self.manners.dies_of_the_unreadable => self.die("a file that it did not ask for"),
            None => {}
        }
        if !self.manners.keeps_connection {
            self.close(conn);
        }
    }

    fn hears(&mut self, conn: u64, json: &[u8]) {
        if self.manners.answers == Answers::Never {
            return;
        }
        let Ok(message) = serde_json::from_slice::<Value>(json) else {
            return self.unreadable(conn, "JSON that is none");
        };
        if let Err(why) = self.can_read(&message, json) {
            return self.unreadable(conn, &why);
        }
        let kind = reading::text(&message, "Type");
        match kind.as_str() {
            "MVR_JOIN" => self.on_join(conn, &message),
            "MVR_COMMIT" => {
                self.learn(&message, None);
                self.reply(conn, &json!({"Type": "MVR_COMMIT_RET", "OK": true, "Message": ""}), &message);
            }
            "MVR_LEAVE" => {
                // The official library has it backwards: who leaves stays a member.
                if self.product != Quirky::LibMvrGdtf {
                    self.members.remove(&reading::text(&message, "FromStationUUID").to_lowercase());
                }
                self.reply(conn, &json!({"Type": "MVR_LEAVE_RET", "OK": true, "Message": ""}), &message);
            }
            "MVR_REQUEST" => self.on_request(conn, &message),
            "MVR_JOIN_RET" => {
                let station = reading::text(&message, "StationUUID").to_lowercase();
                if message.get("OK") == Some(&json!(true)) {
                    self.members.insert(station.clone());
                }
                self.learn_all(&message, &station);
                self.exchange_over(conn);
            }
            "MVR_REQUEST_RET" => {
                if let Some(line) = self.conns.get_mut(&conn) {
                    line.wanted.pop_front();
                }
                self.exchange_over(conn);
            }
            _ => self.exchange_over(conn),
        }
    }

    fn exchange_over(&mut self, conn: u64) {
        let ours = self.conns.get(&conn).is_some_and(|line| line.ours);
        if ours && !self.manners.keeps_connection {
            self.close(conn);
        }
    }

    fn on_join(&mut self, conn: u64, join: &Value) {
        let station = reading::text(join, "StationUUID").to_lowercase();
        let known = !self.members.insert(station.clone());
        if let Some(line) = self.conns.get_mut(&conn) {
            line.station = Some(station.clone());
        }
        self.learn_all(join, &station);
        let ret = self.join_json("MVR_JOIN_RET");
        self.reply(conn, &ret, join);
        if self.manners.joins == Joins::Back && !known {
            self.join(&station);
        }
    }

    fn on_request(&mut self, conn: u64, request: &Value) {
        let file = reading::text(request, "FileUUID").to_lowercase();
        let Some(bytes) = self.own.get(&file) else {
            let ret = json!({"Type": "MVR_REQUEST_RET", "OK": false, "Message": "not here"});
            return self.reply_here(conn, &ret);
        };
        let bytes = reading::frame(self.manners.version, 1, bytes);
        self.orders.push(Order::Write { conn, bytes });
        if self.manners.one_exchange {
            self.close(conn);
        }
    }

    fn reply(&mut self, conn: u64, reply: &Value, to: &Value) {
        if self.manners.answers == Answers::Here {
            return self.reply_here(conn, reply);
        }
        // Closed empty; the reply goes to where the station listens.
        let station = match reading::text(to, "StationUUID") {
            text if text.is_empty() => reading::text(to, "FromStationUUID"),
            text => text,
        };
        self.close(conn);
        self.say(&station.to_lowercase(), reply, None);
    }

    fn reply_here(&mut self, conn: u64, reply: &Value) {
        let bytes = self.frame(reply);
        self.orders.push(Order::Write { conn, bytes });
        if self.manners.one_exchange {
            self.close(conn);
        }
    }

    fn learn_all(&mut self, message: &Value, station: &str) {
        let commits = message.get("Commits").and_then(Value::as_array).cloned().unwrap_or_default();
        for commit in &commits {
            self.learn(commit, Some(station));
        }
    }

    fn learn(&mut self, commit: &Value, from: Option<&str>) {
        let file = reading::text(commit, "FileUUID").to_lowercase();
        let author = reading::text(commit, "StationUUID").to_lowercase();
        if !file.is_empty() && !self.own.contains_key(&file) {
            self.known.insert(file, from.map_or(author, str::to_owned));
        }
    }

    fn unreadable(&mut self, conn: u64, why: &str) {
        if self.manners.dies_of_the_unreadable {
            self.die(why);
        } else {
            self.close(conn);
        }
    }

    /// Whether this product reads such a message; says why not.
    fn can_read(&self, message: &Value, json: &[u8]) -> Result<(), String> {
        let at_server = reading::kind_is_reply(message);
        let kind = reading::text(message, "Type");
        reading::strict(message, &kind)?;
        if self.manners.dies_of_the_unreadable {
            reading::short_strings(message)?;
            if at_server && !self.conns.values().any(|line| line.ours) {
                return Err(format!("{kind} that answers nothing"));
            }
        }
        if self.manners.refuses_duplicate_keys
            && reading::count(json, b"StationUUID\"") > 1
            && kind == "MVR_LEAVE"
        {
            return Err("both keys in LEAVE".to_owned());
        }
        if self.manners.only_one_six && kind == "MVR_JOIN" {
            let version = (message.get("verMajor").cloned(), message.get("verMinor").cloned());
            if version != (Some(json!(1)), Some(json!(6))) {
                return Err(format!("version {version:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
