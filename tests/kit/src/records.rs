//! Records of generations, as the ledger stores them.

use common::coins::Coins;
use common::generations::{Generation, Job, Mode, PhotoCount, Status};
use common::identity::UserId;
use common::ids::{AttemptId, GenerationId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// How long generate-image holds coins: its time limit of 29 s and the minute after it.
pub const LEASE: SignedDuration = SignedDuration::from_secs(89);

/// A generation for one coin that `user` begins at `now`.
pub fn pending(user: &str, now: Timestamp) -> Generation {
    Generation {
        user_id: UserId::parse(user).expect("a user id"),
        generation_id: GenerationId::random(),
        attempt_id: AttemptId::random(),
        body_hash: "hash".to_owned(),
        status: Status::Pending,
        lease_until: now + LEASE,
        coins: Coins::new(1),
        created_at: now,
        job: Job {
            mode: Mode::TextToImage,
            model: "fal-ai/flux/schnell".to_owned(),
            photos: PhotoCount::default(),
            dropped_inputs: Vec::new(),
            payload: json!({"prompt": "a bag"}),
        },
        images: Vec::new(),
        remaining_coins: None,
        token_hashes: None,
        queued: None,
        check_at: None,
        error_code: None,
    }
}

/// The addresses of a generation's two pictures.
pub fn images() -> [String; 2] {
    ["https://example.com/1.jpg", "https://example.com/2.jpg"].map(str::to_owned)
}
