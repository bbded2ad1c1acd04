//! Lets the process have as many descriptors as the server may have clients.
//!
//! Systems start programs with room for a few hundred (256 on macOS, 1024 on most Linuxes), as an advice that a program may ignore up to a limit of the
//! administrator's.

/// Raises the advice, never lowers it. What the administrator does not allow is not asked for; then connections wait until others end.
// req: MIX-BUG-12
#[cfg(unix)]
pub(super) fn make_room_for(clients: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = u64::try_from(clients).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_none_or(|current| current >= allowed) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum })
    {
        tracing::warn!("no more than {:?} descriptors: {error}", limit.current);
    }
}

/// Systems without such a limit.
#[cfg(not(unix))]
pub(super) fn make_room_for(_clients: usize) {}

/// What the rest of the process needs.
#[cfg(unix)]
const OTHERS: u64 = 1024;
