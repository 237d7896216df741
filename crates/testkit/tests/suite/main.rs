//! The suite, examined.

mod acme;
mod placements;
mod rules_can_fail;
