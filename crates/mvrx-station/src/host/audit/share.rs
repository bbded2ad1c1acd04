//! Of more lines than there is room for: whose go.
//!
//! Each address has a share of the room, and who takes less leaves the rest to the others. The oldest lines go of who has more, so that what one
//! address fills the file with is its own. An address of IPv6 counts as its network of 64 bits; lines that say none count by what they tell of,
//! each kind for itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use mvrx_transport::place;

/// Writes to `into` what of the lines of `from`, the older file first, has room in `most` bytes; tells how many have not. A file that is not
/// there has none.
///
/// # Errors
/// When one cannot be read or written, or they are more than eight times as much: then what is in `into` is of no use.
// req: AUD-06
pub(super) fn keep(from: [&Path; 2], into: &Path, most: u64) -> io::Result<u64> {
    let mut taken: HashMap<String, u64> = HashMap::new();
    let mut all = 0_u64;
    each(from, |line| {
        all += line.len() as u64;
        *taken.entry(whose(line)).or_default() += line.len() as u64;
        if all > most.saturating_mul(8) { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    })?;
    let share = share(taken.values().copied().collect(), most);
    let mut over: HashMap<String, u64> =
        taken.into_iter().map(|(whose, bytes)| (whose, bytes.saturating_sub(share))).collect();
    let mut kept = BufWriter::new(anew(into)?);
    let mut dropped = 0;
    each(from, |line| {
        match over.get_mut(&whose(line)).filter(|over| **over > 0) {
            Some(over) => {
                *over = over.saturating_sub(line.len() as u64);
                dropped += 1;
            }
            None => kept.write_all(line)?,
        }
        Ok(())
    })?;
    kept.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(dropped)
}

/// So much of each has room in `most` all together, where who has less leaves the rest to the others.
fn share(mut taken: Vec<u64>, most: u64) -> u64 {
    taken.sort_unstable();
    let mut room = most;
    let mut others = taken.len() as u64;
    for bytes in taken {
        if bytes > room / others {
            return room / others;
        }
        room -= bytes;
        others -= 1;
    }
    u64::MAX
}

fn each(from: [&Path; 2], mut see: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    for path in from {
        let mut lines = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            if line.last() != Some(&b'\n') {
                line.push(b'\n');
            }
            see(&line)?;
            line.clear();
        }
    }
    Ok(())
}

/// Whose share a line is of. What others say cannot contain these marks: a quotation mark in it is escaped.
fn whose(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let value = |key: &str| Some(line.split_once(key)?.1.split_once('"')?.0);
    match value(",\"address\":\"").and_then(|address| address.parse::<SocketAddr>().ok()) {
        Some(address) => place(address.ip()).to_string(),
        None => value(",\"event\":\"").unwrap_or_default().to_owned(),
    }
}

fn anew(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    super::writing::open(path)
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    // proves: AUD-06
    #[test]
    fn who_takes_less_leaves_the_rest_to_the_others() {
        assert_eq!(share(vec![10, 10], 20), u64::MAX);
        assert_eq!(share(vec![10, 11], 20), 10);
        assert_eq!(share(vec![2, 100, 3], 20), 15);
        assert_eq!(share(vec![2, 100, 3, 50], 20), 7);
        assert_eq!(share(vec![], 20), u64::MAX);
    }

    // proves: AUD-06
    #[test]
    fn nobody_pushes_out_the_lines_of_another_address_whatever_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let [before, now, into] = ["audit.1", "audit", "audit.new"].map(|name| dir.path().join(name));
        let at = |n: u8, port: u16| Some(SocketAddr::from(([10, 0, 0, n], port)));
        let deed = Line::new("commit", "ok").address(at(1, 1)).text("name", "show.mvr").end();
        let plain = Line::new("session", "ended").end();
        std::fs::write(&before, [deed.as_str(), &plain].concat()).unwrap();
        // It says that it is another one, and comes from a port of its own each time.
        let other = "\",\"address\":\"10.0.0.1:1\"";
        let flood: String = (0..500)
            .map(|n| {
                Line::new("commit", "ok").text("name", other).address(at(2, n)).number("n", n.into()).end()
            })
            .collect();
        std::fs::write(&now, &flood).unwrap();
        let most = 10_000;
        let dropped = keep([&before, &now], &into, most).unwrap();
        let text = std::fs::read_to_string(&into).unwrap();
        assert!(text.len() as u64 <= most && text.len() > 9_700, "{}", text.len());
        assert!(text.starts_with(&deed) && text[deed.len()..].starts_with(&plain), "{text}");
        assert_eq!(text.lines().count() as u64 + dropped, 502);
        assert_eq!(text.lines().last(), flood.lines().last(), "the oldest go");
        // Again and again.
        std::fs::rename(&into, &before).unwrap();
        keep([&before, &now], &into, most).unwrap();
        assert!(std::fs::read_to_string(&into).unwrap().starts_with(&deed));
    }

    // proves: AUD-06
    #[test]
    fn networks_of_ipv6_and_kinds_without_an_address_have_a_share_each() {
        let whose =
            |address: &str| whose(Line::new("join", "ok").address(address.parse().ok()).end().as_bytes());
        assert_eq!(whose("[2001:db8::1]:9"), whose("[2001:db8::2]:8"));
        assert_ne!(whose("[2001:db8::1]:9"), whose("[2001:db8:0:1::1]:9"));
        assert_eq!(whose("[::ffff:10.0.0.1]:9"), whose("10.0.0.1:1"));
        assert_eq!(super::whose(Line::new("limit", "reached").end().as_bytes()), "limit");
        assert_eq!(super::whose(b"\xff torn"), "");
    }
}
