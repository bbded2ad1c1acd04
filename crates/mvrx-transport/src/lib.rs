//! Moves MVR-xchange messages and files over one connection: TCP and in-memory.
