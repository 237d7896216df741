//! What Keyway costs.

mod accept;
mod authorize;
mod by_hand;
mod load;
mod race;
mod reqsign;

use {keyway_rally as _, keyway_rootly as _};

fn main() {
    if std::env::args().nth(2).is_some() {
        return load::hot();
    }
    accept::rows();
    load::rows();
    authorize::rows();
}
