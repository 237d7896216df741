//! Accepting a submission.

use keyway_core::{Registry, Submission};

use crate::{
    authorize::{RALLY_KEY, ROOTLY_KEY},
    load::descriptors,
    race::{Contender, SHORT, race},
};

/// The built-in providers, and more of them.
fn registry(more: usize) -> Registry {
    let texts = descriptors(more);
    let built_in = [
        ("rootly.yaml", include_str!("../../../providers/rootly/provider.yaml")),
        ("rally.yaml", include_str!("../../../providers/rally/provider.yaml")),
    ];
    Registry::from_descriptors(texts.iter().map(|(f, t)| (f.as_str(), t.as_str())).chain(built_in))
        .expect("sound")
}

pub(crate) fn rows() {
    for more in [0, 998] {
        let registry = registry(more);
        for (what, provider, key) in [
            ("rootly", "rootly", ROOTLY_KEY),
            ("rally", "rally", RALLY_KEY),
            ("rootly, odd key", "rootly", "eyJhbGciOiJub25lIn0.e30.of-another-form"),
            ("rootly, prefix", "rootly", "rootly_g"),
            ("rally, odd key", "rally", "eyJhbGciOiJub25lIn0.e30.of-another-form"),
            ("rally, rootly's key", "rally", ROOTLY_KEY),
        ] {
            let submission = Submission::new().with("api_key", key);
            let (entry, method) = registry.method(provider, None).expect("it is there");
            let race = race(
                SHORT,
                || (),
                &[
                    Contender::new(|()| registry.accept(provider, None, &submission)),
                    Contender::new(|()| entry.accept(method, &submission)),
                ],
            );
            println!(
                "accept {what} of {}: registry {:.0} entry {:.0} allocs {} {}",
                more + 2,
                race.time(0),
                race.time(1),
                race.allocations(0),
                race.allocations(1)
            );
        }
    }
}
