//! What a request through the gateway costs, beside nginx that does the same; and what the gateway keeps in memory.
//!
//! `just bench-gateway` makes it, on a machine with two cores, with nginx and wrk. Nothing here fails but what answers
//! wrongly. Each proxy has one core for itself while it is measured, and load and upstream have the other. What counts is
//! the CPU time of the proxy for one request, by the kernel's accounting: it holds on a busy machine.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]
#![expect(clippy::cast_precision_loss, reason = "no count here is near 2^52")]

mod contender;
mod decision;
mod load;
mod memory;
mod process;
mod upstream;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Parser, Subcommand};

// It registers itself; what no source names is not linked.
use keyway_rootly as _;

use crate::{
    contender::{Contender, Place},
    load::Load,
    memory::Memory,
    process::{OTHER_CORE, Upstream},
};

/// The most clients of a load.
const CLIENTS: usize = 4096;
/// The key of the account at the upstream. Made up.
const KEY: &str = "rootly_0000000000000000000000000000000000000000000000000000000000000000";
/// How it travels.
const AUTHORIZATION: &str = "Bearer rootly_0000000000000000000000000000000000000000000000000000000000000000";

/// What a request through the gateway costs, beside nginx, and what the gateway keeps in memory
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The binary that is measured
    #[arg(long, global = true, default_value = "target/release/keyway")]
    keyway: PathBuf,
    /// `cargo bench` says this
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measures what a request costs
    Load {
        #[command(flatten)]
        load: Load,
        /// What is measured; all, if nothing is said
        #[arg(long, value_delimiter = ',')]
        only: Vec<Contender>,
    },
    /// Measures what is kept in memory, and what slow clients do to the others
    Memory {
        #[command(flatten)]
        memory: Memory,
        /// What is measured
        #[arg(long, default_value = "keyway")]
        only: Contender,
    },
    /// Measures what the gateway does with a request and an answer by itself
    Decision,
    /// What the proxies stand in front of: for this program's own use
    #[command(hide = true)]
    Upstream { certificate: PathBuf },
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.what {
        What::Upstream { certificate } => upstream::run(&certificate),
        What::Decision => decision::run(),
        What::Load { load, only } => {
            let only = if only.is_empty() { Contender::ALL.to_vec() } else { only };
            with_place(&arguments.keyway, CLIENTS, |place| {
                load.run(only.into_iter().map(|contender| contender.prepare(place)).collect());
            });
        }
        What::Memory { memory, only } => {
            with_place(&arguments.keyway, memory.clients() * 3, |place| {
                memory.run(&only.prepare(place), place.upstream.plain);
            });
        }
    }
}

/// Goes to the other core, and starts the upstream.
fn with_place(keyway: &Path, clients: usize, run: impl FnOnce(&Place<'_>)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let keyway = root.join(keyway);
    let pinned = Command::new("taskset").args(["-cp", OTHER_CORE, &std::process::id().to_string()]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "this needs a second core, and taskset");
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("upstream.pem");
    let upstream = Upstream::start(&certificate);
    run(&Place {
        folder: folder.path(),
        keyway: &keyway,
        upstream: &upstream,
        clients,
        certificate: &certificate,
    });
}
