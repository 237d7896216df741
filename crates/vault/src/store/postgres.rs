//! PostgreSQL: how it is reached, and how it tells of changes.

use std::time::Duration;

use sqlx::{
    ConnectOptions as _, PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions, PgSslMode},
};
use tokio::sync::Mutex;

use super::{
    StoreError,
    link::{CHANNEL, Pool},
    schema,
    sessions::{Sessions, WAIT},
};

/// How many connections a process has at most, where nothing is said, beside the one that listens.
pub(super) const CONNECTIONS: u32 = 16;

/// Opens a database that has the tables.
pub(super) async fn open(options: &PgConnectOptions, most: u32) -> Result<(Pool, Listening), StoreError> {
    let (pool, listening) = connect(options, most);
    schema::require(&pool).await?;
    Ok((pool, listening))
}

/// Makes the tables, unless they are there.
pub(super) async fn create(options: &PgConnectOptions, most: u32) -> Result<(Pool, Listening), StoreError> {
    let (pool, listening) = connect(options, most);
    if schema::version(&pool).await?.is_some() {
        schema::require(&pool).await?;
    } else {
        schema::migrate(&pool).await?;
    }
    Ok((pool, listening))
}

/// Reads an address. Says what is wrong with it, and nothing of what is in it.
pub(super) fn options(address: &str) -> Result<PgConnectOptions, String> {
    let url = url::Url::parse(address).map_err(|error| error.to_string())?;
    let mut mode_given = false;
    for (name, _) in url.query_pairs() {
        mode_given |= matches!(&*name, "sslmode" | "ssl-mode");
        // sqlx logs what it does not know, with the value.
        if !(PARAMETERS.contains(&&*name) || name.starts_with("options[") && name.ends_with(']')) {
            return Err(format!("it has a parameter that is not known; known are {}", PARAMETERS.join(", ")));
        }
    }
    // Its error would repeat the value of the parameter that it cannot read.
    let options: PgConnectOptions =
        address.parse().map_err(|_| "a parameter has a value that it cannot have".to_owned())?;
    let options =
        if mode_given || is_local(&options) { options } else { options.ssl_mode(PgSslMode::VerifyFull) };
    let options =
        if options.get_application_name().is_some() { options } else { options.application_name("keyway") };
    Ok(options.disable_statement_logging())
}

/// What sqlx reads of an address.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Tells whether nothing leaves this machine.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn connect(options: &PgConnectOptions, most: u32) -> (Pool, Listening) {
    let listener =
        PgPoolOptions::new().max_connections(1).acquire_timeout(WAIT).connect_lazy_with(options.clone());
    let listening = Listening { pool: listener, listener: Mutex::new(None) };
    (Pool::Postgres(Sessions::new(options, most)), listening)
}

/// Listens on one connection of its own, made when somebody first waits.
pub(super) struct Listening {
    pool: PgPool,
    listener: Mutex<Option<PgListener>>,
}

impl Listening {
    /// Waits until there may be a change; not much less than a second when nobody tells. May be dropped at any time.
    pub(super) async fn hint(&self) {
        // What is lost while the connection is made anew is seen after this time.
        const LOOK: Duration = Duration::from_millis(900);
        tokio::time::timeout(LOOK, self.told()).await.ok();
    }

    async fn told(&self) {
        let mut listener = self.listener.lock().await;
        let told = match listener.as_mut() {
            // `None` says that the connection broke and was made again: something may have been missed.
            Some(listener) => listener.try_recv().await.map(|_| ()),
            // What came before this is not told: look.
            None => self.listen().await.map(|new| *listener = Some(new)),
        };
        if told.is_err() {
            *listener = None;
            std::future::pending::<()>().await;
        }
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Gives the connection back, and makes no new one.
    pub(super) async fn close(&self) {
        // Held until the end, or somebody would listen again, and the pool wait for that.
        let mut listener = self.listener.lock().await;
        *listener = None;
        self.pool.close().await;
    }
}
