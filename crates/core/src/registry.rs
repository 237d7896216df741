//! The providers that a program knows.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;

use crate::{
    Accepted, Descriptor, Id, LoadError, Method, Provider, Refused, Registration, Submission,
    accept::{self, Foreign},
    id::meant,
    problem::{Problem, suggest},
    yaml::MAX_BYTES,
};

/// The providers that a program knows, sorted by id. Never changes once it is made.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: Vec<Entry>,
}

/// A provider, and what came with it.
#[derive(Debug, Clone)]
pub struct Entry {
    provider: Arc<dyn Provider>,
    source: String,
    fixtures: Option<Cow<'static, str>>,
    foreign: Arc<[Foreign]>,
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

    /// Accepts a submission: checks all of it, and makes a credential.
    ///
    /// # Errors
    /// All that is wrong with it, at once.
    pub fn accept(&self, method: &Arc<Method>, submission: &Submission) -> Result<Accepted, Refused> {
        accept::accept(&self.provider, method, submission, &self.foreign)
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
            loader.load(file, text, None, Described::build);
        }
        loader.finish()
    }

    /// These providers, and those of a directory: each has a folder of its own, named by its id, that holds
    /// a `provider.yaml` and perhaps a `fixtures.yaml`.
    ///
    /// # Errors
    /// When the directory cannot be read, a descriptor is broken, a folder is not named by the id of its provider, or
    /// two providers have one id.
    pub fn with_directory(self, directory: impl AsRef<Path>) -> Result<Self, LoadError> {
        let directory = directory.as_ref();
        let mut loader = Loader { entries: self.entries, problems: Vec::new() };
        let shown = directory.display().to_string();
        let mut folders = match fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(folders) => folders,
            Err(error) => {
                let message = format!("the directory cannot be read: {}", because(&error));
                return Err(LoadError::new(vec![Problem::of_file(&shown, message, None)]));
            }
        };
        folders.sort_by_key(fs::DirEntry::file_name);
        for folder in folders {
            let path = folder.path();
            if !folder.file_name().as_encoded_bytes().starts_with(b".") {
                loader.load_entry(&path);
            }
        }
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

/// A provider that its descriptor describes whole.
#[derive(Debug)]
struct Described {
    descriptor: Descriptor,
}

impl Described {
    fn build(descriptor: Descriptor) -> Box<dyn Provider> {
        Box::new(Self { descriptor })
    }
}

#[async_trait]
impl Provider for Described {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

/// Why the system does not let something be read, in words for a person.
fn because(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "there is nothing of this name",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::NotADirectory => "it is not a directory",
        _ => "the system refuses it",
    }
}

/// A file's text, of at most [`MAX_BYTES`]; `Err` says why there is none.
fn read_file(path: &Path) -> Result<String, String> {
    let read = || {
        // A pipe or a device has no end, and the size that the system tells may be none or old.
        if !fs::metadata(path)?.is_file() {
            return Ok(Err("this is not a file".to_owned()));
        }
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_BYTES {
            return Ok(Err(format!("the file is larger than {} KiB", MAX_BYTES / 1024)));
        }
        Ok(String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned()))
    };
    read().unwrap_or_else(|error: io::Error| Err(format!("the file cannot be read: {}", because(&error))))
}

#[derive(Default)]
struct Loader {
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Loader {
    fn load(
        &mut self,
        file: &str,
        text: &str,
        fixtures: Option<Cow<'static, str>>,
        build: fn(Descriptor) -> Box<dyn Provider>,
    ) {
        match Descriptor::parse(file, text) {
            Ok(descriptor) => self.entries.push(Entry {
                provider: build(descriptor).into(),
                source: file.to_owned(),
                fixtures,
                foreign: Arc::default(),
            }),
            Err(error) => self.problems.extend(error.into_problems()),
        }
    }

    /// Loads what a directory of descriptors holds: a folder with a descriptor. What was meant to be one is told.
    fn load_entry(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let mut refuse = |message: &str, help: &str| {
            self.problems.push(Problem::of_file(&shown, message, Some(help.to_owned())));
        };
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if !path.is_dir() {
            if is_yaml {
                refuse("a descriptor is looked for in a folder of its own", "put it into ID/provider.yaml");
            }
            return;
        }
        match fs::symlink_metadata(path.join("provider.yaml")) {
            // A link that leads nowhere is there all the same, and reading it says why it cannot be read.
            Ok(_) => self.load_folder(&path.join("provider.yaml")),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                refuse("the folder cannot be read", "let this program list it");
            }
            Err(_) if path.join("provider.yml").exists() => {
                refuse("provider.yml is not looked for", "name it provider.yaml");
            }
            Err(_) => {}
        }
    }

    fn load_folder(&mut self, path: &Path) {
        let file = path.display().to_string();
        let text = match read_file(path) {
            Ok(text) => text,
            Err(why) => return self.problems.push(Problem::of_file(&file, why, None)),
        };
        let fixtures = path.with_file_name("fixtures.yaml");
        let fixtures = match fixtures.exists().then(|| read_file(&fixtures)).transpose() {
            Ok(fixtures) => fixtures,
            Err(why) => {
                self.problems.push(Problem::of_file(&fixtures.display().to_string(), why, None));
                None
            }
        };
        let before = self.entries.len();
        self.load(&file, &text, fixtures.map(Cow::Owned), Described::build);
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        if let Some(entry) = self.entries.get(before)
            && *entry.descriptor().id() != *folder
        {
            let message = format!(
                "the folder is named `{folder}`, and the provider's id is `{}`",
                entry.descriptor().id()
            );
            self.problems.push(Problem::of_file(&file, message, Some("name the folder by the id".into())));
        }
    }

    fn finish(mut self) -> Result<Registry, LoadError> {
        self.entries.sort_by(|a, b| (a.descriptor().id(), &a.source).cmp(&(b.descriptor().id(), &b.source)));
        let mut names: HashMap<&str, &Entry> = HashMap::with_capacity(self.entries.len());
        for entry in &self.entries {
            let descriptor = entry.descriptor();
            for id in std::iter::once(descriptor.id()).chain(descriptor.formerly()) {
                if let Some(other) = names.insert(id.as_str(), entry) {
                    let message = format!(
                        "the id `{id}` is taken: {} and {} both claim it",
                        other.source, entry.source
                    );
                    self.problems.push(Problem::of_file(
                        &entry.source,
                        message,
                        Some("an id is claimed once".into()),
                    ));
                }
            }
        }
        if !self.problems.is_empty() {
            self.problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
            return Err(LoadError::new(self.problems));
        }
        let shapes = self.entries.iter().flat_map(|entry| {
            let descriptor = entry.descriptor();
            let shapes = descriptor
                .methods()
                .iter()
                .flat_map(|method| method.fields())
                .filter_map(crate::Field::shape);
            shapes.map(|shape| Foreign {
                id: descriptor.id().clone(),
                name: descriptor.name().to_owned(),
                shape: shape.clone(),
            })
        });
        let shapes: Arc<[Foreign]> = shapes.collect();
        for entry in &mut self.entries {
            entry.foreign = Arc::clone(&shapes);
        }
        Ok(Registry { entries: self.entries })
    }
}
