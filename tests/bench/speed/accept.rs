//! Accepting a submission, among two providers and among a thousand.

use keyway_core::{Registry, Submission};

use crate::{
    authorize::{RALLY_KEY, ROOTLY_KEY},
    load,
    race::{Contender, SHORT, race},
    table::{Limit, Row},
};

const BUILT_IN: [(&str, &str); 2] = [
    ("rootly.yaml", include_str!("../../../providers/rootly/provider.yaml")),
    ("rally.yaml", include_str!("../../../providers/rally/provider.yaml")),
];

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for more in [0, 998] {
        let number = more + 2;
        let more = load::descriptors(more);
        let more = more.iter().map(|(file, text)| (file.as_str(), text.as_str()));
        let registry = Registry::from_descriptors(more.chain(BUILT_IN)).expect("sound descriptors");
        for (what, provider, key) in [
            ("Rootly", "rootly", ROOTLY_KEY),
            ("Rally", "rally", RALLY_KEY),
            // A warning: it looks like nothing that is known, so that all shapes are asked.
            ("an odd key", "rally", "eyJhbGciOiJub25lIn0.e30.made-up"),
        ] {
            let submission = Submission::new().with("api_key", key);
            let work =
                Contender::new(|()| registry.accept(provider, None, &submission).expect("it is accepted"));
            let race = race(SHORT, || (), &[work]);
            rows.push(
                Row::new(format!("accept, {what}, {number} providers"), race.time(0), race.allocations(0))
                    .limit(Limit::Time(5e3)),
            );
        }
    }
    rows
}
