//! What keeping costs: opening a stored credential beside the bare work, the look-up as the number of connections grows,
//! and the rotation of the master key.
//!
//! `just bench-vault` makes it, in some minutes: it keeps a million connections. Nothing here fails. Times are medians of
//! turns that the contenders take one after the other, and ratios are medians of the turns' own ratios.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::{
    fmt, fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use keyway_core::{Account, Credential, Registry, Submission};
use keyway_vault::{
    Actor, ConnectionId, Database, KeyError, KeyId, KeySource, KnownKey, MasterKey, New, NewKey, Scope,
    Tenant, Vault,
};
use sqlx::{ConnectOptions as _, Row as _, SqlitePool, pool::PoolOptions, sqlite::SqliteConnectOptions};
// They register themselves; what no source names is not linked.
use {keyway_rally as _, keyway_rootly as _};

/// How many connections there are when the look-up is measured.
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// How many there are when the master key rotates.
const ROTATED: usize = 100_000;
const TENANTS: usize = 100;
const PAGE: usize = 1000;
const ROUNDS: usize = 201;
const BATCH: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let registry = Registry::linked().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(folder.path().join("keyway.db"));
    let keys = Arc::new(Keys::default());
    let actor = Actor::parse("bench").unwrap();
    let vault = Vault::init(database.create().await.unwrap(), keys, &actor).await.unwrap();
    let scopes: Vec<Scope> = (0..TENANTS)
        .map(|number| vault.tenant(&Tenant::parse(&format!("tenant-{number}")).unwrap(), &actor))
        .collect();
    // As the vault's own connections are, so that it is the row read alone.
    let options = SqliteConnectOptions::new().filename(folder.path().join("keyway.db")).read_only(true);
    let options = options.disable_statement_logging();
    let raw = PoolOptions::new().test_before_acquire(false).connect_with(options).await.unwrap();

    let mut kept: Vec<(usize, ConnectionId)> = Vec::new();
    println!(
        "{:>11}  {:>10} {:>10} {:>10} {:>22} {:>10}  {:>9}",
        "connections", "save", "get", "open", "row read + bare AEAD", "ratio ≤ 3", "file"
    );
    for size in SIZES {
        let start = Instant::now();
        let added = size - kept.len();
        while kept.len() < size {
            let which = (kept.len() / PAGE) % TENANTS;
            let credentials: Vec<Credential> =
                (0..PAGE).map(|number| credential(&registry, kept.len() + number)).collect();
            let accounts: Vec<Account> = (0..PAGE)
                .map(|number| Account::new(format!("u{}", kept.len() + number), "Somebody"))
                .collect();
            let pairs = credentials.iter().zip(&accounts);
            let list: Vec<New<'_>> = pairs.map(|(one, account)| New::new(one).account(account)).collect();
            let saved = scopes[which].save_all(&list).await.unwrap();
            kept.extend(saved.into_iter().map(|saved| (which, saved.connection.id)));
        }
        let save = start.elapsed() / u32::try_from(added).unwrap();
        let times = measure(&kept, &scopes, &registry, &raw).await;
        let file = fs::metadata(folder.path().join("keyway.db")).unwrap().len();
        println!(
            "{size:>11}  {:>10} {:>10} {:>10} {:>22} {:>10.2}  {:>6} MB",
            micro(save),
            micro(times.get),
            micro(times.open),
            micro(times.bare),
            times.ratio,
            file / 1_000_000
        );
        if size == ROTATED {
            let start = Instant::now();
            let rotated = vault.rotate(&actor, |_| {}).await.unwrap();
            let took = start.elapsed();
            println!(
                "{:>11}  the master key rotated: {} connections in {:.1} s, {} each",
                "",
                rotated.rewrapped,
                took.as_secs_f64(),
                micro(took / u32::try_from(rotated.rewrapped).unwrap())
            );
        }
    }
    let start = Instant::now();
    let report = vault.verify(&[]).await.unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems.first());
    println!("verify: {} connections in {:.1} s", report.connections, start.elapsed().as_secs_f64());
}

/// What one call takes.
struct Times {
    get: Duration,
    open: Duration,
    bare: Duration,
    ratio: f64,
}

/// Takes turns: the vault's `get` and `open`, and the row read and the record opened with nothing around them.
async fn measure(
    kept: &[(usize, ConnectionId)],
    scopes: &[Scope],
    registry: &Registry,
    raw: &SqlitePool,
) -> Times {
    let (mut get, mut open, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let sealed = Sealed::new();
    for round in 0..ROUNDS {
        let chosen: Vec<&(usize, ConnectionId)> =
            (0..BATCH).map(|_| &kept[fastrand::usize(..kept.len())]).collect();
        let mut turns = [Duration::ZERO; 3];
        for turn in 0..turns.len() {
            let which = (round + turn) % turns.len();
            let start = Instant::now();
            for (tenant, id) in &chosen {
                match which {
                    0 => drop(scopes[*tenant].get(id).await.unwrap()),
                    1 => drop(scopes[*tenant].open(id, registry).await.unwrap()),
                    _ => by_hand(raw, &sealed, *tenant, id).await,
                }
            }
            turns[which] = start.elapsed() / u32::try_from(BATCH).unwrap();
        }
        get.push(turns[0]);
        open.push(turns[1]);
        bare.push(turns[2]);
        ratios.push(turns[1].as_secs_f64() / turns[2].as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    Times { get: median(get), open: median(open), bare: median(bare), ratio: ratios[ratios.len() / 2] }
}

/// A record of the usual length, and the key it is under.
struct Sealed {
    key: LessSafeKey,
    record: Vec<u8>,
}

impl Sealed {
    fn new() -> Self {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
        let mut record = vec![b'x'; 128];
        key.seal_in_place_append_tag(nonce(), Aad::from([0_u8; 200]), &mut record).unwrap();
        Self { key, record }
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([1; 12])
}

async fn by_hand(raw: &SqlitePool, sealed: &Sealed, tenant: usize, id: &ConnectionId) {
    let row = sqlx::query("SELECT * FROM keyway_connections WHERE tenant = $1 AND id = $2")
        .bind(format!("tenant-{tenant}"))
        .bind(id.as_str())
        .fetch_one(raw)
        .await
        .unwrap();
    let _: Vec<u8> = row.get("credential");
    let mut record = sealed.record.clone();
    sealed.key.open_in_place(nonce(), Aad::from([0_u8; 200]), &mut record).unwrap();
}

fn credential(registry: &Registry, number: usize) -> Credential {
    let submission = Submission::new().with("api_key", format!("_madeUp{number:037}"));
    registry.accept("rally", None, &submission).unwrap().credential
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micro(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

/// Master keys in memory.
#[derive(Default)]
struct Keys(Mutex<Vec<[u8; 32]>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

#[async_trait::async_trait]
impl KeySource for Keys {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    async fn keys(&self, _: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError> {
        self.0.lock().unwrap().iter().map(|bytes| MasterKey::from_bytes(bytes)).collect()
    }

    async fn fresh(&self, _: &[KeyId]) -> Result<NewKey, KeyError> {
        let bytes: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        self.0.lock().unwrap().push(bytes);
        Ok(NewKey { key: MasterKey::from_bytes(&bytes)?, wrapped: None })
    }

    async fn forget(&self, _: KeyId) -> Result<bool, KeyError> {
        Ok(true)
    }
}
