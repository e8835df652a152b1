//! fal's webhooks: however they come, a batch is paid once, and what is not about our job changes nothing.

use std::time::Duration;

use common::generations::Generation;
use common::ledger::{Failure, Hold};
use fal_double::{Signer, StrangeWebhook, WebhookBehaviour};
use jiff::Timestamp;
use serde_json::json;

use crate::asynchronous::{delivered, location, statuses};
use crate::harness::{Potret, Setup, User};

#[tokio::test]
async fn however_the_webhooks_come_the_batch_is_paid_once() {
    let usual = WebhookBehaviour { first_pause_milliseconds: Some(10), ..WebhookBehaviour::default() };
    let table = [
        ("on a good day", usual.clone()),
        ("late", WebhookBehaviour { delay_milliseconds: 300, ..usual.clone() }),
        ("twice", WebhookBehaviour { duplicated: true, ..usual.clone() }),
        ("in another order", WebhookBehaviour { reversed: true, ..usual.clone() }),
        ("before the submission's response", WebhookBehaviour { before_reply: true, ..usual.clone() }),
        ("with an old signature", WebhookBehaviour { stale: true, ..usual.clone() }),
        ("without a payload", WebhookBehaviour { payload_null: true, ..usual.clone() }),
    ];
    let (potret, merchant) = Potret::with_merchant(10).await;
    for (index, (how, behaviour)) in table.into_iter().enumerate() {
        potret.fal().webhooks(behaviour);
        let started = merchant.start(how, "respond-async").await;
        let ended = merchant.follow(&location(&started)).await;
        assert_eq!(ended.body["status"], "succeeded", "{how}");
        let left = 9 - index as u64;
        assert_eq!(ended.body["remaining_coins"], left, "{how}");
        potret.audit_with(&merchant, (left, left)).await;
    }
    assert!(statuses(&potret).iter().all(|status| *status == Some(200)), "{:?}", potret.fal().deliveries());
}

#[tokio::test]
async fn webhooks_that_are_not_about_our_job_change_nothing() {
    let setup = Setup::default().setting("FAL_USER_ID", fal_double::WEBHOOK_USER);
    let (potret, merchant) = setup.fal_takes(Duration::from_millis(50)).with_merchant(1).await;
    let quick = WebhookBehaviour { first_pause_milliseconds: Some(60_000), ..WebhookBehaviour::default() };
    for signer in [Signer::AnotherAccount, Signer::Forger] {
        potret.fal().webhooks(WebhookBehaviour { signer, ..quick.clone() });
        let before = potret.fal().deliveries().len();
        let place = location(&merchant.start(&format!("{signer:?}"), "respond-async").await);
        delivered(&potret, before + 2).await;
        let statuses = statuses(&potret);
        assert_eq!(statuses[before..], [Some(401), Some(401)], "{signer:?}");
        let found = merchant.get(&place).await;
        assert_eq!(
            (&found.body["status"], &found.body["progress"]["pictures_made"]),
            (&json!("pending"), &json!(0))
        );
        // Signed by fal, at the right address, and about a job of somebody else.
        let url = potret.fal().deliveries()[before].url.clone();
        let body = json!({"request_id": "stolen", "status": "OK", "payload": {"images": [{"url": "https://evil.example/x.png"}]}});
        let request_id = "stolen".to_owned();
        let user_id = fal_double::WEBHOOK_USER.to_owned();
        let stolen = StrangeWebhook { url: url.clone(), body, request_id, user_id };
        assert_eq!(potret.fal().send_webhook(stolen.clone()).await.status, Some(401));
        // With another token there is nothing at the address.
        let (base, segment) = url.rsplit_once('/').expect("a path");
        let letter = if &segment[10..11] == "A" { "B" } else { "A" };
        let other = format!("{base}/{}{letter}{}", &segment[..10], &segment[11..]);
        for url in [other, format!("{base}/x"), format!("{base}/{}", "A".repeat(200))] {
            assert_eq!(
                potret.fal().send_webhook(StrangeWebhook { url, ..stolen.clone() }).await.status,
                Some(404)
            );
        }
        assert_eq!(merchant.get(&place).await.body["progress"]["pictures_made"], 0);
        assert_eq!(merchant.coins().await, (1, 0));
        merchant.release_by_failure(&potret, &place).await;
    }
    potret.audit_with(&merchant, (1, 1)).await;
}

impl User {
    /// Ends the pending batch as a lease does, so that the coin is free for the next one.
    async fn release_by_failure(&self, potret: &Potret, place: &str) {
        let id = place.rsplit('/').next().expect("an id");
        let rows = potret.snapshot().await.generations;
        let row = rows.iter().find(|row| row["generation_id"] == id).expect("a row").clone();
        let pending: Generation = serde_json::from_value(row).expect("a generation");
        let hold = Hold::of(&pending);
        potret.ledger().release(&hold, Failure::ours("try_again"), Timestamp::now()).await.expect("released");
    }
}
