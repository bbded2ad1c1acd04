//! Keeps MVR-xchange commits and their files: on disk and in memory.
