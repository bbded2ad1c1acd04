//! Which records of one message are of one service, where several services of one name are told of in one message.

use std::collections::{BTreeMap, HashSet};

use crate::Name;
use crate::record::{Data, Record, kind};

/// Which records of one message are of one service. Several may have one name: of as many SRV as TXT records the first goes with the first,
/// and so on.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// What is said of who it is, of each record.
    identities: Vec<Option<Vec<u8>>>,
    /// The TXT record that goes with each SRV record.
    texts: Vec<Option<usize>>,
}

impl Together {
    // req: MDNS-SEVERAL-IN-ONE
    pub(super) fn of(records: &[Record], key: Option<&'static str>) -> Self {
        let identity = |record: &Record| key.and_then(|key| identity(&record.data, key));
        let mut identities: Vec<Option<Vec<u8>>> = records.iter().map(identity).collect();
        let mut texts = vec![None; records.len()];
        let mut once = HashSet::new();
        let mut of_names: BTreeMap<&Name, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (at, record) in records.iter().enumerate() {
            let said = match record.data.kind() {
                kind::SRV => &mut of_names.entry(&record.name).or_default().0,
                kind::TXT => &mut of_names.entry(&record.name).or_default().1,
                _ => continue,
            };
            // Some say the same twice, as an answer and beside it.
            if once.insert((&record.name, &record.data)) {
                said.push(at);
            }
        }
        for (services, said) in of_names.into_values() {
            for (rank, service) in services.iter().enumerate() {
                let only = if services.len() == 1 { said.last() } else { said.first() };
                let text = if services.len() == 1 || said.len() == 1 { only } else { said.get(rank) };
                let Some(text) = text.copied() else { continue };
                let identity = identities.get(text).cloned().flatten();
                if let (Some(slot), Some(goes_with)) = (identities.get_mut(*service), texts.get_mut(*service))
                {
                    (*slot, *goes_with) = (identity, Some(text));
                }
            }
        }
        Self { identities, texts }
    }

    pub(super) fn identity(&self, at: usize) -> Option<&Vec<u8>> {
        self.identities.get(at)?.as_ref()
    }

    pub(super) fn text(&self, at: usize) -> Option<usize> {
        self.texts.get(at).copied().flatten()
    }
}

/// What a TXT record says of who its service is.
fn identity(data: &Data, key: &str) -> Option<Vec<u8>> {
    let Data::Txt(strings) = data else { return None };
    let mut pairs = strings.iter().filter_map(|s| {
        let at = s.iter().position(|b| *b == b'=')?;
        Some((s.get(..at)?, s.get(at + 1..)?))
    });
    let value = pairs.find(|(k, _)| k.eq_ignore_ascii_case(key.as_bytes())).map(|(_, value)| value);
    value.map(<[u8]>::to_ascii_lowercase)
}
