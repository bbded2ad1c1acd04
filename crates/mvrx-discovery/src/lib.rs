//! Finds and announces MVR-xchange stations: mDNS, fixed list, in-memory.
