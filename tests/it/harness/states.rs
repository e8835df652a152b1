//! States that no route can bring about: what a function leaves behind that dies.

use common::generations::{Callback, Generation, Slot, Token};
use common::ledger::Ledger;
use common::photos::PhotoFormat;
use common::uploads::ObjectKey;
use jiff::{SignedDuration, Timestamp};
use kit::records::pending;
use serde_json::json;
use url::Url;

use super::Potret;

impl Potret {
    /// The ledger, for states that no route can bring about.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.dynamodb(), self.tables())
    }

    /// Leaves a hold of `merchant` whose lease has expired, as a function does that is killed.
    pub async fn leave_an_expired_hold(&self) -> Generation {
        let then = Timestamp::now() - SignedDuration::from_mins(5);
        let left = pending("merchant", then);
        self.ledger().hold(&left, then).await.expect("a hold");
        left
    }

    /// Leaves a running asynchronous batch of `merchant` that began `age` ago, with a lease of 15 minutes, and that
    /// fal does not have. Its record names a photo that was in its request. Also returns the addresses of its webhooks.
    pub async fn leave_a_running_batch(&self, age: SignedDuration) -> (Generation, [Url; 2]) {
        let then = Timestamp::now() - age;
        let tokens = [Token::random(), Token::random()];
        let mut left = Generation {
            lease_until: then + SignedDuration::from_mins(15),
            token_hashes: Some(tokens.each_ref().map(Token::hash)),
            queued: Some(Default::default()),
            check_at: Some(then),
            ..pending("merchant", then)
        };
        let photo = ObjectKey::photo(&left.user_id, left.attempt_id, "face", PhotoFormat::Png);
        left.job.payload["image_urls"] = json!([format!("https://bucket.example/{photo}")]);
        self.ledger().hold(&left, then).await.expect("a hold");
        let addresses = Slot::BOTH.map(|slot| {
            let (user_id, token) = (left.user_id.clone(), tokens[slot.index()].clone());
            Callback { user_id, generation_id: left.generation_id, slot, token }.address(&self.stack.url)
        });
        (left, addresses)
    }
}
