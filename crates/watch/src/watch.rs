//! Watching on a thread of its own.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use keyway_core::{LoadError, Registry};

use crate::{
    Change, WatchError,
    watcher::{Shared, Watcher},
};

type OnChange = Box<dyn FnMut(Change) + Send>;

/// Says what is watched, and starts it.
#[must_use]
pub struct Watch {
    base: Registry,
    directory: PathBuf,
    interval: Duration,
    on_change: OnChange,
    even_if_broken: bool,
}

impl Watch {
    /// Watches a directory whose providers are added to those of `base`, as
    /// [`Registry::with_directory`] adds them.
    pub fn new(base: Registry, directory: impl Into<PathBuf>) -> Self {
        Self {
            base,
            directory: directory.into(),
            interval: Duration::from_secs(1),
            on_change: Box::new(|_| {}),
            even_if_broken: false,
        }
    }

    /// The time between two looks. 1 second.
    pub fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Tells `listener` of every change, on the thread that watches: no look is taken while it is busy. A panic in it is the
    /// end of its turn, and not of the watching.
    pub fn on_change(self, listener: impl FnMut(Change) + Send + 'static) -> Self {
        Self { on_change: Box::new(listener), ..self }
    }

    /// Starts with the base alone where the directory is broken, and has it as the [problem](Watched::problem) until it is
    /// mended. Otherwise that is an error.
    pub fn even_if_broken(self) -> Self {
        Self { even_if_broken: true, ..self }
    }

    /// Loads the directory, and watches it for as long as the result lives.
    ///
    /// # Errors
    /// [`WatchError::Load`] when the directory is broken: there is no good registry to keep. [`WatchError::Thread`] when
    /// there is no thread to watch with.
    pub fn start(self) -> Result<Watched, WatchError> {
        let mut watcher = Watcher::new(self.base, self.directory);
        let shared = Arc::clone(watcher.shared());
        if let Some(error) = shared.problem.load_full().filter(|_| !self.even_if_broken) {
            return Err(WatchError::Load(Arc::unwrap_or_clone(error)));
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let (interval, mut on_change) = (self.interval, self.on_change);
        let watch = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                // What went wrong was said by the panic itself; the next look begins anew.
                let _ = catch_unwind(AssertUnwindSafe(|| watcher.look().map(&mut on_change)));
            }
        };
        let thread = thread::Builder::new().name("keyway-watch".to_owned()).spawn(watch);
        let thread = thread.map_err(|_| WatchError::Thread)?;
        Ok(Watched { shared, stop: Some(stop), thread: Some(thread) })
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("directory", &self.directory)
            .field("interval", &self.interval)
            .field("even_if_broken", &self.even_if_broken)
            .finish_non_exhaustive()
    }
}

/// A registry that follows its directory. Dropping it ends the watching: afterwards nobody is told of anything.
#[derive(Debug)]
pub struct Watched {
    shared: Arc<Shared>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watched {
    /// The registry of this moment. It stays what it is, whatever becomes of the directory; ask again for the next piece of
    /// work. Takes no lock.
    pub fn current(&self) -> Arc<Registry> {
        self.shared.registry.load_full()
    }

    /// What keeps the directory from being loaded; `None` while the registry is what the directory says.
    pub fn problem(&self) -> Option<Arc<LoadError>> {
        self.shared.problem.load_full()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The thread waits on the other end.
        drop(self.stop.take());
        // A listener may be the one that drops it: then this is that thread, which cannot wait for itself.
        if let Some(thread) =
            self.thread.take().filter(|thread| thread.thread().id() != thread::current().id())
        {
            let _ = thread.join();
        }
    }
}
