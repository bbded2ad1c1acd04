//! Lets what a room gave back be what the next bytes are read into.
//!
//! All that a room keeps is the buffers into which it was read. glibc asks the system for each buffer of that size by itself, and gives it back at
//! once: then each has to be mapped and cleared page by page, which took a tenth to a third of the time of a fan-out to five. It stops doing so for sizes up to
//! the largest block of the kind that was freed before, and keeps twice that size free for later. Not a word of it is written in code: freeing
//! such a block is the documented way (`mallopt(3)`, `M_MMAP_THRESHOLD`).

/// From here on the process keeps up to 64 MiB of freed memory for each of its arenas, instead of giving it back. Costs no memory by itself: the block
/// is never touched.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn keep_freed() {
    // Seen by nobody, the block would not be allocated at all.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST_KEPT)));
}

/// Other systems' allocators are left alone.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn keep_freed() {}

/// A little under 32 MiB, the most for which glibc does it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGEST_KEPT: usize = (32 << 20) - (64 << 10);
