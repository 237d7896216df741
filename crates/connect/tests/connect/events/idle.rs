//! Checks of connections that nobody used for long.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use keyway_connect::{Connect, EventType};
use keyway_core::{Registry, Submission, VerdictKind};
use keyway_http::{Client, HttpTransport};
use keyway_vault::{Connection, New, Status};

use super::{Working, linked, page, quick};
use crate::{
    provider::Provider,
    stage::{ROOTLY, ROOTLY_REVOKED, Stage, TENANT},
};

const SILENT: &str = "rootly_05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee05ee";

async fn stage() -> Stage {
    Stage::with(|builder| builder.limits(quick()).check_every(Some(Duration::from_millis(50)))).await
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
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it is checked")
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
    let stage = stage().await;
    let busy = Provider::answering(
        "HTTP/1.1 429 X\r\nretry-after: 600\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
    )
    .await;
    busy.leave.add_permits(1000);
    let submission = Submission::new().with("host", "rally1.rallydev.com").with("api_key", "_made-up");
    let accepted = stage.registry.accept("rally", None, &submission).unwrap();
    let rally = accepted.credential.at_origin(busy.origin());
    let scope = stage.scope(TENANT);
    scope.save_all(&vec![New::connection(&rally); 1000]).await.unwrap();
    scope.save_all(&vec![New::connection(&rally); 100]).await.unwrap();
    let other = linked(&stage, &scope, ROOTLY).await;
    let working = Working::start(&stage.connect);
    let other = checked(&stage, &other).await;
    working.stop().await;
    assert_eq!(other.verdict, Some(VerdictKind::Valid));
    assert_eq!(busy.count.load(Ordering::SeqCst), 1, "it rests");
}

#[tokio::test]
async fn a_connection_whose_provider_is_not_here_is_written_down_and_does_not_keep_others_waiting() {
    let stage = stage().await;
    let connection = linked(&stage, &stage.scope(TENANT), ROOTLY).await;
    let registry = Arc::new(Registry::from_registrations([&keyway_rally::REGISTRATION]).unwrap());
    let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
    let other = Connect::builder(stage.vault.clone(), registry, client)
        .limits(quick())
        .check_every(Some(Duration::from_millis(50)))
        .build(&stage.origin)
        .unwrap();
    let working = Working::start(&other);
    let connection = checked(&stage, &connection).await;
    working.stop().await;
    assert_eq!((connection.status, connection.verdict), (Status::Active, Some(VerdictKind::Unknown)));
}
