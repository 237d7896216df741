//! The providers that tests try things on: those that ship, and those that use the rest of the language.

use std::sync::LazyLock;

use keyway_core::{Registry, Submission};

pub(crate) static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    Registry::from_descriptors([
        ("rootly.yaml", include_str!("../../../../providers/rootly/provider.yaml")),
        ("rally.yaml", include_str!("../../../../providers/rally/provider.yaml")),
        ("acme.yaml", include_str!("../providers/acme.yaml")),
        ("onprem.yaml", include_str!("../providers/onprem.yaml")),
        ("anywhere.yaml", include_str!("../providers/anywhere.yaml")),
    ])
    .expect("the descriptors are sound")
});

/// Values as a submission.
pub(crate) fn submission(values: &[(&str, &str)]) -> Submission {
    values.iter().fold(Submission::new(), |all, (field, value)| all.with(*field, *value))
}
