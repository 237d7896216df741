use std::sync::{Arc, Mutex};

use keyway_core::async_trait;
use keyway_vault::{KeyError, KeyId, KeySource as _, Kms, KmsKeys, KnownKey, MasterKey};

use crate::{ONE, TWO, assert_silent, id, ids, key, told};

/// A service that keeps what it "wraps", and how it fails.
#[derive(Debug, Default)]
struct Shelf {
    kept: Mutex<Vec<(KeyId, String)>>,
    fault: Fault,
}

#[derive(Debug, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    /// It may wrap, and not unwrap.
    WrapsOnly,
    /// It unwraps something else.
    Another,
    Down,
}

#[async_trait]
impl Kms for Shelf {
    fn describe(&self) -> String {
        "the shelf".to_owned()
    }

    async fn wrap(&self, key: &[u8; 32], context: &str) -> Result<Vec<u8>, KeyError> {
        if self.fault == Fault::Down {
            return Err(KeyError::Service("it is down".to_owned()));
        }
        let mut kept = self.kept.lock().unwrap();
        kept.push((MasterKey::from_bytes(key).unwrap().id(), context.to_owned()));
        // Its own place, and the bytes turned over: enough for a shelf.
        let turned = key.iter().map(|byte| byte ^ 0x5a);
        Ok([u8::try_from(kept.len() - 1).unwrap()].into_iter().chain(turned).collect())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &str) -> Result<MasterKey, KeyError> {
        match self.fault {
            Fault::WrapsOnly | Fault::Down => return Err(KeyError::Service("it refuses".to_owned())),
            Fault::Another => return Ok(key(TWO)),
            Fault::None => {}
        }
        let (_, bound) = self.kept.lock().unwrap()[usize::from(wrapped[0])].clone();
        if bound != context {
            return Err(KeyError::Service("it was wrapped for something else".to_owned()));
        }
        MasterKey::from_bytes(&wrapped[1..].iter().map(|byte| byte ^ 0x5a).collect::<Vec<u8>>())
    }
}

fn shelf(fault: Fault) -> (Arc<Shelf>, KmsKeys) {
    let shelf = Arc::new(Shelf { fault, ..Shelf::default() });
    (Arc::clone(&shelf), KmsKeys::new(shelf))
}

#[tokio::test]
async fn a_wrapped_key_comes_back_bound_to_its_id() {
    let (shelf, source) = shelf(Fault::None);
    assert!(!source.keeps());
    assert_eq!(source.describe(), "the shelf");
    let (one, two) = (source.fresh(&[]).await.unwrap(), source.fresh(&[]).await.unwrap());
    assert_ne!(one.key.id(), two.key.id());
    let context = format!("keyway/v1/master-key/{}", one.key.id());
    assert_eq!(shelf.kept.lock().unwrap()[0], (one.key.id(), context));

    let known: Vec<KnownKey> = [&one, &two]
        .map(|new| KnownKey { id: new.key.id(), wrapped: new.wrapped.clone() })
        .into_iter()
        .chain([KnownKey { id: id(ONE), wrapped: None }])
        .collect();
    assert_eq!(ids(&source.keys(&known).await.unwrap()), [one.key.id(), two.key.id()]);
    assert_eq!(ids(&source.keys(&known[2..]).await.unwrap()), []);
    assert_eq!(source.forget(one.key.id()).await, Ok(true), "the database forgets it");

    // A row whose wrapped key was swapped with another's.
    let swapped = KnownKey { id: one.key.id(), wrapped: two.wrapped.clone() };
    let error = source.keys(&[swapped]).await.unwrap_err();
    assert_eq!(told(&error), "the key service did not do it: it was wrapped for something else");
    assert_silent(&format!("{source:?}"));
}

#[tokio::test]
async fn n44_a_service_that_unwraps_another_key() {
    let (_, source) = shelf(Fault::Another);
    let known = KnownKey { id: id(ONE), wrapped: Some(vec![0]) };
    let error = source.keys(&[known]).await.unwrap_err();
    let there = format!("the shelf unwrapped the key {} instead", id(TWO));
    assert_eq!(error, KeyError::Wrong { needed: id(ONE), there });
    assert!(matches!(source.fresh(&[]).await.unwrap_err(), KeyError::Wrong { .. }));
    told(&error);
}

/// Nothing must be sealed with a key that does not come back.
#[tokio::test]
async fn a_service_that_does_not_unwrap_gives_no_key_to_seal_with() {
    for (fault, expected) in [(Fault::WrapsOnly, "it refuses"), (Fault::Down, "it is down")] {
        let (_, source) = shelf(fault);
        let error = source.fresh(&[]).await.unwrap_err();
        assert_eq!(error, KeyError::Service(expected.to_owned()));
    }
}
