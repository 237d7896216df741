//! An embedder calls the vault from tasks: every future may move between threads.

use std::{io::Cursor, sync::Arc};

use keyway_core::{Credential, Registry, Verdict};
use keyway_vault::{
    Accounts, Actor, Anchor, AnchorSink, Connection, ConnectionId, GrantId, KeySource, New, Record, Recorder,
    Recording, Scope, Slot, Store, Terms, TokenHash, Vault,
};

fn movable(_: &(impl Send + ?Sized)) {}

/// It is compiled, and never run.
#[expect(dead_code, reason = "what it shows, the compiler sees")]
fn of_the_vault(
    vault: &Vault,
    store: Arc<dyn Store>,
    source: Arc<dyn KeySource>,
    sink: Arc<dyn AnchorSink>,
    actor: &Actor,
    anchor: &Anchor,
    hash: &TokenHash,
) {
    movable(&Vault::init(Arc::clone(&store), Arc::clone(&source), actor));
    movable(&Vault::open(Arc::clone(&store), Arc::clone(&source)));
    movable(&Vault::inspect(Arc::clone(&store), Arc::clone(&source), std::slice::from_ref(anchor)));
    movable(&Vault::import(store, source, actor, &mut Cursor::new([])));
    movable(&vault.export(actor, &mut Vec::new()));
    movable(&vault.clone().with_anchors(sink));
    movable(&vault.anchor());
    movable(&vault.hold(anchor));
    movable(&vault.verify(std::slice::from_ref(anchor)));
    movable(&vault.rotate(actor, |_| {}));
    movable(&vault.status());
    movable(&vault.audit(0, 1));
    movable(&vault.changed(0));
    movable(&vault.recorder());
    movable(&vault.grant(""));
    movable(&vault.grant_by_hash(hash));
    movable(&vault.clone().close());
}

/// It is compiled, and never run.
#[expect(dead_code, clippy::too_many_arguments, reason = "what it shows, the compiler sees")]
fn of_a_scope(
    scope: &Scope,
    id: &ConnectionId,
    grant: &GrantId,
    credential: &Credential,
    registry: &Registry,
    connection: &Connection,
    verdict: &Verdict,
    recorder: &Recorder,
    recording: Recording,
    record: &Record,
) {
    movable(&scope.save(New::connection(credential)));
    movable(&scope.save_all(&[New::connection(credential)]));
    movable(&scope.get(id));
    movable(&scope.list(Some(id), 1));
    movable(&scope.open(id, registry));
    movable(&scope.checked(connection, verdict));
    movable(&scope.audit(0, 1));
    movable(&scope.replace(id, New::connection(credential), Accounts::Same));
    movable(&scope.rename(id, None));
    movable(&scope.remove(id));
    movable(&scope.grant(id, Terms::default()));
    movable(&scope.grants(Some(id), Some(grant), 1));
    movable(&scope.revoke(grant));
    movable(&recorder.reserve());
    movable(&recorder.record(record.clone()));
    movable(&recorder.intend(record.clone()));
    movable(&recording.end());
}

#[test]
fn what_is_shared_between_threads_may_be() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Vault>();
    shared::<Scope>();
    shared::<Recorder>();
    shared::<Slot>();
    shared::<Arc<dyn Store>>();
    shared::<Arc<dyn KeySource>>();
    shared::<Arc<dyn AnchorSink>>();
    shared::<keyway_vault::Error>();
}
