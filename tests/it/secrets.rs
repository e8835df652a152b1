//! No secret leaves its place: not into a log, an answer, a table or an error.

use std::io::Write;
use std::sync::{Mutex, OnceLock};

use common::logs;
use fal_double::Fault;
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::audit::rows;
use crate::harness::Potret;
use crate::pictures;

/// Everything that any test of this binary has logged, at the most talkative level there is.
static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct ToMemory;

impl Write for ToMemory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sends the events of this process to memory, in the form in which they are logged in the cloud.
pub fn capture_logs() {
    static CAPTURING: OnceLock<()> = OnceLock::new();
    CAPTURING.get_or_init(|| {
        let packages: Vec<_> = local_stack::functions::ALL.iter().map(|function| function.name).collect();
        tracing_subscriber::registry().with(logs::layer(logs::MOST_DETAILED, &packages, || ToMemory)).init();
    });
}

/// What was logged so far, by any test.
pub fn logged() -> String {
    String::from_utf8(LOGS.lock().expect("no panic").clone()).expect("text")
}

#[tokio::test]
async fn nothing_secret_reaches_a_log_an_answer_or_a_table() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant-with-secrets", 50).await;
    let photo = pictures::png();
    let body = json!({"prompt": "a bag", "face_image": photo, "product_images": [pictures::jpeg()]});
    let mut answers = vec![merchant.generate(&body).await];
    for fault in Fault::ALL.iter().copied() {
        if fault == Fault::Slow {
            continue;
        }
        potret.fal().clear_faults();
        potret.fal_fails_once(fault, 0);
        answers.push(merchant.generate(&body).await);
    }
    answers.push(merchant.last_prompt().await);
    let forged = merchant.request(Method::GET, "/api/coin-balance").bearer_auth("forged.token.value");
    answers.push(crate::harness::Answer::of(forged).await);

    let client = potret.stack.dynamodb.dynamodb();
    let mut places = vec![("a log", logged())];
    for answer in &answers {
        places.push(("an answer", format!("{:?} {}", answer.headers, answer.body)));
    }
    for table in
        [potret.tables().profiles.name(), potret.tables().generations.name(), potret.tables().ledger.name()]
    {
        places.push(("a table", format!("{:?}", rows(&client, table).await)));
    }
    let secrets = [
        ("the fal key", "local-key-secret"),
        ("a presigned signature", "X-Amz-Signature"),
        ("presigned credentials", "X-Amz-Credential"),
        ("a token", merchant.token.as_str()),
        ("another token", "forged.token.value"),
        ("a photo", &photo[100..160]),
        ("the local S3 secret", "local-secret"),
    ];
    for (place, text) in &places {
        for (secret, needle) in secrets {
            assert!(!text.contains(needle), "{secret} is in {place}");
        }
    }
    for message in ["coins settled", "sent to fal"] {
        assert!(logged().contains(message), "the log was captured, with {message:?}");
    }
}

#[tokio::test]
async fn the_key_goes_to_fal_and_does_not_follow_a_redirect() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    potret.fal_fails(Fault::Redirect);
    assert_eq!(
        merchant.generate(&json!({"prompt": "a bag"})).await.problem(),
        (502, "image_provider_failed")
    );
    let requests = potret.fal().requests();
    assert!(requests.iter().all(|request| request.endpoint != "redirected"), "{requests:?}");
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}
