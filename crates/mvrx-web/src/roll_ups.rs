//! What each revision changed, in a sentence: found out in the background when somebody looks at a list, told as `rolled_up`, remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mvrx_message::FileUuid;
use mvrx_node::revision::{self, Change};
use serde_json::json;

use crate::SCHEMA;
use crate::shared::Shared;

/// What is known, and what is to be found out.
#[derive(Debug, Default)]
pub(crate) struct RollUps(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    of: BTreeMap<FileUuid, Option<Change>>,
    order: VecDeque<FileUuid>,
    waiting: VecDeque<FileUuid>,
    works: bool,
}

impl RollUps {
    /// What a revision changed; `None`: not known, or nothing to compare it with.
    pub(crate) fn of(&self, file: FileUuid) -> Option<Change> {
        self.lock().of.get(&file).cloned().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has these found out, the first first, where they are not known.
pub(crate) fn find_out(shared: &Arc<Shared>, files: impl IntoIterator<Item = FileUuid>) {
    let mut known = shared.roll_ups.lock();
    for file in files {
        let is_new = !known.of.contains_key(&file) && !known.waiting.contains(&file);
        if is_new && known.waiting.len() < shared.limits.roll_ups {
            known.waiting.push_back(file);
        }
    }
    if !known.works && !known.waiting.is_empty() {
        known.works = true;
        tokio::spawn(work(Arc::clone(shared)));
    }
}

/// One after the other, until none waits or the server ends.
async fn work(shared: Arc<Shared>) {
    loop {
        let next = {
            let mut known = shared.roll_ups.lock();
            let next = known.waiting.pop_front().filter(|_| !*shared.closing.borrow());
            known.works = next.is_some();
            next
        };
        let (Some(file), Ok(station)) = (next, shared.station()) else { return };
        let store = station.store();
        let looked = shared.look(move || revision::compared(store.as_ref(), file)).await;
        // Too much else is looked at: whoever asks again begins anew.
        let Ok(looked) = looked else { continue };
        let change = looked.and_then(|revision| revision.change);
        if let Some(change) = &change {
            let document = json!({
                "schema": SCHEMA, "event": "rolled_up", "file": file.to_string(), "since": change.since.to_string(),
                "roll_up": change.roll_up,
            });
            shared.feed.tell("rolled_up", &document.to_string());
        }
        let mut known = shared.roll_ups.lock();
        known.of.insert(file, change);
        known.order.push_back(file);
        while known.order.len() > shared.limits.roll_ups.max(1) {
            let oldest = known.order.pop_front();
            oldest.and_then(|oldest| known.of.remove(&oldest));
        }
    }
}
