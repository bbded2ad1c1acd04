//! DNS messages as bytes and back, by `simple-dns`; nothing of that crate shows outside of this file.
//!
//! Of a message with a record that cannot be read, the others count (`salvage.rs`): each says something by itself, and reflectors put
//! into one message what several machines said. A message of which nothing is left is refused. Records of other classes than IN are left
//! out. It knows nothing of what the records mean.
//!
//! | limit | why |
//! |---|---|
//! | [`MESSAGE_BYTES`] | RFC 6762, 17: no mDNS message is longer |
//! | no more records counted than bytes could hold | a message of 12 bytes must not reserve room for 262,140 records |

use simple_dns::rdata::{A, AAAA, NSEC, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, CharacterString, Label, Packet, PacketFlag, QCLASS, QTYPE, ResourceRecord, TYPE};
use thiserror::Error;

use crate::Name;
use crate::record::{Data, Question, Record, kind};

mod salvage;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// 0 in mDNS, except between us and an asker that knows only unicast DNS.
    pub id: u16,
    /// Whether it answers.
    pub response: bool,
    /// More of it follows in another message.
    pub truncated: bool,
    /// What is asked.
    pub questions: Vec<Question>,
    /// What is said, or what the asker knows already.
    pub answers: Vec<Record>,
    /// In a probe, what the asker wants to claim.
    pub authorities: Vec<Record>,
    /// What comes along.
    pub additionals: Vec<Record>,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// Longer than any mDNS message.
    #[error("a message has {bytes} bytes, at most {max} are possible")]
    MessageTooLong {
        /// Its length.
        bytes: usize,
        /// The longest possible.
        max: usize,
    },
    /// The header counts more than there is room for.
    #[error("{entries} questions and records are counted in {bytes} bytes")]
    MoreEntriesThanBytes {
        /// How many are counted.
        entries: usize,
        /// The message's length.
        bytes: usize,
    },
    /// Not a query or an answer to one, or an answer that says no.
    #[error("it is neither a standard query nor its answer")]
    NotAQuery,
    /// A length, a pointer or a name points where nothing is.
    #[error("it is not a well-formed DNS message")]
    Malformed,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// [`WireError`]; never a panic, whatever the bytes.
    // req: MDNS-MALFORMED
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MESSAGE_BYTES {
            return Err(WireError::MessageTooLong { bytes: bytes.len(), max: MESSAGE_BYTES });
        }
        check_header(bytes)?;
        let Ok(packet) = Packet::parse(bytes) else {
            let left = salvage::salvage(bytes);
            return if left.is_empty() { Err(WireError::Malformed) } else { Ok(left) };
        };
        let questions = packet.questions.iter().filter_map(|q| {
            let in_class = matches!(q.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY);
            let name = in_class.then(|| name_of(&q.qname)).flatten()?;
            Some(Question { name, kind: q.qtype.into(), unicast: q.unicast_response })
        });
        Ok(Self {
            id: packet.id(),
            response: packet.has_flags(PacketFlag::RESPONSE),
            truncated: packet.has_flags(PacketFlag::TRUNCATION),
            questions: questions.collect(),
            answers: packet.answers.iter().filter_map(record_of).collect(),
            authorities: packet.name_servers.iter().filter_map(record_of).collect(),
            additionals: packet.additional_records.iter().filter_map(record_of).collect(),
        })
    }

    fn is_empty(&self) -> bool {
        let records = [&self.answers, &self.authorities, &self.additionals];
        self.questions.is_empty() && records.into_iter().all(Vec::is_empty)
    }

    /// Writes it, names compressed. Empty when it cannot be written, which no [`Name`] and no string of a TXT record within 255 bytes
    /// leads to.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut packet = if self.response { Packet::new_reply(self.id) } else { Packet::new_query(self.id) };
        packet.remove_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
        if self.response {
            packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        }
        if self.truncated {
            packet.set_flags(PacketFlag::TRUNCATION);
        }
        packet.questions = self.questions.iter().filter_map(question).collect();
        packet.answers = self.answers.iter().filter_map(record).collect();
        packet.name_servers = self.authorities.iter().filter_map(record).collect();
        packet.additional_records = self.additionals.iter().filter_map(record).collect();
        packet.build_bytes_vec_compressed().unwrap_or_default()
    }
}

fn check_header(bytes: &[u8]) -> Result<(), WireError> {
    let short = |at| short(bytes, at).ok_or(WireError::Malformed);
    let count = |at| short(at).map(usize::from);
    let (questions, records) = (count(4)?, count(6)? + count(8)? + count(10)?);
    // The shortest question is a root name with type and class, the shortest record has TTL and length as well.
    if HEADER_BYTES + questions * 5 + records * 11 > bytes.len() {
        return Err(WireError::MoreEntriesThanBytes { entries: questions + records, bytes: bytes.len() });
    }
    // RFC 6762, 18.3 and 18.11: messages with another opcode or response code are ignored.
    if short(2)? & 0x780f == 0 { Ok(()) } else { Err(WireError::NotAQuery) }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?).and_then(|b| <[u8; 2]>::try_from(b).ok());
    two.map(u16::from_be_bytes)
}

fn name_of(name: &simple_dns::Name<'_>) -> Option<Name> {
    Name::from_labels(name.as_bytes()).ok()
}

fn record_of(record: &ResourceRecord<'_>) -> Option<Record> {
    if record.class != CLASS::IN {
        return None;
    }
    let data = match &record.rdata {
        RData::A(a) => Data::A(a.address.into()),
        RData::AAAA(aaaa) => Data::Aaaa(aaaa.address.into()),
        RData::PTR(ptr) => Data::Ptr(name_of(&ptr.0)?),
        RData::TXT(txt) => Data::Txt(strings_of(txt)),
        RData::Empty(TYPE::TXT) => Data::Txt(Vec::new()),
        RData::SRV(srv) => Data::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: name_of(&srv.target)?,
        },
        RData::NSEC(nsec) => {
            Data::Nsec { next: name_of(&nsec.next_name)?, kinds: nsec.types().map(u16::from).collect() }
        }
        other => Data::Other { kind: other.type_code().into() },
    };
    Some(Record { name: name_of(&record.name)?, data, ttl: record.ttl, flush: record.cache_flush })
}

/// Without empty strings and those without a key, which mean nothing (RFC 6763, 6.4).
fn strings_of(txt: &TXT<'_>) -> Vec<Vec<u8>> {
    let joined = |(key, value): (&[u8], Option<&[u8]>)| match value {
        Some(value) => [key, b"=", value].concat(),
        None => key.to_vec(),
    };
    txt.iter_raw().map(joined).collect()
}

fn dns_name(name: &Name) -> simple_dns::Name<'_> {
    let labels: Vec<Label<'_>> = name.labels().map(Label::new_unchecked).collect();
    simple_dns::Name::new_with_labels(&labels)
}

fn question(question: &Question) -> Option<simple_dns::Question<'_>> {
    let kind = if question.kind == kind::ANY { QTYPE::ANY } else { QTYPE::try_from(question.kind).ok()? };
    Some(simple_dns::Question::new(
        dns_name(&question.name),
        kind,
        QCLASS::CLASS(CLASS::IN),
        question.unicast,
    ))
}

fn record(record: &Record) -> Option<ResourceRecord<'_>> {
    let data = match &record.data {
        Data::A(v4) => RData::A(A { address: (*v4).into() }),
        Data::Aaaa(v6) => RData::AAAA(AAAA { address: (*v6).into() }),
        Data::Ptr(name) => RData::PTR(PTR(dns_name(name))),
        Data::Txt(strings) => RData::TXT(txt(strings)?),
        Data::Srv { priority, weight, port, target } => {
            RData::SRV(SRV { priority: *priority, weight: *weight, port: *port, target: dns_name(target) })
        }
        Data::Nsec { next, kinds } => {
            let kinds: Vec<TYPE> = kinds.iter().map(|kind| TYPE::from(*kind)).collect();
            RData::NSEC(NSEC::from_types(dns_name(next), &kinds))
        }
        Data::Other { .. } => return None,
    };
    let record_for_all = ResourceRecord::new(dns_name(&record.name), CLASS::IN, record.ttl, data);
    Some(record_for_all.with_cache_flush(record.flush))
}

fn txt(strings: &[Vec<u8>]) -> Option<TXT<'_>> {
    let mut txt = TXT::new();
    for string in strings {
        txt.add_char_string(CharacterString::new(string).ok()?);
    }
    if strings.is_empty() {
        // RFC 6763, 6.1: at least one string, which may be empty.
        txt.add_char_string(CharacterString::new(&[]).ok()?);
    }
    Some(txt)
}

/// The longest message (RFC 6762, 17).
pub const MESSAGE_BYTES: usize = 9000;

const HEADER_BYTES: usize = 12;

#[cfg(test)]
mod tests;
