//! A folder for `--providers`.

use std::{env, fs, path::PathBuf, process, thread};

/// A folder with one provider, Acme, which comes without fixtures; it goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder out of a descriptor.
    pub(crate) fn with(descriptor: &str) -> Self {
        let name = format!("keyway-providers-{}-{:?}", process::id(), thread::current().id());
        let this = Self(env::temp_dir().join(name));
        fs::create_dir_all(this.0.join("acme")).unwrap();
        fs::write(this.0.join("acme/provider.yaml"), descriptor).unwrap();
        this
    }

    /// Writes a provider's descriptor, in one step.
    pub(crate) fn write(&self, id: &str, descriptor: &str) {
        self.write_file(&format!("{id}/provider.yaml"), descriptor);
    }

    /// Writes a file, in one step.
    pub(crate) fn write_file(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = self.0.join(".draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, path).unwrap();
    }

    /// Removes all of it.
    pub(crate) fn remove(&self) {
        // In one step: it is aside before it is gone.
        let aside = self.0.with_extension("gone");
        fs::rename(&self.0, &aside).unwrap();
        fs::remove_dir_all(aside).unwrap();
    }

    /// Its path.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
