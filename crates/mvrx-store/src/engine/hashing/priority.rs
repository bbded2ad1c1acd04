//! Makes room for others where the processors are all busy: receiving goes first, the hash catches up in the gaps, and a file is not there before its
//! last byte anyway.

/// The calling thread has less of a claim on a processor from here on. Without it the hash is as quick, and the file a little later.
#[cfg(target_os = "linux")]
pub(super) fn step_back() {
    // On Linux this is the calling thread's own priority.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Elsewhere it would be the whole process's.
#[cfg(not(target_os = "linux"))]
pub(super) fn step_back() {}

#[cfg(target_os = "linux")]
const NICE: i32 = 10;
