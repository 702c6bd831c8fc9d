//! The store that fails on command does so, and nothing else.

use std::sync::Arc;

use sms_milter::store::{Store, StoreError};

use super::make::*;
use super::sled::Sled;
use super::suite::Backend;
use crate::sim::failing_store::{FailingStore, Fault, Verb, When};

#[tokio::test]
async fn it_fails_before_after_and_for_ever() {
    let backend = Sled::new();
    let fault = |call, when, error| Fault {
        verb: Verb::Put,
        call,
        when,
        error,
    };
    let dead = StoreError::Dead("I/O error".into());
    let faults = vec![
        fault(1, When::Before, StoreError::Full),
        fault(2, When::After, StoreError::Full),
    ];
    let store = FailingStore::new(backend.store(), faults);
    let put = |n| store.put(at(0), vec![plain(n)], vec![]);
    assert_eq!(put(1).await, Err(StoreError::Full));
    assert_eq!(put(2).await, Err(StoreError::Full));
    assert!(put(3).await.is_ok());
    let found = store.list(Default::default()).await.expect("list");
    assert_eq!(
        found.iter().map(|m| m.id).collect::<Vec<_>>(),
        [3, 2].map(id)
    );
    store.fail(fault(4, When::After, dead.clone()));
    assert_eq!(put(4).await, Err(dead.clone()));
    assert_eq!(store.find(id(4)).await, Err(dead));
    assert_eq!(store.died().await, "I/O error");
    assert_eq!((store.calls(Verb::Put), store.calls(Verb::List)), (4, 1));
    let whole: Arc<dyn Store> = backend.store();
    assert!(whole.find(id(4)).await.expect("find").is_some());
}
