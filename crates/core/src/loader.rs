//! From descriptors, wherever they are, to a registry: the one place of core that reads files.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use crate::{
    Descriptor, Entry, LoadError, Provider, Registry, accept::Shapes, problem::Problem, yaml::MAX_BYTES,
};

/// A provider that its descriptor describes whole.
#[derive(Debug)]
pub(crate) struct Described {
    descriptor: Descriptor,
}

impl Described {
    pub(crate) fn build(descriptor: Descriptor) -> Box<dyn Provider> {
        Box::new(Self { descriptor })
    }
}

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

/// Loads descriptors, one by one, collecting all that is wrong with any.
#[derive(Default)]
pub(crate) struct Loader {
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Loader {
    /// Adds to providers that are loaded already.
    pub(crate) fn over(entries: Vec<Entry>) -> Self {
        Self { entries, problems: Vec::new() }
    }

    pub(crate) fn load(
        &mut self,
        file: &str,
        text: &str,
        fixtures: Option<Cow<'static, str>>,
        logo: Option<Cow<'static, str>>,
        build: fn(Descriptor) -> Box<dyn Provider>,
    ) {
        match Descriptor::parse(file, text) {
            Ok(descriptor) => self.entries.push(Entry {
                provider: build(descriptor).into(),
                source: file.to_owned(),
                fixtures,
                logo,
                shapes: Arc::default(),
            }),
            Err(error) => self.problems.extend(error.into_problems()),
        }
    }

    /// Loads the descriptors of a directory, in the order of their folders' names.
    pub(crate) fn load_directory(&mut self, directory: &Path) {
        let shown = directory.display().to_string();
        let mut folders = match fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(folders) => folders,
            Err(error) => {
                let message = format!("the directory cannot be read: {}", because(&error));
                return self.problems.push(Problem::of_file(&shown, message, None));
            }
        };
        folders.sort_by_key(fs::DirEntry::file_name);
        for folder in folders {
            if !folder.file_name().as_encoded_bytes().starts_with(b".") {
                self.load_entry(&folder.path());
            }
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
            } else if path.is_symlink() && !path.exists() {
                // Whatever it led to may come back: a provider that is to go has no link.
                refuse(
                    "this link leads nowhere",
                    "let it lead to a folder that this program may read, or remove it",
                );
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
        let mut beside = |name: &str| {
            let path = path.with_file_name(name);
            path.exists().then(|| read_file(&path)).transpose().unwrap_or_else(|why| {
                self.problems.push(Problem::of_file(&path.display().to_string(), why, None));
                None
            })
        };
        let (fixtures, logo) = (beside("fixtures.yaml"), beside("logo.svg"));
        let before = self.entries.len();
        self.load(&file, &text, fixtures.map(Cow::Owned), logo.map(Cow::Owned), Described::build);
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

    pub(crate) fn finish(mut self) -> Result<Registry, LoadError> {
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
        let shapes = Arc::new(Shapes::of(self.entries.iter().flat_map(|entry| {
            let descriptor = entry.descriptor();
            let fields = descriptor.methods().iter().flat_map(|method| method.fields());
            fields.filter_map(|field| Some((descriptor.id(), descriptor.name(), field.shape()?)))
        })));
        for entry in &mut self.entries {
            entry.shapes = Arc::clone(&shapes);
        }
        Ok(Registry { entries: self.entries })
    }
}
