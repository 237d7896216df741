//! The providers that a program knows.

use std::{borrow::Cow, path::Path, sync::Arc};

use crate::{
    Accepted, Descriptor, Id, Kept, LoadError, Method, NotRestored, Provider, Refused, Registration,
    Restored, Submission,
    accept::{self, Shapes},
    id::meant,
    loader::{Described, Loader},
    problem::suggest,
    restore,
};

/// The providers that a program knows, sorted by id. Never changes once it is made.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) entries: Vec<Entry>,
}

/// A provider, and what came with it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) source: String,
    pub(crate) fixtures: Option<Cow<'static, str>>,
    pub(crate) logo: Option<Cow<'static, str>>,
    pub(crate) shapes: Arc<Shapes>,
}

impl Entry {
    /// The provider.
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        self.provider.descriptor()
    }

    /// Where it comes from: `package/provider.yaml`, or the file as errors show it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of its `fixtures.yaml`, where there is one.
    pub fn fixtures(&self) -> Option<&str> {
        self.fixtures.as_deref()
    }

    /// The text of its `logo.svg`, where there is one. Whoever shows it to a browser does so as a picture, or in a sandbox: it may
    /// come from a directory.
    pub fn logo(&self) -> Option<&str> {
        self.logo.as_deref()
    }

    /// Accepts a submission: checks all of it, and makes a credential.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn accept(&self, method: &Arc<Method>, submission: &Submission) -> Result<Accepted, Refused> {
        accept::accept(&self.provider, method, submission, &self.shapes)
    }

    /// Makes a stored credential again, as the descriptor is today: what is not safe any more is refused, and what a
    /// stricter descriptor would refuse today is a warning. `method` is found by the id under which it was stored, or
    /// by a later one: [`Registry::method`].
    ///
    /// | stored field | today's field |
    /// |---|---|
    /// | under its id, or under one of `formerly` | has the stored value, whatever its default |
    /// | under none of them | the value is left out, with a warning |
    /// | under several | the one under its id, otherwise the first one of `formerly`; the others as above |
    ///
    /// The credential has exactly the stored origins. Those of the descriptor must still hold them: the first one is
    /// the provider's own today, and the others are among today's. Where the origins were replaced
    /// ([`Credential::at_origin`](crate::Credential::at_origin)), the descriptor is not asked.
    ///
    /// # Errors
    /// When it cannot be used any more, and a new key is needed.
    ///
    /// # Security
    /// For whoever stored it and can tell that nobody changed it, such as a vault: everybody else has a [`Submission`].
    pub fn restore(&self, method: &Arc<Method>, kept: &Kept) -> Result<Restored, NotRestored> {
        restore::restore(&self.provider, method, kept, &self.shapes)
    }
}

/// There is no provider, or no method, of this name. Lists those that there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(String);

impl NotFound {
    /// `missing` says what there is not. What was typed is not repeated: it may be a key in the place of a name.
    fn new<'k>(missing: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_unstable();
        let mut help = suggest(&meant(name), known.iter().copied());
        if help.starts_with("did") {
            help = format!("{help} Known here: {}", known.join(", "));
        }
        Self(format!("{missing}; {help}"))
    }
}

/// Why [`Registry::accept`] made no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// There is no such provider or method.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The submission was refused.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Registry {
    /// The providers that the linker found: those whose crates some source of the program names.
    ///
    /// # Errors
    /// When a descriptor is broken, or two providers have one id. Says so of all of them at once.
    pub fn linked() -> Result<Self, LoadError> {
        Self::from_registrations(inventory::iter::<Registration>)
    }

    /// The providers of a list.
    ///
    /// # Errors
    /// As [`linked`](Self::linked).
    pub fn from_registrations<'r>(
        list: impl IntoIterator<Item = &'r Registration>,
    ) -> Result<Self, LoadError> {
        let mut loader = Loader::default();
        for registration in list {
            let file = format!("{}/provider.yaml", registration.package);
            loader.load(
                &file,
                registration.descriptor,
                Some(registration.fixtures.into()),
                Some(registration.logo.into()),
                registration.build,
            );
        }
        loader.finish()
    }

    /// The providers that descriptors alone describe, each with the file's name that errors show.
    ///
    /// # Errors
    /// As [`linked`](Self::linked).
    pub fn from_descriptors<'d>(
        list: impl IntoIterator<Item = (&'d str, &'d str)>,
    ) -> Result<Self, LoadError> {
        let mut loader = Loader::default();
        for (file, text) in list {
            loader.load(file, text, None, None, Described::build);
        }
        loader.finish()
    }

    /// These providers, and those of a directory: each has a folder of its own, named by its id, that holds
    /// a `provider.yaml` and perhaps a `fixtures.yaml`.
    ///
    /// # Errors
    /// When the directory cannot be read, a link in it leads nowhere, a descriptor is broken, a folder is not named by the
    /// id of its provider, or two providers have one id.
    pub fn with_directory(self, directory: impl AsRef<Path>) -> Result<Self, LoadError> {
        let mut loader = Loader::over(self.entries);
        loader.load_directory(directory.as_ref());
        loader.finish()
    }

    /// All of them, sorted by id.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A provider by its id, or by one that it had; in any case of its letters.
    ///
    /// # Errors
    /// When there is none. Lists those that there are.
    pub fn get(&self, id: &str) -> Result<&Entry, NotFound> {
        let is = |own: &Id| own.as_str().eq_ignore_ascii_case(id);
        self.entries
            .iter()
            .find(|entry| is(entry.descriptor().id()))
            .or_else(|| self.entries.iter().find(|entry| entry.descriptor().formerly().iter().any(is)))
            .ok_or_else(|| {
                let known = self.entries.iter().map(|entry| entry.descriptor().id().as_str());
                NotFound::new("there is no such provider", id, known)
            })
    }

    /// A provider and one of its methods; the first one where `method` is `None`.
    ///
    /// # Errors
    /// When there is no such provider or method. Lists those that there are.
    pub fn method(&self, provider: &str, method: Option<&str>) -> Result<(&Entry, &Arc<Method>), NotFound> {
        let entry = self.get(provider)?;
        let descriptor = entry.descriptor();
        let found = match method {
            None => descriptor.methods().first(),
            Some(id) => descriptor.method(id),
        };
        let known = descriptor.methods().iter().map(|method| method.id().as_str());
        found.map(|found| (entry, found)).ok_or_else(|| {
            NotFound::new(
                &format!("{} has no such method", descriptor.id()),
                method.unwrap_or_default(),
                known,
            )
        })
    }

    /// Accepts a submission for a provider's method; for its first one where `method` is `None`.
    ///
    /// # Errors
    /// When there is no such provider or method, or the submission is refused: with all its problems at once.
    pub fn accept(
        &self,
        provider: &str,
        method: Option<&str>,
        submission: &Submission,
    ) -> Result<Accepted, AcceptError> {
        let (entry, method) = self.method(provider, method)?;
        Ok(entry.accept(method, submission)?)
    }
}
