//! What Keyway costs, beside the same work by hand and beside what others take: one table, from one run.
//!
//! `just bench` makes it. Times are medians of many short turns, and ratios are medians of the ratios within one turn,
//! so that a busy machine disturbs both sides alike. Nothing here fails: `ok` and `OVER` say which limits are met. What
//! is the same on every machine, the number of allocations, is a test of core's (`crates/core/tests/allocations.rs`).
//!
//! A new family of rows is a file with a function `rows`, and a line in [`main`].

mod accept;
mod authorize;
mod by_hand;
mod form;
mod load;
mod race;
mod reqsign;
mod table;

// They register themselves; what no source names is not linked.
use {keyway_rally as _, keyway_rootly as _};

fn main() {
    let families = [authorize::rows, accept::rows, form::rows, load::rows];
    let rows: Vec<table::Row> = families.into_iter().flat_map(|rows| rows()).collect();
    table::print(&rows);
}
