//! Turns TCP bytes into MVR-xchange packages and back, incrementally, never holding a file.
