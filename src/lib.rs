//! mvrx
