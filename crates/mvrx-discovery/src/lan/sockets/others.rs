//! How many sockets of this host are at a UDP port.

/// As the system's tables tell; `None` where there are none.
pub(super) fn holders(port: u16) -> Option<usize> {
    let mut all = count(&std::fs::read_to_string("/proc/net/udp").ok()?, port);
    // A host without IPv6 has no such table.
    if let Ok(table) = std::fs::read_to_string("/proc/net/udp6") {
        all += count(&table, port);
    }
    Some(all)
}

/// The lines of this port in a table as Linux has it. Those that cannot be read are passed over.
fn count(table: &str, port: u16) -> usize {
    let at = |line: &str| {
        let (_, at) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
        u16::from_str_radix(at, 16).ok()
    };
    table.lines().skip(1).filter(|line| at(line) == Some(port)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_counted_by_their_port() {
        let table = "  sl  local_address rem_address\n 512: 00000000:14E9 00000000:0000 07\n 513: 0100007F:0035 0:0 07\n \
            514: 4D00000A:14E9 00000000:0000 07\n broken\n 1: x:y\n";
        assert_eq!([5353, 53, 54].map(|port| count(table, port)), [2, 1, 0]);
        assert_eq!(count("", 53), 0);
    }
}
