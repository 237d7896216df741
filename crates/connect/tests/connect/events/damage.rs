//! What somebody changed in the database stops nothing but itself, and is told.

use super::{
    Working,
    hook::{Does, Hook},
    linked,
    log::Log,
    page, quick, tenant,
    webhooks::{endpoints, happen, set_up, stage_with},
};
use crate::stage::{ROOTLY, TENANT};

#[tokio::test]
async fn n43_an_event_that_cannot_be_read_is_passed_over_and_told() {
    for (damage, lost, named) in [
        ("UPDATE keyway_entries SET body = '{}' WHERE seq = 3", vec![3], "entry 3 of"),
        // The one behind it cannot be held against it any more.
        ("DELETE FROM keyway_entries WHERE seq = 3", vec![3, 4], "entry 4 of"),
    ] {
        let stage = stage_with(quick()).await;
        let (log, _guard) = Log::of_errors();
        let (mut hook, mut platform) = (Hook::taking().await, Hook::taking().await);
        set_up(&stage, &hook).await;
        stage.connect.webhooks(None).create(&platform.url, &[]).await.unwrap();
        // The vault itself is the first entry.
        let (mut connections, mut seqs) = (Vec::new(), Vec::new());
        for seq in 2..7 {
            let connection = if seq == 3 {
                linked(&stage, &stage.scope("globex"), ROOTLY).await
            } else {
                happen(&stage).await
            };
            connections.push((seq, connection.id.as_str().to_owned()));
            seqs.push(stage.vault.anchor().await.unwrap().seq());
        }
        assert_eq!(seqs, [2, 3, 4, 5, 6]);
        stage.run(damage).await;
        let working = Working::start(&stage.connect);
        let of = |message: super::hook::Message| {
            message.json()["data"]["connection"]["id"].as_str().unwrap().to_owned()
        };
        let left: Vec<_> = connections.iter().filter(|(seq, _)| !lost.contains(seq)).collect();
        let ours: Vec<_> = left.iter().filter(|(seq, _)| *seq != 3).map(|(_, id)| id.clone()).collect();
        let sent: Vec<_> = hook.take(ours.len()).await.into_iter().map(of).collect();
        assert_eq!(sent, ours, "{damage}");
        let all: Vec<_> = left.iter().map(|(_, id)| id.clone()).collect();
        let sent: Vec<_> = platform.take(all.len()).await.into_iter().map(of).collect();
        assert_eq!(sent, all, "{damage}");
        assert!(log.text().contains(named), "{damage}: {}", log.text());
        let listed = page(&stage, None, 100, &[]).await.events;
        let listed: Vec<_> = listed.into_iter().map(|one| one.data.connection.id).collect();
        assert_eq!(listed, ours, "{damage}");
        // It goes on behind it, also where it was the last one.
        let next = happen(&stage).await;
        assert_eq!(of(hook.next().await), next.id.as_str());
        working.stop().await;
    }
}

#[tokio::test]
async fn n43_a_webhook_that_cannot_be_read_hides_no_other_and_can_be_removed() {
    let mut limits = quick();
    limits.deliveries.endpoints = 2;
    let stage = stage_with(limits).await;
    let (log, _guard) = Log::of_errors();
    let hook = Hook::new(|_, _| Does::Answers(204)).await;
    let (damaged, whole) = (set_up(&stage, &hook).await.endpoint.id, set_up(&stage, &hook).await.endpoint.id);
    let mark = "UPDATE keyway_documents SET created_at = 1 WHERE rowid = (SELECT min(rowid) FROM keyway_documents WHERE kind = 'webhook')";
    stage.run(mark).await;
    let endpoints = endpoints(&stage);
    let ids: Vec<_> = endpoints.list().await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(ids, [whole.as_str()]);
    assert!(log.text().contains(&damaged), "{}", log.text());
    // It keeps its place until it is removed, which nobody else can.
    assert!(endpoints.create(&hook.url, &[]).await.is_err());
    let other = stage.connect.webhooks(Some(&tenant("globex")));
    assert!(
        other.remove(&damaged).await.is_err() && stage.connect.webhooks(None).remove(&damaged).await.is_err()
    );
    endpoints.remove(&damaged).await.unwrap();
    endpoints.create(&hook.url, &[]).await.unwrap();
    assert_eq!(endpoints.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn i8_only_the_webhook_that_is_meant_is_looked_after() {
    let stage = stage_with(quick()).await;
    let (log, _guard) = Log::of_errors();
    let (mut hook, mut theirs) = (Hook::taking().await, Hook::taking().await);
    let ours = set_up(&stage, &hook).await.endpoint.id;
    let other = stage.connect.webhooks(Some(&tenant("globex"))).create(&theirs.url, &[]).await.unwrap();
    let working = Working::start(&stage.connect);
    happen(&stage).await;
    linked(&stage, &stage.scope("globex"), ROOTLY).await;
    hook.next().await;
    theirs.next().await;
    let endpoints = endpoints(&stage);
    // So much later theirs has nothing to do any more.
    for _ in 0..20 {
        happen(&stage).await;
        hook.next().await;
    }
    // Whoever looks after theirs now would say that it cannot be read.
    stage
        .run("UPDATE keyway_documents SET created_at = 1 WHERE kind = 'webhook' AND tenant = 'globex'")
        .await;
    assert!(endpoints.test(&ours).await.unwrap().delivered);
    let more = set_up(&stage, &hook).await.endpoint.id;
    endpoints.remove(&more).await.unwrap();
    assert_eq!(hook.next().await.kind(), "webhook.test");
    for _ in 0..3 {
        happen(&stage).await;
        hook.next().await;
    }
    assert_eq!(log.text(), "", "{TENANT} did it");
    linked(&stage, &stage.scope("globex"), ROOTLY).await;
    let is_told = async {
        while !log.text().contains(&other.endpoint.id) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), is_told).await.expect("it is read");
    working.stop().await;
}
