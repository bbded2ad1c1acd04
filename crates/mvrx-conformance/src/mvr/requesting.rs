//! MVR_REQUEST and what comes of it (Tables 74 and 75).

use serde_json::{Value, json};

use super::line::{File, Line};
use super::{look, messages};
use crate::case::{Case, Consent, field, must};
use crate::verdict::{Outcome, fail, not_offered};
use crate::visit::Visit;

const TABLE: &str = "Table 75";
const TEXT: &str = "MVR_REQUEST message";

pub(super) const CASES: &[Case] = &[
    must("request-refused", TEXT, "A REQUEST for a file that is not there is answered with a message.", &["STA-13"], |v| {
        refused(v).map(drop)
    }),
    must("request-ret-type", TABLE, "The refusal is of the type MVR_REQUEST_RET.", &["MSG-RET"], |v| {
        look::is(&refused(v)?, "MVR_REQUEST_RET")
    }),
    must("request-ret-ok", TABLE, "The refusal says by a truth value that it did not work.", &["MSG-OK"], |v| {
        look::truth(&refused(v)?, false)
    }),
    must("request-ret-message", TABLE, "Message is a text for people.", &["MSG-RET"], |v| {
        look::text_or_nothing(&refused(v)?, "Message")
    }),
    field("request-ret-reason", "A refusal says why.", &["MSG-RET"], |v| look::text(&refused(v)?, "Message")),
    must("request-listed-file", TEXT, "A listed file is given to who asks for it.", &["STA-11", "STA-13"], |v| {
        fetched(v).map(drop)
    }),
    must("request-file-size", "Table 72, FileSize", "The file has the size that its commit tells.", &["MSG-FILESIZE"], |v| {
        let (entry, file) = fetched(v)?;
        let told = size(&entry);
        if told == Some(file.bytes.len() as u64) {
            return Ok(());
        }
        fail(format!("its commit tells {}, and {} bytes came", entry.get("FileSize").unwrap_or(&Value::Null), file.bytes.len()))
    }),
    must("request-file-is-an-archive", TEXT, "What comes is an MVR file, that is a zip archive.", &["STA-13"], |v| {
        let (_, file) = fetched(v)?;
        if file.bytes.starts_with(b"PK") { Ok(()) } else { fail("it does not begin as one") }
    }),
    must("request-same-twice", TEXT, "A listed file can be had as often as it is asked for, and is the same.", &["STA-13"], |v| {
        let ((_, one), (_, other)) = (fetched(v)?, fetched(v)?);
        if one.bytes == other.bytes { Ok(()) } else { fail("its bytes differ from one time to the next") }
    }),
    must("request-without-joining", TEXT, "A REQUEST is answered, with the file or with a refusal, on any connection.", &["STA-13"], |v| {
        let mut line = v.line()?;
        line.say(&messages::request(&v.ids.no_file, &v.ids.nobody))?;
        line.answer_or_file().map(drop)
    }),
    field("request-from-as-text", "FromStationUUID is read as a text, too, as some products write it.", &["MSG-REQUEST-FROM"], |v| {
        let (mut line, ret) = v.joined()?;
        let station = messages::field(&ret, "StationUUID");
        let request = json!({ "Type": "MVR_REQUEST", "FileUUID": v.ids.no_file, "FromStationUUID": station });
        look::is(&line.ask(&request)?, "MVR_REQUEST_RET")
    }),
    field("request-next-edition", "REQUEST is read as the specification's next edition has it: FromStationsUUID, and the asker's StationUUID.", &["MSG-REQUEST-FROM"], |v| {
        let (mut line, ret) = v.joined()?;
        let station = messages::field(&ret, "StationUUID");
        let request = json!({
            "Type": "MVR_REQUEST", "FileUUID": v.ids.no_file, "FromStationsUUID": [station], "StationUUID": v.ids.first,
        });
        look::is(&line.ask(&request)?, "MVR_REQUEST_RET")
    })
    .needs(&[Consent::Rough]),
    must("request-latest", "Table 74, FileUUID", "A REQUEST without FileUUID is answered with the last file, or refused where there is none.", &["MSG-REQUEST-LATEST", "STA-13"], |v| {
        latest(v, &json!(""))
    })
    .needs(&[Consent::Commits, Consent::Rough]),
    must("request-latest-key-missing", "Table 74, FileUUID", "FileUUID need not be set at all.", &["MSG-REQUEST-LATEST"], |v| {
        latest(v, &Value::Null)
    })
    .needs(&[Consent::Commits, Consent::Rough]),
];

/// What only packages have.
pub(super) const PACKAGES: &[Case] = &[
    must(
        "request-file-whole",
        "Table 66: MVR_PAYLOAD_LENGTH",
        "The file is as long as its header says.",
        &["TRA-06"],
        |v| {
            let (_, file) = fetched(v)?;
            if file.short { fail(format!("only {} bytes came", file.bytes.len())) } else { Ok(()) }
        },
    ),
    field(
        "request-file-in-one",
        "A file is one package: two products take the first for the whole.",
        &["PKG-08", "TRA-06"],
        |v| {
            let (_, file) = fetched(v)?;
            if file.parts == 1 { Ok(()) } else { fail(format!("it came in {} parts", file.parts)) }
        },
    ),
];

fn refused(v: &mut Visit<'_>) -> Outcome<Value> {
    let (mut line, ret) = v.joined()?;
    line.say(&messages::request(&v.ids.no_file, messages::field(&ret, "StationUUID")))?;
    match line.answer_or_file()? {
        Ok(answer) => Ok(answer),
        Err(file) => fail(format!("a file of {} bytes came, which nobody can have", file.bytes.len())),
    }
}

/// The smallest listed file that can be read, and its commit.
pub(super) fn fetched(v: &mut Visit<'_>) -> Outcome<(Value, File)> {
    let (mut line, ret) = v.joined()?;
    let most = v.options.limits.file as u64;
    let listed = messages::commits(&ret).iter().filter(|entry| size(entry).is_some_and(|size| size <= most));
    let Some(entry) = listed.min_by_key(|entry| size(entry)) else {
        return not_offered("it lists no file that the judge could fetch");
    };
    let file = fetch(&mut line, entry)?;
    Ok((entry.clone(), file))
}

fn fetch(line: &mut Line, entry: &Value) -> Outcome<File> {
    let request =
        messages::request(messages::field(entry, "FileUUID"), messages::field(entry, "StationUUID"));
    line.expect(size(entry).unwrap_or_default());
    line.say(&request)?;
    match line.answer_or_file()? {
        Err(file) => Ok(file),
        Ok(answer) => fail(format!("it lists the file and refuses it: {}", messages::reason(&answer))),
    }
}

fn latest(v: &mut Visit<'_>, file: &Value) -> Outcome {
    let (mut line, ret) = v.joined()?;
    let station = messages::field(&ret, "StationUUID");
    let request = json!({ "Type": "MVR_REQUEST", "FromStationUUID": [station] });
    let request = if file.is_null() { request } else { messages::with(request, "FileUUID", file.clone()) };
    line.say(&request)?;
    match line.answer_or_file()? {
        Err(_) => Ok(()),
        Ok(answer) if messages::commits(&ret).is_empty() => look::is(&answer, "MVR_REQUEST_RET"),
        Ok(answer) => fail(format!("it lists files and gives none: {}", messages::reason(&answer))),
    }
}

/// FileSize, however it is spelled; the judge's own question is whether the file is small enough.
fn size(entry: &Value) -> Option<u64> {
    match entry.get("FileSize")? {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
