//! Checks of connections that nobody used for long.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use keyway_connect::{Connect, EventType, Limits};
use keyway_core::{Credential, Registry, Submission, VerdictKind};
use keyway_http::{Client, HttpTransport};
use keyway_vault::{Connection, New, Status};

use super::{Working, linked, log::Log, page, quick};
use crate::{
    provider::Provider,
    stage::{ROOTLY, ROOTLY_REVOKED, Stage, TENANT},
};

const SILENT: &str = "rootly_05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee";

async fn stage() -> Stage {
    stage_with(quick(), Duration::from_millis(50)).await
}

async fn stage_with(limits: Limits, every: Duration) -> Stage {
    Stage::with(|builder| builder.limits(limits).check_every(Some(every))).await
}

/// Another process over the same vault, with providers of its own.
fn another(stage: &Stage, registry: Registry) -> Connect {
    let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
    Connect::builder(stage.vault.clone(), Arc::new(registry), client)
        .limits(quick())
        .check_every(Some(Duration::from_millis(50)))
        .build(&stage.origin)
        .unwrap()
}

/// A provider that says no more than a status, and perhaps a header.
async fn saying(status: u16, header: &str) -> Provider {
    let provider = Provider::answering(format!(
        "HTTP/1.1 {status} X\r\n{header}connection: close\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    provider.leave.add_permits(1000);
    provider
}

/// A key that is checked there.
fn rally(registry: &Registry, id: &str, provider: &Provider) -> Credential {
    let submission = Submission::new().with("host", "rally1.rallydev.com").with("api_key", "_made-up");
    registry.accept(id, None, &submission).unwrap().credential.at_origin(provider.origin())
}

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("{what}"))
}

async fn logged(log: &Log, text: &str) {
    let told = async {
        while !log.text().contains(text) {
            tokio::task::yield_now().await;
        }
    };
    within(text, told).await;
}

/// Waits until a connection was checked, and shows it.
async fn checked(stage: &Stage, connection: &Connection) -> Connection {
    let wait = async {
        loop {
            let connection = stage.scope(TENANT).get(&connection.id).await.unwrap();
            if connection.checked_at.is_some() {
                return connection;
            }
            tokio::task::yield_now().await;
        }
    };
    within("it is checked", wait).await
}

/// Waits until a connection was checked some times more: each time it is due anew.
async fn checked_often(stage: &Stage, connection: &Connection) {
    let mut last = checked(stage, connection).await.checked_at;
    for _ in 0..8 {
        let wait = async {
            while stage.scope(TENANT).get(&connection.id).await.unwrap().checked_at == last {
                tokio::task::yield_now().await;
            }
        };
        within("it is checked again", wait).await;
        last = stage.scope(TENANT).get(&connection.id).await.unwrap().checked_at;
    }
}

async fn checks_of(stage: &Stage, provider: &str) -> usize {
    let events = page(stage, None, 1000, &[EventType::Checked]).await.events;
    events.iter().filter(|one| one.data.connection.provider.as_deref() == Some(provider)).count()
}

#[tokio::test]
async fn a_key_that_died_is_noticed_and_told() {
    let stage = stage().await;
    let scope = stage.scope(TENANT);
    let (dead, alive) = (linked(&stage, &scope, ROOTLY_REVOKED).await, linked(&stage, &scope, ROOTLY).await);
    let working = Working::start(&stage.connect);
    let (dead, alive) = (checked(&stage, &dead).await, checked(&stage, &alive).await);
    working.stop().await;
    assert_eq!((dead.status, dead.verdict), (Status::NeedsKey, Some(VerdictKind::Invalid)));
    assert_eq!((alive.status, alive.verdict), (Status::Active, Some(VerdictKind::Valid)));
    let told = page(&stage, None, 100, &[EventType::NeedsReconnect]).await.events;
    assert_eq!(told.len(), 1, "once, and not asked again");
    assert_eq!(told[0].data.connection.id, dead.id.as_str());
}

#[tokio::test]
async fn i5_a_provider_that_is_silent_changes_no_status_and_is_written_down() {
    let stage = stage().await;
    let connection = linked(&stage, &stage.scope(TENANT), SILENT).await;
    let working = Working::start(&stage.connect);
    let connection = checked(&stage, &connection).await;
    working.stop().await;
    assert_eq!((connection.status, connection.verdict), (Status::Active, Some(VerdictKind::Unavailable)));
    assert_eq!(page(&stage, None, 100, &[EventType::NeedsReconnect]).await.events, []);
}

#[tokio::test]
async fn a_busy_provider_with_many_connections_keeps_no_other_waiting() {
    // How often it is asked before it rests, and how many checks that are.
    for (status, header, asked, checks) in [
        (429, "retry-after: 600\r\n", Some(1), 1),
        (503, "retry-after: 3600\r\n", Some(1), 1),
        // It may be asked again within a check.
        (503, "", None, 3),
    ] {
        let stage = stage().await;
        let busy = saying(status, header).await;
        let (scope, rally) = (stage.scope(TENANT), rally(&stage.registry, "rally", &busy));
        scope.save_all(&vec![New::connection(&rally); 1000]).await.unwrap();
        scope.save_all(&vec![New::connection(&rally); 100]).await.unwrap();
        let other = linked(&stage, &scope, ROOTLY).await;
        let (working, began) = (Working::start(&stage.connect), std::time::Instant::now());
        let is_at_rest = async {
            while checks_of(&stage, "rally").await < checks {
                tokio::task::yield_now().await;
            }
        };
        within("it is checked", is_at_rest).await;
        checked_often(&stage, &other).await;
        working.stop().await;
        // Whoever said nothing of a time rests for a minute, and on a slow machine that may be over.
        let rounds = 1 + usize::try_from(began.elapsed().as_secs() / 60).unwrap();
        let found = checks_of(&stage, "rally").await;
        assert!((checks..=checks * rounds).contains(&found), "{status} {header}: {found}");
        if let Some(asked) = asked {
            assert_eq!(busy.count.load(Ordering::SeqCst), asked, "{status} {header}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_keeps_no_other_waiting() {
    let stage = stage().await;
    let silent = Provider::of("Nobody").await;
    let (scope, rally) = (stage.scope(TENANT), rally(&stage.registry, "rally", &silent));
    scope.save_all(&vec![New::connection(&rally); 600]).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..10 {
        others.push(linked(&stage, &scope, ROOTLY).await);
    }
    let (working, began) = (Working::start(&stage.connect), std::time::Instant::now());
    within("it is asked", silent.asked.notified()).await;
    for other in &others {
        assert_eq!(checked(&stage, other).await.verdict, Some(VerdictKind::Valid));
    }
    checked_often(&stage, &others[0]).await;
    working.stop().await;
    // The first one is asked still, or the next: each takes seconds.
    let most = 1 + usize::try_from(began.elapsed().as_secs() / 4).unwrap();
    assert!((1..=most).contains(&silent.count.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn an_error_of_one_connection_ends_no_check_of_another_provider() {
    let stage = stage().await;
    let (log, _guard) = Log::of_errors();
    let provider = saying(403, "").await;
    let (scope, rally) = (stage.scope(TENANT), rally(&stage.registry, "rally", &provider));
    scope.save_all(&vec![New::connection(&rally); 5]).await.unwrap();
    let other = linked(&stage, &scope, ROOTLY).await;
    stage
        .run(
            "CREATE TRIGGER refuse BEFORE UPDATE ON keyway_connections WHEN NEW.provider = 'rally' \
             BEGIN SELECT RAISE(ABORT, 'made up'); END",
        )
        .await;
    let working = Working::start(&stage.connect);
    logged(&log, "its provider rests").await;
    checked_often(&stage, &other).await;
    working.stop().await;
    assert_eq!(provider.count.load(Ordering::SeqCst), 1, "it rests");
    assert_eq!(log.text().lines().count(), 1, "{}", log.text());
}

#[tokio::test]
async fn who_rests_goes_on_to_rest_when_work_breaks_off() {
    let stage = stage().await;
    let (log, _guard) = Log::of_errors();
    let busy = saying(429, "retry-after: 600\r\n").await;
    let scope = stage.scope(TENANT);
    let rally =
        scope.save(New::connection(&rally(&stage.registry, "rally", &busy))).await.unwrap().connection;
    let working = Working::start(&stage.connect);
    checked(&stage, &rally).await;
    stage
        .run(
            "CREATE TRIGGER refuse BEFORE UPDATE ON keyway_leases WHEN OLD.name = 'checks' \
             BEGIN SELECT RAISE(ABORT, 'made up'); END",
        )
        .await;
    logged(&log, "work breaks off").await;
    stage.run("DROP TRIGGER refuse").await;
    let other = linked(&stage, &scope, ROOTLY).await;
    checked_often(&stage, &other).await;
    working.stop().await;
    assert_eq!(busy.count.load(Ordering::SeqCst), 1, "it rests");
}

#[tokio::test]
async fn n43_a_connection_that_was_changed_by_hand_is_told_and_checked_again_when_it_is_whole() {
    let stage = stage().await;
    let (log, _guard) = Log::of_errors();
    let scope = stage.scope(TENANT);
    let damaged = linked(&stage, &scope, ROOTLY).await;
    stage.run("UPDATE keyway_connections SET created_at = created_at - 1").await;
    let other = linked(&stage, &scope, ROOTLY).await;
    let working = Working::start(&stage.connect);
    logged(&log, damaged.id.as_str()).await;
    checked(&stage, &other).await;
    stage.run("UPDATE keyway_connections SET created_at = created_at + 1 WHERE checked_at IS NULL").await;
    checked(&stage, &damaged).await;
    working.stop().await;
}

#[tokio::test]
async fn n43_however_many_cannot_be_checked_the_others_are() {
    let mut limits = quick();
    limits.checks_per_minute = 600_000;
    let stage = stage_with(limits, Duration::from_secs(3)).await;
    let (scope, key) = (stage.scope(TENANT), super::credential(&stage, ROOTLY));
    scope.save_all(&vec![New::connection(&key); 1000]).await.unwrap();
    scope.save_all(&vec![New::connection(&key); 100]).await.unwrap();
    stage.run("UPDATE keyway_connections SET created_at = 1").await;
    stage.run("UPDATE keyway_connections SET tenant = 'No tenant' WHERE rowid % 2 = 0").await;
    let whole = linked(&stage, &scope, ROOTLY).await;
    let working = Working::start(&stage.connect);
    checked(&stage, &whole).await;
    working.stop().await;
}

#[tokio::test]
async fn a_provider_that_had_another_id_is_one() {
    let stage = stage().await;
    let busy = saying(429, "retry-after: 600\r\n").await;
    let descriptor =
        keyway_rally::REGISTRATION.descriptor.replacen("id: rally\n", "id: rallye\nformerly: [rally]\n", 1);
    let rootly = keyway_rootly::REGISTRATION.descriptor;
    let renamed =
        Registry::from_descriptors([("rallye.yaml", &*descriptor), ("rootly.yaml", rootly)]).unwrap();
    let scope = stage.scope(TENANT);
    for (registry, id) in [(&*stage.registry, "rally"), (&renamed, "rallye")] {
        scope.save_all(&vec![New::connection(&rally(registry, id, &busy)); 3]).await.unwrap();
    }
    let saved = scope.list(None, 10).await.unwrap();
    let of = |id| saved.iter().filter(|one| one.provider == id).count();
    assert_eq!((of("rally"), of("rallye")), (3, 3));
    let other = linked(&stage, &scope, ROOTLY).await;
    let working = Working::start(&another(&stage, renamed));
    checked_often(&stage, &other).await;
    working.stop().await;
    assert_eq!(busy.count.load(Ordering::SeqCst), 1, "it rests, whatever it is called");
}

#[tokio::test]
async fn a_connection_whose_provider_is_not_here_is_written_down_and_does_not_keep_others_waiting() {
    let stage = stage().await;
    let connection = linked(&stage, &stage.scope(TENANT), ROOTLY).await;
    let other = another(&stage, Registry::from_registrations([&keyway_rally::REGISTRATION]).unwrap());
    let working = Working::start(&other);
    let connection = checked(&stage, &connection).await;
    working.stop().await;
    assert_eq!((connection.status, connection.verdict), (Status::Active, Some(VerdictKind::Unknown)));
}
