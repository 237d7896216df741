//! What the suite examines.

use std::sync::Arc;

use keyway_core::{Credential, Descriptor, Entry, Method, Registration, Registry};

use crate::{Check, Fixtures};

/// A provider under test.
#[derive(Debug)]
pub struct Subject {
    registration: Registration,
    folder: String,
    registry: Registry,
    fixtures: Fixtures,
}

impl Subject {
    /// Takes a registration and its crate's folder.
    ///
    /// # Panics
    /// When the descriptor or the fixtures cannot be read: the message says where and why.
    pub fn new(registration: Registration, folder: &str) -> Self {
        let registry =
            Registry::from_registrations([&registration]).unwrap_or_else(|error| panic!("\n{error}\n"));
        let fixtures = Fixtures::parse("fixtures.yaml", registration.fixtures)
            .unwrap_or_else(|error| panic!("\n{error}\n"));
        let folder = folder.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        Self { registration, folder, registry, fixtures }
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    pub(crate) fn fixtures(&self) -> &Fixtures {
        &self.fixtures
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.registry.entries()[0]
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        self.entry().descriptor()
    }

    /// The method that the fixtures are for.
    pub(crate) fn method(&self) -> &Arc<Method> {
        let id = self.descriptor().id().as_str();
        let (_, method) =
            self.registry.method(id, self.fixtures.method()).unwrap_or_else(|error| panic!("{error}"));
        method
    }

    /// The credential of a check's key.
    pub(crate) fn credential(&self, check: &Check) -> Credential {
        match self.entry().accept(self.method(), &check.submission()) {
            Ok(accepted) => accepted.credential,
            Err(refused) => panic!("the key of `{}` is refused: {refused}", check.name()),
        }
    }

    /// The fixtures' good key.
    pub(crate) fn good(&self) -> &Check {
        self.fixtures.good().unwrap_or_else(|| panic!("the fixtures have no check whose verdict is valid"))
    }
}
