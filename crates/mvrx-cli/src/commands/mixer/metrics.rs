//! How Mixer's rooms stand: a line for people, a JSON document.

use mixer::Metrics;
use mvrx_node::rooms;
use serde_json::{Value, json};

use crate::show;

pub(super) fn line(metrics: &Metrics) -> String {
    format!(
        "{} {} in {} {}, {} stored; {} received, {} sent, {} waiting; {} seen, {} dropped",
        metrics.clients,
        show::plural(metrics.clients, "client"),
        metrics.rooms,
        show::plural(metrics.rooms, "room"),
        show::size(metrics.stored_bytes),
        show::size(metrics.bytes_received),
        show::size(metrics.bytes_sent),
        show::size(metrics.queued_bytes),
        metrics.clients_seen,
        metrics.clients_dropped,
    ) + if metrics.disk_failing { "; ROOMS ARE NOT KEPT, the disk fails" } else { "" }
}

pub(super) fn document(event: &str, metrics: &Metrics) -> Value {
    let mut document = json!({ "schema": show::SCHEMA, "event": event });
    if let Some(fields) = document.as_object_mut() {
        fields.extend(rooms::numbers(metrics).map(|(name, value)| (name.to_owned(), value.into())));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_document() {
        let metrics = Metrics::default();
        let document = document("stats", &metrics);
        assert_eq!(document["event"], "stats");
        for (name, _) in rooms::numbers(&metrics) {
            assert_eq!(document[name], 0, "{name}");
        }
    }
}
