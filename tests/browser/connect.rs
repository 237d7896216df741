//! The connect pages.
