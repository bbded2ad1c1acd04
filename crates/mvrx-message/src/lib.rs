//! The JSON messages of MVR-xchange and the TXT record as types: tolerant in, strict out, every tolerated deviation named.
