//! What the suite examines.

use std::sync::Arc;

use keyway_core::{Credential, Descriptor, Entry, Method, Registration, Registry};

use crate::{Check, Fixtures, MethodFixtures};

/// A provider under test, with one of its methods.
#[derive(Debug)]
pub struct Subject {
    registration: Registration,
    folder: String,
    registry: Registry,
    method: Arc<Method>,
    fixtures: MethodFixtures,
}

impl Subject {
    /// Takes a registration and its crate's folder: a subject for each of the provider's methods.
    ///
    /// # Panics
    /// When the descriptor or the fixtures cannot be read, or a method has no fixtures: the message says where and why.
    pub fn all(registration: Registration, folder: &str) -> Vec<Self> {
        let registry =
            Registry::from_registrations([&registration]).unwrap_or_else(|error| panic!("\n{error}\n"));
        let fixtures = Fixtures::parse("fixtures.yaml", registration.fixtures)
            .unwrap_or_else(|error| panic!("\n{error}\n"));
        let folder = folder.rsplit(['/', '\\']).next().unwrap_or_default();
        let methods = registry.entries()[0].descriptor().methods();
        for fixtures in fixtures.methods() {
            let id = fixtures.method();
            assert!(
                methods.iter().any(|method| *method.id() == *id),
                "fixtures.yaml: there is no method `{id}`"
            );
        }
        let subject = |method: &Arc<Method>| {
            let fixtures = fixtures.of(method.id().as_str());
            let fixtures =
                fixtures.unwrap_or_else(|| panic!("fixtures.yaml: the method `{}` has none", method.id()));
            Self {
                registration,
                folder: folder.to_owned(),
                registry: registry.clone(),
                method: Arc::clone(method),
                fixtures: fixtures.clone(),
            }
        };
        methods.iter().map(subject).collect()
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    pub(crate) fn fixtures(&self) -> &MethodFixtures {
        &self.fixtures
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.registry.entries()[0]
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        self.entry().descriptor()
    }

    pub(crate) fn method(&self) -> &Arc<Method> {
        &self.method
    }

    /// The credential of a check's key.
    pub(crate) fn credential(&self, check: &Check) -> Credential {
        match self.entry().accept(&self.method, &check.submission()) {
            Ok(accepted) => accepted.credential,
            Err(refused) => panic!("the key of `{}` is refused: {refused}", check.name()),
        }
    }

    /// The fixtures' good key.
    pub(crate) fn good(&self) -> &Check {
        self.fixtures.good().unwrap_or_else(|| panic!("the fixtures have no check whose verdict is valid"))
    }
}
