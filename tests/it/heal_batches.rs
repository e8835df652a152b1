//! The run once a minute, and the other ways in which a batch ends that no webhook tells of.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fal_double::{StrangeWebhook, WebhookBehaviour};
use serde_json::json;

use crate::asynchronous::{delivered, location, statuses};
use crate::harness::{Potret, Setup};

#[tokio::test]
async fn a_batch_without_webhooks_is_ended_by_the_next_look() {
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
    // On a busy machine the pictures may not be made yet when the batch is due for the first time.
    let begun = Instant::now();
    while potret.call("heal-batches", &json!({})).await.expect("a run")["ended"] != 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing ends");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
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

/// fal keeps an unstored result for an hour at most.
#[tokio::test]
async fn a_batch_whose_results_fal_has_forgotten_expires_and_costs_nothing() {
    let setup = Setup::default().setting("ASYNC_LEASE_SECONDS", "2").setting("PULL_AFTER_SECONDS", "1");
    let (potret, merchant) = setup.with_merchant(1).await;
    potret.fal().webhooks(WebhookBehaviour { lost: true, ..WebhookBehaviour::default() });
    potret.fal().set_result_ttl(Some(Duration::ZERO));
    let place = location(&merchant.start("k", "respond-async").await);
    assert_eq!(merchant.follow(&place).await.body["status"], "expired");
    potret.audit_with(&merchant, (1, 1)).await;
}

/// fal's queue stands still until it is told to go on.
#[tokio::test]
async fn a_batch_survives_a_stop_of_the_whole_stack_between_any_two_steps() {
    let elsewhere = Potret::start().await;
    let fal = elsewhere.fal();
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("potret-kept-{}", std::process::id());
    let start = async |listen: SocketAddr| {
        let setup = Setup::default().kept(&name, folder.path(), listen).setting("PULL_AFTER_SECONDS", "1");
        let setup = setup.setting("FAL_BASE_URL", fal.url()).setting("FAL_QUEUE_URL", fal.queue_url());
        setup.setting("FAL_JWKS_URL", fal.jwks_url()).start().await
    };
    let mut potret = start((Ipv4Addr::LOCALHOST, 0).into()).await;
    let listen = potret.stack.url.socket_addrs(|| None).expect("an address")[0];
    potret.user_with("merchant", 3).await;
    for (left, made, told) in [
        (2, "after the stop and its webhooks come", true),
        (1, "while the stack is away, and its webhooks are lost", false),
        (0, "in part before the stop, and the other webhook is lost", false),
    ] {
        fal.set_concurrency(Some(0));
        let first_pause_milliseconds = Some(50);
        fal.webhooks(WebhookBehaviour { lost: !told, first_pause_milliseconds, ..Default::default() });
        let place = location(&potret.user("merchant").start(made, "respond-async").await);
        if left == 0 {
            let request = fal.requests().pop().expect("a submission");
            let (request_id, url) = (request.request_id.to_string(), request.webhook.expect("a webhook"));
            let picture = json!({"images": [{"url": "https://v3.fal.media/files/a.jpeg"}]});
            let body = json!({"request_id": request_id, "status": "OK", "payload": picture});
            let user_id = fal_double::WEBHOOK_USER.to_owned();
            let webhook = StrangeWebhook { url, body, request_id, user_id };
            assert_eq!(fal.send_webhook(webhook).await.status, Some(200));
            let found = potret.user("merchant").get(&place).await;
            assert_eq!(found.body["progress"]["pictures_made"], 1);
        }
        potret.stack.stop().await.expect("a clean stop");
        if !told {
            fal.set_concurrency(None);
        }
        potret = start(listen).await;
        let merchant = potret.user("merchant");
        assert_eq!(merchant.coins().await, (left + 1, left), "{made}: held, and not paid");
        fal.set_concurrency(None);
        let ended = merchant.follow(&place).await;
        assert_eq!(ended.body["status"], "succeeded", "{made}");
        potret.audit_with(&merchant, (left, left)).await;
    }
    assert_eq!(fal.requests().len(), 6, "no job was submitted again");
}
