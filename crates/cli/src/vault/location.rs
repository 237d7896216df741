//! Where a vault is: its database, its key, and the file that is told where its audit log stands.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use etcetera::base_strategy::{BaseStrategy as _, choose_native_strategy};
use keyway::vault::{
    Actor, Anchor, AnchorSink as _, Database, Error, Report, Scope, Store, StoreErrorKind, Tenant, Vault,
};

use super::{actor, anchors::AnchorFile, init, key::Key};
use crate::{args, exit::Failure, system::is_set};

/// Where a vault is.
pub(crate) struct Location {
    pub(super) database: Database,
    pub(super) key: Key,
    pub(super) anchors: Option<AnchorFile>,
    /// Nobody said where: then it may be said where that is.
    is_usual: bool,
}

/// A tenant's part of it.
pub(crate) struct Part {
    location: Location,
    pub(crate) tenant: Tenant,
    pub(crate) actor: Actor,
}

impl Location {
    /// What was said of it, or the usual place.
    pub(crate) fn of(store: &args::Store) -> Result<Self, Failure> {
        let given = text(store.database.as_ref(), "--database (or KEYWAY_DATABASE)")?;
        let database = match given {
            Some(text) => text
                .parse()
                .map_err(|error| Failure::Because(format!("--database (or KEYWAY_DATABASE): {error}")))?,
            None => Database::sqlite(usual(Folder::Data)?.join("keyway.db")),
        };
        let key = match store.key.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Key::parse(text)?,
            None if is_set("KEYWAY_KEY") => Key::variable("KEYWAY_KEY"),
            None => Key::file(&usual(Folder::Settings)?.join("master.key"))?,
        };
        let anchors = store.anchors.as_deref().filter(|path| !path.is_empty()).map(AnchorFile::at);
        Ok(Self { database, key, anchors, is_usual: given.is_none() })
    }

    /// The same, with at most so many connections to PostgreSQL.
    pub(crate) fn connections(self, most: u32) -> Self {
        Self { database: self.database.connections(most), ..self }
    }

    /// A folder of its own: database and key.
    pub(crate) fn within(folder: &Path) -> Result<Self, Failure> {
        let key = Key::file(&folder.join("master.key"))?;
        let database = Database::sqlite(folder.join("keyway.db"));
        Ok(Self { database, key, anchors: None, is_usual: true })
    }

    /// Makes a vault where there is none.
    pub(crate) async fn ensure(&self) -> Result<(), Failure> {
        // Whatever else is wrong with it is found when it is opened.
        if self.vacant().await.is_ok() {
            init::make(self).await?.vault.close().await;
        }
        Ok(())
    }

    /// Where the database is, without its password, and where the key comes from.
    pub(crate) fn told(&self) -> [String; 2] {
        let key = self.key.file_name().map(|file| format!("the file {}", file.display()));
        [self.database.to_string(), key.unwrap_or_else(|| self.key.source.describe())]
    }

    /// Opens the vault, does something with it, and closes it.
    pub(crate) async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Vault) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.opened(work).await.map_err(|failure| self.key.unsaid(failure))
    }

    async fn opened<T>(&self, work: impl AsyncFnOnce(&Vault) -> Result<T, Failure>) -> Result<T, Failure> {
        let store = self.store().await?;
        let done = async {
            let vault = self.open(&store).await?;
            work(&vault).await
        };
        let done = done.await;
        // Also where it did not open: a process that ends with a connection leaves a write-ahead log behind.
        store.close().await;
        done
    }

    async fn open(&self, store: &Arc<dyn Store>) -> Result<Vault, Failure> {
        let vault = Vault::open(Arc::clone(store), Arc::clone(&self.key.source)).await;
        let vault = vault.map_err(|error| self.not_opened(error))?;
        match &self.anchors {
            Some(anchors) => Ok(vault.with_anchors(Arc::new(anchors.clone())).await?),
            None => Ok(vault),
        }
    }

    /// Looks at the vault, also where it does not open.
    pub(super) async fn inspect(&self, anchors: &[Anchor]) -> Result<Report, Failure> {
        let store = self.store().await?;
        let report = Vault::inspect(Arc::clone(&store), Arc::clone(&self.key.source), anchors).await;
        store.close().await;
        report.map_err(|error| self.not_opened(error))
    }

    async fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        match self.database.open().await {
            Err(error) if error.kind() == StoreErrorKind::Missing => Err(self.no_vault()),
            other => Ok(other?),
        }
    }

    fn not_opened(&self, error: Error) -> Failure {
        if error == Error::NoVault { self.no_vault() } else { self.key.failed(error) }
    }

    /// Makes sure that there is no vault yet.
    ///
    /// # Errors
    /// When there is one: nothing was changed then.
    pub(super) async fn vacant(&self) -> Result<(), Failure> {
        let store = match self.database.open().await {
            Err(error) if error.kind() == StoreErrorKind::Missing => return Ok(()),
            other => other?,
        };
        let there = store.vault().await;
        store.close().await;
        if there?.is_none() {
            return Ok(());
        }
        Err(Failure::Because(format!("there is a vault already{}; nothing was changed", self.where_it_is())))
    }

    /// The store, made where there is none.
    pub(super) async fn create(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(self.database.create().await?)
    }

    fn no_vault(&self) -> Failure {
        Failure::Because(format!(
            "there is no vault{} yet; `keyway vault init` makes one",
            self.where_it_is()
        ))
    }

    /// Not what was typed: a key may have been pasted in its place.
    fn where_it_is(&self) -> String {
        if self.is_usual { format!(" at {}", self.database) } else { " in this database".to_owned() }
    }

    /// All anchors of the file.
    pub(super) fn all_anchors(&self) -> Result<Vec<Anchor>, Failure> {
        Ok(self.anchors.as_ref().map(AnchorFile::all).transpose()?.unwrap_or_default())
    }

    /// Keeps where the audit log stands after something that no commit told of.
    pub(super) async fn keep_anchor(&self, vault: &Vault) -> Result<(), Failure> {
        if let Some(anchors) = &self.anchors {
            anchors.anchor(&vault.anchor().await?);
        }
        Ok(())
    }
}

impl Part {
    /// What was said of it.
    pub(crate) fn of(whose: &args::Whose) -> Result<Self, Failure> {
        let tenant = tenant(whose.tenant.as_ref())?.ok_or_else(|| {
            Failure::because("whose connections? Name the tenant with --tenant (or KEYWAY_TENANT)")
        })?;
        Ok(Self { location: Location::of(&whose.store)?, tenant, actor: actor() })
    }

    /// Opens the vault, does something with this part of it, and closes it.
    pub(crate) async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Vault, &Scope) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.location.with(async |vault| work(vault, &vault.tenant(&self.tenant, &self.actor)).await).await
    }
}

/// The tenant that was named.
pub(crate) fn tenant(given: Option<&OsString>) -> Result<Option<Tenant>, Failure> {
    let given = text(given, "--tenant (or KEYWAY_TENANT)")?;
    given
        .map(Tenant::parse)
        .transpose()
        .map_err(|error| Failure::Because(format!("--tenant (or KEYWAY_TENANT): {error}")))
}

/// A folder that this system has for every user.
#[derive(Clone, Copy)]
pub(crate) enum Folder {
    Data,
    Settings,
}

pub(crate) fn usual(folder: Folder) -> Result<PathBuf, Failure> {
    let folders = choose_native_strategy().map_err(|_| {
        Failure::because(
            "this user has no home folder in which a vault could be; say where it is with --database and --key",
        )
    })?;
    let base = match folder {
        Folder::Data => folders.data_dir(),
        Folder::Settings => folders.config_dir(),
    };
    Ok(base.join("keyway"))
}

/// An empty variable is as good as none.
fn text<'t>(given: Option<&'t OsString>, name: &str) -> Result<Option<&'t str>, Failure> {
    let Some(given) = given.filter(|text| !text.is_empty()) else { return Ok(None) };
    given.to_str().map(Some).ok_or_else(|| Failure::Because(format!("{name} is no text")))
}
