//! A quirky peer on a host of a simulated world.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

use lan_sim::{Announcement, Bulk, Conn, Content, Event, HostCtx, Read, SendQueue};
use mvrx_message::{FileUuid, SessionTarget, StationUuid};

use crate::Act;
use crate::doubles::{Double, Order, Quirky};
use crate::ledger::{KILLED, Shared};
use crate::station::{PORT, random_bytes};

/// One of them.
#[derive(Debug)]
pub struct QuirkyHost {
    double: Double,
    id: StationUuid,
    ledger: Shared,
    numbers: HashMap<Conn, u64>,
    ends: BTreeMap<u64, (Conn, SendQueue)>,
    next_accepted: u64,
    checked: usize,
    /// The instances it ever saw.
    shown: BTreeSet<String>,
    /// The group that it is in.
    group: String,
}

impl QuirkyHost {
    pub(crate) fn start(
        product: Quirky,
        name: &str,
        group: &str,
        ledger: Shared,
        net: &mut HostCtx<'_>,
    ) -> Self {
        // The same after each start.
        let id = StationUuid::from_random_bytes(net.stream("identity").bytes());
        let double = Double::new(product, &id.to_string(), name);
        let port = net.listen(PORT).unwrap_or(0);
        let addresses: Vec<SocketAddr> =
            net.addresses().into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        ledger.borrow_mut().starts(net.host(), id, &addresses);
        net.browse();
        let instance = match product {
            Quirky::LibMvrGdtf | Quirky::BlenderDmx | Quirky::MvrGdtf => group.to_owned(),
            Quirky::Peraviz => format!("{name}@{group}"),
            _ => format!("{name}.{group}"),
        };
        let mut announcement = Announcement::new(instance, port).text("StationUUID", double.uuid());
        if product != Quirky::MvrGdtf {
            announcement = announcement.text("StationName", name);
        }
        net.announce(announcement);
        Self {
            double,
            id,
            ledger,
            numbers: HashMap::new(),
            ends: BTreeMap::new(),
            next_accepted: 2,
            checked: 0,
            shown: BTreeSet::new(),
            group: group.to_owned(),
        }
    }

    /// Whether it is where this is: it knows nothing of sessions.
    pub(crate) fn is_in(&self, place: &SessionTarget) -> bool {
        matches!(place, SessionTarget::Group(group) if group.as_str() == self.group)
    }

    /// The double itself.
    pub const fn double(&self) -> &Double {
        &self.double
    }

    /// Its StationUUID.
    pub const fn id(&self) -> StationUuid {
        self.id
    }

    pub(crate) fn act(&mut self, act: &Act, net: &mut HostCtx<'_>) {
        match *act {
            Act::Commit { length, .. } => {
                let file = FileUuid::from_random_bytes(random_bytes(net));
                let content = Content::from(Bulk::new(net.random() | 1, length.min(50_000)));
                self.ledger.borrow_mut().committed_bytes(file, self.id, content.clone());
                self.double.commit(&file.to_string(), content.to_bytes());
            }
            Act::Request { nth, .. } => self.double.request(nth as usize),
            _ => {}
        }
        self.carry_out(net);
    }

    pub(crate) fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match event {
            Event::Connected { conn } => {
                if let Some(number) = self.numbers.get(&conn) {
                    self.double.opened(*number);
                }
            }
            Event::DialFailed { conn, .. } => {
                // As its discovery would, sooner or later, ask again for a record that is outdated.
                self.shown.iter().for_each(|instance| net.suspect(instance));
                self.gone(conn);
            }
            Event::Broken { conn, .. } => self.gone(conn),
            Event::Accepted { conn, .. } => {
                let number = self.next_accepted;
                self.next_accepted += 2;
                self.numbers.insert(conn, number);
                self.ends.insert(number, (conn, SendQueue::new()));
                self.double.accepted(number);
                self.read(conn, net);
            }
            Event::Readable { conn } => self.read(conn, net),
            Event::Writable { conn } => {
                if let Some((_, queue)) = self.numbers.get(&conn).and_then(|number| self.ends.get_mut(number))
                {
                    // What is over is told by its own event.
                    let _ = queue.flush(conn, net);
                }
            }
            Event::Sighted(seen) => {
                let station =
                    seen.value("StationUUID").map(|value| String::from_utf8_lossy(value).into_owned());
                self.shown.insert(seen.instance.clone());
                if let (Some(station), Some(ip)) = (station, seen.addresses.first()) {
                    self.double.sees(&station, SocketAddr::new(*ip, seen.port));
                }
            }
            _ => {}
        }
        self.carry_out(net);
        self.check(net);
    }

    fn gone(&mut self, conn: Conn) {
        if let Some(number) = self.numbers.remove(&conn) {
            self.ends.remove(&number);
            self.double.ended(number);
        }
    }

    fn read(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        while let Some(number) = self.numbers.get(&conn).copied() {
            let mut bytes = Vec::new();
            match net.read(conn, &mut bytes, 64 * 1024) {
                Read::Bytes(_) => self.double.read(number, &bytes),
                Read::End => {
                    self.double.ended(number);
                    self.carry_out(net);
                    return;
                }
                Read::Empty | Read::Gone => return,
            }
            self.carry_out(net);
        }
    }

    fn carry_out(&mut self, net: &mut HostCtx<'_>) {
        for order in self.double.orders() {
            match order {
                Order::Dial { conn, to } => {
                    let end = net.dial(to);
                    self.numbers.insert(end, conn);
                    self.ends.insert(conn, (end, SendQueue::new()));
                }
                Order::Write { conn, bytes } => {
                    if let Some((end, queue)) = self.ends.get_mut(&conn) {
                        queue.push(bytes);
                        // What is over is told by its own event.
                        let _ = queue.flush(*end, net);
                    }
                }
                Order::Close { conn } => {
                    if let Some((end, _)) = self.ends.remove(&conn) {
                        self.numbers.remove(&end);
                        net.close(end);
                    }
                }
            }
        }
    }

    fn check(&mut self, net: &HostCtx<'_>) {
        if let Some(why) = self.double.killed() {
            self.ledger.borrow_mut().violate(KILLED, format_args!("{}: {why}", net.host()));
        }
        if self.double.got().len() != self.checked {
            self.checked = self.double.got().len();
            for (file, bytes) in self.double.got() {
                if let Ok(file) = file.parse() {
                    let content = Content::from(bytes.as_slice());
                    self.ledger.borrow_mut().has_bytes(net.host(), "received", file, &content);
                }
            }
        }
    }

    /// Whether it becomes a member of ours: one product never answers.
    pub(crate) fn is_sociable(&self) -> bool {
        self.double.product() != Quirky::MvrGdtf
    }
}
