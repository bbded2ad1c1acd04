//! The driver that applications use to run an MVR-xchange station: builder, handle, events.
