//! Every transaction as one line of JSON, to be read later by a person, a test or a replay.
//!
//! ```json
//! {"ms":12,"connection":1,"direction":"out","peer":"10.0.0.1:42424","what":"message","bytes":83,"message":{"Type":"MVR_LEAVE","FromStationUUID":"07070707-0707-4707-8707-070707070707"}}
//! ```

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use mvrx_message::Dialect;
use serde_json::Value;
use tokio::time::Instant;

use super::observed::{Observed, Observer, Record, What};
use crate::traits::Transport;

/// Writes a line to `out` for everything that passes. Messages are written as they went out, or as they were
/// understood; `ms` counts from now. When `out` fails, recording ends with a warning, and nothing else does.
pub fn recorded<T: Transport>(inner: T, out: impl io::Write + Send + 'static) -> Observed<T> {
    Observed::new(inner, Recorder { since: Instant::now(), out: Mutex::new(Some(Box::new(out))) })
}

struct Recorder {
    since: Instant,
    out: Mutex<Option<Box<dyn io::Write + Send>>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Observer for Recorder {
    fn observe(&self, record: &Record<'_>) {
        let line = self.line(record);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = out.as_mut()
            && let Err(error) = writer.write_all(line.as_bytes()).and_then(|()| writer.flush())
        {
            tracing::warn!(%error, "recording ends: it cannot be written");
            *out = None;
        }
    }
}

impl Recorder {
    fn line(&self, record: &Record<'_>) -> String {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let peer = record.peer.map(|peer| peer.to_string());
        let mut line = format!(r#"{{"ms":{ms},"connection":{}"#, record.connection);
        let mut member = |key: &str, value: &dyn fmt::Display| line.push_str(&format!(r#","{key}":{value}"#));
        member("direction", &Value::from(record.direction.name()));
        member("peer", &Value::from(peer));
        member("what", &Value::from(record.what.name()));
        match &record.what {
            What::Message { message, quirks, dialect, bytes } => {
                member("bytes", bytes);
                let names: Vec<Value> = quirks.iter().map(|quirk| Value::from(quirk.name())).collect();
                if !names.is_empty() {
                    member("quirks", &Value::from(names));
                }
                // Compact JSON has no line feed of its own.
                let json = message.to_json(dialect.unwrap_or(&whole()));
                member("message", &String::from_utf8_lossy(&json));
            }
            What::Malformed { error, bytes } => {
                member("bytes", bytes);
                member("error", &Value::from(error.to_string()));
            }
            What::FileBegins { length } => member("length", &Value::from(*length)),
            What::FileMoved { length } => member("length", length),
            What::Failed { error } => member("error", &Value::from(error.to_string())),
            What::Tolerated { deviation } => member("deviation", &Value::from(deviation.to_string())),
            What::Connected | What::Closed => {}
        }
        line.push_str("}\n");
        line
    }
}

/// Everything that was understood, however long.
fn whole() -> Dialect {
    Dialect::strict()
        .with_join_bytes(usize::MAX)
        .with_join_ret_bytes(usize::MAX)
        .with_string_bytes(usize::MAX)
}
