//! Just enough of DNS to say what products say and to read what is said: labels stay apart, unlike in mdns-sd.

use std::net::Ipv4Addr;

pub(crate) type Labels = Vec<String>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Packet {
    pub(crate) response: bool,
    pub(crate) questions: Vec<(Labels, u16)>,
    pub(crate) records: Vec<Record>,
    /// So many of the records are answers; the rest only comes along.
    pub(crate) answers: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: Labels,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Ptr(Labels),
    Srv { port: u16, target: Labels },
    Txt(Vec<String>),
    A(Ipv4Addr),
    Other(u16),
}

pub(crate) const PTR: u16 = 12;
const A: u16 = 1;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// `labels(&["Desk", "Default"])`, under the service type.
pub(crate) fn service(labels: &[&str]) -> Labels {
    labels.iter().chain(&["_mvrxchange", "_tcp", "local"]).map(|l| (*l).to_owned()).collect()
}

pub(crate) fn host(label: &str) -> Labels {
    [label, "local"].map(str::to_owned).to_vec()
}

/// The records of several messages in one.
pub(crate) fn joined(packets: &[Vec<u8>]) -> Vec<u8> {
    let all = packets.iter().flat_map(|packet| Packet::parse(packet).unwrap().records);
    Packet { response: true, records: all.collect(), ..Packet::default() }.encode()
}

impl Packet {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let count = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
        let flags: u16 = if self.response { 0x8400 } else { 0 };
        let mut out = vec![0, 0];
        out.extend(flags.to_be_bytes());
        out.extend(count(self.questions.len()));
        out.extend(count(self.records.len()));
        out.extend([0; 4]);
        for (name, kind) in &self.questions {
            out.extend(encoded_name(name));
            out.extend(kind.to_be_bytes());
            out.extend(1u16.to_be_bytes());
        }
        for record in &self.records {
            let (kind, data) = record.data.encode();
            out.extend(encoded_name(&record.name));
            out.extend(kind.to_be_bytes());
            out.extend(record.class.to_be_bytes());
            out.extend(record.ttl.to_be_bytes());
            out.extend(count(data.len()));
            out.extend(data);
        }
        out
    }

    /// `None` when it is no DNS message.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = 12;
        let short = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let (response, answers) = (short(2)? & 0x8000 != 0, usize::from(short(6)?));
        let mut packet = Self { response, answers, ..Self::default() };
        for _ in 0..short(4)? {
            let (name, next) = read_name(bytes, at)?;
            packet.questions.push((name, short(next)?));
            at = next + 4;
        }
        let records = answers + usize::from(short(8)?) + usize::from(short(10)?);
        for _ in 0..records {
            let (name, next) = read_name(bytes, at)?;
            let ttl = u32::from_be_bytes(bytes.get(next + 4..next + 8)?.try_into().ok()?);
            let length = usize::from(short(next + 8)?);
            let data = Data::parse(bytes, short(next)?, next + 10, length)?;
            packet.records.push(Record { name, class: short(next + 2)?, ttl, data });
            at = next + 10 + length;
        }
        Some(packet)
    }
}

impl Data {
    fn encode(&self) -> (u16, Vec<u8>) {
        match self {
            Self::Ptr(name) => (PTR, encoded_name(name)),
            Self::Srv { port, target } => {
                let mut out = vec![0; 4];
                out.extend(port.to_be_bytes());
                out.extend(encoded_name(target));
                (SRV, out)
            }
            Self::Txt(strings) => (TXT, strings.iter().flat_map(|s| length_prefixed(s)).collect()),
            Self::A(ip) => (A, ip.octets().to_vec()),
            Self::Other(kind) => (*kind, Vec::new()),
        }
    }

    fn parse(bytes: &[u8], kind: u16, at: usize, length: usize) -> Option<Self> {
        let data = bytes.get(at..at + length)?;
        Some(match kind {
            PTR => Self::Ptr(read_name(bytes, at)?.0),
            SRV => Self::Srv {
                port: u16::from_be_bytes(data.get(4..6)?.try_into().ok()?),
                target: read_name(bytes, at + 6)?.0,
            },
            TXT => Self::Txt(read_strings(data)?),
            A => Self::A(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?)),
            other => Self::Other(other),
        })
    }
}

fn length_prefixed(label: &str) -> Vec<u8> {
    let mut out = vec![u8::try_from(label.len()).unwrap()];
    out.extend(label.as_bytes());
    out
}

fn encoded_name(labels: &[String]) -> Vec<u8> {
    labels.iter().flat_map(|label| length_prefixed(label)).chain([0]).collect()
}

fn read_strings(mut data: &[u8]) -> Option<Vec<String>> {
    let mut strings = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(*length))?;
        strings.push(String::from_utf8_lossy(string).into_owned());
        data = rest;
    }
    Some(strings)
}

/// The labels at `at`, and where the next field begins.
fn read_name(bytes: &[u8], mut at: usize) -> Option<(Labels, usize)> {
    let (mut labels, mut behind) = (Vec::new(), None);
    for _ in 0..128 {
        let length = usize::from(*bytes.get(at)?);
        if length == 0 {
            return Some((labels, behind.unwrap_or(at + 1)));
        }
        if length >= 0xc0 {
            behind = behind.or(Some(at + 2));
            at = (length & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
        } else {
            labels.push(String::from_utf8_lossy(bytes.get(at + 1..at + 1 + length)?).into_owned());
            at += 1 + length;
        }
    }
    None
}
