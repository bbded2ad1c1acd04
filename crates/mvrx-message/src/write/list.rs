//! JOIN and JOIN_RET: as many of the newest commits as fit, oldest first. Time and memory grow with what fits, not with what is there.

use serde::Serialize;

use super::append as append_shape;
use super::shapes::CommitShape;
use crate::{Commit, Dialect};

/// Appends a message whose `head` ends in an empty list, with the commits that fit `limit` bytes in all put into it.
// req: MSG-LIST-FIT
pub(super) fn append(
    out: &mut Vec<u8>,
    head: &impl Serialize,
    commits: &[Commit],
    dialect: &Dialect,
    limit: usize,
) {
    let start = out.len();
    append_shape(out, head);
    out.truncate(out.len() - END.len());
    let room = limit.saturating_sub(out.len() - start + END.len());

    let mut newest_first = Vec::new();
    let mut ends = Vec::new();
    for commit in commits.iter().rev() {
        append_shape(&mut newest_first, &CommitShape::of(commit, dialect));
        let commas = ends.len();
        if newest_first.len() + commas > room {
            break;
        }
        ends.push(newest_first.len());
    }
    out.reserve(room.min(newest_first.len() + ends.len()) + END.len());
    while let Some(end) = ends.pop() {
        let start = ends.last().copied().unwrap_or(0);
        out.extend_from_slice(newest_first.get(start..end).unwrap_or_default());
        if !ends.is_empty() {
            out.push(b',');
        }
    }
    out.extend_from_slice(END);
}

/// What stands behind the list.
const END: &[u8] = b"]}";
