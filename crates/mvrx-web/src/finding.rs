//! Which revision is meant: `latest`, an id, or the beginning of one that says which.

use std::collections::BTreeSet;

use mvrx_message::FileUuid;
use mvrx_store::{StoredCommit, StoredReader};

use crate::refusal::Refusal;
use crate::shared::Shared;

/// The file that is meant, known to the station or kept in its store.
pub(crate) async fn find(shared: &Shared, text: &str) -> Result<FileUuid, Refusal> {
    let station = shared.station()?;
    let known = station.commits().await?;
    if text.eq_ignore_ascii_case("latest") {
        let latest = known.last().map(|info| info.commit.file);
        return latest.ok_or_else(|| Refusal::not_found("nothing is committed here, so there is no latest"));
    }
    let wanted = text.to_ascii_lowercase();
    if wanted.len() > LONGEST || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Err(Refusal::bad("an id has hexadecimal digits and dashes alone"));
    }
    if wanted.len() < SHORTEST {
        return Err(Refusal::bad("of an id the first four characters are needed"));
    }
    let store = station.store();
    let kept =
        shared.look(move || store.commits()).await?.map_err(|error| Refusal::ours(error.to_string()))?;
    let kept = kept.iter().map(|stored| stored.commit.file);
    let all: BTreeSet<FileUuid> = known.iter().map(|info| info.commit.file).chain(kept).collect();
    let mut fits = all.into_iter().filter(|file| file.to_string().starts_with(&wanted));
    match (fits.next(), fits.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => {
            Err(Refusal::not_found("no commit that is known here has this id, or one that begins with it"))
        }
        (Some(_), Some(_)) => Err(Refusal::conflict("more than one id begins with this; say more of it")),
    }
}

/// A file of our store, to be read.
pub(crate) struct Held {
    pub(crate) stored: StoredCommit,
    pub(crate) reader: StoredReader,
}

/// What is meant, opened; only what is kept here can be.
pub(crate) async fn held(shared: &Shared, text: &str) -> Result<Held, Refusal> {
    let file = find(shared, text).await?;
    let store = shared.station()?.store();
    let opened = shared.look(move || {
        let stored = store.commit(file).map_err(|error| Refusal::ours(error.to_string()))?;
        let stored = stored.ok_or_else(|| Refusal::conflict("this file is not kept here; fetch it first"))?;
        let opened = store.open(file).map_err(|error| Refusal::ours(error.to_string()))?;
        let reader = StoredReader::new(opened, stored.length);
        Ok(Held { stored, reader })
    });
    opened.await?
}

/// An id is so long at most, with dashes.
const LONGEST: usize = 36;
/// Less says too little.
const SHORTEST: usize = 4;
