//! What has ended goes, also when nobody writes.

use std::time::Duration;

use keyway_hub::Stop;
use keyway_vault::{Database, DocumentChange, DocumentRow};
use tokio::time::{advance, pause, resume, timeout};

use crate::stage::Stage;

impl Stage {
    /// A session that ended, as another process left it.
    async fn left_behind(&self) {
        let row = DocumentRow {
            kind: "session".to_owned(),
            id: "ses_aaaaaaaaaaaaaaaaaaaa".to_owned(),
            tenant: None,
            mark: None,
            version: 1,
            created_at: 1,
            expires_at: Some(2),
            record: vec![1],
        };
        let store = Database::sqlite(self.folder.path().join("keyway.db")).open().await.unwrap();
        assert_eq!(store.write_documents(&[DocumentChange::Insert(row)], 1, 0).await.unwrap().done, [true]);
    }

    /// Waits until no document is left.
    async fn swept(&self) {
        let store = Database::sqlite(self.folder.path().join("keyway.db")).open().await.unwrap();
        let gone = async {
            while !store.snapshot().await.unwrap().documents(None, 1).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), gone).await.expect("it is taken away");
    }
}

#[tokio::test]
async fn what_ended_is_taken_away_each_minute_whoever_writes() {
    for every in [None, Some(Duration::from_secs(3600))] {
        let stage = Stage::with(|builder| builder.check_every(every)).await;
        stage.left_behind().await;
        let (connect, stop) = (stage.connect.clone(), Stop::new());
        let working = tokio::spawn({
            let stop = stop.clone();
            async move { connect.work(stop).await }
        });
        stage.swept().await;
        stage.left_behind().await;
        pause();
        advance(Duration::from_secs(61)).await;
        resume();
        stage.swept().await;
        stop.ask();
        timeout(Duration::from_secs(10), working).await.expect("work ends at once").unwrap();
    }
}
