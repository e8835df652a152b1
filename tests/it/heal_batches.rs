//! The run once a minute, and whoever else ends a batch of which no webhook tells.

use std::time::Duration;

use fal_double::WebhookBehaviour;
use serde_json::json;

use crate::asynchronous::{delivered, location, statuses};
use crate::harness::Setup;

#[tokio::test]
async fn a_batch_without_webhooks_is_ended_by_whoever_looks() {
    let setup = Setup::default().setting("PULL_AFTER_SECONDS", "1");
    let (potret, merchant) = setup.with_merchant(2).await;
    potret.fal().webhooks(WebhookBehaviour { lost: true, ..WebhookBehaviour::default() });
    let place = location(&merchant.start("k", "respond-async").await);
    let ended = merchant.follow(&place).await;
    assert_eq!(ended.body["status"], "succeeded");
    potret.audit_with(&merchant, (1, 1)).await;

    // A merchant who never comes back.
    let place = location(&merchant.start("other", "respond-async").await);
    assert_eq!(potret.call("heal-batches", &json!({})).await.expect("a run")["due"], 0);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(potret.call("heal-batches", &json!({})).await, Ok(json!({"due": 1, "ended": 1})));
    assert_eq!(potret.call("heal-batches", &json!({})).await, Ok(json!({"due": 0, "ended": 0})));
    assert_eq!(merchant.get(&place).await.body["status"], "succeeded");
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn a_batch_is_given_up_after_its_lease_and_late_webhooks_change_nothing() {
    let setup = Setup::default().setting("ASYNC_LEASE_SECONDS", "1").setting("PULL_AFTER_SECONDS", "1");
    let (potret, merchant) = setup.fal_takes(Duration::from_millis(2_500)).with_merchant(1).await;
    let place = location(&merchant.start("k", "respond-async").await);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(potret.call("heal-batches", &json!({})).await, Ok(json!({"due": 1, "ended": 1})));
    assert_eq!(merchant.get(&place).await.body["status"], "expired");
    assert_eq!(merchant.coins().await, (1, 1));
    delivered(&potret, 2).await;
    assert_eq!(statuses(&potret), [Some(200), Some(200)], "late is not wrong");
    assert_eq!(merchant.get(&place).await.body["status"], "expired");
    potret.audit_with(&merchant, (1, 1)).await;
}
