//! How Mixer's rooms stand, as names with numbers and as Prometheus text over HTTP.
//!
//! The HTTP here is the least that a scraper or a browser needs: one request per connection, its head bounded in bytes and time, answered and closed;
//! connections are bounded in number, and one that says nothing keeps no other waiting.
//! Whoever can reach the address can read the metrics; nothing else can be asked or changed.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use mixer::{Metrics, MetricsReader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Each metric: its name, whether it only grows, what it says, its number.
fn all(metrics: &Metrics) -> [(&'static str, bool, &'static str, u64); 17] {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    [
        ("clients", false, "Clients connected", count(metrics.clients)),
        ("rooms", false, "Rooms there are", count(metrics.rooms)),
        ("stored_bytes", false, "Bytes of commands stored in all rooms", metrics.stored_bytes),
        ("queued_bytes", false, "Bytes that wait to be sent", metrics.queued_bytes),
        ("clients_seen", true, "Connections taken", metrics.clients_seen),
        ("clients_dropped", true, "Clients dropped", metrics.clients_dropped),
        ("frames_received", true, "Messages received", metrics.frames_received),
        ("bytes_received", true, "Bytes received", metrics.bytes_received),
        ("bytes_relayed", true, "Bytes relayed, once per recipient", metrics.bytes_relayed),
        ("bytes_replayed", true, "Bytes of history sent to joiners", metrics.bytes_replayed),
        ("bytes_sent", true, "Bytes written", metrics.bytes_sent),
        ("updates_sent", true, "Updates of attributes sent", metrics.updates_sent),
        ("errors_sent", true, "Requests refused", metrics.errors_sent),
        ("commands_outside", true, "Commands of clients in no room", metrics.commands_outside),
        (
            "disk_failing",
            false,
            "1 while rooms are not kept since the disk fails",
            metrics.disk_failing.into(),
        ),
        ("disk_failures", true, "How often the disk began to fail", metrics.disk_failures),
        (
            "disk_behind",
            false,
            "1 while nothing is read from clients since the disk is behind",
            metrics.disk_behind.into(),
        ),
    ]
}

/// Each number with its name, as the page and documents for programs have them.
pub fn numbers(metrics: &Metrics) -> impl Iterator<Item = (&'static str, u64)> {
    all(metrics).into_iter().map(|(name, _, _, number)| (name, number))
}

fn prometheus(metrics: &Metrics) -> String {
    let mut text = String::new();
    for (name, grows, help, value) in all(metrics) {
        let (suffix, kind) = if grows { ("_total", "counter") } else { ("", "gauge") };
        let name = format!("mixer_{name}{suffix}");
        // Writing into a string cannot fail.
        let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    text
}

/// Answers requests for as long as it is polled. Whoever connects has its turn at once: when as many are open as may be, the oldest is closed, which had
/// the time that a request takes and did not use it.
pub(super) async fn answer(page: TcpListener, metrics: MetricsReader) {
    let mut answering = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = page.accept() => match accepted {
                Ok((stream, _)) => {
                    oldest_first.retain(|answering| !answering.is_finished());
                    if oldest_first.len() >= AT_A_TIME && let Some(oldest) = oldest_first.pop_front() {
                        oldest.abort();
                    }
                    let respond = respond(stream, metrics.clone());
                    oldest_first.push_back(answering.spawn(tokio::time::timeout(PATIENCE, respond)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = answering.join_next() => {}
        }
    }
}

async fn respond(mut stream: TcpStream, metrics: MetricsReader) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let metrics = metrics.read().await.unwrap_or_default();
    let path = head.strip_prefix(b"GET ").and_then(|rest| rest.split(|byte| *byte == b' ').next());
    let (status, body) = match path {
        Some(b"/metrics" | b"/") => ("200 OK", prometheus(&metrics)),
        Some(_) => ("404 Not Found", "the metrics are at /metrics\n".to_owned()),
        None => ("405 Method Not Allowed", "only GET is answered\n".to_owned()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

const PATIENCE: Duration = Duration::from_secs(5);
const AT_A_TIME: usize = 32;
const LONGEST_HEAD: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::{numbers, prometheus};

    #[test]
    fn every_number_is_on_the_page() {
        let mut metrics = mixer::Metrics::default();
        (metrics.rooms, metrics.clients_seen) = (3, 4);
        let text = prometheus(&metrics);
        for (name, _) in numbers(&metrics) {
            assert!(text.contains(&format!("# TYPE mixer_{name}")), "{name}");
        }
        assert!(text.contains("mixer_clients_seen_total 4\n") && text.contains("mixer_rooms 3\n"));
        assert!(numbers(&metrics).any(|told| told == ("rooms", 3)));
    }
}
