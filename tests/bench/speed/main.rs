//! What Keyway costs.

mod authorize;
mod by_hand;
mod race;
mod reqsign;

use {keyway_rally as _, keyway_rootly as _};

fn main() {
    if let Some(which) = std::env::args().nth(2) {
        return authorize::hot(&which);
    }
    authorize::rows();
}
