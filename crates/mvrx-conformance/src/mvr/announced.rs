//! What a station announces by multicast DNS, and whether the station there is the announced one.

use super::messages;
use crate::case::{Case, field, must, should};
use crate::discover::{Announced, SERVICE};
use crate::verdict::{Outcome, fail, not_offered, tolerated};
use crate::visit::Visit;

const TEXT: &str = "TCP Mode of protocol";
const TABLE: &str = "Table 65";

pub(crate) const CASES: &[Case] = &[
    must(
        "dns-group",
        TEXT,
        "The service's name has the group's name as a label before _mvrxchange._tcp.local.",
        &["MSG-GROUP"],
        |v| {
            let announced = announced(v)?;
            let end = format!("{}.{SERVICE}", announced.group);
            let before = announced.name.strip_suffix(&end).unwrap_or("@");
            if before.ends_with("\\.") {
                return tolerated(format!("station and group are one label: {}", announced.name));
            }
            if before.is_empty() || before.ends_with('.') {
                return Ok(());
            }
            tolerated(format!("the name is {}", announced.name))
        },
    ),
    field(
        "dns-group-asked",
        "The question for the group's own name is answered, too: two products ask no other.",
        &["MSG-GROUP"],
        |v| match announced(v)?.by_group {
            Some(true) => Ok(()),
            Some(false) => fail("it is not"),
            None => not_offered("the name is too long for the judge to ask for"),
        },
    ),
    must("dns-srv", TEXT, "There is an SRV record with a host and a port.", &["STA-04"], |v| {
        let Announced { host, port, .. } = announced(v)?;
        if *port > 0 && host.ends_with(".local.") {
            Ok(())
        } else {
            fail(format!("they are {host} and {port}"))
        }
    }),
    must("dns-address", TEXT, "There is an A or AAAA record.", &["STA-04"], |v| {
        if announced(v)?.addresses.is_empty() { fail("there is none") } else { Ok(()) }
    }),
    field("dns-address-v4", "There is an A record: the official library knows no other.", &["STA-04"], |v| {
        if announced(v)?.addresses.iter().any(std::net::IpAddr::is_ipv4) {
            Ok(())
        } else {
            fail("there is none")
        }
    }),
    should("dns-txt-name", TABLE, "The TXT record has StationName.", &["MSG-TXT"], |v| {
        if announced(v)?.station_name.as_deref().is_some_and(|name| !name.is_empty()) {
            Ok(())
        } else {
            fail("it has not")
        }
    }),
    should("dns-txt-uuid", TABLE, "The TXT record has StationUUID.", &["MSG-TXT"], |v| {
        if announced(v)?.station_uuid.is_some() { Ok(()) } else { fail("it has not") }
    }),
    must(
        "dns-right-station",
        "Tables 65 and 69",
        "The station that answers at the announced address is the announced one.",
        &["STA-04"],
        |v| {
            let (told, joined) = uuids(v)?;
            if told.eq_ignore_ascii_case(&joined) {
                Ok(())
            } else {
                fail(format!("{told} is announced, {joined} answers"))
            }
        },
    ),
    field(
        "dns-same-spelling",
        "StationUUID has the same letters in the TXT record as in messages: one product compares the texts.",
        &["MSG-TXT"],
        |v| {
            let (told, joined) = uuids(v)?;
            if told == joined { Ok(()) } else { fail(format!("{told} is announced, {joined} answers")) }
        },
    ),
    field("dns-same-name", "StationName is the same in the TXT record as in messages.", &["MSG-TXT"], |v| {
        let Some(told) = announced(v)?.station_name.clone() else {
            return not_offered("no name is announced");
        };
        let ret = v.join_ret()?.1;
        let joined = messages::field(&ret, "StationName");
        if told == joined { Ok(()) } else { fail(format!("\"{told}\" is announced, \"{joined}\" answers")) }
    }),
];

fn announced<'a>(v: &Visit<'a>) -> Outcome<&'a Announced> {
    match v.announced {
        Some(announced) => Ok(announced),
        None => not_offered("it was not looked for by discovery"),
    }
}

fn uuids(v: &mut Visit<'_>) -> Outcome<(String, String)> {
    let Some(told) = announced(v)?.station_uuid.clone() else {
        return not_offered("no StationUUID is announced");
    };
    let ret = v.join_ret()?.1;
    Ok((told, messages::field(&ret, "StationUUID").to_owned()))
}
