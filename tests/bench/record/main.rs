//! What a recorded use costs the process in CPU time, all in: told, grouped, written as JSON, signed, committed to SQLite.
//!
//! `just bench-record` makes it. Nothing here fails. Uses come in groups as 30,000 requests a second make them; times are
//! medians of rounds, by the kernel's accounting of all threads.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::{
    fmt,
    hint::black_box,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Method;
use keyway_vault::{
    Actor, By, ConnectionId, Database, GrantId, KeyError, KeyId, KeySource, KnownKey, MasterKey, NewKey,
    Record, Recorder, Tenant, Vault, template_of,
};
use rustix::time::{ClockId, clock_gettime};

/// How many uses 30,000 requests a second make in the 250 ms that they wait for each other.
const GROUP: u32 = 7500;
/// How many groups are one round, which is long enough for SQLite to clear its log a few times.
const GROUPS: u32 = 20;
const ROUNDS: usize = 9;
const PATHS: [&str; 4] = [
    "/v1/incidents?page[size]=50",
    "/v1/incidents/8b8ff4fc-7a0e-4f0c-9c0d-0c9a2f3a4b5c/events",
    "/slm/webservice/v2.0/HierarchicalRequirement/123456789",
    "/v1/escalation_policies/12345/escalation_levels",
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!(
        "{:>7} {:>11}  {:>14} {:>14} {:>14}",
        "tenants", "connections", "its template", "told", "all in"
    );
    for (tenants, connections) in [(1, 1), (1, 1000), (100, 10)] {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::sqlite(folder.path().join("keyway.db"));
        let actor = Actor::parse("bench").unwrap();
        let store = database.create().await.unwrap();
        let vault = Vault::init(store, Arc::new(Keys(std::array::from_fn(|_| fastrand::u8(..)))), &actor)
            .await
            .unwrap();
        let (recorder, recording) = vault.recorder().await.unwrap();
        let routes = routes(tenants, connections);
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            let [templates, told, all] = &mut times;
            templates.push(per_use(cpu(ClockId::ThreadCPUTime, || {
                for path in PATHS.iter().cycle().take((GROUP * GROUPS) as usize) {
                    black_box(template_of(black_box(path)));
                }
            })));
            let (mut telling, before) = (Duration::ZERO, clock(ClockId::ProcessCPUTime));
            for _ in 0..GROUPS {
                let before = clock(ClockId::ThreadCPUTime);
                tell(&recorder, &routes).await;
                telling += since(ClockId::ThreadCPUTime, before);
                // Returns when all before it is committed.
                recorder.intend(routes[0].clone()).await.unwrap();
            }
            told.push(per_use(telling));
            all.push(per_use(since(ClockId::ProcessCPUTime, before)));
        }
        let [templates, told, all] = times.map(median);
        println!("{tenants:>7} {:>11}  {templates:>11.3} µs {told:>11.3} µs {all:>11.3} µs", routes.len());
        drop(recorder);
        recording.end().await.unwrap();
        assert!(vault.verify(&[]).await.unwrap().problems.is_empty());
    }
}

/// A group of uses, none of which waits for anything.
async fn tell(recorder: &Recorder, routes: &[Record]) {
    for route in routes.iter().cycle().take(GROUP as usize) {
        let record = route.clone().status(200).at(SystemTime::now());
        recorder.reserve().await.unwrap().record(record);
    }
}

/// A use of each connection, which is what a gateway keeps of it.
fn routes(tenants: usize, connections: usize) -> Vec<Record> {
    let id = |number: usize| format!("{number:020}").replace(['0', '1', '8', '9'], "z");
    let routes = (0..tenants * connections).map(|number| {
        let tenant = Tenant::parse(&format!("tenant-{}", number % tenants)).unwrap();
        let connection = ConnectionId::parse(&format!("con_{}", id(number))).unwrap();
        let grant = By::Grant(GrantId::parse(&format!("gra_{}", id(number))).unwrap());
        Record::new(tenant, connection, grant, Method::GET, template_of(PATHS[number % PATHS.len()]).into())
    });
    routes.collect()
}

fn cpu(id: ClockId, work: impl FnOnce()) -> Duration {
    let before = clock(id);
    work();
    since(id, before)
}

fn since(id: ClockId, before: Duration) -> Duration {
    clock(id).saturating_sub(before)
}

fn clock(id: ClockId) -> Duration {
    clock_gettime(id).try_into().unwrap()
}

/// Of the time of a round that of one use, in microseconds.
fn per_use(round: Duration) -> f64 {
    round.as_secs_f64() * 1e6 / f64::from(GROUP * GROUPS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One master key, in memory.
struct Keys([u8; 32]);

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
        Ok(vec![MasterKey::from_bytes(&self.0)?])
    }

    async fn fresh(&self, _: &[KeyId]) -> Result<NewKey, KeyError> {
        Ok(NewKey { key: MasterKey::from_bytes(&self.0)?, wrapped: None })
    }

    async fn forget(&self, _: KeyId) -> Result<bool, KeyError> {
        Ok(true)
    }
}
