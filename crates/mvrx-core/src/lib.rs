//! The sans-IO state machine of an MVR-xchange station: typed input and the time in, ordered outputs out.
