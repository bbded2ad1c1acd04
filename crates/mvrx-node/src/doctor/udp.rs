//! Who holds the UDP port of discovery, and whether it can be shared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::json;
use socket2::{Domain, SockAddr, Socket, Type};

use super::report::Report;
use crate::shown;

/// A socket in the system's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    user: u32,
    inode: u64,
}

pub(super) fn check(port: u16, report: &mut Report) {
    let holders = holders(port);
    let listed = match &holders {
        Some(holders) if holders.is_empty() => {
            report.well(format!("UDP port {port}: nobody else holds it"));
            json!([])
        }
        Some(holders) => {
            report.note(format!("UDP port {port} is held by {} as well", holders.join(", ")));
            json!(holders)
        }
        None => {
            report.note(format!("who else holds UDP port {port} cannot be known on this system"));
            json!(null)
        }
    };
    report.fact("udp_port_holders", listed);
    let (v4, v6) = (share(Domain::IPV4, port), share(Domain::IPV6, port));
    report.fact("udp_port_shared", json!({ "ipv4": v4.is_ok(), "ipv6": v6.is_ok() }));
    match (v4, v6) {
        (Ok(_), Ok(_)) => report.well(format!("UDP port {port} can be shared with others")),
        (Ok(_), Err(error)) => report.note(format!("UDP port {port} is used in IPv4 only; IPv6: {error}")),
        (Err(error), v6) => {
            let who = holders
                .filter(|h| !h.is_empty())
                .map_or_else(|| "whoever holds it".to_owned(), |h| h.join(", "));
            let left = if v6.is_ok() {
                "IPv4 stations, nearly all of them, are not found"
            } else {
                "nobody is found"
            };
            report.problem(
                "udp-port-not-shared",
                format!("UDP port {port} cannot be used: {error}; {left}"),
                format!("end {who}, which does not share the port, or set it so that it does"),
            );
        }
    }
}

/// A socket at the port as discovery has it, beside those of others.
pub(super) fn share(domain: Domain, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    let any: SocketAddr = if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
        (Ipv6Addr::UNSPECIFIED, port).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, port).into()
    };
    socket.bind(&SockAddr::from(any))?;
    Ok(socket)
}

/// Who holds the port, in words; `None` where the system has no such tables.
fn holders(port: u16) -> Option<Vec<String>> {
    let mut found = parse(&fs::read_to_string("/proc/net/udp").ok()?, port);
    if let Ok(table) = fs::read_to_string("/proc/net/udp6") {
        found.extend(parse(&table, port));
    }
    let processes = if found.is_empty() { BTreeMap::new() } else { processes(&found) };
    let mut words: Vec<String> = found
        .iter()
        .map(|holder| match processes.get(&holder.inode) {
            Some(process) => process.clone(),
            None => format!(
                "a process of user {} (its name can be read by that user and by root only)",
                holder.user
            ),
        })
        .collect();
    words.sort();
    words.dedup();
    Some(words)
}

/// The sockets at this port in a table as `/proc/net/udp` and `udp6` have it. Lines that cannot be read are passed over.
fn parse(table: &str, port: u16) -> Vec<Holder> {
    let holder = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, at) = fields.get(1)?.rsplit_once(':')?;
        let holder = Holder { user: fields.get(7)?.parse().ok()?, inode: fields.get(9)?.parse().ok()? };
        (u16::from_str_radix(at, 16) == Ok(port)).then_some(holder)
    };
    table.lines().skip(1).filter_map(holder).collect()
}

/// The processes that have these sockets open, as far as this user may see.
fn processes(holders: &[Holder]) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        for open in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let Ok(target) = fs::read_link(open.path()) else { continue };
            let inode = target.to_str().and_then(inode);
            let Some(inode) = inode.filter(|inode| holders.iter().any(|h| h.inode == *inode)) else {
                continue;
            };
            let called = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            found.insert(inode, format!("{} (process {id})", shown::name(called.trim())));
        }
    }
    found
}

/// The number in `socket:[4711]`.
fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
        512: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   108        0 23456 2 0000000000000000 0\n  \
        513: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 23457 2 0000000000000000 0\n";

    const V6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
        6127: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 31337 2 0000000000000000 0\n";

    #[test]
    fn the_holders_of_a_port_are_read_from_the_systems_tables() {
        assert_eq!(parse(V4, 5353), [Holder { user: 108, inode: 23456 }]);
        assert_eq!(parse(V6, 5353), [Holder { user: 1000, inode: 31337 }]);
        assert_eq!(parse(V4, 53), [Holder { user: 0, inode: 23457 }]);
        assert_eq!(parse(V4, 54), []);
    }

    #[test]
    fn lines_that_cannot_be_read_are_passed_over() {
        for odd in
            ["", "one line", "head\nx\n", "head\n1: nothing here\n", "head\n1: 00:14E9 0 07 0 0 0 u 0 i\n"]
        {
            assert_eq!(parse(odd, 5353), [], "{odd:?}");
        }
        let cut: String = V4.chars().take(150).collect();
        assert_eq!(parse(&cut, 5353), []);
    }

    #[test]
    fn a_sockets_number_is_read_from_its_link() {
        assert_eq!(inode("socket:[4711]"), Some(4711));
        assert_eq!((inode("pipe:[4711]"), inode("socket:[x]"), inode("/dev/null")), (None, None, None));
    }

    #[test]
    fn a_port_is_shared_only_by_those_who_share() {
        let ours = share(Domain::IPV4, 0).unwrap();
        let port = ours.local_addr().unwrap().as_socket().unwrap().port();
        share(Domain::IPV4, port).unwrap();
        let alone = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = alone.local_addr().unwrap().port();
        assert!(share(Domain::IPV4, port).is_err());
        let mut report = Report::default();
        check(port, &mut report);
        assert_eq!(report.finding_ids(), ["udp-port-not-shared"]);
    }
}
