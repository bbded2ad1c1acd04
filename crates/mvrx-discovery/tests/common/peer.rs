//! Products on the wire: what each announces, and one that answers questions as they do.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::dns::{Data, Labels, PTR, Packet, Record, service};

const GROUP_ADDRESS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// What a station announces, in the form of its product.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    /// The names under which it is pointed to; the base type if empty.
    pub(crate) types: Vec<Labels>,
    pub(crate) instance: Labels,
    pub(crate) target: Labels,
    pub(crate) port: u16,
    pub(crate) txt: Vec<String>,
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) ttl: u32,
    pub(crate) flush: bool,
}

impl Announcement {
    pub(crate) fn packet(&self) -> Vec<u8> {
        let record = |name: &Labels, flush: bool, data: Data| Record {
            name: name.clone(),
            class: if flush { 0x8001 } else { 1 },
            ttl: self.ttl,
            data,
        };
        let base = vec![service(&[])];
        let types = if self.types.is_empty() { &base } else { &self.types };
        let mut records: Vec<Record> =
            types.iter().map(|ty| record(ty, false, Data::Ptr(self.instance.clone()))).collect();
        let target = self.target.clone();
        records.push(record(&self.instance, self.flush, Data::Srv { port: self.port, target }));
        records.push(record(&self.instance, self.flush, Data::Txt(self.txt.clone())));
        records.extend(self.addresses.iter().map(|ip| record(&self.target, self.flush, Data::A(*ip))));
        Packet { response: true, records, ..Packet::default() }.encode()
    }

    /// A goodbye that names the instance alone.
    pub(crate) fn goodbye(&self) -> Vec<u8> {
        let data = Data::Ptr(self.instance.clone());
        let records = vec![Record { name: service(&[]), class: 1, ttl: 0, data }];
        Packet { response: true, records, ..Packet::default() }.encode()
    }
}

/// A socket in the multicast group of one port on loopback. Nothing it sends leaves this host.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: UdpSocket,
    to: SocketAddrV4,
}

impl Wire {
    pub(crate) fn new(udp_port: u16) -> Self {
        Self::at(udp_port, Ipv4Addr::LOCALHOST)
    }

    /// One that sends from this address of loopback.
    pub(crate) fn at(udp_port: u16, from: Ipv4Addr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        #[cfg(unix)]
        socket.set_reuse_port(true).unwrap();
        socket.bind(&SockAddr::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, udp_port))).unwrap();
        socket.set_multicast_if_v4(&from).unwrap();
        socket.join_multicast_v4(&GROUP_ADDRESS, &Ipv4Addr::LOCALHOST).unwrap();
        Self { socket: socket.into(), to: SocketAddrV4::new(GROUP_ADDRESS, udp_port) }
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.to).unwrap();
    }

    /// The next packet; `None` after a while without one.
    pub(crate) fn receive(&self) -> Option<Packet> {
        self.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut buffer = [0; 9000];
        let (length, _) = self.socket.recv_from(&mut buffer).ok()?;
        Packet::parse(buffer.get(..length)?)
    }
}

/// Answers every question for the base type with what it announces, and keeps what it hears. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) wire: Arc<Wire>,
    pub(crate) heard: Receiver<Packet>,
    answers: Arc<Mutex<Vec<Vec<u8>>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Hears from the moment this returns; announces `stations` when asked only.
    pub(crate) fn new(udp_port: u16, stations: &[Announcement]) -> Self {
        let wire = Arc::new(Wire::new(udp_port));
        let answers = Arc::new(Mutex::new(stations.iter().map(Announcement::packet).collect::<Vec<_>>()));
        let end = Arc::new(AtomicBool::new(false));
        let (sender, heard) = channel();
        let run = {
            let (wire, answers, end) = (Arc::clone(&wire), Arc::clone(&answers), Arc::clone(&end));
            move || run(&wire, &answers, &end, &sender)
        };
        Self { wire, heard, answers, end, thread: Some(std::thread::spawn(run)) }
    }

    /// From now on it announces these when asked.
    pub(crate) fn answer(&self, stations: &[Announcement]) {
        *self.answers.lock().unwrap() = stations.iter().map(Announcement::packet).collect();
    }

    /// Waits for a packet of which this holds.
    pub(crate) fn hear<T>(&self, what: &str, take: impl Fn(&Packet) -> Option<T>) -> T {
        let (mut others, until) = (Vec::new(), Instant::now() + Duration::from_secs(30));
        loop {
            match self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(packet) => match take(&packet) {
                    Some(taken) => return taken,
                    None => others.push(packet),
                },
                Err(_) => panic!("no {what}, only {others:#?}"),
            }
        }
    }
}

fn run(wire: &Wire, answers: &Mutex<Vec<Vec<u8>>>, end: &AtomicBool, heard: &Sender<Packet>) {
    while !end.load(Ordering::Relaxed) {
        let Some(packet) = wire.receive() else { continue };
        let asked = packet.questions.iter().any(|(name, kind)| *kind == PTR && *name == service(&[]));
        if !packet.response && asked {
            answers.lock().unwrap().iter().for_each(|answer| wire.send(answer));
        }
        let _ = heard.send(packet);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
