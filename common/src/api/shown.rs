//! A generation as its owner sees it.

use jiff::Timestamp;
use serde::Serialize;

use crate::coins::Coins;
use crate::generations::{Generation, Mode, Status};
use crate::ids::GenerationId;
use crate::timestamps;

/// A generation as its owner sees it at some time.
#[derive(Serialize)]
pub struct ShownGeneration<'g> {
    generation_id: GenerationId,
    timestamp: String,
    status: &'static str,
    generation_mode: Mode,
    model: &'g str,
    prompt: &'g str,
    images: &'g [String],
    /// What it cost: 0 unless it succeeded.
    coins: Coins,
    remaining_coins: Option<Coins>,
    error_code: Option<&'g str>,
    /// How far an asynchronous batch is, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

#[derive(Serialize)]
struct Progress {
    /// How many of its pictures are made.
    pictures_made: usize,
    /// How many requests fal had to start before, when we last heard.
    queue_position: Option<u64>,
    /// What it will cost when it succeeds.
    price: Coins,
}

impl<'g> ShownGeneration<'g> {
    /// `generation` at `now`.
    pub fn of(generation: &'g Generation, now: Timestamp) -> Self {
        let (job, status) = (&generation.job, generation.status_at(now));
        let progress = generation.queued.as_ref().filter(|_| status == Status::Pending);
        Self {
            generation_id: generation.generation_id,
            timestamp: timestamps::to_text(generation.created_at),
            status: status.shown(),
            generation_mode: job.mode,
            model: &job.model,
            prompt: job.prompt(),
            images: &generation.images,
            coins: if status == Status::Succeeded { generation.coins } else { Coins::default() },
            remaining_coins: generation.remaining_coins,
            error_code: generation.error_code.as_deref(),
            progress: progress.map(|pictures| Progress {
                pictures_made: pictures.iter().filter(|picture| picture.url.is_some()).count(),
                queue_position: pictures.iter().filter_map(|picture| picture.queue_position).max(),
                price: generation.coins,
            }),
        }
    }
}
