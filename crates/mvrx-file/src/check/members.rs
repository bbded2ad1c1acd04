//! The archive: names that are dangerous or ambiguous, members that cannot be unpacked.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::{Findings, member_rule};
use crate::archive::{Archive, Member};
use crate::error::OpenError;
use crate::limits::Limits;
use crate::rule::Rule;

/// Judges every name by itself and all names together.
pub(super) fn check_names(members: &[Member], findings: &mut Findings) {
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(members.len());
    for (place, member) in members.iter().enumerate() {
        check_name(member, findings);
        let Some(earlier) =
            seen.insert(member.name.to_lowercase(), place).and_then(|earlier| members.get(earlier))
        else {
            continue;
        };
        // req: MVR-NAMES-CASE
        if earlier.name == member.name {
            findings.member(Rule::NameDuplicate, &member.name, "another member has the same name");
        } else {
            let detail = format!("it differs from {} in case only", earlier.name);
            findings.member(Rule::NameCaseClash, &member.name, detail);
        }
    }
}

fn check_name(member: &Member, findings: &mut Findings) {
    let name = member.name.as_str();
    if !member.name_is_utf8 {
        findings.member(Rule::NameEncoding, name, "the name is not UTF-8");
    }
    let parts = || name.split(['/', '\\']);
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if name.starts_with(['/', '\\']) || drive || parts().any(|part| part == "..") || name.contains('\0') {
        // req: MVR-NAMES-SAFE
        return findings.member(Rule::NameClimbsOut, name, "unpacking it would write outside the folder");
    }
    if name.contains(['/', '\\']) {
        // req: MVR-NO-FOLDERS
        findings.member(Rule::MemberInFolder, name, "members have to lie at the root of the archive");
    }
    // req: MVR-NAMES-RESERVED
    if let Some(reason) = parts().filter(|part| !part.is_empty()).find_map(reserved) {
        findings.member(Rule::NameReserved, name, reason);
    }
}

/// Why a name cannot be a file name on FAT32 or NTFS (MVR table 43, FileName).
fn reserved(name: &str) -> Option<&'static str> {
    if name.chars().any(|character| character.is_control() || "<>:\"|?*".contains(character)) {
        return Some("the name has a character that FAT32 and NTFS reserve");
    }
    if name.ends_with(['.', ' ']) {
        return Some("the name ends in a dot or a blank, which Windows drops");
    }
    let base = name.split('.').next().unwrap_or_default();
    if base.is_empty() {
        return Some("the name has nothing before its ending");
    }
    let upper = base.to_ascii_uppercase();
    let numbered = |prefix: &str| {
        upper
            .strip_prefix(prefix)
            .is_some_and(|rest| matches!(rest.as_bytes(), [digit] if digit.is_ascii_digit()))
    };
    if matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT") {
        return Some("the name is that of a device on Windows");
    }
    None
}

/// What may have been meant, when there is no root file.
pub(super) fn suggest_root_file<R>(archive: &Archive<R>, error: &OpenError, findings: &mut Findings)
where
    R: Read + Seek,
{
    let is_it = |name: &str| {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        last.eq_ignore_ascii_case(crate::ROOT_FILE)
    };
    let meant = archive.members().iter().find(|member| is_it(&member.name));
    if let (OpenError::RootFileMissing, Some(meant)) = (error, meant) {
        let detail =
            format!("this may be the scene; it has to be named {} and lie in no folder", crate::ROOT_FILE);
        findings.member(Rule::NotAnMvr, &meant.name, detail);
    }
}

/// Unpacks every member once, to see whether it is what the directory says.
pub(super) fn check_content<R: Read + Seek>(archive: &Archive<R>, limits: &Limits, findings: &mut Findings) {
    let mut left = limits.inflated_bytes;
    for (place, member) in archive.members().iter().enumerate() {
        if member.name == crate::ROOT_FILE || member.is_directory() {
            continue;
        }
        let result = archive.unpack(place, left).and_then(crate::archive::MemberReader::verify);
        match result {
            Ok(()) => left -= member.size,
            // req: MVR-NO-ENCRYPTION, MVR-METHODS
            Err(error) => findings.member(member_rule(&error), &member.name, error.to_string()),
        }
    }
}
