//! [`SystemDns`]: questions to the DNS servers that the system uses, by hickory-resolver.

use std::fmt;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name as HickoryName, RData, RecordType};

use super::{Answer, Dns, Name, Question};
use crate::BoxFuture;

/// The DNS as this system is set up to ask it (`/etc/resolv.conf`, the registry of Windows). Search domains are not used: the names that are
/// asked for are whole.
pub struct SystemDns {
    resolver: TokioResolver,
}

/// The system says nothing of DNS servers that could be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system's DNS settings cannot be used: {why}")]
pub struct NoDns {
    /// Why, in words.
    pub why: String,
}

impl SystemDns {
    /// Reads the system's settings. To be used within a tokio runtime.
    ///
    /// # Errors
    /// [`NoDns`].
    pub fn new() -> Result<Self, NoDns> {
        let refused = |error: &dyn fmt::Display| NoDns { why: error.to_string() };
        let mut builder = TokioResolver::builder_tokio().map_err(|error| refused(&error))?;
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = ATTEMPTS;
        Ok(Self { resolver: builder.build().map_err(|error| refused(&error))? })
    }
}

impl Dns for SystemDns {
    fn ask<'a>(&'a self, name: &'a Name, question: Question) -> BoxFuture<'a, Result<Vec<Answer>, String>> {
        Box::pin(async move {
            let mut asked = HickoryName::from_labels(name.labels()).map_err(|error| error.to_string())?;
            asked.set_fqdn(true);
            match self.resolver.lookup(asked, record_type(question)).await {
                Ok(found) => Ok(found.answers().iter().filter_map(|record| answer(&record.data)).collect()),
                Err(error) if error.is_no_records_found() => Ok(Vec::new()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}

fn record_type(question: Question) -> RecordType {
    match question {
        Question::Instances => RecordType::PTR,
        Question::Service => RecordType::SRV,
        Question::Text => RecordType::TXT,
        Question::AddressV4 => RecordType::A,
        Question::AddressV6 => RecordType::AAAA,
    }
}

/// What a record says; nothing of a CNAME, which is followed already.
fn answer(data: &RData) -> Option<Answer> {
    let name = |name: &HickoryName| Name::from_labels(name.iter()).ok();
    Some(match data {
        RData::PTR(to) => Answer::Ptr(name(&to.0)?),
        RData::SRV(srv) => Answer::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: name(&srv.target)?,
        },
        RData::TXT(txt) => Answer::Txt(txt.txt_data.iter().map(|string| string.to_vec()).collect()),
        RData::A(v4) => Answer::A(v4.0),
        RData::AAAA(v6) => Answer::Aaaa(v6.0),
        _ => return None,
    })
}

impl fmt::Debug for SystemDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemDns").finish_non_exhaustive()
    }
}

/// For one server to answer one question.
const PATIENCE: Duration = Duration::from_secs(2);

const ATTEMPTS: usize = 2;
