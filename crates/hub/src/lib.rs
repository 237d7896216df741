//! Keyway's gateway.
