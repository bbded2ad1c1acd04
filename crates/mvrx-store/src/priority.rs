//! Makes room for others where the processors are all busy: receiving and serving go first, the hash of what arrives and the recipes of what is old
//! catch up in the gaps.

/// The calling thread has less of a claim on a processor from here on. Without it the work is as quick, and what others wait for a little later.
#[cfg(target_os = "linux")]
pub(crate) fn step_back() {
    // On Linux this is the calling thread's own priority.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Elsewhere it would be the whole process's.
#[cfg(not(target_os = "linux"))]
pub(crate) fn step_back() {}

#[cfg(target_os = "linux")]
const NICE: i32 = 10;
