//! Webhooks: their content and signature, and all that goes wrong on request.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{Received, Running, body, start};
use crate::models::Endpoint;
use crate::{Fault, Signer, WEBHOOK_USER, WebhookBehaviour, locked};

const GOOD: &str = "0 minutes old, user user-of-the-double, verifies true, payload \"complete\"";

fn valid() -> Value {
    body(Endpoint::Schnell, "")
}

impl Running {
    /// The webhooks that arrived, once there are so many.
    async fn received(&self, count: usize) -> Vec<Received> {
        let enough = async {
            while locked(&self.site.webhooks).len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), enough).await.unwrap();
        locked(&self.site.webhooks).clone()
    }

    /// Whether the signature of a webhook is right by the published key.
    async fn verifies(&self, webhook: &Received) -> bool {
        let (_, jwks) = self.get_json(&json!(self.fal.jwks_url().as_str())).await;
        let key = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap();
        let hash = hex::encode(digest::digest(&digest::SHA256, &webhook.body));
        let [id, user, timestamp] = ["request-id", "user-id", "timestamp"].map(|name| webhook.header(name));
        let signature = hex::decode(webhook.header("signature")).unwrap();
        let message = format!("{id}\n{user}\n{timestamp}\n{hash}");
        UnparsedPublicKey::new(&ED25519, key).verify(message.as_bytes(), &signature).is_ok()
    }
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers[format!("x-fal-webhook-{name}")].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// In seconds.
    fn age(&self) -> i64 {
        Timestamp::now().as_second() - self.header("timestamp").parse::<i64>().unwrap()
    }
}

#[tokio::test]
async fn a_webhook_has_the_result_and_a_right_signature() {
    let running = start().await;
    let (_, job) = running.submit(valid(), Some("0/a?token=1")).await;
    let webhook = &running.received(1).await[0];
    let (_, result) = running.get_json(&job["response_url"]).await;
    let id = &job["request_id"];
    let expected = json!({"request_id": id, "gateway_request_id": id, "status": "OK", "payload": result});
    assert_eq!(webhook.json(), expected);
    assert_eq!(
        (webhook.header("request-id"), webhook.header("user-id")),
        (id.as_str().unwrap(), WEBHOOK_USER)
    );
    assert!(running.verifies(webhook).await);
    assert!((0..5).contains(&webhook.age()));
    let delivery = json!({
        "request_id": id,
        "url": format!("{}/hooks/0/a?token=1", running.host),
        "attempt": 1,
        "status": 200,
    });
    assert_eq!(json!(running.fal.deliveries()), json!([delivery]));
    assert_eq!(json!(running.fal.requests()[0].webhook), delivery["url"]);
}

#[tokio::test]
async fn the_webhook_of_a_failed_job_has_the_models_error() {
    let running = start().await;
    running.submit(json!({}), Some("0/a")).await;
    let webhook = running.received(1).await[0].json();
    assert_eq!(
        (&webhook["status"], &webhook["error"]),
        (&json!("ERROR"), &json!("Invalid status code: 422"))
    );
    assert_eq!(webhook["payload"]["detail"][0]["type"], "missing");
}

#[tokio::test]
async fn a_job_keeps_the_behaviour_that_was_set_when_it_was_submitted() {
    let good = WebhookBehaviour::default;
    let cases = [
        ("lost", WebhookBehaviour { lost: true, ..good() }, 0),
        ("duplicated", WebhookBehaviour { duplicated: true, ..good() }, 2),
        ("stale", WebhookBehaviour { stale: true, ..good() }, 1),
        ("payload_null", WebhookBehaviour { payload_null: true, ..good() }, 1),
        ("another_account", WebhookBehaviour { signer: Signer::AnotherAccount, ..good() }, 1),
        ("forged", WebhookBehaviour { signer: Signer::Forger, ..good() }, 1),
    ];
    let (mut lines, complete) = (String::new(), json!("complete"));
    for (name, behaviour, count) in cases {
        let running = start().await;
        running.fal.webhooks(behaviour);
        let (_, job) = running.submit(valid(), Some("0/bad")).await;
        running.fal.webhooks(good());
        running.completed(&job).await;
        running.submit(valid(), Some("0/good")).await;
        for webhook in running.received(count + 1).await {
            let (verifies, content) = (running.verifies(&webhook).await, webhook.json());
            let line = format!(
                "{name}: {} minutes old, user {}, verifies {verifies}, payload {}",
                webhook.age() / 60,
                webhook.header("user-id"),
                if content["payload"].is_null() { &content["payload_error"] } else { &complete }
            );
            match webhook.path.as_str() {
                "/hooks/0/bad" => lines += &format!("{line}\n"),
                _ => assert!(line.ends_with(GOOD), "{line}"),
            }
        }
    }
    insta::assert_snapshot!(lines, @r#"
    duplicated: 0 minutes old, user user-of-the-double, verifies true, payload "complete"
    duplicated: 0 minutes old, user user-of-the-double, verifies true, payload "complete"
    stale: 10 minutes old, user user-of-the-double, verifies true, payload "complete"
    payload_null: 0 minutes old, user user-of-the-double, verifies true, payload "Response payload is not JSON serializable."
    another_account: 0 minutes old, user someone-else, verifies true, payload "complete"
    forged: 0 minutes old, user user-of-the-double, verifies false, payload "complete"
    "#);
}

#[tokio::test]
async fn webhooks_can_come_late_and_in_the_wrong_order() {
    let running = start().await;
    running.fal.webhooks(WebhookBehaviour { delay_milliseconds: 200, ..WebhookBehaviour::default() });
    let started = Instant::now();
    running.submit(valid(), Some("0/late")).await;
    running.received(1).await;
    assert!(started.elapsed() >= Duration::from_millis(200));

    running.fal.webhooks(WebhookBehaviour { reversed: true, ..WebhookBehaviour::default() });
    let (_, first) = running.submit(valid(), Some("0/first")).await;
    running.completed(&first).await;
    running.submit(valid(), Some("0/second")).await;
    let paths = running.received(3).await.into_iter().map(|webhook| webhook.path);
    assert_eq!(paths.collect::<Vec<_>>(), ["/hooks/0/late", "/hooks/0/second", "/hooks/0/first"]);
}

#[tokio::test]
async fn a_webhook_can_come_before_the_reply_to_the_submission() {
    let running = start().await;
    running.fal.set_latency(Duration::from_millis(50));
    running.fal.webhooks(WebhookBehaviour { before_reply: true, ..WebhookBehaviour::default() });
    let (_, job) = running.submit(valid(), Some("0/a")).await;
    assert_eq!(job["status"], "IN_QUEUE");
    assert_eq!(locked(&running.site.webhooks).len(), 1);
}

#[tokio::test]
async fn a_webhook_is_repeated_until_it_is_accepted() {
    let running = start().await;
    let quick = WebhookBehaviour { first_pause_milliseconds: Some(0), ..WebhookBehaviour::default() };
    running.fal.webhooks(quick);
    running.submit(valid(), Some("3/accepted")).await;
    running.received(4).await;
    running.submit(valid(), Some("99/refused")).await;
    running.received(4 + 11).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let statuses: Vec<_> =
        running.fal.deliveries().iter().map(|delivery| (delivery.attempt, delivery.status)).collect();
    assert_eq!(statuses[..4], [(1, Some(500)), (2, Some(500)), (3, Some(500)), (4, Some(200))]);
    assert_eq!((statuses.len(), statuses[14]), (15, (11, Some(500))));
}

#[tokio::test]
async fn a_repeat_is_signed_anew_unless_it_keeps_the_first_signature() {
    let running = start().await;
    // The first pause is longer than a second, so a new timestamp differs.
    let anew = WebhookBehaviour { first_pause_milliseconds: Some(1_050), ..WebhookBehaviour::default() };
    running.fal.webhooks(anew.clone());
    running.submit(valid(), Some("1/anew")).await;
    running.fal.webhooks(WebhookBehaviour { repeats_keep_signature: true, ..anew });
    running.submit(valid(), Some("1/kept")).await;
    let all = running.received(4).await;
    for (path, same) in [("/hooks/1/anew", false), ("/hooks/1/kept", true)] {
        let both: Vec<_> = all.iter().filter(|webhook| webhook.path == path).collect();
        assert_eq!(both[0].header("signature") == both[1].header("signature"), same, "{path}");
        assert!(running.verifies(both[1]).await, "{path}");
    }
}

#[tokio::test]
async fn a_job_whose_submission_failed_is_announced_too() {
    let running = start().await;
    running.inject(Fault::ConnectionClosed);
    running.submission(valid(), Some("0/a")).send().await.unwrap_err();
    assert_eq!(running.received(1).await[0].json()["status"], "OK");
}

#[tokio::test]
async fn the_control_routes_set_and_show_webhooks_and_send_a_strangers() {
    let running = start().await;
    let control = format!("{}/_control/webhooks", running.base);
    let set =
        running.http.put(&control).json(&json!({"signer": "forger", "lost": true})).send().await.unwrap();
    assert_eq!(set.status(), 204);
    let wrong = running.http.put(&control).json(&json!({"lots": true})).send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), wrong.text().await.unwrap().contains("duplicated")), (400, true));
    let body = json!({"any": "thing"});
    let webhook = json!({"url": format!("{}/hooks/0/x", running.host), "request_id": "theirs", "body": body});
    let sent = running.http.post(format!("{control}/send")).json(&webhook).send().await.unwrap();
    assert_eq!(sent.json::<Value>().await.unwrap()["status"], 200);
    let received = &running.received(1).await[0];
    assert_eq!((received.header("request-id"), received.header("user-id")), ("theirs", "someone-else"));
    assert!(running.verifies(received).await && received.json() == body);
    let (_, shown) = running.get_json(&json!(control)).await;
    assert_eq!(
        (&shown["behaviour"]["lost"], &shown["behaviour"]["signer"]),
        (&json!(true), &json!("forger"))
    );
    assert_eq!(shown["deliveries"][0]["request_id"], "theirs");
    running.http.delete(&control).send().await.unwrap();
    let (_, shown) = running.get_json(&json!(control)).await;
    assert_eq!((&shown["behaviour"]["lost"], &shown["deliveries"]), (&json!(false), &json!([])));
}
