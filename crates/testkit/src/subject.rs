//! What the suite examines.

use std::sync::Arc;

use keyway_core::{Credential, Descriptor, Entry, Method, Registration, Registry};

use crate::{Check, Fixtures, FixturesError, MethodFixtures};

/// A provider under test, with one of its methods.
#[derive(Debug)]
pub struct Subject {
    entry: Entry,
    /// The package and its folder; none where the provider is no crate.
    package: Option<(&'static str, String)>,
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
        let folder = folder.rsplit(['/', '\\']).next().unwrap_or_default();
        let subjects = Self::of(&registry.entries()[0]).unwrap_or_else(|error| panic!("\n{error}\n"));
        let package = Some((registration.package, folder.to_owned()));
        subjects.into_iter().map(|subject| Self { package: package.clone(), ..subject }).collect()
    }

    /// Takes a provider that may be no crate, such as one of a directory: a subject for each of its methods. Without
    /// fixtures there is none.
    ///
    /// # Errors
    /// When the fixtures cannot be read, are for a method that there is not, or a method has none.
    pub fn of(entry: &Entry) -> Result<Vec<Self>, FixturesError> {
        const FILE: &str = "fixtures.yaml";
        let Some(text) = entry.fixtures() else { return Ok(Vec::new()) };
        let fixtures = Fixtures::parse(FILE, text)?;
        let descriptor = entry.descriptor();
        for id in fixtures.methods().iter().map(MethodFixtures::method) {
            if !descriptor.methods().iter().any(|method| *method.id() == *id) {
                return Err(FixturesError::new(FILE, format!("there is no method `{id}`")));
            }
        }
        let subject = |method: &Arc<Method>| {
            let of_method = fixtures.of(method.id().as_str());
            let none = || FixturesError::new(FILE, format!("the method `{}` has none", method.id()));
            Ok(Self {
                entry: entry.clone(),
                package: None,
                method: Arc::clone(method),
                fixtures: of_method.ok_or_else(none)?.clone(),
            })
        };
        descriptor.methods().iter().map(subject).collect()
    }

    /// The method.
    pub fn method(&self) -> &Arc<Method> {
        &self.method
    }

    /// What its fixtures say.
    pub fn fixtures(&self) -> &MethodFixtures {
        &self.fixtures
    }

    pub(crate) fn package(&self) -> Option<(&str, &str)> {
        self.package.as_ref().map(|(package, folder)| (*package, folder.as_str()))
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        self.entry.descriptor()
    }

    /// The credential of a check's key.
    pub(crate) fn credential(&self, check: &Check) -> Result<Credential, String> {
        check.credential(&self.entry, &self.method)
    }

    /// The fixtures' good key, and its credential.
    pub(crate) fn good(&self) -> Result<(&Check, Credential), String> {
        let good = self.fixtures.good().ok_or("the fixtures have no check whose verdict is valid")?;
        Ok((good, self.credential(good)?))
    }
}
